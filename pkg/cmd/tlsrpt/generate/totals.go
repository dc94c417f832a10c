package generate

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Counting says whether sessions that a report tells twice count twice.
type Counting string

// The countings.
const (
	Reported Counting = "reported"
	Distinct Counting = "distinct"
)

// A Dimension is what sums are told apart by; the names are those of the queries.
type Dimension string

// The dimensions. Those from ByResultType on are for [SumDetails] alone.
const (
	ByDay    Dimension = "day"
	ByDomain Dimension = "policyDomain"
	ByType   Dimension = "policyType"
	ByMode   Dimension = "policyMode"
	// ByReporter is the organization name.
	ByReporter Dimension = "reporter"

	ByResultType Dimension = "resultType"
	// ByReasonCode is the reason as the report says it, volatile parts included.
	ByReasonCode  Dimension = "reasonCode"
	ByMX          Dimension = "receivingMx"
	ByReceivingIP Dimension = "receivingIp"
	BySendingIP   Dimension = "sendingMtaIp"
	// ByNetwork is the sending address's /24 or /48.
	ByNetwork Dimension = "sendingNetwork"
)

// Sums are what the reports of one group add up to.
type Sums struct {
	// Reports counts pairs of report and policy domain.
	Reports            int64
	Successful, Failed int64
	// Protected is the part of the total under sts or tlsa policies.
	Protected int64
}

// Total is all sessions.
func (s Sums) Total() int64 { return s.Successful + s.Failed }

// Key returns the key of a group in the results of [Sum] and [SumDetails]: the
// values in the order of the dimensions, days as YYYY-MM-DD.
func Key(values ...string) string { return strings.Join(values, "|") }

// told is what one policy of a report adds, after what is said twice is gone.
type told struct {
	policy             Policy
	successful, failed int64
}

// toldApart is the counting that holds for groups: told apart by policy type or
// mode, distinct counts as reported does.
func (c Counting) toldApart(by []Dimension) Counting {
	if slices.Contains(by, ByType) || slices.Contains(by, ByMode) {
		return Reported
	}
	return c
}

// genuine are the entries that count.
func genuine(entries iter.Seq[Entry]) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for e := range entries {
			if e.Decoy == Genuine && !yield(e) {
				return
			}
		}
	}
}

// Sum adds up the summaries of all genuine reports by group. Told apart by
// policy type or mode, distinct counts as reported does.
func Sum(entries iter.Seq[Entry], counting Counting, by ...Dimension) map[string]Sums {
	counting = counting.toldApart(by)
	sums := map[string]Sums{}
	for e := range genuine(entries) {
		counted := map[string]bool{}
		for _, t := range summaries(e, counting) {
			key := groupKey(e, t.policy, Detail{}, by)
			s := sums[key]
			if pair := key + "\x00" + t.policy.Domain; !counted[pair] {
				counted[pair] = true
				s.Reports++
			}
			s.Successful += t.successful
			s.Failed += t.failed
			if t.policy.Type == "sts" || t.policy.Type == "tlsa" {
				s.Protected += t.successful + t.failed
			}
			sums[key] = s
		}
	}
	return sums
}

// summaries lists a report's policies. For distinct counting, sessions told
// under sts and tlsa alike are counted with the larger of each number, and the
// other policy is left with nothing.
func summaries(e Entry, counting Counting) []told {
	var all []told
	for _, p := range e.Policies {
		all = append(all, told{policy: p, successful: p.Successful, failed: p.Failed})
	}
	if counting == Reported {
		return all
	}
	for _, domain := range domainsOf(e) {
		sts, tlsa, twice := toldTwice(e, domain)
		if !twice {
			continue
		}
		total := max(sts.Successful+sts.Failed, tlsa.Successful+tlsa.Failed)
		failed := max(sts.Failed, tlsa.Failed)
		first := true
		for i := range all {
			if t := &all[i]; t.policy.Domain == domain && (t.policy.Type == "sts" || t.policy.Type == "tlsa") {
				t.successful, t.failed = 0, 0
				if first {
					t.successful, t.failed = total-failed, failed
					first = false
				}
			}
		}
	}
	return all
}

// toldTwice says whether a report tells the same sessions with a domain under
// sts and under tlsa: their totals are equal, or the reporter does so by habit.
func toldTwice(e Entry, domain string) (sts, tlsa Policy, twice bool) {
	hasSTS, hasTLSA := false, false
	for _, p := range e.Policies {
		if p.Domain != domain {
			continue
		}
		switch p.Type {
		case "sts":
			hasSTS = true
			sts.Successful += p.Successful
			sts.Failed += p.Failed
			sts.Details = append(slices.Clip(sts.Details), p.Details...)
		case "tlsa":
			hasTLSA = true
			tlsa.Successful += p.Successful
			tlsa.Failed += p.Failed
			tlsa.Details = append(slices.Clip(tlsa.Details), p.Details...)
		}
	}
	equal := sts.Successful+sts.Failed == tlsa.Successful+tlsa.Failed
	return sts, tlsa, hasSTS && hasTLSA && (equal || e.Reporter == "Microsoft Corporation")
}

// SumDetails adds up the failed sessions of the failure details of all genuine
// reports by group. Groups without a failure have no key.
func SumDetails(entries iter.Seq[Entry], counting Counting, by ...Dimension) map[string]int64 {
	counting = counting.toldApart(by)
	sums := map[string]int64{}
	for e := range genuine(entries) {
		for _, p := range e.Policies {
			for _, d := range p.Details {
				sums[groupKey(e, p, d, by)] += d.FailedSessions
			}
		}
		if counting == Reported {
			continue
		}
		for _, domain := range domainsOf(e) {
			sts, tlsa, twice := toldTwice(e, domain)
			if !twice {
				continue
			}
			for _, a := range sts.Details {
				for _, b := range tlsa.Details {
					if alike(a, b) {
						sums[groupKey(e, Policy{Domain: domain}, a, by)] -= min(a.FailedSessions, b.FailedSessions)
					}
				}
			}
		}
	}
	return sums
}

// alike says whether two details differ in nothing but their count.
func alike(a, b Detail) bool {
	a.FailedSessions, b.FailedSessions = 0, 0
	return a == b
}

func domainsOf(e Entry) []string {
	var domains []string
	for _, p := range e.Policies {
		if !slices.Contains(domains, p.Domain) {
			domains = append(domains, p.Domain)
		}
	}
	return domains
}

func groupKey(e Entry, p Policy, d Detail, by []Dimension) string {
	values := make([]string, len(by))
	for i, dimension := range by {
		values[i] = value(e, p, d, dimension)
	}
	return Key(values...)
}

func value(e Entry, p Policy, d Detail, dimension Dimension) string {
	switch dimension {
	case ByDay:
		return e.Day.Format(time.DateOnly)
	case ByDomain:
		return p.Domain
	case ByType:
		return p.Type
	case ByMode:
		return p.Mode
	case ByReporter:
		return e.Reporter
	case ByResultType:
		return d.ResultType
	case ByReasonCode:
		return d.ReasonCode
	case ByMX:
		return d.ReceivingMX
	case ByReceivingIP:
		return d.ReceivingIP
	case BySendingIP:
		return d.SendingMTAIP
	case ByNetwork:
		return network(d.SendingMTAIP)
	}
	panic(fmt.Sprintf("generate: no dimension %q", dimension))
}

// network returns the /24 or /48 that holds an address; empty for none.
func network(ip string) string {
	if ip == "" {
		return ""
	}
	addr := netip.MustParseAddr(ip)
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
