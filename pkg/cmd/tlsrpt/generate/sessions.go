package generate

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"
)

// newRand returns a stream that depends on the seed and the parts alone, so
// that each report can be made without those before it.
func newRand(seed uint64, parts ...string) *rand.Rand {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = io.WriteString(h, p)
		_, _ = h.Write([]byte{0})
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// A conversation is all that one reporter's servers do with one domain in one period.
type conversation struct {
	reporter *reporter
	domain   *domain
	on       time.Time
	incident *Incident // nil on a good day
	rng      *rand.Rand
	sessions int64
}

// volume draws how many sessions there are: fewer at week-ends, with noise.
func (c *conversation) volume(perDay int) int64 {
	mean := c.reporter.sessions * c.domain.volume / float64(perDay)
	if weekday := c.on.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		if c.reporter.quietWeekends && c.domain.volume < 0.5 {
			return 0
		}
		mean *= 0.35
	}
	noise := 1 + 0.15*c.rng.NormFloat64()
	return max(0, int64(mean*noise+c.rng.Float64()))
}

// policies plays the sessions and returns what the reporter says of them.
func (c *conversation) policies() []Policy {
	d, r := c.domain, c.reporter
	var policies []Policy
	rest := c.sessions
	sts, dane := r.sts && d.mode != "", r.dane && d.dane
	if sts && !dane {
		if lost, ok := c.vanished(); ok {
			policies = append(policies, lost)
			rest -= lost.Failed
		} else if rest > 50 && c.rng.IntN(10) == 0 {
			// Servers that had not fetched the policy yet.
			unseen := 1 + c.rng.Int64N(rest/40)
			policies = append(policies, Policy{Domain: d.name, Type: "no-policy-found", Successful: unseen})
			rest -= unseen
		}
	}
	noise := c.noise(rest)
	switch {
	case sts && dane && r.tellsBoth:
		policies = append(policies,
			c.policy("sts", rest, append(c.troubles("sts", rest), noise...)),
			c.policy("tlsa", rest, append(c.troubles("tlsa", rest), noise...)))
	case dane:
		policies = append(policies, c.policy("tlsa", rest, append(c.troubles("tlsa", rest), noise...)))
	case sts && (rest > 0 || len(policies) == 0):
		policies = append(policies, c.policy("sts", rest, append(c.troubles("sts", rest), noise...)))
	case !sts:
		policies = append(policies, c.policy("no-policy-found", rest, append(c.troubles("no-policy-found", rest), noise...)))
	}
	return policies
}

func (c *conversation) policy(kind string, sessions int64, details []Detail) Policy {
	p := Policy{Domain: c.domain.name, Type: kind, Details: details}
	if kind == "sts" {
		p.Mode = c.domain.mode
	}
	for _, d := range details {
		p.Failed += d.FailedSessions
	}
	p.Successful = sessions - p.Failed
	return p
}

// vanished returns the policy of sessions whose server could not fetch the
// policy file and had none cached: more of them each day.
func (c *conversation) vanished() (Policy, bool) {
	if c.incident == nil || c.incident.Cause != VanishedPolicy || c.sessions == 0 {
		return Policy{}, false
	}
	gone := 1 + int64(c.on.Sub(c.incident.First)/day)
	failed := max(1, min(c.sessions, c.sessions*gone/7))
	return Policy{
		Domain: c.domain.name, Type: "sts", Failed: failed,
		Details: []Detail{{
			ResultType: "sts-policy-fetch-error", FailedSessions: failed,
			ReasonCode: c.reporter.reason.stsFetch,
		}},
	}, true
}

// troubles returns the failures that the incident causes under a policy.
func (c *conversation) troubles(kind string, sessions int64) []Detail {
	if c.incident == nil || sessions == 0 {
		return nil
	}
	reason := c.reporter.reason
	switch c.incident.Cause {
	case ExpiredCertificate:
		return c.failures(Detail{ResultType: "certificate-expired", ReasonCode: reason.certificateExpired},
			c.domain.mx[1], share(sessions, 0.3), c.reporter.networks)
	case StrippedSTARTTLS:
		for _, n := range c.reporter.networks {
			if n.String() == c.incident.Network {
				return c.failures(Detail{ResultType: "starttls-not-supported", ReasonCode: reason.startTLS},
					c.domain.mx[0], share(sessions, 0.4), []netip.Prefix{n})
			}
		}
	case MismatchedTLSA:
		if kind != "tlsa" {
			return nil
		}
		failed := Detail{ResultType: "tlsa-invalid"}
		if reason.tlsa != "" {
			failed = Detail{ResultType: "validation-failure", ReasonCode: reason.tlsa}
		}
		return c.failures(failed, c.domain.mx[0], share(sessions, 0.7), c.reporter.networks)
	}
	return nil
}

func share(sessions int64, part float64) int64 { return max(1, int64(float64(sessions)*part)) }

// failures spreads failed sessions with one receiving host over a few sending hosts.
func (c *conversation) failures(kind Detail, to mx, failed int64, from []netip.Prefix) []Detail {
	var details []Detail
	used := map[string]bool{}
	for failed > 0 {
		network := from[0]
		if len(from) > 1 && c.rng.IntN(3) == 0 {
			network = from[1+c.rng.IntN(len(from)-1)]
		}
		d := kind
		d.SendingMTAIP = address(network, c.rng)
		d.ReceivingMX, d.ReceivingIP = to.host, to.v4
		if network.Addr().Is6() {
			d.ReceivingIP = to.v6
		}
		if c.reporter.helo {
			d.ReceivingMXHelo = to.host
		}
		if c.reporter.write.information != "" {
			d.AdditionalInfo = c.reporter.write.information + d.ResultType
		}
		if used[d.SendingMTAIP] {
			continue
		}
		used[d.SendingMTAIP] = true
		d.FailedSessions = failed
		if failed > 4 && len(used) < 3 {
			d.FailedSessions = failed/2 + c.rng.Int64N(failed/4)
		}
		failed -= d.FailedSessions
		details = append(details, d)
	}
	return details
}

// noise returns now and then a single session that failed for no lasting cause.
func (c *conversation) noise(sessions int64) []Detail {
	if sessions < 10 || c.rng.IntN(25) != 0 {
		return nil
	}
	d := c.failures(Detail{ResultType: "validation-failure"}, c.domain.mx[c.rng.IntN(2)], 1, c.reporter.networks)
	d[0].ReasonCode = fmt.Sprintf("read tcp %s->%s: i/o timeout",
		hostPort(d[0].SendingMTAIP, 32768+c.rng.IntN(28000)), hostPort(d[0].ReceivingIP, 25))
	return d
}

func hostPort(ip string, port int) string {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(port)).String()
}
