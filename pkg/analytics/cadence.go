package analytics

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// CadenceDays is how many days of reports cadences are learned from.
const CadenceDays = 90

// ArrivalSlack is how long after the end of its period a report may still be on
// its way: reports are sent some hours after the day (RFC 8460 section 4.1),
// and one that can't be delivered is tried for 24 hours (section 5.5).
const ArrivalSlack = 24 * time.Hour

// SilentAfter is how many of its own cadences a reporter misses until it is
// silent, and SilentReports how many reports must have come before: of less,
// nothing that wakes a person can be concluded.
const (
	SilentAfter   = 3
	SilentReports = 10
)

const (
	// maxLateDays bounds what a late report excuses: alerts take no report that
	// is later either.
	maxLateDays = 7
	// unsureQuietDays is after how many days without a report a reporter without
	// a cadence is called quiet.
	unsureQuietDays = 14
)

// CadenceKind says how often a reporter reports.
type CadenceKind string

// The kinds of the public contract.
const (
	// Daily reporters report on nine days of ten or more.
	Daily CadenceKind = tlsrpt.CadenceDaily
	// MailDays reporters report now and then, at a cadence of their own.
	MailDays CadenceKind = tlsrpt.CadenceMailDays
	// FailuresOnly reporters are silent where all is well.
	FailuresOnly CadenceKind = tlsrpt.CadenceFailuresOnly
	// UnknownCadence is that of a reporter of too few reports.
	UnknownCadence CadenceKind = "unknown"
)

// ReporterState says whether a reporter still reports.
type ReporterState string

// The states of the public contract.
const (
	ReporterReporting ReporterState = "reporting"
	// ReporterQuiet is late, or goes on under another name, or has no cadence to be late by.
	ReporterQuiet ReporterState = "quiet"
	// ReporterSilent has missed [SilentAfter] of its own cadences.
	ReporterSilent ReporterState = "silent"
)

// DayHeard is one day that a reporter reported on.
type DayHeard struct {
	Day                    tlsrpt.Day
	Reports, Total, Failed int64
}

// A History is what one reporter has said of one domain.
type History struct {
	Domain, Reporter string
	// Days are the days heard, ascending: those of the last [CadenceDays] are enough.
	Days []DayHeard
	// First and Last are the first and last days ever.
	First, Last tlsrpt.Day
	// Reports are all reports ever.
	Reports int64
	// LastStored is when the last report came; zero where that says nothing of
	// how late its sender is, as in a first synchronisation.
	LastStored time.Time
}

// Histories puts the store's rows, grouped by policy domain and reporter, per
// day, together by pair, ordered by domain and reporter. Known, which may be
// nil, tells the first and last reports, also those beyond the rows; a pair
// that only known has gets a history without days. Live is when reports began to
// come as they were sent, some time after the first synchronisation: those that
// were stored before do not tell how late their senders are. Where it is zero,
// none does.
func Histories(rows []store.SessionRow, known []store.ReporterRow, c Counting, live time.Time) []History {
	index := make(map[[2]string]int32, len(known))
	all := make([]History, 0, len(known))
	at := func(domain, reporter string) int32 {
		key := [2]string{domain, reporter}
		i, ok := index[key]
		if !ok {
			i = int32(len(all))
			index[key] = i
			all = append(all, History{Domain: domain, Reporter: reporter})
		}
		return i
	}
	groups, places := groupMemo[int32]{}, make([]int32, len(rows))
	for i := range rows {
		group := rows[i].Group
		places[i] = groups.of(group, func() int32 { return at(group[0], group[1]) })
	}
	for i, days := range roomFor[DayHeard](places, len(all)) {
		all[i].Days = days
	}
	for i := range rows {
		var s Sums
		s.Add(rows[i])
		h := &all[places[i]]
		h.Days = append(h.Days, DayHeard{Day: tlsrpt.DayOf(rows[i].Bucket), Reports: s.Reports, Total: s.Total(c), Failed: s.FailedSessions(c)})
	}
	for i := range all {
		all[i].finish()
	}
	for _, k := range known {
		h := &all[at(k.PolicyDomain, k.Reporter)]
		if len(h.Days) == 0 {
			h.First, h.Last = k.FirstReport, k.LastReport
		}
		h.First, h.Last = min(h.First, k.FirstReport), max(h.Last, k.LastReport)
		h.Reports = max(h.Reports, k.Reports)
		if !live.IsZero() && k.LastStored.After(live) {
			h.LastStored = k.LastStored
		}
	}
	slices.SortFunc(all, compareHistories)
	return all
}

// roomFor returns an empty slice for each of n places, with room for as many
// items as go there, which are all in one piece of memory.
func roomFor[T any](places []int32, n int) [][]T {
	counts := make([]int, n)
	for _, place := range places {
		counts[place]++
	}
	whole, room := make([]T, len(places)), make([][]T, n)
	for i, count := range counts {
		room[i], whole = whole[:0:count], whole[count:]
	}
	return room
}

func compareHistories(a, b History) int {
	return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Reporter, b.Reporter))
}

// finish orders the days, adds up those told twice, and sets the bounds by them.
func (h *History) finish() {
	slices.SortFunc(h.Days, func(a, b DayHeard) int { return cmp.Compare(a.Day, b.Day) })
	kept := h.Days[:0]
	for _, d := range h.Days {
		h.Reports += d.Reports
		if n := len(kept); n > 0 && kept[n-1].Day == d.Day {
			kept[n-1].Reports += d.Reports
			kept[n-1].Total += d.Total
			kept[n-1].Failed += d.Failed
			continue
		}
		kept = append(kept, d)
	}
	h.Days = kept
	h.First, h.Last = kept[0].Day, kept[len(kept)-1].Day
}

// A Cadence is how often a reporter reports, on one domain or on all of its
// domains, and whether it is late.
type Cadence struct {
	// Domain is empty for a reporter over all its domains, which Domains names.
	Domain   string
	Domains  []string
	Reporter string

	First, Last tlsrpt.Day
	Reports     int64
	// DaysHeard are the days with a report among those learned from.
	DaysHeard int

	Kind CadenceKind
	// Every is the longest wait in days that is usual for it, at least 1.
	Every int
	// ExpectedNext is when the next report should be here at the latest; zero
	// where there is no cadence to tell it.
	ExpectedNext time.Time
	// Overdue are its own cadences missed.
	Overdue int64
	State   ReporterState
	// GoesOnAs is the name under which it reports now; empty where it has not changed.
	GoesOnAs string
	// Note says what a person should know of it, in sentences; may be empty.
	Note string
}

// Cadences is that of a [Survey] of the histories up to a time.
func Cadences(histories []History, upTo time.Time, syncing bool) []Cadence {
	s := NewSurvey(upTo)
	s.Add(histories)
	return s.Cadences(syncing)
}

// Cadences returns the cadence of every pair of domain and reporter, ordered by
// domain and reporter. Up to when all sources were last polled with success
// (the earliest of them) counts: what we did not fetch is not held against a
// reporter. Where that is not known, and while syncing, the first
// synchronisation, nothing is overdue.
func (s *Survey) Cadences(syncing bool) []Cadence {
	var all []Cadence
	for pairs := range s.ByDomain(syncing) {
		all = append(all, pairs...)
	}
	return all
}

// ByDomain tells [Survey.Cadences] one domain at a time. What it hands over
// lasts until the next.
func (s *Survey) ByDomain(syncing bool) iter.Seq[[]Cadence] {
	return func(yield func([]Cadence) bool) {
		var cadences []Cadence
		for lines := range s.byDomain() {
			cadences = cadences[:0]
			for i := range lines {
				cadences = append(cadences, lines[i].cadence(s.upTo, syncing))
			}
			noteStop(cadences)
			if !yield(cadences) {
				return
			}
		}
	}
}

// AllCadences hands over [Survey.ByDomain], and returns the cadences of every
// reporter over all its domains, ordered by reporter. It is not overdue for
// domains that all their reporters fell silent on together: that is the domain's
// affair, see [DomainSilence].
func (s *Survey) AllCadences(syncing bool, each func(pairs []Cadence)) []Cadence {
	// elsewhere is when reporters were last heard on other domains than those.
	elsewhere := map[string]tlsrpt.Day{}
	for pairs := range s.ByDomain(syncing) {
		each(pairs)
		if stoppedTogether(pairs) > 0 {
			continue
		}
		for i := range pairs {
			last, heard := elsewhere[pairs[i].Reporter]
			if !heard || pairs[i].Last > last {
				elsewhere[pairs[i].Reporter] = pairs[i].Last
			}
		}
	}
	reporters := s.ofReporters()
	all := make([]Cadence, 0, len(reporters))
	for i := range reporters {
		c := reporters[i].cadence(s.upTo, syncing)
		last, heard := elsewhere[c.Reporter]
		if c.Overdue > 0 && (!heard || c.Last-last > togetherDays) {
			c.Overdue, c.State = 0, ReporterQuiet
			c.note("It fell silent together with all others who report on " + DomainList(c.Domains) + ".")
		}
		all = append(all, c)
	}
	return all
}

// cadence judges one line.
func (l *line) cadence(upTo time.Time, syncing bool) Cadence {
	c := Cadence{
		Domain: l.domain, Domains: l.domains, Reporter: l.reporter,
		First: l.first, Last: l.last, Reports: l.reports, DaysHeard: len(l.days),
		State: ReporterReporting, GoesOnAs: l.goesOnAs,
	}
	c.Kind, c.Every = l.habit()
	late := !syncing && !upTo.IsZero()
	switch {
	case l.goesOnAs != "":
		c.State = ReporterQuiet
	case c.Kind == Daily || c.Kind == MailDays:
		c.ExpectedNext = (l.last + tlsrpt.Day(c.Every) + 1).Time().Add(ArrivalSlack + l.lateness())
		if late {
			c.Overdue = missed(c.ExpectedNext, upTo, c.Every)
		}
		if c.Overdue >= SilentAfter && c.Reports >= SilentReports {
			c.State = ReporterSilent
		} else if c.Overdue > 0 {
			c.State = ReporterQuiet
		}
	case late && tlsrpt.DayOf(upTo)-l.last > unsureQuietDays:
		c.State = ReporterQuiet
	}
	c.note(l.remarks(c, upTo)...)
	return c
}

// lateness is how many whole days the last report came after its period: one
// that reports on weeks, or late by habit, is no sooner expected next time.
func (l *line) lateness() time.Duration {
	if l.lastStored.IsZero() {
		return 0
	}
	late := l.lastStored.Sub((l.last + 1).Time()).Truncate(day)
	return min(max(late, 0), maxLateDays*day)
}

// missed counts the cadences that have ended without their report.
func missed(expected, upTo time.Time, every int) int64 {
	if upTo.Before(expected) {
		return 0
	}
	return 1 + int64(upTo.Sub(expected)/(time.Duration(every)*day))
}
