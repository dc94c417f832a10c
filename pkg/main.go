// Command gpx_tlsrpt is the backend of the Grafana data source "TLS-RPT".
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/footprint"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/plugin"
)

// parentInterval is the time between looks at the parent process.
const parentInterval = time.Second

func main() {
	footprint.Bound()
	go footprint.GiveBack(context.Background())
	logger := plugin.Logger(log.DefaultLogger)
	engine := ingest.NewEngine(ingest.Options{
		OpenStore: plugin.OpenStore, Logger: logger, Registerer: prometheus.DefaultRegisterer,
	})
	go watchParent(os.Getppid(), func() {
		logger.Warn("Grafana has ended without a word; the plugin stops")
		stop(engine, logger)
		os.Exit(1)
	})
	err := datasource.Manage(plugin.ID, plugin.Factory(engine, logger), datasource.ManageOpts{})
	stop(engine, logger)
	if err != nil {
		logger.Error("The plugin stopped", "error", err)
		os.Exit(1)
	}
}

// stop ends the engine, within the time that Grafana leaves.
func stop(engine *ingest.Engine, logger *slog.Logger) {
	if err := engine.Close(context.Background()); err != nil {
		logger.Error("The engine did not stop cleanly", "error", err)
	}
}

// watchParent calls orphaned once the process that started this one has ended.
// A Grafana that was killed tells its plugins nothing: without this, the old
// process would go on polling, with old settings, and keep the store's lease
// from the next one. On Windows the parent's id never changes, so there the
// lease is kept until the old process ends.
func watchParent(parent int, orphaned func()) {
	for range time.Tick(parentInterval) {
		if os.Getppid() != parent {
			orphaned()
			return
		}
	}
}
