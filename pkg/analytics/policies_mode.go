package analytics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// dropWaitDays is how long one reporter alone is not believed that a policy
// changed while others hold what it left.
const dropWaitDays = 2

// The modes of an MTA-STS policy (RFC 8461 section 3.2).
const (
	modeEnforce = "enforce"
	modeTesting = "testing"
	modeNone    = "none"
)

// modesOf puts the policies of one domain together by mode, the strictest
// first, and judges them; that no policy was found stands as a mode. A reporter
// that never told of a mode has no say: it may not know MTA-STS. One that names
// several in its last report still holds the strictest.
func modesOf(rows []PolicyRow) []PolicyRow {
	var modes []PolicyRow
	knows := map[string]bool{}
	for _, mode := range []string{modeEnforce, modeTesting, modeNone, tlsrpt.PolicyNotFound} {
		m := PolicyRow{Type: tlsrpt.PolicySTS, Mode: mode, Hash: mode, seen: map[string]sighting{}}
		for i := range rows {
			r := &rows[i]
			if r.Type == tlsrpt.PolicySTS && r.Mode == mode || r.Type == tlsrpt.PolicyNotFound && mode == r.Type {
				m.join(r, knows)
			}
		}
		if len(m.seen) > 0 {
			m.Reporters = slices.Sorted(maps.Keys(m.seen))
			modes = append(modes, m)
		}
	}
	newest := holders(modes)
	held := map[string]bool{}
	for i := range modes {
		modes[i].HeldBy = slices.DeleteFunc(modes[i].HeldBy, func(reporter string) bool {
			before := held[reporter]
			held[reporter] = true
			return before
		})
	}
	judgeHeld(modes, newest)
	return modes
}

// join adds the sightings of a row of the same mode; that nothing was found
// counts only from those who know modes.
func (r *PolicyRow) join(o *PolicyRow, knows map[string]bool) {
	for reporter, s := range o.seen {
		if r.Mode == tlsrpt.PolicyNotFound && !knows[reporter] {
			continue
		}
		knows[reporter] = true
		if before, ok := r.seen[reporter]; ok {
			s = sighting{min(before.first, s.first), max(before.last, s.last)}
		}
		r.seen[reporter] = s
		if r.FirstSeen == 0 || s.first < r.FirstSeen {
			r.FirstSeen = s.first
		}
		r.LastSeen = max(r.LastSeen, s.last)
	}
}

// currentMode is the mode that stands; empty where no one told of one.
func currentMode(modes []PolicyRow) string {
	i := slices.IndexFunc(modes, func(m PolicyRow) bool { return m.State == PolicyCurrent })
	if i < 0 {
		return ""
	}
	return modes[i].Mode
}

// newer tells whether a was published after b. Who held one and holds the other
// now has fetched it since, so the last who changed over decide; one alone is
// believed after [dropWaitDays]. Where no one changed over, the one seen first
// later is newer, unless a single reporter names it that never held the other,
// which others do: that is an old cache. That no policy is found any more is
// believed of most only, since a sender's own DNS trouble looks the same.
func newer(a, b *PolicyRow, newest tlsrpt.Day) bool {
	if lost := a.Mode == tlsrpt.PolicyNotFound; lost || b.Mode == tlsrpt.PolicyNotFound {
		if !lost {
			a, b = b, a
		}
		return lost == (len(a.HeldBy) > len(b.HeldBy))
	}
	toA, waitA := lastMove(b, a, newest)
	toB, waitB := lastMove(a, b, newest)
	if toA != toB {
		return toA > toB
	}
	if toA == 0 && waitA != waitB {
		return waitB
	}
	if firstSeenLater(a, b) {
		return !onlyFromCache(a, b)
	}
	return onlyFromCache(b, a)
}

func firstSeenLater(a, b *PolicyRow) bool {
	return cmp.Or(cmp.Compare(a.FirstSeen, b.FirstSeen), cmp.Compare(a.LastSeen, b.LastSeen),
		cmp.Compare(len(a.HeldBy), len(b.HeldBy)), cmp.Compare(a.Hash, b.Hash)) > 0
}

// lastMove is the last day on which a reporter that is believed changed over;
// 0 is none, and waits tells whether there is one that is not believed yet.
func lastMove(from, to *PolicyRow, newest tlsrpt.Day) (last tlsrpt.Day, waits bool) {
	moved := changedOver(from, to)
	for _, reporter := range moved {
		day := to.since(reporter, from)
		if len(to.HeldBy) == 1 && len(from.HeldBy) > 0 && newest-day < dropWaitDays {
			waits = true
			continue
		}
		last = max(last, day)
	}
	return last, waits
}

// since is from when on the reporter told of the row and no more of the other.
func (r *PolicyRow) since(reporter string, other *PolicyRow) tlsrpt.Day {
	return max(r.seen[reporter].first, other.seen[reporter].last+1)
}

// doubted tells whether the later row is no change of the earlier one: no one
// is believed to have changed over to it, and only one reporter told of it.
func doubted(late, early *PolicyRow, newest tlsrpt.Day) bool {
	moved, waits := lastMove(early, late, newest)
	return moved == 0 && (waits || onlyFromCache(late, early))
}

// onlyFromCache tells whether the later row is told by one reporter alone
// while several went on with the earlier one.
func onlyFromCache(late, early *PolicyRow) bool {
	if len(late.Reporters) > 1 {
		return false
	}
	goOn := 0
	for reporter, s := range early.seen {
		if reporter != late.Reporters[0] && s.last > late.FirstSeen {
			goOn++
		}
	}
	return goOn > 1
}
