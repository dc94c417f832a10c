package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func memory(t testing.TB, options ...Option) *Store {
	t.Helper()
	s, err := OpenMemory(t.Context(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// clear empties a store, which is faster than to open another.
func empty(t fataler, s *Store) {
	must(t, s.write(context.Background(), func(ctx context.Context, c *conn) error {
		for _, table := range []string{
			"ledger", "report", "document", "delivery", "pending_mail", "policy", "failure", "total_day", "reporter_day", "domain_total_day",
			"domain_total_month", "domain_day", "domain_month", "domain_reporter_day", "stored_hour", "stored_hour_late", "total_hour", "total_hour_late",
			"failure_total_day", "failure_result_day", "failure_domain_day", "failure_stored_hour", "failure_stored_hour_late",
			"heard", "sighting", "arrival_hour", "parsed", "quarantine", "quarantine_hour", "account", "source_state", "lease", "signing", "reading", "read_with",
		} {
			if _, err := c.exec(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return c.script(ctx, "UPDATE meta SET value = 0; UPDATE meta SET value = -1000000000 WHERE name = 'first_hour'")
	}))
}

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryAnswerEqualsTheObviousModels(t *testing.T) {
	ctx := t.Context()
	now := &clock{}
	s := memory(t, WithClock(now.time))
	paths := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		empty(t, s)
		now.now = epoch.Add(24 * time.Hour)
		m := newModel()
		var earlier []*tlsrpt.Report
		draw := drawDrawer(t)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			now.now = now.now.Add(time.Duration(rapid.IntRange(0, 10*24*60).Draw(t, "minutes")) * time.Minute)
			switch rapid.IntRange(0, 12).Draw(t, "step") {
			case 0:
				first := tlsrpt.DayOf(epoch) + tlsrpt.Day(rapid.IntRange(0, 30).Draw(t, "first day"))
				_, err := s.Retain(ctx, first)
				must(t, err)
				m.retain(first)
			case 1, 2:
				rejudgeBoth(t, s, m)
			case 3:
				rereadBoth(t, s, m, now.now)
			case 4:
				resolveBoth(t, s, m, now.now)
			default:
				commitBoth(t, s, m, now.now, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) store.Delivery { return drawDelivery(t, draw, &earlier) }), 1, 5).Draw(t, "batch"))
			}
		}
		recount(t, s)
		for range 12 {
			compareAnswers(t, s, m, paths)
		}
	})
	t.Log(slices.Sorted(maps.Keys(paths)))
	for _, path := range []string{
		"total_day", "reporter_day", "domain_total_day", "domain_total_month and domain_total_day", "domain_day", "domain_month and domain_day", "domain_reporter_day", "total_hour", "total_hour of all", "stored_hour", "stored_hour of all", "policy rows", "policy rows by stored",
		"failure_total_day", "failure_result_day", "failure_domain_day", "failure_stored_hour", "failure_stored_hour of all", "failure rows", "failure rows by stored",
	} {
		if !paths[path] {
			t.Errorf("no question was answered from %s", path)
		}
	}
}

func commitBoth(t *rapid.T, s *Store, m *model, now time.Time, batch []store.Delivery) {
	results, err := s.Commit(context.Background(), batch)
	must(t, err)
	for i, d := range batch {
		if diff := cmp.Diff(m.commit(now, d), results[i].Outcomes, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("outcomes of %s %s: %s", d.Source, d.Ref, diff)
		}
	}
}

func compareAnswers(t *rapid.T, s *Store, m *model, paths map[string]bool) {
	ctx := context.Background()
	all := append(slices.Clone(sessionDimensions), detailDimensions...)
	filterOn := sessionDimensions
	if rapid.IntRange(0, 3).Draw(t, "by detail") == 0 {
		filterOn = all
	}
	q := drawSums(t, sessionDimensions, filterOn)
	sessions, cost, err := s.Sessions(ctx, q)
	must(t, err)
	note(t, s, q, paths, cost, false)
	if diff := cmp.Diff(m.sessions(q), sessions, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("sessions of %+v (-model +store):\n%s", q, diff)
	}
	if d := pick(t, sessionDimensions, "values of"); true {
		compareValues(t, s, d, q, m.sessions(store.SumQuery{Selection: q.Selection, GroupBy: []store.Dimension{d}}), func(r store.SessionRow) string { return r.Group[0] })
	}
	if diff := cmp.Diff(m.reporters(q.Selection, false, 0), must2(s.Reporters(ctx, q.Selection))(t), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("reporters of %+v (-model +store):\n%s", q.Selection, diff)
	}
	if diff := cmp.Diff(m.policies(q.Selection), must2(s.Policies(ctx, q.Selection))(t), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("policies of %+v (-model +store):\n%s", q.Selection, diff)
	}
	since := tlsrpt.DayOf(epoch) + tlsrpt.Day(rapid.IntRange(0, 60).Draw(t, "since"))
	last := m.reporters(store.Selection{Filters: q.Filters, AuthenticatedOnly: q.AuthenticatedOnly}, true, since)
	if diff := cmp.Diff(last, must2(s.LastReports(ctx, q.Filters, q.AuthenticatedOnly, since))(t), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("last reports of %+v since %s (-model +store):\n%s", q.Selection, since, diff)
	}

	group := all
	if rapid.Bool().Draw(t, "few") {
		group = []store.Dimension{store.ResultType, store.Reporter, store.TrustDimension}
	}
	q = drawSums(t, group, group)
	failures, cost, err := s.FailureSums(ctx, q)
	must(t, err)
	note(t, s, q, paths, cost, true)
	if diff := cmp.Diff(m.failureSums(q), failures, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("failures of %+v (-model +store):\n%s", q, diff)
	}
	compareLargest(t, s, m, q)
	d := pick(t, detailDimensions, "values of")
	compareValues(t, s, d, q, m.failureSums(store.SumQuery{Selection: q.Selection, GroupBy: []store.Dimension{d}}), func(r store.FailureSum) string { return r.Group[0] })
	compareLists(t, s, m, q.Selection)
}

// compareLargest asks for the largest groups: those that no more than so many
// others exceed.
func compareLargest(t *rapid.T, s *Store, m *model, q store.SumQuery) {
	q.PerBucket, q.Among = false, nil
	all := m.failureSums(q)
	q.Largest = store.Ranking{Most: rapid.IntRange(1, 5).Draw(t, "largest"), Distinct: rapid.Bool().Draw(t, "distinct")}
	size := func(f store.FailureSum) int64 {
		if q.Largest.Distinct {
			return f.Failed - f.Overlap
		}
		return f.Failed
	}
	var want []store.FailureSum
	for _, f := range all {
		larger := 0
		for _, other := range all {
			if size(other) > size(f) {
				larger++
			}
		}
		if larger < q.Largest.Most {
			want = append(want, f)
		}
	}
	largest, cost, err := s.FailureSums(context.Background(), q)
	must(t, err)
	if diff := cmp.Diff(want, largest, cmpopts.EquateEmpty()); diff != "" || cost.Groups != len(all) {
		t.Fatalf("the largest of %+v, which are of %d and not %d (-model +store):\n%s", q, cost.Groups, len(all), diff)
	}
}

func must2[V any](v V, err error) func(fataler) V {
	return func(t fataler) V {
		t.Helper()
		must(t, err)
		return v
	}
}

// note remembers by which path a question was answered.
func note(t *rapid.T, s *Store, query store.SumQuery, paths map[string]bool, cost store.Cost, failures bool) {
	must(t, s.read(context.Background(), func(c *conn) error {
		q, err := s.sumQuestion(context.Background(), c, query)
		if err != nil {
			return err
		}
		there, err := extentOf(context.Background(), c)
		if err != nil {
			return err
		}
		p := failurePlan(q, there)
		if !failures {
			p = sessionPlan(q, there)
		}
		if p.rows != cost.Rows || p.rows != strings.Contains(p.name, "rows") {
			t.Fatalf("cost of %s is %+v", p.name, cost)
		}
		paths[p.name] = true
		return nil
	}))
}

func compareValues[R any](t *rapid.T, s *Store, d store.Dimension, q store.SumQuery, rows []R, of func(R) string) {
	search := pick(t, []string{"", "", "A", "e."}, "search")
	limit := rapid.IntRange(1, 4).Draw(t, "limit")
	want := []string{}
	for _, r := range rows {
		if v := of(r); strings.Contains(strings.ToLower(v), strings.ToLower(search)) {
			want = append(want, v)
		}
	}
	wantMore := len(want) > limit
	got, more, err := s.Values(context.Background(), d, q.Selection, search, limit)
	must(t, err)
	if diff := cmp.Diff(want[:min(limit, len(want))], got, cmpopts.EquateEmpty()); diff != "" || more != wantMore {
		t.Fatalf("values of %s with %q in %+v: more %v, want %v (-model +store):\n%s", d, search, q.Selection, more, wantMore, diff)
	}
}

func compareLists(t *rapid.T, s *Store, m *model, selection store.Selection) {
	limit := pick(t, []int{1, 5, 20, 10_000, 10_000}, "limit")
	reports, more, err := s.Reports(context.Background(), store.RowQuery{Selection: selection, Limit: limit})
	must(t, err)
	var got, want []string
	for _, r := range reports {
		got = append(got, fmt.Sprint(r.Stored.Unix(), r.Day, r.Reporter, r.PolicyDomain, r.Total, r.Failed, r.OverlapTotal, r.OverlapFailed,
			r.Judgement, r.Superseded, r.Deliveries, r.Source, r.Received.Unix(), r.Start.Unix(), r.End.Unix(), r.ReportID, r.ContactInfo, r.Warnings))
	}
	counted := m.counted()
	var failures int
	for _, r := range m.reports {
		_, ok := r.inTime(selection)
		if !ok || !r.selected(selection) {
			continue
		}
		overlap := r.report.Overlaps()
		for _, domain := range r.domains() {
			var total, failed int64
			kept := false
			for _, p := range r.report.Policies {
				if p.Domain != domain {
					continue
				}
				total, failed, kept = total+p.Successful+p.Failed, failed+p.Failed, kept || policyKept(selection, p)
				for _, d := range p.Details {
					if counted[r] && policyKept(selection, p) && detailKept(selection, d) {
						failures++
					}
				}
			}
			if !kept || !hasDetail(r, selection, domain) {
				continue
			}
			e := r.earliest()
			items := map[string]bool{}
			for _, d := range r.deliveries {
				items[d.source+"\x00"+d.ref] = true
			}
			want = append(want, fmt.Sprint(r.stored.Unix(), r.report.Day(), r.report.Reporter, domain, total, failed, overlap[domain].Total, overlap[domain].Failed,
				r.best(), !counted[r], len(items), e.source, e.received.Unix(), r.report.Start.Unix(), r.report.End.Unix(), r.report.ReportID, r.report.ContactInfo,
				m.warnings(r)))
		}
	}
	if more != (len(want) > limit) || len(got) != min(limit, len(want)) {
		t.Fatalf("reports of %+v: %d, more %v; want %d of %d", selection, len(got), more, limit, len(want))
	}
	if !more {
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("reports of %+v (-model +store):\n%s", selection, diff)
		}
	}
	newest := func(aDay, bDay tlsrpt.Day, aStored, bStored time.Time) bool {
		if selection.TimeField == store.StoredTime {
			return !aStored.Before(bStored)
		}
		return aDay >= bDay
	}
	for i := range len(reports) - 1 {
		if a, b := reports[i], reports[i+1]; !newest(a.Day, b.Day, a.Stored, b.Stored) {
			t.Fatalf("reports are not in order: %+v before %+v", a, b)
		}
	}
	rows, more, err := s.Failures(context.Background(), store.RowQuery{Selection: selection, Limit: limit})
	must(t, err)
	if more != (failures > limit) || len(rows) != min(failures, limit) {
		t.Fatalf("failures of %+v: %d, more %v; want %d", selection, len(rows), more, failures)
	}
	for i := range len(rows) - 1 {
		if a, b := rows[i], rows[i+1]; !newest(a.Day, b.Day, a.Stored, b.Stored) {
			t.Fatalf("failures are not in order: %+v before %+v", a, b)
		}
	}
}
