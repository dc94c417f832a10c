package sqlite

import (
	"cmp"
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func modelTrust(t store.Trust) int {
	return slices.Index([]store.Trust{store.Authenticated, store.Pending, store.Unverifiable, store.Unauthenticated}, t)
}

func (r *modelReport) earliest() modelDelivery {
	return slices.MinFunc(r.deliveries, func(a, b modelDelivery) int {
		return cmp.Or(a.received.Compare(b.received), strings.Compare(a.source, b.source), strings.Compare(a.ref, b.ref))
	})
}

func (r *modelReport) best() store.Judgement {
	return slices.MinFunc(r.deliveries, func(a, b modelDelivery) int {
		return cmp.Or(cmp.Compare(modelTrust(a.judgement.Trust), modelTrust(b.judgement.Trust)),
			a.received.Compare(b.received), strings.Compare(a.source, b.source), strings.Compare(a.ref, b.ref))
	}).judgement
}

func (r *modelReport) late() int64 {
	return max(int64(math.Ceil(r.stored.Sub(r.report.End).Hours())), 0)
}

func (r *modelReport) domains() []string {
	var all []string
	for _, p := range r.report.Policies {
		all = append(all, p.Domain)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func sameClaim(a, b *modelReport) bool {
	return a.report.ReportID == b.report.ReportID && a.report.Start.Equal(b.report.Start) && a.report.End.Equal(b.report.End) &&
		slices.Equal(a.domains(), b.domains())
}

func sameName(a, b *modelReport) bool {
	return sameClaim(a, b) && a.report.Reporter == b.report.Reporter
}

func sameSigner(a, b *modelReport) bool {
	x, y := a.best(), b.best()
	return sameClaim(a, b) && x.Trust == store.Authenticated && y.Trust == store.Authenticated && x.SignedBy != "" && x.SignedBy == y.SignedBy
}

// counted returns the reports that nothing supersedes: first nothing of the same
// name, then nothing of the same signer that has come so far.
func (m *model) counted() map[*modelReport]bool {
	first, counted := map[*modelReport]bool{}, map[*modelReport]bool{}
	for _, r := range m.reports {
		first[r] = !slices.ContainsFunc(m.reports, func(o *modelReport) bool {
			return sameName(o, r) && m.beats(o, r, sameName)
		})
	}
	for _, r := range m.reports {
		if first[r] && !slices.ContainsFunc(m.reports, func(o *modelReport) bool {
			return first[o] && sameSigner(o, r) && m.beats(o, r, sameSigner)
		}) {
			counted[r] = true
		}
	}
	return counted
}

// beats compares two of those that have the same in common.
func (m *model) beats(a, b *modelReport, same func(a, b *modelReport) bool) bool {
	earliest := a.earliest().received
	for _, r := range m.reports {
		if received := r.earliest().received; same(r, a) && received.Before(earliest) {
			earliest = received
		}
	}
	x, y := sha256.Sum256([]byte(a.raw)), sha256.Sum256([]byte(b.raw))
	return cmp.Or(slices.Compare(m.standing(a, earliest), m.standing(b, earliest)),
		a.earliest().received.Compare(b.earliest().received), slices.Compare(x[:], y[:])) < 0
}

// standing is smaller for what has more to do with its reporter.
func (m *model) standing(r *modelReport, earliest time.Time) []int64 {
	signer := r.best().SignedBy
	known := tlsrpt.KnownSigners(r.report.Reporter)
	switch {
	case r.best().Trust != store.Authenticated:
		return []int64{2}
	case signer == "" || slices.ContainsFunc(known, func(s string) bool { return tlsrpt.Aligned(s, signer) }):
		return []int64{0}
	case known != nil:
		return []int64{3}
	}
	first := time.Unix(1<<40, 0)
	for _, s := range m.signed {
		if s.reporter == r.report.Reporter && tlsrpt.Aligned(s.signer, signer) && s.received.Before(first) {
			first = s.received
		}
	}
	if earliest.Sub(first) > 24*time.Hour {
		return []int64{1, 0, first.Unix()}
	}
	against := int64(0)
	if _, domain, ok := strings.Cut(r.report.ContactInfo, "@"); ok && !tlsrpt.Aligned(domain, signer) {
		against++
	}
	if slices.Contains([]string{"example.net", "Mail.ru"}, r.report.Reporter) && !tlsrpt.Aligned(r.report.Reporter, signer) {
		against++
	}
	return []int64{1, 1, against, first.Unix()}
}

func (m *model) warnings(r *modelReport) []string {
	warnings := []string{"odd: tolerated"}
	signer, reporter := r.best().SignedBy, r.report.Reporter
	counted := m.counted()
	tier := m.standing(r, r.earliest().received)[0]
	if r.best().Trust == store.Authenticated && tier > 0 && !counted[r] {
		if by, ok := m.instead(r, counted); ok && by.Trust == store.Authenticated && by.SignedBy != "" && !tlsrpt.Aligned(by.SignedBy, signer) {
			return append(warnings, "other-signer: signed by "+signer+"; the report that counts instead is signed by "+by.SignedBy)
		}
	}
	switch tier {
	case 3:
		return append(warnings, "other-signer: signed by "+signer+"; "+reporter+" signs as "+strings.Join(tlsrpt.KnownSigners(reporter), " or "))
	case 1:
		all := slices.DeleteFunc(slices.Clone(m.signed), func(s modelSigned) bool { return s.reporter != reporter })
		own := slices.DeleteFunc(slices.Clone(all), func(s modelSigned) bool { return !tlsrpt.Aligned(reporter, s.signer) })
		if len(own) > 0 {
			all = own // who has the name as a domain is not second to who borrowed it
		}
		earliest := slices.MinFunc(all, func(a, b modelSigned) int { return a.received.Compare(b.received) }).received
		all = slices.DeleteFunc(all, func(s modelSigned) bool { return !s.received.Equal(earliest) })
		if slices.ContainsFunc(all, func(s modelSigned) bool { return tlsrpt.Aligned(s.signer, signer) }) ||
			counted[r] && slices.ContainsFunc(all, func(s modelSigned) bool { return m.lostTo(r, s.signer) }) {
			return warnings
		}
		first := slices.Min(organizations(all))
		return append(warnings, "other-signer: signed by "+signer+"; reports of "+reporter+" have been signed by "+first+" since "+earliest.Format(time.DateOnly))
	}
	return warnings
}

// instead returns what is known of the report that counts where r does not: that
// of the same name, or else the only one that shares a signer with one of these.
func (m *model) instead(r *modelReport, counted map[*modelReport]bool) (store.Judgement, bool) {
	var near []store.Judgement
	for _, o := range m.reports {
		if counted[o] && sameName(o, r) {
			return o.best(), true
		}
		if counted[o] && slices.ContainsFunc(m.reports, func(n *modelReport) bool { return sameName(n, r) && sameSigner(n, o) }) {
			near = append(near, o.best())
		}
	}
	if len(near) == 1 {
		return near[0], true
	}
	return store.Judgement{}, false
}

// lostTo tells whether a report of the same name that a signer of an
// organization signed is another than r.
func (m *model) lostTo(r *modelReport, signer string) bool {
	return slices.ContainsFunc(m.reports, func(o *modelReport) bool {
		return o != r && sameName(o, r) && o.best().Trust == store.Authenticated && o.best().SignedBy != "" && tlsrpt.Aligned(o.best().SignedBy, signer)
	})
}

// organizations names the organizational domains, which have two labels here.
func organizations(all []modelSigned) (names []string) {
	for _, s := range all {
		labels := strings.Split(s.signer, ".")
		names = append(names, strings.Join(labels[len(labels)-2:], "."))
	}
	return names
}
