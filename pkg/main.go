// Command gpx_tlsrpt is the backend of the Grafana data source "TLS-RPT".
package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/plugin"
)

// stopTime leaves the engine most of the 2 s after which Grafana kills.
const stopTime = 1800 * time.Millisecond

// memoryLimit is what the garbage collector keeps the process within, unless
// GOMEMLIMIT says otherwise: items of the largest size come rarely, and should
// not leave the process at its peak.
const memoryLimit = 192 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	logger := plugin.Logger(log.DefaultLogger)
	engine := ingest.NewEngine(ingest.Options{
		OpenStore: plugin.OpenStore, Logger: logger, Registerer: prometheus.DefaultRegisterer,
	})
	err := datasource.Manage(plugin.ID, plugin.Factory(engine, logger), datasource.ManageOpts{})
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if closeErr := engine.Close(ctx); closeErr != nil {
		logger.Error("The engine did not stop cleanly", "error", closeErr)
	}
	if err != nil {
		logger.Error("The plugin stopped", "error", err)
		os.Exit(1)
	}
}
