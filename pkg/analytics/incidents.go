package analytics

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// The states of an [Incident].
const (
	IncidentOpen  = "open"
	IncidentEnded = "ended"
)

// Severity says how much something wants a person.
type Severity string

// The severities of the public contract, mildest first.
const (
	OK       Severity = "ok"
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// rank orders severities, worst highest.
func (s Severity) rank() int { return slices.Index([]Severity{OK, Info, Warning, Critical}, s) }

// JoinGap is how many days two bad days may be apart and still be of one
// incident, and how long it must be clean for a bad day to start another one.
const JoinGap = 7

// IncidentInput is what [Incidents] puts together. Rows are by UTC day of the
// period; they should begin well before what is asked for (30 days or more), so
// that first days and last clean days are found.
type IncidentInput struct {
	// Counting is Distinct where empty.
	Counting Counting
	// Sessions are grouped by policyDomain, reporter. Those of domains that have
	// no failures, and Modes of them, are not needed.
	Sessions []store.SessionRow
	// Failures are grouped by policyDomain, resultType, reporter, receivingMx,
	// sendingNetwork and, if there is a sixth, reasonCode.
	Failures []store.FailureSum
	// Modes are grouped by policyDomain, policyType, policyMode.
	Modes []store.SessionRow
	// MXHosts are the MX hosts and patterns of a domain's policies, where known:
	// «only mx2» can be said when there is another.
	MXHosts map[string][]string
	// ExpectedNext is when a reporter's next report on a domain is due; zero, or
	// a nil func, where that is not known.
	ExpectedNext func(domain, reporter string) time.Time
	// FailuresOnly says that a reporter is silent on a domain where all is well,
	// so that it can never report a clean day; nil is none.
	FailuresOnly func(domain, reporter string) bool
	// GoesOnAs is the name under which a reporter goes on reporting on a domain,
	// empty where it has not changed its name. The spellings of known reporters
	// are told without it; nil is none.
	GoesOnAs func(domain, reporter string) string
	// UpTo is the last successful poll: what silence is measured to. Zero is Now.
	UpTo time.Time
	// Now tells which year dates in sentences need not name.
	Now time.Time
}

// An Incident is the failures of one result type at one domain, from the first
// bad day to the last. Days are midnights in UTC.
type Incident struct {
	PolicyDomain, ResultType string
	// PolicyMode is what the policy demanded as of the last bad day: tlsa,
	// enforce, testing, none, or empty where no policy was seen. The strictest of
	// several counts; tlsa does not for failures of MTA-STS policies.
	PolicyMode        string
	State             string
	FirstDay, LastDay time.Time
	// FailedSessions is of this result type; Sessions is of the domain, of all
	// reporters, from the first to the last day, and at least FailedSessions.
	FailedSessions, Sessions int64
	// Share is FailedSessions by Sessions, 0 to 1.
	Share float64
	// Reporters are those that saw it, by their latest name, most failures first.
	Reporters []string
	// ReportersHeard is how many reported a session with the domain from the
	// first to the last day, those that saw it included.
	ReportersHeard int
	// MXs and Networks are the receiving hosts and sending networks that are
	// named, most failures first; empty where none is, as when a policy could not
	// be fetched.
	MXs, Networks []string
	// Reason is the most frequent normalized reason code; empty without any.
	Reason string
	// Verdict says who saw what where and since when; Fix what to do.
	Verdict, Fix string
	// Command shows it from outside; SenderSees is what senders notice.
	Command, SenderSees string
	Fault               Fault
	Severity            Severity
	// LastCleanDay is the last day before FirstDay with a session and without
	// this; zero where the rows hold none.
	LastCleanDay time.Time
	// CleanSince is the day after LastDay since which enough of the reporters that
	// saw it were clean; zero while open, and where they tell of failures only.
	CleanSince time.Time
	// NextReport is when the next report that can end it is due; zero where it is
	// not known or overdue, and when it has ended.
	NextReport time.Time
	// Unconfirmed: every reporter that could say whether it goes on is overdue.
	Unconfirmed bool
	// Few: so little of the reporters' sessions failed that it may be chance.
	Few bool
}

// Incidents puts failures together, one incident for each domain, result type
// and stretch of time: open ones first, worst first, what may be chance last.
// Validation failures by connections that were cut stand apart from others.
//
// Bad days up to seven days apart are of one incident. Further apart they are
// as well, unless the incident had ended and stayed clean for seven days: days
// without a report neither end nor extend it. It has ended when reporters that
// were seeing it have reported a later day with sessions and without it: those
// that told of more than half of the failed sessions, or all that are awaited, see
// [CleanSince]. One that had stopped seeing it before others did cannot say, nor
// one that did not see it.
func Incidents(in IncidentInput) []Incident {
	if in.Counting == "" {
		in.Counting = Distinct
	}
	if in.UpTo.IsZero() {
		in.UpTo = in.Now
	}
	var all []Incident
	for _, h := range histories(in) {
		for kind, t := range h.troubles {
			for _, s := range h.stretches(t) {
				all = append(all, h.incident(kind.resultType, t, s))
			}
		}
	}
	SortIncidents(all)
	return all
}

// SortIncidents orders incidents as [Incidents] does, so that those of some
// domains can be put together with those of others.
func SortIncidents(all []Incident) {
	slices.SortFunc(all, func(a, b Incident) int {
		return cmp.Or(
			-strings.Compare(a.State, b.State), // open, then ended
			cmp.Compare(b.Severity.rank(), a.Severity.rank()),
			compareBool(a.Few, b.Few),
			b.LastDay.Compare(a.LastDay),
			cmp.Compare(b.FailedSessions, a.FailedSessions),
			strings.Compare(a.PolicyDomain, b.PolicyDomain),
			strings.Compare(a.ResultType, b.ResultType),
			b.FirstDay.Compare(a.FirstDay),
			strings.Compare(a.Reason, b.Reason),
		)
	})
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Overlapping returns the incidents that went on at some time in [from, to). An
// open one is taken to go on. A zero time is no bound.
func Overlapping(incidents []Incident, from, to time.Time) []Incident {
	var kept []Incident
	for _, in := range incidents {
		over := in.State == IncidentEnded && !from.IsZero() && !in.LastDay.Add(day).After(from)
		ahead := !to.IsZero() && !in.FirstDay.Before(to)
		if !over && !ahead {
			kept = append(kept, in)
		}
	}
	return kept
}

// severity is critical for what is open where the policy demands TLS, above the
// start values of the alert on the failure rate; failures of MTA-STS policy
// files warn, since mail is delivered all the same.
func (i Incident) severity(upTo time.Time) Severity {
	silent := time.Duration(0)
	if i.Unconfirmed {
		silent = upTo.Sub(i.LastDay)
	}
	demanded := i.PolicyMode == "enforce" || i.PolicyMode == "tlsa"
	above := i.Sessions >= 200 && i.FailedSessions >= 5 && i.Share >= 0.01 || i.FailedSessions >= 2 && i.Share >= 0.5
	switch {
	case i.State == IncidentEnded, i.Few, silent > 30*day:
		return Info
	case demanded && above && silent <= JoinGap*day && !aboutPolicyFile(i.ResultType):
		return Critical
	}
	return Warning
}

// aboutPolicyFile tells failures to get an MTA-STS policy from those of TLS.
func aboutPolicyFile(resultType string) bool {
	return strings.HasPrefix(resultType, "sts-")
}
