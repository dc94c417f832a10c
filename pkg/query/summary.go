package query

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// answerSummary gives one row per group. With several metrics the first one
// says which groups are the largest.
func answerSummary(ctx context.Context, r *request) (data.Frames, error) {
	metrics := r.metrics()
	if asOf(metrics[0]) {
		return r.answerAsOf(ctx, metrics[0])
	}
	found, cost, err := r.groups(ctx, r.costliest(metrics))
	if err != nil {
		return nil, err
	}
	groups := analytics.Largest(found, r.Limit, func(s analytics.Sums) float64 { return metrics[0].Value(s, r.Counting) })
	rows := make([]frames.SummaryRow, len(groups))
	for i, g := range groups {
		rows[i] = summaryRow(g, metrics, r.Counting)
	}
	frame := frames.Summary(rows, r.GroupBy, metrics)
	r.notices(frame, cost, len(groups), len(found), "groups")
	return data.Frames{frame}, nil
}

// costliest is the metric that needs the most of the store: reporters told apart.
func (r *request) costliest(metrics []analytics.Metric) analytics.Metric {
	for _, m := range metrics {
		if m == analytics.ReportersFailing {
			return m
		}
	}
	return metrics[0]
}

func summaryRow(g analytics.Group, metrics []analytics.Metric, c analytics.Counting) frames.SummaryRow {
	row := frames.SummaryRow{Group: g.Values}
	for _, m := range metrics {
		row.Numbers = append(row.Numbers, m.Value(g.Sums, c))
	}
	return row
}

// answerAsOf answers a metric that tells how things stand at the end of the
// range. Its rows are never cut.
func (r *request) answerAsOf(ctx context.Context, metric analytics.Metric) (data.Frames, error) {
	compute := map[analytics.Metric]func(context.Context) ([]asOfValue, error){
		analytics.ReportAge:         r.reportAges,
		analytics.PollAge:           r.pollAges,
		analytics.Quarantined:       r.quarantineCounts,
		analytics.NewFailedSessions: r.newFailures,
	}[metric]
	values, err := compute(ctx)
	if err != nil {
		return nil, err
	}
	rows := r.foldAsOf(metric, values)
	return data.Frames{frames.Summary(rows, r.GroupBy, []analytics.Metric{metric})}, nil
}

// An asOfValue is a number under every dimension that its metric knows.
type asOfValue struct {
	at    map[store.Dimension]string
	value float64
}

// foldAsOf folds values into the groups asked for: counts add up, of the ages
// of reports the youngest counts, of the ages of polls the oldest.
func (r *request) foldAsOf(metric analytics.Metric, values []asOfValue) []frames.SummaryRow {
	index := map[string]int{}
	var rows []frames.SummaryRow
	for _, v := range values {
		group := make([]string, len(r.GroupBy))
		for i, d := range r.GroupBy {
			group[i] = v.at[d]
		}
		k := analytics.Key(group)
		i, known := index[k]
		if !known {
			index[k] = len(rows)
			rows = append(rows, frames.SummaryRow{Group: group, Numbers: []float64{v.value}})
			continue
		}
		number := &rows[i].Numbers[0]
		switch metric {
		case analytics.ReportAge:
			*number = min(*number, v.value)
		case analytics.PollAge:
			*number = max(*number, v.value)
		default:
			*number += v.value
		}
	}
	return rows
}
