package analytics

import "github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"

// resultClass is what a result type (RFC 8460 section 4.3) means for enforce.
type resultClass int

const (
	// refusedByEnforce is what MTA-STS refuses (RFC 8461 section 4.2), and what
	// no one has specified: who is careful counts it.
	refusedByEnforce resultClass = iota
	// policyTrouble keeps a sender from the policy: it goes on with the one it
	// holds, or without (RFC 8461 section 5.1).
	policyTrouble
	// daneTrouble is refused by senders that know DANE whatever MTA-STS says.
	daneTrouble
)

func classOf(resultType string) resultClass {
	switch resultType {
	case "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid":
		return policyTrouble
	case "tlsa-invalid", "dnssec-invalid", "dane-required":
		return daneTrouble
	}
	return refusedByEnforce
}

// byClass sums the details.
func (c *cell) byClass() (refused, trouble, dane int64) {
	for why, n := range c.details {
		switch classOf(why.resultType) {
		case policyTrouble:
			trouble += n
		case daneTrouble:
			dane += n
		default:
			refused += n
		}
	}
	return refused, trouble, dane
}

// trouble is the sessions with policy trouble.
func (c *cell) trouble() int64 {
	_, trouble, _ := c.byClass()
	return trouble
}

// tally counts sessions. Details need not add up to the summary: of more
// details than failed sessions, since result types are not exclusive, no more
// than the failed ones count; failed sessions without a detail would be
// refused, as far as anyone knows; and details of a summary that says that none
// failed count too, since some senders call success what testing let pass.
func (c *cell) tally() dayTally {
	refused, trouble, dane := c.byClass()
	t := dayTally{total: c.total, wouldFail: refused, trouble: trouble}
	if c.failed > 0 {
		unexplained := max(c.failed-refused-trouble-dane, 0)
		t.wouldFail = min(refused, c.failed) + unexplained
		t.trouble = min(trouble, c.failed)
	}
	if c.total > 0 {
		t.wouldFail = min(t.wouldFail, c.total)
		t.trouble = min(t.trouble, c.total)
	}
	return t
}

// refusals tells the causes of the sessions that would be refused; those that
// no detail explains have none.
func (c *cell) refusals(wouldFail int64) map[cause]int64 {
	causes := map[cause]int64{}
	for why, n := range c.details {
		if classOf(why.resultType) == refusedByEnforce && n > 0 {
			causes[why] = n
			wouldFail -= n
		}
	}
	if wouldFail > 0 {
		causes[cause{}] += wouldFail
	}
	return causes
}

// since adds up the days from one on.
func (r *testRun) since(from tlsrpt.Day) dayTally {
	var sum dayTally
	for d, tally := range r.days {
		if d >= from {
			sum.add(*tally)
		}
	}
	return sum
}

// lastRefused is the last day with a session that would be refused; ok is
// false where there was none.
func (r *testRun) lastRefused() (last tlsrpt.Day, ok bool) {
	for _, d := range r.refused {
		last, ok = max(last, d), true
	}
	return last, ok
}

// organizationIDs keeps what the names of reporters stand for.
type organizationIDs map[string]string

func (ids organizationIDs) of(reporter string) string {
	id, ok := ids[reporter]
	if !ok {
		id = parseOrgName(reporter).id()
		ids[reporter] = id
	}
	return id
}

// count counts reporters, the names of one as one.
func (ids organizationIDs) count(reporters map[string]bool) int {
	distinct := map[string]bool{}
	for name := range reporters {
		distinct[ids.of(name)] = true
	}
	return len(distinct)
}
