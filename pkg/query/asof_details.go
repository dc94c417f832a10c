package query

import (
	"context"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A seenBy tells of one group of failure details who saw it on which days.
type seenBy struct {
	group     []string
	reporters map[string]map[tlsrpt.Day]bool
}

// detailReporters counts the reporters among the failure details of the range.
func (r *request) detailReporters(ctx context.Context) ([]asOfValue, error) {
	groups, err := r.sightings(ctx)
	if err != nil {
		return nil, err
	}
	return r.detailValues(ctx, groups, func(s *seenBy) int { return len(s.reporters) })
}

// detailSightings counts pairs of reporter and day of the period among them. By
// stored time only days that ended in the range can be told apart: of those
// before it each reporter has one.
func (r *request) detailSightings(ctx context.Context) ([]asOfValue, error) {
	groups, err := r.sightingsByDay(ctx)
	if err != nil {
		return nil, err
	}
	return r.detailValues(ctx, groups, func(s *seenBy) int {
		n := 0
		for _, days := range s.reporters {
			n += max(len(days), 1)
		}
		return n
	})
}

// detailRepeats is how often a failure was seen in a way that no single mishap
// explains: by so many reporters on one day, or on so many days by one.
func (r *request) detailRepeats(ctx context.Context) ([]asOfValue, error) {
	groups, err := r.sightingsByDay(ctx)
	if err != nil {
		return nil, err
	}
	return r.detailValues(ctx, groups, func(s *seenBy) int {
		n := 0
		onDay := map[tlsrpt.Day]int{}
		for _, days := range s.reporters {
			n = max(n, len(days))
			for on := range days {
				onDay[on]++
			}
			if len(days) == 0 {
				// What came late, of days that can't be told apart.
				onDay[0]++
			}
		}
		for _, reporters := range onDay {
			n = max(n, reporters)
		}
		return n
	})
}

// sightingsByDay are the sightings with their days also by stored time.
func (r *request) sightingsByDay(ctx context.Context) (map[string]*seenBy, error) {
	groups, err := r.sightings(ctx)
	if err != nil || r.TimeField != store.StoredTime || len(groups) == 0 {
		return groups, err
	}
	return groups, r.addDays(ctx, groups)
}

// sightings reads which reporter saw which group of failures in the range, and
// by period on which days.
func (r *request) sightings(ctx context.Context) (map[string]*seenBy, error) {
	byPeriod := r.TimeField == store.Period
	sums, err := r.failureSums(ctx, store.SumQuery{Selection: r.selection(), GroupBy: append(slices.Clone(r.GroupBy), store.Reporter), PerBucket: byPeriod})
	if err != nil {
		return nil, err
	}
	groups := map[string]*seenBy{}
	for _, f := range sums {
		if f.Failed == 0 {
			continue
		}
		n := len(r.GroupBy)
		k := analytics.Key(f.Group[:n])
		if groups[k] == nil {
			groups[k] = &seenBy{group: f.Group[:n], reporters: map[string]map[tlsrpt.Day]bool{}}
		}
		days := groups[k].reporters[f.Group[n]]
		if days == nil {
			days = map[tlsrpt.Day]bool{}
			groups[k].reporters[f.Group[n]] = days
		}
		if byPeriod {
			days[tlsrpt.DayOf(f.Bucket)] = true
		}
	}
	return groups, nil
}

// addDays adds the days of periods from the first of the range on.
func (r *request) addDays(ctx context.Context, groups map[string]*seenBy) error {
	q := store.SumQuery{Selection: r.selection(), GroupBy: append(slices.Clone(r.GroupBy), store.Reporter), PerBucket: true}
	q.TimeField, q.MaxLateness = store.Period, 0
	sums, err := r.failureSums(ctx, q)
	if err != nil {
		return err
	}
	for _, f := range sums {
		n := len(r.GroupBy)
		if g := groups[analytics.Key(f.Group[:n])]; g != nil && f.Failed > 0 && g.reporters[f.Group[n]] != nil {
			g.reporters[f.Group[n]][tlsrpt.DayOf(f.Bucket)] = true
		}
	}
	return nil
}

func (r *request) detailValues(ctx context.Context, groups map[string]*seenBy, count func(*seenBy) int) ([]asOfValue, error) {
	var values []asOfValue
	for _, g := range groups {
		at := make([]label, len(r.GroupBy))
		for i, d := range r.GroupBy {
			at[i] = label{d, g.group[i]}
		}
		values = append(values, asOfValue{at: at, value: float64(count(g))})
	}
	return r.withQuietDomains(ctx, values)
}

// withQuietDomains gives domains without a failure their row of zero, unless
// the rows are of what failed.
func (r *request) withQuietDomains(ctx context.Context, values []asOfValue) ([]asOfValue, error) {
	if slices.ContainsFunc(r.GroupBy, store.Dimension.Detail) {
		return values, nil
	}
	domains := map[string]bool{}
	for _, v := range values {
		domains[v.of(store.PolicyDomain)] = true
	}
	if !slices.Contains(r.GroupBy, store.PolicyDomain) && len(values) > 0 {
		return values, nil
	}
	return r.addQuietDomains(ctx, values, domains)
}

// mxFailureShares tells for every MX that failures name how many of all
// sessions of the reporters that name it failed there: the MX itself can only
// fail more often, since they also tell of other ones.
func (r *request) mxFailureShares(ctx context.Context) ([]asOfValue, error) {
	dimensions := []store.Dimension{store.PolicyDomain, store.ReceivingMX, store.Reporter}
	if slices.Contains(r.GroupBy, store.ResultType) {
		dimensions = append(dimensions, store.ResultType)
	}
	sums, err := r.failureSums(ctx, store.SumQuery{Selection: r.selection(), GroupBy: dimensions})
	if err != nil || len(sums) == 0 {
		return r.mxValues(ctx, nil, nil, err)
	}
	totals, err := r.sessions(ctx, store.SumQuery{
		Selection: within(r.withoutDetail(), failingDomains(sums)), GroupBy: []store.Dimension{store.PolicyDomain, store.Reporter},
	})
	return r.mxValues(ctx, sums, totals, err)
}

// mxValues puts failures by domain, MX, reporter and perhaps result type
// beside the sessions of domains and reporters.
func (r *request) mxValues(ctx context.Context, sums []store.FailureSum, sessions []store.SessionRow, err error) ([]asOfValue, error) {
	if err != nil {
		return nil, err
	}
	totals := map[[2]string]int64{}
	for _, row := range sessions {
		var s analytics.Sums
		s.Add(row)
		totals[[2]string{row.Group[0], row.Group[1]}] += s.Total(r.Counting)
	}
	type place struct{ domain, mx string }
	named := map[place]map[string]bool{}
	failed := map[place]map[string]int64{} // by result type
	for _, f := range sums {
		at := place{f.Group[0], f.Group[1]}
		n := r.failed(f)
		if at.mx == "" || n == 0 {
			continue
		}
		if named[at] == nil {
			named[at], failed[at] = map[string]bool{}, map[string]int64{}
		}
		named[at][f.Group[2]] = true
		failed[at][analytics.Key(f.Group[3:])] += n
	}
	var values []asOfValue
	for at, of := range failed {
		var total int64
		for reporter := range named[at] {
			total += totals[[2]string{at.domain, reporter}]
		}
		for resultType, n := range of {
			values = append(values, asOfValue{
				at:    []label{{store.PolicyDomain, at.domain}, {store.ReceivingMX, at.mx}, {store.ResultType, resultType}},
				value: min(float64(n)/float64(max(total, n)), 1),
			})
		}
	}
	return r.withQuietDomains(ctx, values)
}

// failed is how many failed sessions count.
func (r *request) failed(f store.FailureSum) int64 {
	var s analytics.Sums
	s.AddFailure(f)
	return s.FailedSessions(r.Counting)
}
