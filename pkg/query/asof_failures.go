package query

import (
	"context"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// newFailures tells the failed sessions of result types that the domain did
// not have in the days before the range. By stored time with a bound on
// lateness, as alerts ask, an incident that goes on is not known by itself: see
// [request.forgetOngoing]. During a first synchronisation, which brings the
// newest first, none is known to be new.
func (r *request) newFailures(ctx context.Context) ([]asOfValue, error) {
	failed, err := r.byFailure(ctx, "new failures", newlyFailed)
	if err != nil {
		return nil, err
	}
	domains := map[string]bool{}
	for _, f := range failed {
		domains[f.Domain] = true
	}
	return r.addQuietDomains(ctx, failureValues(failed), domains)
}

func newlyFailed(ctx context.Context, r *request) ([]failureNumber, error) {
	groupBy := []store.Dimension{store.PolicyDomain, store.ResultType}
	now, err := r.failureSums(ctx, store.SumQuery{Selection: r.selection(), GroupBy: groupBy})
	if err != nil {
		return nil, err
	}
	old, err := r.knownFailures(ctx, groupBy)
	if err != nil {
		return nil, err
	}
	if err := r.forgetOngoing(ctx, now, old); err != nil {
		return nil, err
	}
	var failed []failureNumber
	for _, f := range now {
		n := failureNumber{f.Group[0], f.Group[1], 0}
		if !old[[2]string{f.Group[0], f.Group[1]}] && !r.syncing() {
			n.Number = r.counted(f)
		}
		failed = append(failed, n)
	}
	return failed, nil
}

// forgetOngoing takes from the known result types, as alerts ask, those that
// the days before the range had only of the incident that still goes on: it is
// new until it is over. One that began before these days is known.
func (r *request) forgetOngoing(ctx context.Context, now []store.FailureSum, known map[[2]string]bool) error {
	s := r.selection()
	now = slices.DeleteFunc(slices.Clone(now), func(f store.FailureSum) bool { return f.Failed == 0 || !known[[2]string{f.Group[0], f.Group[1]}] })
	if r.TimeField != store.StoredTime || s.MaxLateness == 0 || len(now) == 0 || r.syncing() {
		return nil
	}
	failures, err := r.lastFailures(ctx, lastDays)
	if err != nil {
		return err
	}
	clean, err := r.cleanSince(ctx, failures)
	if err != nil {
		return err
	}
	// Twice the days tell an incident that began in them from one before.
	past := r.past(2 * r.BaselineDays)
	past.Filters = r.filters()
	sums, err := r.failureSums(ctx, store.SumQuery{
		Selection: within(past, failingDomains(now)), GroupBy: []store.Dimension{store.PolicyDomain, store.ResultType}, PerBucket: true,
	})
	if err != nil {
		return err
	}
	days := map[[2]string]*lastFailure{}
	for _, f := range sums {
		if f.Failed == 0 {
			continue
		}
		key := [2]string{f.Group[0], f.Group[1]}
		if days[key] == nil {
			days[key] = &lastFailure{failedBy: map[tlsrpt.Day]map[string]int64{}}
		}
		on := tlsrpt.DayOf(f.Bucket)
		days[key].failedBy[on] = nil
		days[key].last = max(days[key].last, on)
	}
	since := tlsrpt.DayOf(r.From) - tlsrpt.Day(r.BaselineDays)
	for key, f := range days {
		if clean[key] == 0 && f.isNewSince(since) {
			delete(known, key)
		}
	}
	return nil
}

// isNewSince says that the incident of the last bad day began on a day or
// later, and that there was none between.
func (f *lastFailure) isNewSince(since tlsrpt.Day) bool {
	first := f.first()
	for on := range f.failedBy {
		if on >= since && on < first {
			return false
		}
	}
	return first >= since
}

// knownFailures are the result types of domains in the days before the range.
// By stored time these are also those of periods before any that the range
// may hold, since what a first synchronisation brings is stored all at once.
func (r *request) knownFailures(ctx context.Context, groupBy []store.Dimension) (map[[2]string]bool, error) {
	before := r.selection()
	before.To = startOf(before)
	before.From = before.To.AddDate(0, 0, -r.BaselineDays)
	spans := []store.Selection{before}
	if before.TimeField == store.StoredTime && before.MaxLateness > 0 {
		byPeriod := before
		byPeriod.TimeField, byPeriod.MaxLateness = store.Period, 0
		// A report's period may be two days long.
		byPeriod.To = before.To.Add(-before.MaxLateness).AddDate(0, 0, -2)
		if byPeriod.To.After(byPeriod.From) {
			spans = append(spans, byPeriod)
		}
	}
	known := map[[2]string]bool{}
	for _, span := range spans {
		sums, err := r.failureSums(ctx, store.SumQuery{Selection: span, GroupBy: groupBy})
		if err != nil {
			return nil, err
		}
		for _, f := range sums {
			if f.Failed > 0 {
				known[[2]string{f.Group[0], f.Group[1]}] = true
			}
		}
	}
	return known, nil
}

// addQuietDomains gives every domain heard of, and every literal name in the
// settings, its row of zero.
func (r *request) addQuietDomains(ctx context.Context, values []asOfValue, domains map[string]bool) ([]asOfValue, error) {
	heard, err := r.heardDomains(ctx)
	if err != nil {
		return nil, err
	}
	values = r.withLiteralDomains(values, domains)
	values = slices.Grow(values, len(heard))
	labels := make([]label, 0, len(heard))
	for _, name := range heard {
		if !domains[name] {
			labels = append(labels, label{store.PolicyDomain, name})
			values = append(values, asOfValue{at: lastOf(labels, 1)})
		}
	}
	return values, nil
}
