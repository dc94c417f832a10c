// Command gpx_tlsrpt is the backend of the Grafana data source "TLS-RPT".
package main

import (
	"context"
	"os"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/plugin"
)

// stopTime leaves the engine most of the 2 s after which Grafana kills.
const stopTime = 1800 * time.Millisecond

func main() {
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
