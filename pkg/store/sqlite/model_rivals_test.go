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

func rivalling(a, b *modelReport) bool {
	if a.report.ReportID != b.report.ReportID || !a.report.Start.Equal(b.report.Start) || !a.report.End.Equal(b.report.End) ||
		!slices.Equal(a.domains(), b.domains()) {
		return false
	}
	x, y := a.best(), b.best()
	return a.report.Reporter == b.report.Reporter ||
		x.Trust == store.Authenticated && y.Trust == store.Authenticated && x.SignedBy != "" && x.SignedBy == y.SignedBy
}

// counted returns the reports that no rival supersedes.
func (m *model) counted() map[*modelReport]bool {
	counted := map[*modelReport]bool{}
	group := map[*modelReport]int{}
	for i, r := range m.reports {
		group[r] = i
	}
	for range m.reports { // until nothing changes
		for _, a := range m.reports {
			for _, b := range m.reports {
				if rivalling(a, b) {
					group[a] = min(group[a], group[b])
					group[b] = group[a]
				}
			}
		}
	}
	for i := range m.reports {
		var best *modelReport
		for _, r := range m.reports {
			if group[r] != i {
				continue
			}
			if best == nil || m.beats(r, best) {
				best = r
			}
		}
		if best != nil {
			counted[best] = true
		}
	}
	return counted
}

func (m *model) beats(a, b *modelReport) bool {
	x, y := sha256.Sum256([]byte(a.raw)), sha256.Sum256([]byte(b.raw))
	return cmp.Or(cmp.Compare(modelTrust(a.best().Trust), modelTrust(b.best().Trust)), slices.Compare(m.standing(a), m.standing(b)),
		a.earliest().received.Compare(b.earliest().received), slices.Compare(x[:], y[:])) < 0
}

// standing is smaller for what has more to do with its reporter.
func (m *model) standing(r *modelReport) []int64 {
	signer := r.best().SignedBy
	known := tlsrpt.KnownSigners(r.report.Reporter)
	if r.best().Trust != store.Authenticated || signer == "" ||
		slices.ContainsFunc(known, func(s string) bool { return tlsrpt.Aligned(s, signer) }) {
		return []int64{0}
	}
	rank := int64(1)
	if known != nil {
		rank = 2
	}
	against := int64(0)
	if _, domain, ok := strings.Cut(r.report.ContactInfo, "@"); ok && !tlsrpt.Aligned(domain, signer) {
		against++
	}
	if slices.Contains([]string{"example.net", "Mail.ru"}, r.report.Reporter) && !tlsrpt.Aligned(r.report.Reporter, signer) {
		against++
	}
	first := int64(math.MaxInt64)
	for _, s := range m.signed {
		if s.reporter == r.report.Reporter && tlsrpt.Aligned(s.signer, signer) {
			first = min(first, s.received.Unix())
		}
	}
	return []int64{rank, against, first}
}

func (m *model) warnings(r *modelReport) []string {
	warnings := []string{"odd: tolerated"}
	signer, reporter := r.best().SignedBy, r.report.Reporter
	switch m.standing(r)[0] {
	case 2:
		return append(warnings, "other-signer: signed by "+signer+"; "+reporter+" signs as "+strings.Join(tlsrpt.KnownSigners(reporter), " or "))
	case 1:
		all := slices.DeleteFunc(slices.Clone(m.signed), func(s modelSigned) bool { return s.reporter != reporter })
		own := slices.DeleteFunc(slices.Clone(all), func(s modelSigned) bool { return !tlsrpt.Aligned(reporter, s.signer) })
		if len(own) > 0 {
			all = own // who has the name as a domain is not second to who borrowed it
		}
		earliest := slices.MinFunc(all, func(a, b modelSigned) int { return a.received.Compare(b.received) }).received
		all = slices.DeleteFunc(all, func(s modelSigned) bool { return !s.received.Equal(earliest) })
		if slices.ContainsFunc(all, func(s modelSigned) bool { return tlsrpt.Aligned(s.signer, signer) }) {
			return warnings
		}
		first := slices.Min(organizations(all))
		return append(warnings, "other-signer: signed by "+signer+"; reports of "+reporter+" have been signed by "+first+" since "+earliest.Format(time.DateOnly))
	}
	return warnings
}

// organizations names the organizational domains, which have two labels here.
func organizations(all []modelSigned) (names []string) {
	for _, s := range all {
		labels := strings.Split(s.signer, ".")
		names = append(names, strings.Join(labels[len(labels)-2:], "."))
	}
	return names
}
