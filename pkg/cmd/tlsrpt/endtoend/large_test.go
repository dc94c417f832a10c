package endtoend

import (
	"fmt"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// storeReports fills a store with generated reports, of many domains.
func storeReports(t *testing.T, file string, count int) {
	t.Helper()
	generator, err := generate.New(generate.Options{Days: 100, Domains: 200, Reporters: 8, NoQuirks: true})
	if err != nil {
		t.Fatal(err)
	}
	reports, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var batch []store.Delivery
	stored := 0
	commit := func() {
		if _, err := reports.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		stored += len(batch)
		batch = batch[:0]
	}
	pipeline := &ingest.Pipeline{}
	for item := range generator.Items() {
		if item.Document == nil {
			continue
		}
		batch = append(batch, pipeline.Process(t.Context(), ingest.File{
			Source: "mb1", Ref: fmt.Sprint(stored + len(batch)), Received: item.Received, Route: store.Direct, Body: item.Document,
		}))
		if len(batch) == 500 {
			commit()
		}
		if stored >= count {
			break
		}
	}
	if stored < count {
		t.Fatalf("only %d reports were generated", stored)
	}
	t.Logf("%d reports were stored in %v", stored, time.Since(began).Round(time.Second))
	if err := reports.Close(); err != nil {
		t.Fatal(err)
	}
}
