package query

import (
	"context"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// newFailures tells the failed sessions of result types that the domain did
// not have in the days before the range. During a first synchronisation, which
// brings the newest first, none is known to be new.
func (r *request) newFailures(ctx context.Context) ([]asOfValue, error) {
	groupBy := []store.Dimension{store.PolicyDomain, store.ResultType}
	now, err := r.failureSums(ctx, store.SumQuery{Selection: r.selection(), GroupBy: groupBy})
	if err != nil {
		return nil, err
	}
	old, err := r.knownFailures(ctx, groupBy)
	if err != nil {
		return nil, err
	}
	domains := map[string]bool{}
	var values []asOfValue
	for _, f := range now {
		domains[f.Group[0]] = true
		v := asOfValue{at: map[store.Dimension]string{store.PolicyDomain: f.Group[0], store.ResultType: f.Group[1]}}
		if !old[[2]string{f.Group[0], f.Group[1]}] && !r.syncing() {
			v.value = float64(f.Failed)
			if r.Counting != "reported" {
				v.value -= float64(f.Overlap)
			}
		}
		values = append(values, v)
	}
	return r.addQuietDomains(ctx, values, domains)
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
	// What they would have failed with has no part in who was heard.
	heard, err := r.heard(ctx, r.withoutDetail().Filters)
	if err != nil {
		return nil, err
	}
	names := r.literalDomains()
	for _, row := range heard {
		names = append(names, row.PolicyDomain)
	}
	for _, name := range names {
		if !domains[name] {
			domains[name] = true
			values = append(values, asOfValue{at: map[store.Dimension]string{store.PolicyDomain: name, store.ResultType: ""}})
		}
	}
	return values, nil
}
