package plugin

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"golang.org/x/sync/semaphore"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
)

// ID is the plugin's id, as in plugin.json.
const ID = "tlsrpt-reports-datasource"

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// A Datasource is one data source with one version of its settings. It holds
// no connection: those belong to the engine, which outlives it.
type Datasource struct {
	key      ingest.Key
	settings Settings
	config   ingest.Config
	// problem is why the settings can't be used; nil when they can.
	problem error
	engine  *ingest.Engine
	// rows bounds the single rows that all data sources read at once.
	rows *semaphore.Weighted
	// cache keeps what answers were made of until the store changes.
	cache query.Cache
	backend.CallResourceHandler
}

// Factory makes data sources that share an engine. It never fails and never
// blocks: what is wrong with settings is held, and told by health and queries.
func Factory(engine *ingest.Engine, logger *slog.Logger) func(context.Context, backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	rows := semaphore.NewWeighted(rowsInFlight)
	return func(ctx context.Context, instance backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		d := &Datasource{
			//lint:ignore SA1019 the public contract names stores by the id of the organisation
			key:    ingest.Key{OrgID: backend.PluginConfigFromContext(ctx).OrgID, UID: instance.UID},
			engine: engine,
			rows:   rows,
		}
		d.settings, d.problem = readSettings(instance)
		d.config = engineConfig(ctx, instance, d.settings, d.problem, logger)
		d.CallResourceHandler = httpadapter.New(d.routes())
		collector := d.collector()
		d.cache.Used = func(o query.Outcome) { collector.CacheUsed(string(o)) }
		return d, nil
	}
}

// collector tells the engine that this data source is in use, and returns
// what the engine keeps for it.
func (d *Datasource) collector() *ingest.Collector { return d.engine.Use(d.key, d.config) }

// Dispose ends what goes on for queries. The engine stops what is no longer used
// by itself.
func (d *Datasource) Dispose() { d.cache.Close() }

func (d *Datasource) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dimensions/{name}", d.getDimension)
	mux.HandleFunc("GET /sources", d.getSources)
	mux.HandleFunc("GET /alerts", d.getAlerts)
	mux.HandleFunc("POST /sources/{id}/poll", editors(d.pollSource))
	mux.HandleFunc("GET /reports/{id}/raw", editors(d.getReport))
	mux.HandleFunc("GET /quarantine/{id}/raw", editors(d.getQuarantined))
	mux.HandleFunc("POST /quarantine/{id}/retry", editors(d.retryQuarantined))
	mux.HandleFunc("POST /quarantine/retry", editors(d.retryReason))
	return mux
}
