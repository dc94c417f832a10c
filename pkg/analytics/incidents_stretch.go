package analytics

import (
	"maps"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A stretch is the time of one incident.
type stretch struct {
	first, last tlsrpt.Day
	// seen is the last bad day of each reporter that saw it.
	seen map[string]tlsrpt.Day
	// failed are the failed sessions that each of them told of.
	failed map[string]int64
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
			open = &stretch{first: on, seen: map[string]tlsrpt.Day{}, failed: map[string]int64{}}
			all = append(all, open)
		}
		open.last, open.clean = on, 0
		for _, f := range t.days[on] {
			open.seen[f.reporter] = on
			open.failed[f.reporter] += f.failed
		}
	}
	if open != nil {
		// The day after the last one that anybody reported on bounds the search.
		open.clean, open.ended = h.cleanAfter(open, h.lastHeard+1, tlsrpt.DayOf(h.in.UpTo))
		if !open.ended {
			open.ended = h.hushed(open, tlsrpt.DayOf(h.in.UpTo))
		}
	}
	return all
}

// parted says whether a bad day begins another incident, and notes since when
// the one before was clean.
func (h *history) parted(s *stretch, on tlsrpt.Day) bool {
	if on-s.last <= JoinGap {
		return false
	}
	if clean, ok := h.cleanAfter(s, on, on); ok {
		s.clean = clean
		return on-clean >= JoinGap
	}
	return h.hushed(s, on)
}

// hushed says that nobody who tells of failures only has told of one for longer
// than an incident's bad days may be apart, and that there are no other witnesses.
func (h *history) hushed(s *stretch, on tlsrpt.Day) bool {
	return on-s.last > JoinGap && !slices.ContainsFunc(h.witnesses(s, on), func(w Witness) bool { return !h.failuresOnly(w.Reporter) })
}
