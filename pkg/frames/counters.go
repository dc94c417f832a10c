package frames

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// A CounterRow is one of the metrics that the plugin keeps of its own work.
type CounterRow struct {
	// Name is that of the metric for Prometheus, Meaning what it counts.
	Name, Meaning string
	// Source is empty where it is of no single source, Kind where nothing splits it.
	Source, Kind string
	// Value is how often it was observed where it is a histogram.
	Value float64
	// P50, P95 and Max are nil but for histograms; Max also where some is above
	// the last bucket.
	P50, P95, Max *float64
}

// unit is told by the name, as Prometheus has it.
func (r CounterRow) unit() string {
	name := strings.TrimSuffix(r.Name, "_total")
	for suffix, unit := range map[string]string{"_timestamp_seconds": "seconds since 1970", "_duration_seconds": "seconds", "_bytes": "bytes"} {
		if strings.HasSuffix(name, suffix) {
			return unit
		}
	}
	return "count"
}

// Counters returns the table of what the plugin counts of its own work.
func Counters(rows []CounterRow) *data.Frame {
	return table(len(rows),
		column(rows, "name", "Name", "The metric's name, as Prometheus has it", func(r CounterRow) string { return r.Name }),
		column(rows, "source", "Source", "The source's id in the settings; empty for the whole data source", func(r CounterRow) string { return Clean(r.Source) }),
		column(rows, "kind", "Kind", "What it is split by, such as the query type", func(r CounterRow) string { return r.Kind }),
		withUnit(column(rows, "value", "Value", "Of a histogram how often it was measured", func(r CounterRow) float64 { return r.Value }), "short"),
		column(rows, "unit", "Unit", "What the numbers are: seconds, bytes, count, seconds since 1970", func(r CounterRow) string { return r.unit() }),
		withUnit(column(rows, "p50", "Median", "Half took no more; an estimate within a bucket", func(r CounterRow) *float64 { return r.P50 }), "short"),
		withUnit(column(rows, "p95", "95 of 100", "95 of 100 took no more; an estimate within a bucket", func(r CounterRow) *float64 { return r.P95 }), "short"),
		withUnit(column(rows, "max", "At most", "The bound of the highest bucket that holds any; empty where it has no bound", func(r CounterRow) *float64 { return r.Max }), "short"),
		column(rows, "meaning", "Meaning", "What it counts", func(r CounterRow) string { return r.Meaning }),
	)
}
