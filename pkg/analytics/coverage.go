package analytics

import (
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// CoverageLeadDays is how many days before a range histories must reach for
// [Survey.Completeness] to know from its first day on who was expected.
const CoverageLeadDays = LearnDays + SilentAfter

// A Coverage is how many of the reporters that were expected on a day were heard.
type Coverage struct {
	// Domain is empty where reporters count once over all domains.
	Domain string
	Day    tlsrpt.Day
	// Heard of Expected, which is at least 1.
	Heard, Expected int64
	// Settled: what is missing is no longer just on its way ([ArrivalSlack]).
	Settled bool
}

// Value is the completeness of the day, 0 to 1.
func (c Coverage) Value() float64 { return ratio(c.Heard, c.Expected) }

// Completeness tells day by day, for the days from and up to but not including
// to, how many of the reporters expected were heard: pairs of domain and
// reporter where byDomain is set, else reporters over all domains. Expected is
// who was heard before, daily at that time, and not silent yet; later days
// never change that, except that a reporter's new name is known for one only
// after some days. A day has no row with no one expected, or when it had not
// ended at the last successful poll; nor has any during the first
// synchronisation. Rows are ordered by domain and day.
func (s *Survey) Completeness(from, to tlsrpt.Day, byDomain, syncing bool) []Coverage {
	upTo := s.upTo
	if upTo.IsZero() || syncing {
		return nil
	}
	to = min(to, tlsrpt.DayOf(upTo))
	from = max(from, s.firstHeard(to))
	if from >= to {
		return nil
	}
	if !byDomain {
		return cover(s.ofReporters(), "", from, to, upTo)
	}
	var all []Coverage
	for pairs := range s.byDomain() {
		all = append(all, cover(pairs, pairs[0].domain, from, to, upTo)...)
	}
	return all
}

// firstHeard is the first day with a report, or last.
func (s *Survey) firstHeard(last tlsrpt.Day) tlsrpt.Day {
	for _, l := range s.ofReporters() {
		if len(l.days) > 0 {
			last = min(last, l.days[0])
		}
	}
	return last
}

// cover counts over lines of which no one is another's old name.
func cover(lines []line, domain string, from, to tlsrpt.Day, upTo time.Time) []Coverage {
	days := make([]Coverage, to-from)
	for i := range lines {
		if lines[i].into < 0 {
			countExpected(days, lines[i].days, from)
		}
	}
	settled := tlsrpt.DayOf(upTo.Add(-ArrivalSlack))
	kept := days[:0]
	for i, c := range days {
		if c.Expected > 0 {
			c.Domain, c.Day = domain, from+tlsrpt.Day(i)
			c.Settled = c.Day < settled
			kept = append(kept, c)
		}
	}
	return kept
}

// countExpected adds one line to the days, which start at from. After each day
// heard a daily reporter is expected until it is heard again, or silent.
func countExpected(days []Coverage, heard []tlsrpt.Day, from tlsrpt.Day) {
	to := from + tlsrpt.Day(len(days))
	for i := minDaysHeard - 1; i < len(heard) && heard[i] < to; i++ {
		next := heard[i] + SilentAfter + 1
		wasHeard := i+1 < len(heard) && heard[i+1] < next
		if wasHeard {
			next = heard[i+1] + 1
		}
		if next <= from || !dailyAt(heard[:i+1]) {
			continue
		}
		for d := max(heard[i]+1, from); d < min(next, to); d++ {
			days[d-from].Expected++
		}
		if wasHeard && heard[i+1] >= from && heard[i+1] < to {
			days[heard[i+1]-from].Heard++
		}
	}
}

// dailyAt tells whether the cadence known after the last of the days was daily.
func dailyAt(heard []tlsrpt.Day) bool {
	last := len(heard) - 1
	start := recentStart(heard)
	// Most are daily with all gaps counted, which spares ordering them.
	if span := float64(heard[last] - heard[start]); span > 0 && float64(last-start) >= dailyShare*span {
		return true
	}
	return dailyBy(recentGaps(heard))
}
