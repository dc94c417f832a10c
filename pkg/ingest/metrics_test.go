package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// gather returns the values of org 1, uid "tlsrpt" by name, added up where
// there are several, and the counts of histograms.
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
			values[family.GetName()] += metric.GetGauge().GetValue() + metric.GetCounter().GetValue() +
				float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// measured makes an engine on one store, whose opening takes two seconds, and
// the registry of its metrics; the test closes it.
func measured(s store.Store) (*ingest.Engine, *prometheus.Registry) {
	registry := prometheus.NewPedanticRegistry()
	return ingest.NewEngine(ingest.Options{
		OpenStore: func(context.Context, ingest.Key) (store.Store, string, error) {
			time.Sleep(2 * time.Second)
			return s, "", nil
		},
		Registerer: registry,
	}), registry
}

func TestMetricsTellTheAccount(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		items, _, _ := mixedItems()
		size := 0
		for _, item := range items {
			size += len(item.body)
		}
		server, s := &fakeServer{}, newFakeStore()
		server.add(items...)
		e, registry := measured(s)
		polled := time.Now().Add(2 * time.Second)
		e.Use(theKey, config(server, time.Now()))
		pass(time.Minute)
		want := map[string]float64{
			"tlsrpt_items_seen": 24, "tlsrpt_items_stored": 20, "tlsrpt_items_duplicate": 2,
			"tlsrpt_items_quarantined": 1, "tlsrpt_items_ignored": 1, "tlsrpt_items_pending_acknowledgement": 0,
			"tlsrpt_poll_backlog_items": 0, "tlsrpt_poll_duration_seconds": 1, "tlsrpt_poll_failures_total": 0,
			"tlsrpt_poll_recoveries_total": 0, "tlsrpt_source_received_bytes_total": float64(size),
			"tlsrpt_last_success_timestamp_seconds": float64(polled.Unix()),
			"tlsrpt_commit_duration_seconds":        1, "tlsrpt_commit_items": 1,
			"tlsrpt_store_size_bytes": 4096, "tlsrpt_store_reports": 20, "tlsrpt_store_failures_total": 0,
			"tlsrpt_store_open_duration_seconds": 2, "tlsrpt_quarantine_bytes": 99,
			"tlsrpt_retention_removed_reports_total": 7, "tlsrpt_query_failures_total": 0,
			"tlsrpt_lease_losses_total": 0, "tlsrpt_leases_inherited_total": 0, "tlsrpt_panics_total": 0,
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

// countersOf returns what is not zero of one name or more, as name, source and kind.
func countersOf(t *testing.T, c *ingest.Collector, names ...string) map[string]float64 {
	t.Helper()
	counters, err := c.Counters()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, name := range names {
		known := false
		for _, counter := range counters {
			if counter.Name != "tlsrpt_"+name {
				continue
			}
			known = true
			if counter.Value != 0 {
				got[fmt.Sprintf("%s %s %s", name, counter.Source, counter.Kind)] += counter.Value
			}
		}
		if !known {
			t.Errorf("no counter has the name %s", name)
		}
	}
	return got
}

func TestFaultsThatWereSurvivedAreCounted(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(reports(3)...)
		s.breakWith(fmt.Errorf("commit: %w", store.ErrFull))
		e, _ := measured(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, config(server, time.Now()))
		pass(time.Minute)
		full := countersOf(t, c, "store_failures_total")
		if len(full) != 1 || full["store_failures_total  full"] == 0 {
			t.Errorf("a full disk counts as %v", full)
		}
		s.breakWith(nil)
		server.failWith(func(poll int) error {
			if poll == 2 {
				return errors.New("the server says something odd")
			}
			return nil
		})
		pass(time.Hour)
		want := map[string]float64{"poll_failures_total mb1 protocol": 1, "poll_recoveries_total mb1 ": 1}
		if diff := cmp.Diff(want, countersOf(t, c, "poll_failures_total", "poll_recoveries_total")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestALeaseThatIsTakenAwayIsCounted(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		s := newFakeStore()
		e, _ := measured(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, config(&fakeServer{}, time.Now()))
		pass(time.Minute)
		if got := countersOf(t, c, "lease_losses_total"); len(got) != 0 {
			t.Errorf("before it is lost: %v", got)
		}
		s.seize("elsewhere/1#x", time.Minute)
		pass(10 * time.Second)
		if got := countersOf(t, c, "lease_losses_total"); got["lease_losses_total  "] != 1 {
			t.Errorf("after it is lost: %v", got)
		}
	})
}

func TestCountersTellOfOneDataSourceAlone(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		e, _ := measured(newFakeStore())
		defer closeEngine(t, e)
		mine := e.Use(theKey, config(&fakeServer{}, time.Now()))
		otherOrg := e.Use(ingest.Key{OrgID: 2, UID: theKey.UID}, config(&fakeServer{}, time.Now()))
		otherUID := e.Use(ingest.Key{OrgID: theKey.OrgID, UID: "other"}, config(&fakeServer{}, time.Now()))
		pass(time.Minute)
		otherOrg.Answered("trend", time.Second, nil, false)
		otherUID.Answered("status", time.Second, nil, false)
		otherUID.Answered("", time.Second, errors.New("no such word"), true)
		mine.Answered("summary", 30*time.Millisecond, nil, false)
		mine.Answered("summary", 40*time.Millisecond, nil, false)
		mine.Answered("summary", time.Minute, nil, false)
		mine.Answered("reports", time.Second, context.Canceled, false)
		want := map[string]float64{"query_duration_seconds  summary": 3, "query_failures_total  canceled": 1}
		if diff := cmp.Diff(want, countersOf(t, mine, "query_duration_seconds", "query_failures_total")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
