package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

var everything = store.SumQuery{GroupBy: sessionDimensions, PerBucket: true}

// numbers is all that a store says of its reports but for ids.
func numbers(t fataler, s *Store) string {
	t.Helper()
	ctx := context.Background()
	sessions := must2(costless(s.Sessions(ctx, everything)))(t)
	failures := must2(costless(s.FailureSums(ctx, store.SumQuery{GroupBy: append(slices.Clone(sessionDimensions), detailDimensions...), PerBucket: true})))(t)
	reports, _, err := s.Reports(ctx, store.RowQuery{Limit: 10_000})
	must(t, err)
	lines := []string{}
	for _, r := range reports {
		r.ID = 0
		lines = append(lines, fmt.Sprintf("%+v", r))
	}
	slices.Sort(lines)
	reporters := must2(s.Reporters(ctx, store.Selection{}))(t)
	text, err := json.MarshalIndent([]any{sessions, failures, lines, reporters}, "", " ")
	must(t, err)
	return string(text)
}

func costless[R any](rows R, _ store.Cost, err error) (R, error) { return rows, err }

func document(t fataler, r *tlsrpt.Report, j store.Judgement) store.Document {
	t.Helper()
	raw, err := json.Marshal(r)
	must(t, err)
	return store.Document{Report: r, Raw: raw, Judgement: j}
}

func delivery(ref string, documents ...store.Document) store.Delivery {
	return store.Delivery{Source: "mailbox", Ref: ref, Received: epoch, Documents: documents}
}

func TestAForgedReportIsSupersededWhicheverComesFirst(t *testing.T) {
	r, signer := newTraffic(1).report()
	forged := *r
	forged.Policies = slices.Clone(r.Policies)
	forged.Policies[0].Failed = 1000
	real := delivery("real", document(t, r, store.Judgement{Trust: store.Authenticated, SignedBy: signer}))
	fake := delivery("forged", document(t, &forged, store.Judgement{Trust: store.Unauthenticated}))
	for name, order := range map[string][]store.Delivery{"the forged one first": {fake, real}, "the real one first": {real, fake}} {
		t.Run(name, func(t *testing.T) {
			s := memory(t)
			results, err := s.Commit(t.Context(), order)
			must(t, err)
			if n := results[0].Superseded + results[1].Superseded; name == "the forged one first" && n != 1 {
				t.Errorf("%d reports superseded", n)
			}
			rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 10})
			must(t, err)
			if len(rows) != 2 {
				t.Fatalf("%d reports are shown", len(rows))
			}
			for _, row := range rows {
				if row.Superseded != (row.Judgement.Trust == store.Unauthenticated) {
					t.Errorf("%s is superseded: %v", row.Judgement.Trust, row.Superseded)
				}
			}
			got := must2(costless(s.Sessions(t.Context(), store.SumQuery{})))(t)
			if len(got) != 1 || got[0].Reports != 1 || got[0].Failed != r.Policies[0].Failed {
				t.Errorf("sums %+v", got)
			}
		})
	}
}

func TestALaterDeliveryWithABetterTrustRaisesTheReport(t *testing.T) {
	s := memory(t)
	r, signer := newTraffic(1).report()
	first, second := delivery("1", document(t, r, store.Judgement{Trust: store.Unauthenticated})), delivery("2", document(t, r, store.Judgement{Trust: store.Authenticated, SignedBy: signer}))
	second.Source, second.Received = "drop", epoch.Add(-time.Hour)
	results, err := s.Commit(t.Context(), []store.Delivery{first, second, second})
	must(t, err)
	if diff := cmp.Diff([]store.Result{{Outcomes: []store.Outcome{store.Stored}}, {Outcomes: []store.Outcome{store.Duplicate}}, {}}, results); diff != "" {
		t.Error(diff)
	}
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 1})
	must(t, err)
	if got := rows[0]; got.Judgement.Trust != store.Authenticated || got.Source != "drop" || got.Deliveries != 2 || !got.Received.Equal(second.Received) {
		t.Errorf("report %+v", got)
	}
	recount(t, s)
}

func TestTheLedgerKnowsItemsAndWhichMayBeChangedOnTheServer(t *testing.T) {
	ctx := t.Context()
	s := file(t, filepath.Join(t.TempDir(), "s.db"))
	r, _ := newTraffic(1).report()
	good, broken := document(t, r, store.Judgement{}), store.Document{Problem: &store.Problem{Reason: "invalid-json"}, Raw: []byte("{")}
	ignored := delivery("INBOX/4")
	ignored.Ignored = "not a report"
	_, err := s.Commit(ctx, []store.Delivery{delivery("INBOX/1", good), delivery("INBOX/2", good, broken), delivery("Other/3", good), ignored, delivery("INBOX/5", good)})
	must(t, err)
	if diff := cmp.Diff([]string{"INBOX/1", "INBOX/5"}, must2(s.Acknowledgeable(ctx, "mailbox", "INBOX/", 10))(t)); diff != "" {
		t.Error(diff)
	}
	must(t, s.Acknowledge(ctx, "mailbox", []string{"INBOX/1", "INBOX/1", "INBOX/4", "unknown"}))
	states := must2(s.States(ctx, "mailbox", []string{"INBOX/1", "INBOX/2", "INBOX/4", "INBOX/6"}))(t)
	if diff := cmp.Diff([]source.State{source.Acknowledged, source.Committed, source.Acknowledged, source.New}, states); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]source.State{source.New}, must2(s.States(ctx, "drop", []string{"INBOX/1"}))(t)); diff != "" {
		t.Error(diff)
	}
	want := map[string]store.Account{"mailbox": {Stored: 1, Duplicate: 3, Quarantined: 1, Ignored: 1, Pending: 2}}
	if diff := cmp.Diff(want, must2(s.Accounts(ctx))(t)); diff != "" {
		t.Error(diff)
	}
	recount(t, s)
}

func TestQuarantinedDocumentsAreResolvedOnce(t *testing.T) {
	ctx := t.Context()
	now := &clock{epoch}
	s := file(t, filepath.Join(t.TempDir(), "s.db"), WithClock(now.time))
	r, _ := newTraffic(1).report()
	good := document(t, r, store.Judgement{Trust: store.Unverifiable})
	broken := store.Document{Problem: &store.Problem{Reason: "foreign-domain", Detail: "no"}, Raw: good.Raw, Judgement: good.Judgement, Hints: tlsrpt.Hints{Submitter: "a"}}
	_, err := s.Commit(ctx, []store.Delivery{delivery("1", broken), delivery("2", broken)})
	must(t, err)
	ids := must2(s.RetryQuarantine(ctx, "foreign-domain", 0, 10))(t)
	if len(ids) != 2 {
		t.Fatalf("ids %v", ids)
	}
	doc, problem, err := s.Quarantined(ctx, ids[0])
	must(t, err)
	if string(doc.Raw) != string(good.Raw) || problem != *broken.Problem || doc.Hints != broken.Hints || doc.Trust != store.Unverifiable || doc.Ref != "1" {
		t.Errorf("quarantined %+v, %+v", doc, problem)
	}
	for i, try := range []struct {
		id       int64
		document store.Document
		want     store.Outcome
	}{
		{ids[0], store.Document{Problem: &store.Problem{Reason: "invalid-domain"}}, store.Quarantined},
		{ids[0], store.Document{Report: r, Raw: good.Raw}, store.Stored},
		{ids[1], good, store.Duplicate},
	} {
		got, err := s.Resolve(ctx, try.id, try.document)
		must(t, err)
		if got != try.want {
			t.Errorf("try %d: %s, want %s", i, got, try.want)
		}
		recount(t, s)
	}
	if _, err := s.Resolve(ctx, ids[0], good); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("resolved twice: %v", err)
	}
	rows, _, err := s.Reports(ctx, store.RowQuery{Limit: 10})
	must(t, err)
	if len(rows) != 1 || rows[0].Judgement.Trust != store.Unverifiable || rows[0].Deliveries != 2 {
		t.Errorf("reports %+v", rows)
	}
	counts := must2(s.QuarantineCounts(ctx, epoch, epoch.Add(time.Second)))(t)
	if diff := cmp.Diff([]store.QuarantineCount{{Source: "mailbox", Reason: "foreign-domain", Count: 2}}, counts); diff != "" {
		t.Error(diff)
	}
	want := map[string]store.Account{"mailbox": {Stored: 1, Duplicate: 1, Pending: 2}}
	if diff := cmp.Diff(want, must2(s.Accounts(ctx))(t)); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsPendingInMemory(t *testing.T) {
	s := memory(t)
	r, _ := newTraffic(1).report()
	_, err := s.Commit(t.Context(), []store.Delivery{delivery("1", document(t, r, store.Judgement{}))})
	must(t, err)
	want := map[string]store.Account{"mailbox": {Stored: 1}}
	if diff := cmp.Diff(want, must2(s.Accounts(t.Context()))(t)); diff != "" {
		t.Error(diff)
	}
}

func TestAnItemThatWasNotReadHasItsSizeInQuarantine(t *testing.T) {
	s := memory(t)
	large := delivery("1", store.Document{Problem: &store.Problem{Reason: "too-large"}})
	large.Size = 17_034_587
	_, err := s.Commit(t.Context(), []store.Delivery{large})
	must(t, err)
	rows, _, err := s.Quarantine(t.Context(), store.RowQuery{Limit: 10})
	must(t, err)
	if len(rows) != 1 || rows[0].Size != large.Size {
		t.Errorf("quarantine %+v", rows)
	}
	if doc, _, err := s.Quarantined(t.Context(), rows[0].ID); err != nil || len(doc.Raw) != 0 {
		t.Errorf("%d bytes, %v", len(doc.Raw), err)
	}
	recount(t, s)
}

func TestQuarantineKeepsTheNewestBytesWithinItsCap(t *testing.T) {
	ctx := t.Context()
	s := memory(t, WithQuarantineCap(1000))
	for i := range 5 {
		raw := []byte(strings.Repeat(fmt.Sprint(i), 300))
		_, err := s.Commit(ctx, []store.Delivery{delivery(fmt.Sprint(i), store.Document{Problem: &store.Problem{Reason: "invalid-json"}, Raw: raw})})
		must(t, err)
	}
	rows, more, err := s.Quarantine(ctx, store.RowQuery{Limit: 10})
	must(t, err)
	if len(rows) != 5 || more {
		t.Fatalf("%d rows, more %v", len(rows), more)
	}
	for _, row := range rows {
		doc, _, err := s.Quarantined(ctx, row.ID)
		if row.ID <= 2 && !errors.Is(err, store.ErrRawGone) || row.ID > 2 && (err != nil || len(doc.Raw) != 300) {
			t.Errorf("row %d: %d bytes, %v", row.ID, len(doc.Raw), err)
		}
		if row.Size != 300 {
			t.Errorf("row %d has size %d", row.ID, row.Size)
		}
	}
	if diff := cmp.Diff([]int64{3, 4, 5}, must2(s.RetryQuarantine(ctx, "", 0, 10))(t)); diff != "" {
		t.Error(diff)
	}
	recount(t, s)
}

func TestRetentionDropsWholeDaysButNotTheLedger(t *testing.T) {
	ctx := t.Context()
	now := &clock{epoch.Add(12 * time.Hour)}
	s := memory(t, WithClock(now.time))
	tr := newTraffic(50)
	batch := tr.deliveries(t, 1000) // four days
	broken := delivery("broken", store.Document{Problem: &store.Problem{Reason: "invalid-json"}, Raw: []byte("{")})
	_, err := s.Commit(ctx, append(batch, broken))
	must(t, err)
	now.now = epoch.Add(45 * 24 * time.Hour)
	dropped, err := s.Retain(ctx, tlsrpt.DayOf(epoch)+2)
	must(t, err)
	_, reports, err := s.Size(ctx)
	must(t, err)
	if dropped != 500 || reports != 500 {
		t.Errorf("%d dropped, %d left", dropped, reports)
	}
	recount(t, s)
	if states := must2(s.States(ctx, "mailbox", []string{batch[0].Ref}))(t); states[0] != source.Committed {
		t.Errorf("state %v", states)
	}
	rows, _, err := s.Quarantine(ctx, store.RowQuery{Limit: 10})
	must(t, err)
	if len(rows) != 0 {
		t.Errorf("quarantine %+v", rows)
	}
	// The hours are gone, so stored time is read from rows.
	got, cost, err := s.Sessions(ctx, store.SumQuery{Selection: store.Selection{TimeField: store.StoredTime, From: epoch}})
	must(t, err)
	if !cost.Rows || len(got) != 1 || got[0].Reports != 500 {
		t.Errorf("%+v, %+v", got, cost)
	}
}

func TestDocumentsAreKeptWithTheirHints(t *testing.T) {
	s := memory(t)
	d := newTraffic(1).deliveries(t, 1)[0]
	_, err := s.Commit(t.Context(), []store.Delivery{d})
	must(t, err)
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 1})
	must(t, err)
	got, err := s.Report(t.Context(), rows[0].ID)
	must(t, err)
	want := store.RawDocument{
		Raw: d.Documents[0].Raw, Hints: d.Documents[0].Hints, Received: d.Received, Source: d.Source, Ref: d.Ref, Judgement: d.Documents[0].Judgement,
		Domains: []string{"domain0.example"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Report(t.Context(), rows[0].ID+1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestFiltersOnTensOfThousandsOfDomainsWork(t *testing.T) {
	s := memory(t)
	_, err := s.Commit(t.Context(), newTraffic(200).deliveries(t, 200))
	must(t, err)
	var many []string
	for i := range 40_000 {
		many = append(many, fmt.Sprintf("domain%d.example", i*2))
	}
	rand.Shuffle(len(many), func(i, j int) { many[i], many[j] = many[j], many[i] })
	for _, f := range []store.Filter{
		{Dimension: store.PolicyDomain, Operator: store.Equal, Values: many},
		{Dimension: store.PolicyDomain, Operator: store.Match, Values: []string{"[02468]\\.example$"}},
		{Dimension: store.PolicyDomain, Operator: store.NotMatch, Values: []string{"[13579]\\.example$"}},
	} {
		got := must2(costless(s.Sessions(t.Context(), store.SumQuery{Selection: store.Selection{Filters: []store.Filter{f}}})))(t)
		if len(got) != 1 || got[0].Reports != 100 {
			t.Errorf("%s: %+v", f.Operator, got)
		}
	}
}

func TestAnUnknownWordIsAnError(t *testing.T) {
	s := memory(t)
	for name, q := range map[string]store.SumQuery{
		"a detail in the groups": {GroupBy: []store.Dimension{store.ResultType}},
		"a group's dimension":    {GroupBy: []store.Dimension{"nonsense"}},
		"a filter's dimension":   {Selection: store.Selection{Filters: []store.Filter{{Dimension: store.QuarantineReason, Operator: "=", Values: []string{"a"}}}}},
		"a filter's operator":    {Selection: store.Selection{Filters: []store.Filter{{Dimension: store.Source, Operator: "<", Values: []string{"a"}}}}},
		"a filter's pattern":     {Selection: store.Selection{Filters: []store.Filter{{Dimension: store.Source, Operator: "=~", Values: []string{"("}}}}},
		"a time field":           {Selection: store.Selection{TimeField: "nonsense"}},
		"a dimension twice":      {GroupBy: []store.Dimension{store.Source, store.Source}},
	} {
		if _, _, err := s.Sessions(t.Context(), q); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
