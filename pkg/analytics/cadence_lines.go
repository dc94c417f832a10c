package analytics

import (
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A line is one reporter's reports over time, on one domain or on all of its
// domains, with those of the names it had before.
type line struct {
	domain, reporter string
	domains          []string
	days             []tlsrpt.Day
	first, last      tlsrpt.Day
	reports          int64
	lastStored       time.Time
	// clean: some report of it told of no failure. cleanWithout are the days
	// that others found clean and it kept silent on.
	clean        bool
	cleanWithout int
	// goesOnAs is its new name, into the index of the line of it, or -1.
	goesOnAs string
	into     int
	was      []string
}

// newLine puts the days of a history behind others, and returns all.
func newLine(h *History, upTo time.Time, days []tlsrpt.Day) (line, []tlsrpt.Day) {
	l := line{domain: h.Domain, reporter: h.Reporter, first: h.First, last: h.Last, reports: h.Reports, lastStored: h.LastStored, into: -1}
	start := len(days)
	ahead := tlsrpt.DayOf(upTo) + 1
	for _, d := range h.Days {
		if !upTo.IsZero() && d.Day > ahead {
			continue
		}
		days = append(days, d.Day)
		l.clean = l.clean || d.Failed == 0
	}
	l.days = days[start:len(days):len(days)]
	if n := len(l.days); n > 0 && !upTo.IsZero() && l.last > ahead {
		l.last = l.days[n-1]
	}
	return l, days
}

// countCleanWithout counts, for those of a domain who only ever told of
// failures, the days on which others were heard and told of none.
func countCleanWithout(histories []History, lines []line) {
	if !slices.ContainsFunc(lines, func(l line) bool { return !l.clean && len(l.days) > 0 }) {
		return
	}
	heard, failing := map[tlsrpt.Day]bool{}, map[tlsrpt.Day]bool{}
	for i := range histories {
		for _, d := range histories[i].Days {
			heard[d.Day] = heard[d.Day] || d.Total > 0
			failing[d.Day] = failing[d.Day] || d.Failed > 0
		}
	}
	for i := range lines {
		l := &lines[i]
		if l.clean {
			continue
		}
		for d := range heard {
			// A clean day is one that this line, which only fails, was silent on.
			if heard[d] && !failing[d] && d > l.first {
				l.cleanWithout++
			}
		}
	}
}

// join adds to the line of a reporter over all its domains one of them; the days
// are to be put in order.
func (l *line) join(pair *line) {
	l.domains = append(l.domains, pair.domain)
	l.cleanWithout += pair.cleanWithout
	l.clean = l.clean || pair.clean
	l.absorb(pair)
}

// absorb adds the reports of another line; the days are to be put in order.
func (l *line) absorb(other *line) {
	l.days = append(l.days, other.days...)
	l.reports += other.reports
	if other.last > l.last || other.last == l.last && other.lastStored.After(l.lastStored) || l.lastStored.IsZero() {
		l.lastStored = other.lastStored
	}
	l.first, l.last = min(l.first, other.first), max(l.last, other.last)
}

func sortedDays(days []tlsrpt.Day) []tlsrpt.Day {
	slices.Sort(days)
	return slices.Compact(days)
}
