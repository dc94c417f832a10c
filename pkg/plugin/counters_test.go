package plugin

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// counted returns the values that are not zero of the counters of some names,
// as name, source and kind.
func counted(t *testing.T, d *Datasource, filters string, wanted ...string) map[string]float64 {
	t.Helper()
	answer := ask(t, d, `{"queryType":"counters","filters":[`+filters+`]}`)["A"]
	if answer.Error != nil {
		t.Fatal(answer.Error)
	}
	frame := answer.Frames[0]
	text := func(name string, i int) string { return cell(t, frame, name, i).(string) }
	got := map[string]float64{}
	for i := range frame.Rows() {
		name, value := text("name", i), cell(t, frame, "value", i).(float64)
		for _, w := range wanted {
			if name == "tlsrpt_"+w && value != 0 {
				got[fmt.Sprintf("%s %s %s", w, text("source", i), text("kind", i))] = value
			}
		}
	}
	return got
}

func cell(t *testing.T, frame *data.Frame, name string, row int) any {
	t.Helper()
	field, _ := frame.FieldByName(name)
	if field == nil {
		t.Fatalf("no field has the name %s", name)
	}
	return field.At(row)
}

func TestCountersTellWhatThePluginDid(t *testing.T) {
	b := newBench(t)
	const broken = `{"policies": [`
	b.put(t, "r.json", report())
	b.put(t, "broken.json", broken)
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	ask(t, d, `{"queryType":"status"}`, `{"queryType":"reports"}`, `{"queryType":"reports"}`,
		`{"queryType":"readiness"}`, `{"queryType":"readiness"}`, `{"queryType":"nonsense"}`)
	names := []string{"source_received_bytes_total", "commit_items", "query_duration_seconds", "query_failures_total"}
	want := map[string]float64{
		"source_received_bytes_total drop1 ": float64(len(report()) + len(broken)), "commit_items  ": 1,
		"query_duration_seconds  status": 1, "query_duration_seconds  reports": 2, "query_duration_seconds  readiness": 2, "query_failures_total  refused": 1,
	}
	t.Run("its sources, its store and its queries", func(t *testing.T) {
		if diff := cmp.Diff(want, counted(t, d, "", names...)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a filter on sources leaves what is of none", func(t *testing.T) {
		delete(want, "source_received_bytes_total drop1 ")
		want["query_duration_seconds  counters"] = 1 // that above
		got := counted(t, d, `{"dimension":"source","operator":"!=","values":["drop1"]}`, names...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("what was kept from a query before", func(t *testing.T) {
		uses := counted(t, d, "", "query_cache_uses_total")
		if uses["query_cache_uses_total  kept"] == 0 || uses["query_cache_uses_total  made"] == 0 {
			t.Errorf("got %v", uses)
		}
	})
	t.Run("after a restart what the store holds, and that other counters begin anew", func(t *testing.T) {
		if err := b.engine.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.engine = ingest.NewEngine(ingest.Options{OpenStore: func(ctx context.Context, key ingest.Key) (store.Store, string, error) {
			return openStore(ctx, b.dir, key)
		}})
		d := b.datasource(t, 1, b.settings(nil), "s3cret")
		kept := func() map[string]float64 {
			return counted(t, d, "", "items_stored", "items_quarantined", "quarantine_bytes", "source_received_bytes_total")
		}
		await(t, "the ledger", func() bool { return len(kept()) > 0 })
		want := map[string]float64{"items_stored drop1 ": 1, "items_quarantined drop1 ": 1, "quarantine_bytes  ": float64(len(broken))}
		if diff := cmp.Diff(want, kept()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("another organisation learns nothing of it", func(t *testing.T) {
		other := b.datasource(t, 2, map[string]any{"sources": []any{}}, "")
		if diff := cmp.Diff(map[string]float64{}, counted(t, other, "", names...)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestCountersAreThereWhereTheStoreIsNot(t *testing.T) {
	b := newBench(t)
	b.engine = ingest.NewEngine(ingest.Options{OpenStore: func(context.Context, ingest.Key) (store.Store, string, error) {
		return nil, "", errors.New("the disk is gone")
	}})
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	answers := ask(t, d, `{"queryType":"reports"}`, `{"queryType":"counters"}`)
	if answers["A"].Error == nil || answers["B"].Error != nil {
		t.Errorf("reports: %v, counters: %v", answers["A"].Error, answers["B"].Error)
	}
	want := map[string]float64{"query_failures_total  failed": 1}
	if diff := cmp.Diff(want, counted(t, d, "", "query_failures_total")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAQueryThatNobodyWaitsForIsCountedAsCanceled(t *testing.T) {
	b := newBench(t)
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", JSON: []byte(`{"queryType":"reports"}`), TimeRange: backend.TimeRange{From: time.Now().AddDate(0, 0, -30), To: time.Now()},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"query_failures_total  canceled": 1}
	if diff := cmp.Diff(want, counted(t, d, "", "query_failures_total")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
