package query

import (
	"context"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// nextReports tells for everything that failed in the range the earliest
// moment after now at which that can look otherwise: when the next period of
// one that saw it ends, since before that no report of it can exist, or when
// the first of the failures leaves a range of this length. It is 0 where that
// is past: then a report may come at any time.
func (r *request) nextReports(ctx context.Context) ([]asOfValue, error) {
	periods, err := r.byFailure(ctx, "next periods", func(ctx context.Context, r *request) (ends []failureNumber, err error) {
		// What was last told of longer ago is past, and no day is needed for that.
		failures, err := r.lastFailures(ctx, recentDays)
		if err != nil {
			return nil, err
		}
		reported, err := r.reportedDays(ctx, failures)
		for _, f := range failures {
			ends = append(ends, failureNumber{f.domain, f.resultType, f.nextPeriod(reported).Unix()})
		}
		return ends, err
	})
	if err != nil {
		return nil, err
	}
	first, err := r.firstSeen(ctx)
	if err != nil {
		return nil, err
	}
	// A past moment counts until those of one row are put together: it is what
	// makes the row unknown.
	next := map[[2]string]time.Time{}
	for _, p := range periods {
		row := [2]string{p.Domain, p.ResultType}
		at := time.Unix(p.Number, 0).UTC()
		if seen, ok := first[row]; ok {
			at = earlier(at, seen.Add(r.To.Sub(r.From)))
		}
		if !slices.Contains(r.GroupBy, store.ResultType) {
			row[1] = ""
		}
		if before, ok := next[row]; ok {
			at = earlier(at, before)
		}
		next[row] = at
	}
	var values []asOfValue
	for row, at := range next {
		v := asOfValue{at: []label{{store.PolicyDomain, row[0]}, {store.ResultType, row[1]}}}
		if at.After(r.now()) {
			v.value = float64(at.Unix())
		}
		values = append(values, v)
	}
	return r.withQuietDomains(ctx, values)
}

// nextPeriod is when the first of the periods ends that those who saw the
// failure have not told of yet. Periods are taken to be a day: longer ones end later.
func (f *lastFailure) nextPeriod(reported map[[2]string]map[tlsrpt.Day]int64) time.Time {
	var next time.Time
	for reporter, last := range f.lastBy {
		for on := range reported[[2]string{f.domain, reporter}] {
			last = max(last, on)
		}
		if end := (last + 2).Time(); next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next
}

// firstSeen is when the first of the range's failures was stored, or the day
// of its period, by domain and result type.
func (r *request) firstSeen(ctx context.Context) (map[[2]string]time.Time, error) {
	groupBy := []store.Dimension{store.PolicyDomain, store.ResultType}
	sums, err := r.failureSums(ctx, store.SumQuery{Selection: r.selection(), GroupBy: groupBy, PerBucket: true})
	if err != nil {
		return nil, err
	}
	first := map[[2]string]time.Time{}
	for _, f := range sums {
		key := [2]string{f.Group[0], f.Group[1]}
		if before, ok := first[key]; f.Failed > 0 && (!ok || f.Bucket.Before(before)) {
			first[key] = f.Bucket
		}
	}
	return first, nil
}
