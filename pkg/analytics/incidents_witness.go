package analytics

import (
	"cmp"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A Witness is a reporter that was still seeing an incident when it was last seen.
type Witness struct {
	Reporter string
	// Failed are the failed sessions of the incident that it told of.
	Failed int64
	// Clean is the first day after the last bad one on which it told of sessions
	// without the failure; 0 where it has not done so.
	Clean tlsrpt.Day
	// Awaited says that a report of it on the days after is still to be reckoned
	// with: see [Awaited].
	Awaited bool
}

// CleanSince returns the day since which an incident is over: when those of its
// witnesses that were clean carried more than half of the failed sessions that
// all of them told of, or when all that are clean or awaited were. One clean
// session of a small reporter does not speak for the large ones.
func CleanSince(witnesses []Witness) (tlsrpt.Day, bool) {
	var all, clean int64
	waiting := false
	var known []Witness
	for _, w := range witnesses {
		all += w.Failed
		if w.Clean != 0 {
			known = append(known, w)
		} else {
			waiting = waiting || w.Awaited
		}
	}
	slices.SortFunc(known, func(a, b Witness) int { return cmp.Compare(a.Clean, b.Clean) })
	for _, w := range known {
		clean += w.Failed
		if clean > all-clean {
			return w.Clean, true
		}
	}
	if waiting || len(known) == 0 {
		return 0, false
	}
	return known[len(known)-1].Clean, true
}

// Awaited says whether, as of a day, a report is still to be reckoned with of a
// witness without one since the last bad day. It is for seven days, as long as bad
// days may be apart, since large reporters are late at times; and for longer
// where by its own habit its next one is not due yet.
func Awaited(last, on tlsrpt.Day, due, upTo time.Time) bool {
	return on-last <= JoinGap || due.After(upTo)
}

// witnesses are the reporters that were still seeing the incident when it was
// last seen, by identity: none of their clean days lies between their own last
// bad day and it. What they say of the days before a bound counts.
func (h *history) witnesses(s *stretch, before tlsrpt.Day) []Witness {
	var all []Witness
	for reporter, bad := range s.seen {
		later := h.voices[reporter].from(bad + 1)
		if len(later) > 0 && later[0].on <= s.last {
			continue
		}
		w := Witness{Reporter: reporter, Failed: s.failed[reporter]}
		if len(later) > 0 && later[0].on < before {
			w.Clean = later[0].on
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b Witness) int { return cmp.Compare(a.Reporter, b.Reporter) })
	return all
}

// cleanAfter returns the first day, before a bound, since which the incident is
// over, as things stood on a day.
func (h *history) cleanAfter(s *stretch, before, on tlsrpt.Day) (tlsrpt.Day, bool) {
	witnesses := h.witnesses(s, before)
	for i, w := range witnesses {
		var due time.Time
		// One that reports without a session has no mail any more, or tells of
		// failures only: its next report need not say anything.
		if h.voices[w.Reporter].heard <= s.last && !h.failuresOnly(w.Reporter) {
			due = h.expectedNext(w.Reporter)
		}
		witnesses[i].Awaited = Awaited(s.last, on, due, h.in.UpTo)
	}
	return CleanSince(witnesses)
}

// told parts the witnesses, as of now, into those that were clean since and those
// that have not told of a session since.
func (h *history) told(s *stretch) (clean, waiting []Witness) {
	for _, w := range h.witnesses(s, h.lastHeard+1) {
		if w.Clean != 0 {
			clean = append(clean, w)
		} else {
			waiting = append(waiting, w)
		}
	}
	return clean, waiting
}

// dueNext returns when the first report that can end the incident is due, and
// whether every reporter that could send it is overdue. Reports of several may
// have to come for that.
func (h *history) dueNext(s *stretch) (next time.Time, unconfirmed bool) {
	unconfirmed = !h.in.UpTo.IsZero()
	clean, waiting := h.told(s)
	type report struct {
		due    time.Time
		failed int64
	}
	var reports []report
	var all, carried int64
	for _, w := range clean {
		carried += w.Failed
		all += w.Failed
	}
	for _, w := range waiting {
		all += w.Failed
		due := h.expectedNext(w.Reporter)
		switch {
		case due.IsZero():
			// Most reports come within three days after the day they are for.
			unconfirmed = unconfirmed && h.in.UpTo.Sub(s.last.Time()) > 4*day
		case !due.Before(h.in.UpTo):
			unconfirmed = false
			reports = append(reports, report{due, w.Failed})
		}
	}
	slices.SortFunc(reports, func(a, b report) int { return a.due.Compare(b.due) })
	for _, r := range reports {
		next = r.due
		if carried += r.failed; carried > all-carried {
			break
		}
	}
	return next, unconfirmed
}
