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

// A Survey tells cadences of histories, which need not all be in memory at
// once: it keeps of them when who was heard. It holds the lines of pairs, ordered
// by domain and reporter, and once all are there those of reporters over all
// their domains, ordered by reporter.
type Survey struct {
	upTo             time.Time
	pairs, reporters []line
	joined           bool
	// ranges are the places of each domain's pairs, members those of each
	// reporter's.
	ranges  map[string]span
	members map[string][]int
	names   map[string]orgName
}

type span struct{ from, to int }

// NewSurvey begins a survey as of the last successful poll of all sources; zero
// is not known. Days after it come from senders whose clock is wrong: no one can
// be heard ahead of time.
func NewSurvey(upTo time.Time) *Survey {
	return &Survey{upTo: upTo, ranges: map[string]span{}, members: map[string][]int{}, names: map[string]orgName{}}
}

// Add takes all histories of some domains, whose names come after those of the
// domains before. Nothing can be added to a survey that has told something.
func (s *Survey) Add(histories []History) {
	sorted := histories
	if !slices.IsSortedFunc(histories, compareHistories) {
		sorted = slices.SortedFunc(slices.Values(histories), compareHistories)
	}
	room := 0
	for i := range sorted {
		room += len(sorted[i].Days)
	}
	days := make([]tlsrpt.Day, 0, room)
	s.pairs = slices.Grow(s.pairs, len(sorted))
	for from := 0; from < len(sorted); {
		to, first := from, len(s.pairs)
		for ; to < len(sorted) && sorted[to].Domain == sorted[from].Domain; to++ {
			days = s.add(&sorted[to], days)
		}
		s.ranges[sorted[from].Domain] = span{first, len(s.pairs)}
		countCleanWithout(sorted[from:to], s.pairs[first:])
		from = to
	}
}

// add puts the days of a history behind others, and returns all.
func (s *Survey) add(h *History, days []tlsrpt.Day) []tlsrpt.Day {
	l, days := newLine(h, s.upTo, days)
	s.members[h.Reporter] = append(s.members[h.Reporter], len(s.pairs))
	if _, ok := s.names[h.Reporter]; !ok {
		s.names[h.Reporter] = parseOrgName(h.Reporter)
	}
	s.pairs = append(s.pairs, l)
	return days
}

// join makes of the pairs what is told of them, once.
func (s *Survey) join() {
	if !s.joined {
		s.joined = true
		s.joinReporters()
		s.findRenamed()
	}
}

func newLine(h *History, upTo time.Time, days []tlsrpt.Day) (line, []tlsrpt.Day) {
	l := line{
		domain: h.Domain, reporter: h.Reporter, domains: []string{h.Domain},
		first: h.First, last: h.Last, reports: h.Reports, lastStored: h.LastStored, into: -1,
	}
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

// joinReporters makes the lines of reporters over all their domains.
func (s *Survey) joinReporters() {
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
