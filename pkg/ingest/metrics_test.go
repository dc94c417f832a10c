package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// gather returns the gauges of org 1, uid "tlsrpt" by name, and the counts of
// histograms.
func gather(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		if family.GetHelp() == "" {
			t.Errorf("%s has no help", family.GetName())
		}
		for _, metric := range family.GetMetric() {
			labels := make(map[string]string)
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if labels["org"] != "1" || labels["uid"] != "tlsrpt" {
				t.Errorf("%s has the labels %v", family.GetName(), labels)
			}
			values[family.GetName()] += metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestMetricsTellTheAccount(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		items, _, _ := mixedItems()
		server, s, registry := &fakeServer{}, newFakeStore(), prometheus.NewPedanticRegistry()
		server.add(items...)
		e := ingest.NewEngine(ingest.Options{
			OpenStore:  func(context.Context, ingest.Key) (store.Store, string, error) { return s, "", nil },
			Registerer: registry,
		})
		polled := time.Now()
		e.Use(theKey, config(server, polled))
		time.Sleep(time.Minute)
		want := map[string]float64{
			"tlsrpt_items_seen": 24, "tlsrpt_items_stored": 20, "tlsrpt_items_duplicate": 2,
			"tlsrpt_items_quarantined": 1, "tlsrpt_items_ignored": 1, "tlsrpt_items_pending_acknowledgement": 0,
			"tlsrpt_poll_backlog_items": 0, "tlsrpt_poll_duration_seconds": 1,
			"tlsrpt_last_success_timestamp_seconds": float64(polled.Unix()),
			"tlsrpt_store_size_bytes":               4096, "tlsrpt_store_reports": 20, "tlsrpt_panics_total": 0,
		}
		if diff := cmp.Diff(want, gather(t, registry)); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		closeEngine(t, e)
		if left := gather(t, registry); len(left) != 0 {
			t.Errorf("a closed engine still tells %v", left)
		}
	})
}
