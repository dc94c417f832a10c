package analytics

import (
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A stretch is the time of one incident.
type stretch struct {
	first, last tlsrpt.Day
	// seen is the last bad day of each reporter that saw it.
	seen map[string]tlsrpt.Day
	// ended says that it has; clean is since which day, 0 where that only shows by
	// the silence of reporters that tell of nothing but failures.
	ended bool
	clean tlsrpt.Day
}

// stretches cuts the bad days of a trouble into incidents, oldest first.
func (h *history) stretches(t *trouble) []*stretch {
	var all []*stretch
	var open *stretch
	for _, on := range slices.Sorted(maps.Keys(t.days)) {
		if open != nil && h.parted(open, on) {
			open.ended = true
			open = nil
		}
		if open == nil {
			open = &stretch{first: on, seen: map[string]tlsrpt.Day{}}
			all = append(all, open)
		}
		open.last, open.clean = on, 0
		for _, f := range t.days[on] {
			open.seen[f.reporter] = on
		}
	}
	if open != nil {
		// The day after the last one that anybody reported on bounds the search.
		open.clean, open.ended = h.cleanAfter(open, h.lastHeard+1)
		if !open.ended {
			open.ended = h.hushed(open, tlsrpt.DayOf(h.in.UpTo))
		}
	}
	return all
}

// parted says whether a bad day begins another incident, and notes since when
// the one before was clean.
func (h *history) parted(s *stretch, on tlsrpt.Day) bool {
	if on-s.last <= joinGap {
		return false
	}
	if clean, ok := h.cleanAfter(s, on); ok {
		s.clean = clean
		return on-clean >= joinGap
	}
	return h.hushed(s, on)
}

// cleanAfter returns the first day, before a bound, on which a reporter that was
// still seeing the incident reported sessions without it.
func (h *history) cleanAfter(s *stretch, before tlsrpt.Day) (tlsrpt.Day, bool) {
	first, found := before, false
	for _, reporter := range h.witnesses(s) {
		days := h.reported[reporter]
		i := sort.Search(len(days), func(i int) bool { return days[i] > s.last })
		if i < len(days) && days[i] < first {
			first, found = days[i], true
		}
	}
	if !found {
		return 0, false
	}
	return first, true
}

// witnesses are the reporters that were still seeing the incident when it was
// last seen: none of their clean days lies between their own last bad day and it.
func (h *history) witnesses(s *stretch) []string {
	var all []string
	for _, reporter := range slices.Sorted(maps.Keys(s.seen)) {
		days := h.reported[reporter]
		i := sort.Search(len(days), func(i int) bool { return days[i] > s.seen[reporter] })
		if i == len(days) || days[i] > s.last {
			all = append(all, reporter)
		}
	}
	return all
}

// hushed says that nobody who tells of failures only has told of one for longer
// than an incident's bad days may be apart, and that there are no other witnesses.
func (h *history) hushed(s *stretch, on tlsrpt.Day) bool {
	return on-s.last > joinGap && !slices.ContainsFunc(h.witnesses(s), func(reporter string) bool { return !h.failuresOnly(reporter) })
}

// dueNext returns when the first report that can end the incident is due, and
// whether every reporter that could send it is overdue.
func (h *history) dueNext(s *stretch) (next time.Time, unconfirmed bool) {
	unconfirmed = !h.in.UpTo.IsZero()
	for _, reporter := range h.witnesses(s) {
		due := h.expectedNext(reporter)
		if due.IsZero() {
			// Most reports come within three days after the day they are for.
			unconfirmed = unconfirmed && h.in.UpTo.Sub(s.last.Time()) > 4*day
			continue
		}
		if due.Before(h.in.UpTo) {
			continue
		}
		unconfirmed = false
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next, unconfirmed
}
