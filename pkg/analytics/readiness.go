package analytics

import (
	"maps"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// What a domain must show under MTA-STS testing (RFC 8461 section 5) before
// enforce, which makes senders keep back what they deliver now.
const (
	// ReadyDays in testing hold two week-ends and most senders' weekly mail.
	ReadyDays = 14
	// ReadyReporters must have told of testing, where so many are known: each
	// sender sees other networks and other MX hosts.
	ReadyReporters = 2
	// ReadySessions are so many that one of a hundred that fails would show.
	ReadySessions = 100
	// ReadyCleanDays without a session that enforce would refuse are needed
	// after the last one: a week shows that a repair lasts.
	ReadyCleanDays = 7
	// ReadyRate is the share of such sessions from which a week is not enough,
	// but [ReadyForgivenDays] are: an incident that ended does not count forever.
	ReadyRate         = 0.001
	ReadyForgivenDays = 14
)

// The verdicts of the public contract.
const (
	VerdictGo   = "go"
	VerdictWait = "wait"
	VerdictNo   = "no"
)

// ReadinessSessions and ReadinessFailures are what the rows for [Readiness]
// are grouped by.
func ReadinessSessions() []store.Dimension {
	return []store.Dimension{store.PolicyDomain, store.PolicyType, store.PolicyMode, store.Reporter}
}

// ReadinessFailures see [ReadinessSessions].
func ReadinessFailures() []store.Dimension {
	return append(ReadinessSessions(), store.ResultType, store.ReceivingMX)
}

// A ReadinessInput is what [Readiness] judges by: rows per day, of at least
// [ReadyDays] + [ReadyForgivenDays] days for an incident to be told from the
// time after it.
type ReadinessInput struct {
	Sessions []store.SessionRow
	Failures []store.FailureSum
	// Histories tell of reporters of the domain that the rows don't; may be nil.
	Histories []History
	// UpTo is when all sources were last polled with success; zero is the end of
	// the newest day heard.
	UpTo time.Time
}

// A ReadinessRow says whether a domain may go to enforce.
type ReadinessRow struct {
	Domain string
	// Mode is what most reporters last saw; empty where they saw no MTA-STS policy.
	Mode    string
	Verdict string
	// Days are days with a report of sessions under the mode, Reporters those
	// who told of them, by name.
	Days      int
	Reporters []string
	// TotalSessions are sessions under the mode; WouldFail those of them that
	// enforce refuses, or would; PolicyTrouble those whose sender could not get
	// a valid policy, and delivered all the same unless it held one.
	TotalSessions, WouldFail, PolicyTrouble int64
	// GoOn is the day from which on the verdict is go if nothing fails until
	// then; zero where time alone does not make it so.
	GoOn time.Time
	// Reasons are sentences, the most important first.
	Reasons []string
}

// Readiness judges every domain in the rows, ordered by name. It looks at one
// after the other, so that it needs little memory beside the rows.
func Readiness(in ReadinessInput) []ReadinessRow {
	of := map[string]*rowsOfDomain{}
	at := func(domain string) *rowsOfDomain {
		if of[domain] == nil {
			of[domain] = &rowsOfDomain{}
		}
		return of[domain]
	}
	for i := range in.Sessions {
		rows := at(in.Sessions[i].Group[0])
		rows.sessions = append(rows.sessions, i)
	}
	for i := range in.Failures {
		rows := at(in.Failures[i].Group[0])
		rows.failures = append(rows.failures, i)
	}
	for i := range in.Histories {
		if rows := of[in.Histories[i].Domain]; rows != nil && len(in.Histories[i].Days) > 0 {
			rows.histories = append(rows.histories, i)
		}
	}
	ids := organizationIDs{}
	all := make([]ReadinessRow, 0, len(of))
	for _, domain := range slices.Sorted(maps.Keys(of)) {
		run := testRun{domain: domain, ids: ids, cells: map[cellKey]*cell{}, known: map[string]bool{}}
		for _, i := range of[domain].sessions {
			run.addSessions(in.Sessions[i])
		}
		for _, i := range of[domain].failures {
			run.addFailure(in.Failures[i])
		}
		for _, i := range of[domain].histories {
			run.known[ids.of(in.Histories[i].Reporter)] = true
		}
		all = append(all, run.judge(in.UpTo))
	}
	return all
}

// rowsOfDomain are the places of one domain's rows in the input.
type rowsOfDomain struct{ sessions, failures, histories []int }

// A testRun is all that was reported of one domain.
type testRun struct {
	domain string
	ids    organizationIDs
	cells  map[cellKey]*cell
	// known are the reporters of the domain, the names of one as one.
	known map[string]bool

	mode string
	// now is the first day that is not over, heard the last day with a report
	// under the mode, first the first.
	now, heard, first tlsrpt.Day
	// reporters are those under the mode; refused and clean are the last day
	// on which each told of refused sessions, and of none.
	reporters      map[string]bool
	refused, clean map[string]tlsrpt.Day
	days           map[tlsrpt.Day]*dayTally
	total          dayTally
	causes         map[cause][]sighted
	tlsaSessions   int64
}

type dayTally struct{ total, wouldFail, trouble int64 }

func (d *dayTally) add(o dayTally) {
	d.total += o.total
	d.wouldFail += o.wouldFail
	d.trouble += o.trouble
}

type cellKey struct {
	day                        tlsrpt.Day
	policyType, mode, reporter string
}

// A cell is what one reporter told of one day under one policy.
type cell struct {
	total, failed int64
	details       map[cause]int64
}

// A cause is why sessions failed, and where.
type cause struct{ resultType, mx string }

// sighted are the sessions that one reporter told on a day to fail for a cause.
type sighted struct {
	sessions int64
	reporter string
	day      tlsrpt.Day
}

func (r *testRun) cell(group []string, bucket time.Time) *cell {
	key := cellKey{tlsrpt.DayOf(bucket), group[1], group[2], group[3]}
	c := r.cells[key]
	if c == nil {
		c = &cell{}
		r.cells[key] = c
	}
	return c
}

func (r *testRun) addSessions(row store.SessionRow) {
	c := r.cell(row.Group, row.Bucket)
	c.total += row.Successful + row.Failed
	c.failed += row.Failed
	r.known[r.ids.of(row.Group[3])] = true
	if row.Group[1] == tlsrpt.PolicyTLSA {
		r.tlsaSessions += row.Successful + row.Failed
	}
}

func (r *testRun) addFailure(f store.FailureSum) {
	c := r.cell(f.Group, f.Bucket)
	if c.details == nil {
		c.details = map[cause]int64{}
	}
	c.details[cause{f.Group[4], f.Group[5]}] += f.Failed
}

// modeNow is the mode that stands by the judgement of [PolicyRows]: a mode of
// RFC 8461, no-policy-found where most found none any more, or empty where no
// one told of an MTA-STS policy.
func (r *testRun) modeNow() string {
	spans := map[cellKey]sighting{}
	for key := range r.cells {
		if key.policyType != tlsrpt.PolicySTS && key.policyType != tlsrpt.PolicyNotFound {
			continue
		}
		day := key.day
		key.day = 0
		s, ok := spans[key]
		if !ok {
			s = sighting{day, day}
		}
		spans[key] = sighting{min(s.first, day), max(s.last, day)}
	}
	var seen []store.PolicySeen
	for key, s := range spans {
		seen = append(seen, store.PolicySeen{Domain: r.domain, Type: key.policyType, Mode: key.mode, Reporter: key.reporter, First: s.first, Last: s.last})
	}
	return currentMode(modesOf(mergePolicies(seen)))
}

// collect adds up the cells under the mode. Senders that leave out the policy's
// text are taken to have seen the same.
func (r *testRun) collect(upTo time.Time) {
	r.mode = r.modeNow()
	r.reporters, r.refused, r.clean = map[string]bool{}, map[string]tlsrpt.Day{}, map[string]tlsrpt.Day{}
	r.days, r.causes = map[tlsrpt.Day]*dayTally{}, map[cause][]sighted{}
	for key, c := range r.cells {
		if upTo.IsZero() {
			r.now = max(r.now, key.day+1)
		}
		if r.counts(key) {
			r.addCell(key, c)
		} else if key.policyType != tlsrpt.PolicyTLSA {
			r.total.trouble += c.trouble()
		}
	}
	if !upTo.IsZero() {
		r.now = tlsrpt.DayOf(upTo)
	}
	for d, tally := range r.days {
		r.total.add(*tally)
		if r.first == 0 || d < r.first {
			r.first = d
		}
		r.heard = max(r.heard, d)
	}
}

// counts tells whether a cell is under the mode.
func (r *testRun) counts(key cellKey) bool {
	return key.policyType == tlsrpt.PolicySTS && (key.mode == r.mode || key.mode == "")
}

func (r *testRun) addCell(key cellKey, c *cell) {
	tally := c.tally()
	if r.days[key.day] == nil {
		r.days[key.day] = &dayTally{}
	}
	r.days[key.day].add(tally)
	r.reporters[key.reporter] = true
	who := r.ids.of(key.reporter)
	if tally.wouldFail == 0 {
		r.clean[who] = max(r.clean[who], key.day)
		return
	}
	r.refused[who] = max(r.refused[who], key.day)
	for why, n := range c.refusals(tally.wouldFail) {
		r.causes[why] = append(r.causes[why], sighted{n, key.reporter, key.day})
	}
}
