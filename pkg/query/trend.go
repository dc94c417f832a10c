package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// answerTrend finds the groups over the whole range first, keeps the largest,
// and then asks for the days of those alone.
func answerTrend(ctx context.Context, r *request) (data.Frames, error) {
	interval, err := analytics.ParseInterval(r.Interval, r.From, r.To, r.MaxDataPoints)
	if err != nil {
		return nil, err
	}
	if r.Metric == analytics.CompletenessShare {
		return r.completenessTrend(ctx, interval)
	}
	found, cost, err := r.groups(ctx, r.Metric)
	if err != nil {
		return nil, err
	}
	groups := analytics.Largest(found, r.Limit, func(s analytics.Sums) float64 { return r.Metric.Value(s, r.Counting) })
	var series []analytics.Series
	if len(groups) > 0 {
		bucketed := r.sessionSeries
		if r.detail() {
			bucketed = r.failureSeries
		}
		var more store.Cost
		if series, more, err = bucketed(ctx, groups, interval); err != nil {
			return nil, err
		}
		cost.Rows = cost.Rows || more.Rows
	}
	answer := frames.Trend(series, r.GroupBy, r.Metric, r.Counting)
	r.notices(answer[0], cost, len(groups), max(len(found), cost.Groups), "groups")
	return answer, nil
}

// groups returns the sums of every group over the whole range that has at
// least minSessions sessions. Where the store found the largest, it returns
// these alone, and the cost says how many there are.
func (r *request) groups(ctx context.Context, metric analytics.Metric) ([]analytics.Group, store.Cost, error) {
	if r.detail() {
		return r.failureGroups(ctx)
	}
	rows, cost, err := r.sums.Sessions(ctx, r.sessionQuery(metric))
	if err != nil {
		return nil, cost, fmt.Errorf("sum up sessions: %w", err)
	}
	groups := analytics.GroupRows(rows, len(r.GroupBy), r.Counting)
	return slices.DeleteFunc(groups, func(g analytics.Group) bool { return g.Total(r.Counting) < r.MinSessions }), cost, nil
}

// sessionQuery asks for the groups; reporters are told apart where the metric counts them.
func (r *request) sessionQuery(metric analytics.Metric) store.SumQuery {
	groupBy := slices.Clone(r.GroupBy)
	if metric == analytics.ReportersFailing && !slices.Contains(groupBy, store.Reporter) {
		groupBy = append(groupBy, store.Reporter)
	}
	return store.SumQuery{Selection: r.selection(), GroupBy: groupBy}
}

func (r *request) sessionSeries(ctx context.Context, groups []analytics.Group, interval analytics.Interval) ([]analytics.Series, store.Cost, error) {
	q := r.sessionQuery(r.Metric)
	q.PerBucket = true
	if len(q.GroupBy) == len(r.GroupBy) {
		q.Among = among(groups)
	}
	rows, cost, err := r.sums.Sessions(ctx, q)
	if err != nil {
		return nil, cost, fmt.Errorf("sum up sessions by day: %w", err)
	}
	return analytics.BuildSeries(groups, rows, interval, r.Counting), cost, nil
}

// among lists the groups for the store; without grouping there is nothing to list.
func among(groups []analytics.Group) [][]string {
	if len(groups) == 0 || len(groups[0].Values) == 0 {
		return nil
	}
	lists := make([][]string, len(groups))
	for i, g := range groups {
		lists[i] = g.Values
	}
	return lists
}

// amongShared lists what the groups say at the positions, each once.
func amongShared(groups []analytics.Group, positions []int) [][]string {
	if len(positions) == 0 {
		return nil
	}
	var lists [][]string
	known := map[string]bool{}
	for _, g := range groups {
		values := analytics.Pick(g.Values, positions)
		if k := analytics.Key(values); !known[k] {
			known[k] = true
			lists = append(lists, values)
		}
	}
	return lists
}

func (r *request) failureGroups(ctx context.Context) ([]analytics.Group, store.Cost, error) {
	byDetail := slices.ContainsFunc(r.GroupBy, store.Dimension.Detail)
	q := store.SumQuery{Selection: r.selection(), GroupBy: r.GroupBy}
	if byDetail && r.MinSessions == 0 { // by detail there is no metric but failed sessions
		q.Largest = store.Ranking{Most: r.Limit, Distinct: r.Counting == analytics.Distinct}
	}
	sums, cost, err := r.sums.FailureSums(ctx, q)
	if err != nil {
		return nil, cost, fmt.Errorf("sum up failure details: %w", err)
	}
	groups := analytics.GroupFailures(sums)
	if !byDetail {
		if groups, cost, err = r.addSpotless(ctx, groups, cost); err != nil {
			return nil, cost, err
		}
	}
	if r.MinSessions > 0 {
		return r.dropSmall(ctx, groups, cost)
	}
	return groups, cost, nil
}

// addSpotless adds the groups that had reports and no such detail: where only
// a filter names a detail dimension, they are zero and not missing.
func (r *request) addSpotless(ctx context.Context, groups []analytics.Group, cost store.Cost) ([]analytics.Group, store.Cost, error) {
	rows, more, err := r.sums.Sessions(ctx, store.SumQuery{Selection: r.withoutDetail(), GroupBy: r.GroupBy})
	if err != nil {
		return nil, cost, fmt.Errorf("sum up sessions: %w", err)
	}
	known := map[string]bool{}
	for _, g := range groups {
		known[analytics.Key(g.Values)] = true
	}
	for _, row := range rows {
		if !known[analytics.Key(row.Group)] {
			groups = append(groups, analytics.Group{Values: row.Group})
		}
	}
	return groups, store.Cost{Rows: cost.Rows || more.Rows}, nil
}

// dropSmall leaves out groups with too few sessions by their non-detail dimensions.
func (r *request) dropSmall(ctx context.Context, groups []analytics.Group, cost store.Cost) ([]analytics.Group, store.Cost, error) {
	shared, positions := r.sharedDimensions()
	rows, more, err := r.sums.Sessions(ctx, store.SumQuery{Selection: r.withoutDetail(), GroupBy: shared})
	if err != nil {
		return nil, cost, fmt.Errorf("sum up sessions: %w", err)
	}
	large := map[string]bool{}
	for _, g := range analytics.GroupRows(rows, len(shared), r.Counting) {
		large[analytics.Key(g.Values)] = g.Total(r.Counting) >= r.MinSessions
	}
	kept := slices.DeleteFunc(groups, func(g analytics.Group) bool {
		return !large[analytics.Key(analytics.Pick(g.Values, positions))]
	})
	return kept, store.Cost{Rows: cost.Rows || more.Rows}, nil
}

func (r *request) failureSeries(ctx context.Context, groups []analytics.Group, interval analytics.Interval) ([]analytics.Series, store.Cost, error) {
	sums, cost, err := r.sums.FailureSums(ctx, store.SumQuery{
		Selection: r.selection(), GroupBy: r.GroupBy, PerBucket: true, Among: among(groups),
	})
	if err != nil {
		return nil, cost, fmt.Errorf("sum up failure details by day: %w", err)
	}
	shared, positions := r.sharedDimensions()
	reports, more, err := r.sums.Sessions(ctx, store.SumQuery{
		Selection: r.withoutDetail(), GroupBy: shared, PerBucket: true, Among: amongShared(groups, positions),
	})
	if err != nil {
		return nil, cost, fmt.Errorf("sum up sessions by day: %w", err)
	}
	cost.Rows = cost.Rows || more.Rows
	return analytics.BuildFailureSeries(groups, sums, reports, positions, interval), cost, nil
}

// sharedDimensions are the group's dimensions that reports without a failure
// have too, and where they stand in it.
func (r *request) sharedDimensions() (shared []store.Dimension, positions []int) {
	for i, d := range r.GroupBy {
		if !d.Detail() {
			shared = append(shared, d)
			positions = append(positions, i)
		}
	}
	return shared, positions
}

// withoutDetail is the selection without filters on failure details.
func (r *request) withoutDetail() store.Selection {
	s := r.selection()
	s.Filters = slices.DeleteFunc(s.Filters, func(f store.Filter) bool { return f.Dimension.Detail() })
	return s
}
