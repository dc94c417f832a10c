package query

import (
	"context"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// completenessGroups are what completeness can be grouped by: a reporter alone
// is heard or not.
var completenessGroups = []store.Dimension{store.PolicyDomain}

// coverage tells for every day of the range that has ended how many of the
// reporters expected were heard. Days are those of periods, whatever the time field.
func (r *request) coverage(ctx context.Context) ([]analytics.Coverage, error) {
	of := r.ofDay()
	of.Model = Model{Filters: r.Filters, Counting: r.Counting, Trust: r.Trust, GroupBy: r.GroupBy}
	return judged(ctx, r, of, "completeness", coverageOf)
}

func coverageOf(ctx context.Context, r *request) ([]analytics.Coverage, error) {
	past := r.past(analytics.CoverageLeadDays)
	survey, err := r.survey(ctx, past, tlsrpt.DayOf(past.From), nil)
	if err != nil {
		return nil, err
	}
	from, to := tlsrpt.DayOf(r.From), tlsrpt.DayOf(r.To.Add(-time.Nanosecond))+1
	byDomain := slices.Contains(r.GroupBy, store.PolicyDomain)
	return survey.Completeness(from, to, byDomain, r.syncing()), nil
}

func (r *request) completenessTrend(ctx context.Context, interval analytics.Interval) (data.Frames, error) {
	days, err := r.coverage(ctx)
	if err != nil {
		return nil, err
	}
	found := analytics.CoverageGroups(days)
	groups := analytics.Largest(found, r.Limit, r.value)
	answer := frames.Trend(analytics.CoverageSeries(groups, days, interval), r.GroupBy, r.Metric, r.Counting)
	r.notices(answer[0], r.cost, len(groups), len(found), "groups")
	return answer, nil
}

func (r *request) completenessSummary(ctx context.Context) (data.Frames, error) {
	days, err := r.coverage(ctx)
	if err != nil {
		return nil, err
	}
	found := analytics.CoverageGroups(days)
	groups := analytics.Largest(found, r.Limit, r.value)
	metrics := []analytics.Metric{analytics.CompletenessShare}
	rows := make([]frames.SummaryRow, len(groups))
	for i, g := range groups {
		rows[i] = summaryRow(g, metrics, r.Counting)
	}
	frame := frames.Summary(rows, r.GroupBy, metrics)
	r.notices(frame, r.cost, len(groups), len(found), "groups")
	return data.Frames{frame}, nil
}

// value is that of the completeness of a group.
func (r *request) value(s analytics.Sums) float64 {
	return analytics.CompletenessShare.Value(s, r.Counting)
}
