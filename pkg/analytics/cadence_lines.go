package analytics

import (
	"slices"
	"strings"
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

// A survey is all lines: pairs ordered by domain and reporter, and reporters
// over all their domains, ordered by reporter.
type survey struct {
	pairs, reporters []line
	// ranges are the places of each domain's pairs, members those of each
	// reporter's.
	ranges  map[string]span
	members map[string][]int
	names   map[string]orgName
}

type span struct{ from, to int }

// newSurvey takes the histories apart into lines. Days after upTo come from
// senders whose clock is wrong: no one can be heard ahead of time.
func newSurvey(histories []History, upTo time.Time) *survey {
	sorted := histories
	if !slices.IsSortedFunc(histories, compareHistories) {
		sorted = slices.SortedFunc(slices.Values(histories), compareHistories)
	}
	s := &survey{
		pairs: make([]line, 0, len(sorted)), ranges: map[string]span{},
		members: map[string][]int{}, names: map[string]orgName{},
	}
	for i := range sorted {
		h := &sorted[i]
		l := newLine(h, upTo)
		if r, ok := s.ranges[h.Domain]; ok {
			s.ranges[h.Domain] = span{r.from, i + 1}
		} else {
			s.ranges[h.Domain] = span{i, i + 1}
		}
		s.members[h.Reporter] = append(s.members[h.Reporter], i)
		if _, ok := s.names[h.Reporter]; !ok {
			s.names[h.Reporter] = parseOrgName(h.Reporter)
		}
		s.pairs = append(s.pairs, l)
	}
	for _, r := range s.ranges {
		countCleanWithout(sorted[r.from:r.to], s.pairs[r.from:r.to])
	}
	s.joinReporters()
	s.findRenamed()
	return s
}

func newLine(h *History, upTo time.Time) line {
	l := line{
		domain: h.Domain, reporter: h.Reporter, domains: []string{h.Domain},
		first: h.First, last: h.Last, reports: h.Reports, lastStored: h.LastStored, into: -1,
		days: make([]tlsrpt.Day, 0, len(h.Days)),
	}
	ahead := tlsrpt.DayOf(upTo) + 1
	for _, d := range h.Days {
		if !upTo.IsZero() && d.Day > ahead {
			continue
		}
		l.days = append(l.days, d.Day)
		l.clean = l.clean || d.Failed == 0
	}
	if n := len(l.days); n > 0 && !upTo.IsZero() && l.last > ahead {
		l.last = l.days[n-1]
	}
	return l
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

// joinReporters makes the lines of reporters over all their domains.
func (s *survey) joinReporters() {
	for reporter, members := range s.members {
		first := s.pairs[members[0]]
		joined := line{reporter: reporter, first: first.first, last: first.last, into: -1}
		heard := 0
		for _, i := range members {
			heard += len(s.pairs[i].days)
		}
		joined.days = make([]tlsrpt.Day, 0, heard)
		for _, i := range members {
			p := &s.pairs[i]
			joined.domains = append(joined.domains, p.domain)
			joined.cleanWithout += p.cleanWithout
			joined.clean = joined.clean || p.clean
			joined.absorb(p)
		}
		joined.days = sortedDays(joined.days)
		s.reporters = append(s.reporters, joined)
	}
	slices.SortFunc(s.reporters, func(a, b line) int { return strings.Compare(a.reporter, b.reporter) })
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
