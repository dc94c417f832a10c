package analytics

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// heldDays is for how many days after its last report a reporter is taken to
// still hold the policy it named: one that is not heard says nothing.
const heldDays = 14

// The values of [PolicyRow.State].
const (
	// PolicyCurrent is what the newest reports say.
	PolicyCurrent = "current"
	// PolicyOlder is held by someone although a newer one is seen.
	PolicyOlder = "older"
	// PolicyGone is what no reporter's last report says.
	PolicyGone = "gone"
)

// A PolicyRow is one policy of a domain, however its senders wrote it.
type PolicyRow struct {
	Domain, Type, Mode string
	// MX are the MX patterns of an MTA-STS policy (RFC 8461 section 3.2), or the
	// hosts that TLSA records were seen for, ordered.
	MX []string
	// MaxAge is in seconds; 0 where no sender told it.
	MaxAge int64
	// Lines is the normal form: mode, max_age and mx, or TLSA records, ordered.
	Lines []string
	// Text is one form as it was said, line by line.
	Text string
	// Hash is the same for equal policies of one type.
	Hash                string
	FirstSeen, LastSeen tlsrpt.Day
	// Reporters are all who told of it, HeldBy those who still do.
	Reporters, HeldBy []string
	Reports           int64
	State             string

	seen map[string]sighting
	// full: no part is left out, so that what is missing is not there.
	full bool
}

// A sighting is when one reporter told of a policy.
type sighting struct{ first, last tlsrpt.Day }

// PolicyRows puts what senders saw together: equal policies are one row, and
// one that leaves parts out stands with a fuller one that it agrees with. Rows
// are ordered by domain and type, current ones first, then the newest.
func PolicyRows(seen []store.PolicySeen) []PolicyRow {
	var all []PolicyRow
	for of := range eachDomain(seen) {
		rows := mergePolicies(of)
		judgePolicies(rows)
		all = append(all, rows...)
	}
	slices.SortFunc(all, func(a, b PolicyRow) int {
		return cmp.Or(
			cmp.Compare(a.Domain, b.Domain), cmp.Compare(typeOrder(a.Type), typeOrder(b.Type)), cmp.Compare(a.Type, b.Type),
			cmp.Compare(stateOrder(a.State), stateOrder(b.State)), cmp.Compare(b.LastSeen, a.LastSeen), cmp.Compare(a.Hash, b.Hash),
		)
	})
	return all
}

// eachDomain hands on what was seen of one domain after the other, in their order.
func eachDomain(seen []store.PolicySeen) iter.Seq[[]store.PolicySeen] {
	byDomain := func(a, b store.PolicySeen) int { return strings.Compare(a.Domain, b.Domain) }
	if !slices.IsSortedFunc(seen, byDomain) {
		seen = slices.Clone(seen)
		slices.SortStableFunc(seen, byDomain)
	}
	return func(yield func([]store.PolicySeen) bool) {
		for from := 0; from < len(seen); {
			to := from + 1
			for to < len(seen) && seen[to].Domain == seen[from].Domain {
				to++
			}
			if !yield(seen[from:to]) {
				return
			}
			from = to
		}
	}
}

func stateOrder(state string) int {
	return slices.Index([]string{PolicyCurrent, PolicyOlder, PolicyGone}, state)
}

func typeOrder(policyType string) int {
	if i := slices.Index([]string{tlsrpt.PolicySTS, tlsrpt.PolicyTLSA, tlsrpt.PolicyNotFound}, policyType); i >= 0 {
		return i
	}
	return 3
}

// mergePolicies makes the rows of one domain, the fullest views first, so that
// each partial one finds what it is a part of.
func mergePolicies(seen []store.PolicySeen) []PolicyRow {
	views := make([]policyView, len(seen))
	for i := range seen {
		views[i] = viewOf(&seen[i])
	}
	slices.SortStableFunc(views, func(a, b policyView) int {
		return cmp.Or(
			cmp.Compare(b.weight(), a.weight()), cmp.Compare(a.seen.First, b.seen.First),
			strings.Compare(a.key(), b.key()), strings.Compare(a.seen.Reporter, b.seen.Reporter),
		)
	})
	var rows []PolicyRow
	byKey := map[string]int{}
	for _, v := range views {
		i, ok := -1, false
		if !v.full() {
			i, ok = v.findWhole(rows)
		}
		if !ok {
			i, ok = byKey[v.key()]
		}
		if !ok {
			i = len(rows)
			byKey[v.key()] = i
			rows = append(rows, v.row())
		}
		rows[i].add(&v)
	}
	return rows
}

// add adds one reporter's sighting to the row.
func (r *PolicyRow) add(v *policyView) {
	s := v.seen
	first := s.First
	if !v.full() && s.Last >= r.FirstSeen {
		// What leaves parts out may have been another policy before this one.
		first = max(first, r.FirstSeen)
	}
	r.FirstSeen, r.LastSeen = min(r.FirstSeen, first), max(r.LastSeen, s.Last)
	r.Reports += s.Reports
	before, ok := r.seen[s.Reporter]
	if !ok {
		before = sighting{first, s.Last}
		i, _ := slices.BinarySearch(r.Reporters, s.Reporter)
		r.Reporters = slices.Insert(r.Reporters, i, s.Reporter)
	}
	r.seen[s.Reporter] = sighting{min(before.first, first), max(before.last, s.Last)}
	if r.Type == tlsrpt.PolicyTLSA {
		r.MX = slices.Compact(slices.Sorted(slices.Values(append(r.MX, v.hosts...))))
	}
}

// judgePolicies tells for the rows of one domain which are current. Of MTA-STS
// policies it is one of the mode that stands, and none where none is found.
func judgePolicies(rows []PolicyRow) {
	newest := holders(rows)
	mode := currentMode(modesOf(rows))
	outdated := func(r *PolicyRow) bool {
		return mode != "" && r.Type == tlsrpt.PolicySTS && r.Mode != "" && r.Mode != mode
	}
	var rest []PolicyRow
	var at []int
	for i := range rows {
		switch r := &rows[i]; {
		case len(r.HeldBy) == 0:
			r.State = PolicyGone
		case outdated(r):
			r.State = PolicyOlder
		default:
			rest, at = append(rest, *r), append(at, i)
		}
	}
	judgeHeld(rest, newest)
	for i := range rest {
		rows[at[i]].State = rest[i].State
	}
}

// holders tells by whom each row is held on the newest day, which it returns.
func holders(rows []PolicyRow) (newest tlsrpt.Day) {
	said := map[string]tlsrpt.Day{}
	for _, r := range rows {
		newest = max(newest, r.LastSeen)
		for reporter, s := range r.seen {
			said[reporter] = max(said[reporter], s.last)
		}
	}
	for i := range rows {
		r := &rows[i]
		for _, reporter := range r.Reporters {
			last := r.seen[reporter].last
			if last == said[reporter] && newest-last <= heldDays {
				r.HeldBy = append(r.HeldBy, reporter)
			}
		}
	}
	return newest
}

// judgeHeld tells which of the rows that are held are current. Where each has a
// newer one, as three can in a circle, it is the one seen first last.
func judgeHeld(rows []PolicyRow, newest tlsrpt.Day) {
	var best *PolicyRow
	current := false
	for i := range rows {
		r := &rows[i]
		r.State = PolicyCurrent
		if len(r.HeldBy) == 0 {
			r.State = PolicyGone
			continue
		}
		for j := range rows {
			if j != i && len(rows[j].HeldBy) > 0 && rivals(r, &rows[j]) && newer(&rows[j], r, newest) {
				r.State = PolicyOlder
			}
		}
		current = current || r.State == PolicyCurrent
		if best == nil || firstSeenLater(r, best) {
			best = r
		}
	}
	if best != nil && !current {
		best.State = PolicyCurrent
	}
}

// rivals tells whether of two policies only one can be current. TLSA records
// of different hosts stand beside each other, as do those that one reporter's
// last report names both.
func rivals(a, b *PolicyRow) bool {
	if a.Type != b.Type {
		return false
	}
	if a.Type != tlsrpt.PolicyTLSA {
		return true
	}
	apart := len(a.MX) > 0 && len(b.MX) > 0 && !slices.ContainsFunc(a.MX, func(mx string) bool { return slices.Contains(b.MX, mx) })
	return !apart && !slices.ContainsFunc(a.HeldBy, func(reporter string) bool { return slices.Contains(b.HeldBy, reporter) })
}
