package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// policies answers Policies.
func (m *model) policies(s store.Selection) []store.PolicySeen {
	rows := map[string]*store.PolicySeen{}
	named := map[string]map[*modelReport]bool{}
	for _, r := range m.sorted() {
		if !r.selected(s) || s.MaxLateness > 0 && time.Duration(r.late())*time.Hour > s.MaxLateness {
			continue
		}
		for _, p := range r.report.Policies {
			if !policyKept(s, p) || !hasDetail(r, s, p.Domain) {
				continue
			}
			key := strings.Join([]string{p.Domain, p.Type, p.Mode, r.report.Reporter, fmt.Sprintf("%q", p.Strings), fmt.Sprintf("%q", p.MXHosts)}, "\x00")
			if rows[key] == nil {
				rows[key] = &store.PolicySeen{
					Domain: p.Domain, Type: p.Type, Mode: p.Mode, Strings: p.Strings, MXHosts: p.MXHosts, Reporter: r.report.Reporter,
					First: r.report.Day(), Last: r.report.Day(),
				}
				named[key] = map[*modelReport]bool{}
			}
			row := rows[key]
			row.First, row.Last = min(row.First, r.report.Day()), max(row.Last, r.report.Day())
			named[key][r] = true
			row.Reports = int64(len(named[key]))
		}
	}
	list := []store.PolicySeen{}
	for _, row := range rows {
		if (s.To.IsZero() || row.First.Time().Before(s.To)) && (s.From.IsZero() || (row.Last + 1).Time().After(s.From)) {
			list = append(list, *row)
		}
	}
	slices.SortFunc(list, func(a, b store.PolicySeen) int {
		return slices.Compare(
			slices.Concat([]string{a.Domain, a.Type, a.Mode, a.Reporter}, a.Strings, []string{""}, a.MXHosts),
			slices.Concat([]string{b.Domain, b.Type, b.Mode, b.Reporter}, b.Strings, []string{""}, b.MXHosts))
	})
	return list
}

func TestArrivalsAreAllThatWasSeenByTheHourOfTheCommit(t *testing.T) {
	now := &clock{epoch}
	s := memory(t, WithClock(now.time))
	ignored := store.Delivery{Source: "mailbox", Ref: "1", Ignored: "not a report"}
	broken := store.Delivery{Source: "drop", Ref: "1", Documents: []store.Document{{Problem: &store.Problem{Reason: "invalid-json"}, Raw: []byte("{")}}}
	tr := newTraffic(1)
	commit(t, s, append(tr.deliveries(t, 3), ignored)...)
	now.now = epoch.Add(2 * time.Hour)
	commit(t, s, broken, ignored)
	want := []map[string]int64{{"mailbox": 4}, {}, {"drop": 1}}
	for hour, arrivals := range want {
		from := epoch.Add(time.Duration(hour) * time.Hour)
		if diff := cmp.Diff(arrivals, must2(s.Arrivals(t.Context(), from, from.Add(time.Hour)))(t)); diff != "" {
			t.Errorf("hour %d: %s", hour, diff)
		}
	}
	report := must2(s.RetryQuarantine(t.Context(), "", 0, 1))(t)
	_, err := s.Resolve(t.Context(), report[0], store.Document{Report: newReport(t, 9), Raw: []byte("{")})
	must(t, err)
	if diff := cmp.Diff(map[string]int64{"mailbox": 4, "drop": 1}, must2(s.Arrivals(t.Context(), time.Time{}, time.Time{}))(t)); diff != "" {
		t.Errorf("after a new try: %s", diff)
	}
	recount(t, s)
}
