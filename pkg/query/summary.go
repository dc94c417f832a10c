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
	if m, ok := asOfMetrics()[metrics[0]]; ok {
		return r.answerAsOf(ctx, metrics[0], m)
	}
	if metrics[0] == analytics.CompletenessShare {
		return r.completenessSummary(ctx)
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
	r.notices(frame, cost, len(groups), max(len(found), cost.Groups), "groups")
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
func (r *request) answerAsOf(ctx context.Context, metric analytics.Metric, m asOfMetric) (data.Frames, error) {
	values, err := m.values(r, ctx)
	if err != nil {
		return nil, err
	}
	frame := frames.Summary(r.fold(values, m.fold), r.GroupBy, []analytics.Metric{metric})
	r.notices(frame, r.cost, 0, 0, "")
	return data.Frames{frame}, nil
}

// An asOfValue is a number under every dimension that its metric knows.
type asOfValue struct {
	at    []label
	value float64
}

type label struct {
	dimension store.Dimension
	value     string
}

// of is the value of a dimension; empty where the metric does not know it.
func (v *asOfValue) of(d store.Dimension) string {
	for _, l := range v.at {
		if l.dimension == d {
			return l.value
		}
	}
	return ""
}

// fold folds values into the groups asked for.
func (r *request) fold(values []asOfValue, fold func(a, b float64) float64) []frames.SummaryRow {
	most := len(values)
	if len(r.GroupBy) == 0 {
		most = min(most, 1)
	}
	// There are as many as domains: each list of its own would be one more to collect.
	index := make(map[string]int, most)
	rows, words, numbers := make([]frames.SummaryRow, 0, most), make([]string, 0, most*len(r.GroupBy)), make([]float64, 0, most)
	group := make([]string, len(r.GroupBy))
	for _, v := range values {
		for i, d := range r.GroupBy {
			group[i] = v.of(d)
		}
		k := analytics.Key(group)
		i, known := index[k]
		if !known {
			index[k] = len(rows)
			words, numbers = append(words, group...), append(numbers, v.value)
			rows = append(rows, frames.SummaryRow{Group: lastOf(words, len(group)), Numbers: lastOf(numbers, 1)})
			continue
		}
		rows[i].Numbers[0] = fold(rows[i].Numbers[0], v.value)
	}
	return rows
}

// lastOf are the last n of a list; to append to them copies them.
func lastOf[T any](list []T, n int) []T { return list[len(list)-n : len(list) : len(list)] }
