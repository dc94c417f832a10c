package plugin

import (
	"math"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
)

// counters are the metrics of this data source, of this organisation alone.
func (d *Datasource) counters() ([]frames.CounterRow, error) {
	counters, err := d.collector().Counters()
	if err != nil {
		return nil, err
	}
	rows := make([]frames.CounterRow, len(counters))
	for i, c := range counters {
		rows[i] = frames.CounterRow{Name: c.Name, Meaning: c.Help, Source: c.Source, Kind: c.Kind, Value: c.Value}
		if c.Spread == nil {
			continue
		}
		rows[i].P50, rows[i].P95 = &c.Spread.Median, &c.Spread.P95
		if !math.IsInf(c.Spread.Most, 1) {
			rows[i].Max = &c.Spread.Most
		}
	}
	return rows, nil
}
