package query

import (
	"context"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// answerCounters tells what the process counts of its own work. A filter on
// sources leaves what belongs to no single one.
func answerCounters(_ context.Context, r *request) (data.Frames, error) {
	if r.Counters == nil {
		frame := frames.Counters(nil)
		frames.AddNotice(frame, data.NoticeSeverityInfo, "A store's file holds no counters: ask the data source in Grafana.")
		return data.Frames{frame}, nil
	}
	rows, err := r.Counters()
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row frames.CounterRow) bool {
		return row.Source != "" && !r.passes(store.Source, row.Source)
	})
	return data.Frames{frames.Counters(rows)}, nil
}
