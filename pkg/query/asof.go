package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// heardDays is for how long a domain or reporter keeps its row after its last report.
const heardDays = 60

// reportAges tells for every domain and reporter how long ago its last report
// was stored, up to the last successful poll: what we did not fetch is not
// held against a reporter. During a first synchronisation ages are 0.
func (r *request) reportAges(ctx context.Context) ([]asOfValue, error) {
	heard, err := r.heard(ctx, r.filters())
	if err != nil {
		return nil, err
	}
	until := r.lastSuccess()
	var values []asOfValue
	domains := map[string]bool{}
	for _, row := range heard {
		domains[row.PolicyDomain] = true
		values = append(values, asOfValue{
			at:    map[store.Dimension]string{store.PolicyDomain: row.PolicyDomain, store.Reporter: row.Reporter},
			value: r.age(row.LastStored, until),
		})
	}
	if !r.hasRowsOfDomains() {
		return values, nil
	}
	for _, domain := range r.literalDomains() {
		if !domains[domain] {
			values = append(values, asOfValue{
				at: map[store.Dimension]string{store.PolicyDomain: domain, store.Reporter: ""}, value: r.age(r.firstConfigured(), until),
			})
		}
	}
	return values, nil
}

// hasRowsOfDomains says whether a domain that nobody reports on can have a row:
// grouped by reporter alone it can't be told, and it has no reporter to pass a
// filter where reporters are told apart.
func (r *request) hasRowsOfDomains() bool {
	if !slices.Contains(r.GroupBy, store.Reporter) {
		return true
	}
	return slices.Contains(r.GroupBy, store.PolicyDomain) && r.passes(store.Reporter, "")
}

func (r *request) heard(ctx context.Context, filters []store.Filter) ([]store.ReporterRow, error) {
	since := tlsrpt.DayOf(r.To) - heardDays
	rows, err := r.Store.LastReports(ctx, filters, r.Trust == "authenticated", since)
	if err != nil {
		return nil, fmt.Errorf("read the last reports: %w", err)
	}
	return rows, nil
}

// literalDomains are the names in the setting "domains" that are no patterns
// and pass the query's filters on the policy domain. Other filters are on
// reports, and these names are for when there is none.
func (r *request) literalDomains() []string {
	var names []string
	for _, d := range r.Domains {
		name, ok := tlsrpt.NormalizeDomain(d)
		if ok && r.passes(store.PolicyDomain, name) {
			names = append(names, name)
		}
	}
	return names
}

func (r *request) age(since, until time.Time) float64 {
	if r.syncing() || since.IsZero() || until.Before(since) {
		return 0
	}
	return until.Sub(since).Seconds()
}

// lastSuccess is the last successful poll of any source, at most the end of the range.
func (r *request) lastSuccess() time.Time {
	var last time.Time
	for _, s := range r.Sources {
		if s.LastSuccess.After(last) {
			last = s.LastSuccess
		}
	}
	return earlier(last, r.To)
}

func (r *request) firstConfigured() time.Time {
	var first time.Time
	for _, s := range r.Sources {
		if first.IsZero() || !s.FirstConfigured.IsZero() && s.FirstConfigured.Before(first) {
			first = s.FirstConfigured
		}
	}
	return first
}

// pollAges tells for every source how long ago its last successful poll was,
// or, where there was none, when it was first configured. During a first
// synchronisation its age is 0.
func (r *request) pollAges(context.Context) ([]asOfValue, error) {
	var values []asOfValue
	for _, s := range r.Sources {
		if !r.passes(store.Source, s.ID) {
			continue
		}
		since := s.LastSuccess
		if since.IsZero() {
			since = s.FirstConfigured
		}
		age := 0.0
		if !s.firstSync() && !since.IsZero() {
			age = max(r.To.Sub(since).Seconds(), 0)
		}
		values = append(values, asOfValue{at: map[store.Dimension]string{store.Source: s.ID}, value: age})
	}
	return values, nil
}

// quarantineCounts tells how many documents went to quarantine in the range.
func (r *request) quarantineCounts(ctx context.Context) ([]asOfValue, error) {
	counts, err := r.Store.QuarantineCounts(ctx, r.From, r.To)
	if err != nil {
		return nil, fmt.Errorf("count quarantine: %w", err)
	}
	var values []asOfValue
	heard := map[string]bool{}
	for _, c := range counts {
		if r.passes(store.Source, c.Source) && r.passes(store.QuarantineReason, c.Reason) {
			heard[c.Source] = true
			values = append(values, asOfValue{
				at: map[store.Dimension]string{store.Source: c.Source, store.QuarantineReason: c.Reason}, value: float64(c.Count),
			})
		}
	}
	for _, s := range r.Sources {
		if !heard[s.ID] && r.passes(store.Source, s.ID) {
			values = append(values, asOfValue{at: map[store.Dimension]string{store.Source: s.ID, store.QuarantineReason: ""}})
		}
	}
	return values, nil
}

// newFailures tells the failed sessions of result types that the domain did
// not have in the days before the range.
func (r *request) newFailures(ctx context.Context) ([]asOfValue, error) {
	groupBy := []store.Dimension{store.PolicyDomain, store.ResultType}
	now, _, err := r.Store.FailureSums(ctx, store.SumQuery{Selection: r.selection(), GroupBy: groupBy})
	if err != nil {
		return nil, fmt.Errorf("sum up failure details: %w", err)
	}
	before := r.selection()
	before.To = startOf(before)
	before.From = before.To.AddDate(0, 0, -r.BaselineDays)
	known, _, err := r.Store.FailureSums(ctx, store.SumQuery{Selection: before, GroupBy: groupBy})
	if err != nil {
		return nil, fmt.Errorf("sum up failure details before the range: %w", err)
	}
	old := map[[2]string]bool{}
	for _, f := range known {
		if f.Failed > 0 {
			old[[2]string{f.Group[0], f.Group[1]}] = true
		}
	}
	domains := map[string]bool{}
	var values []asOfValue
	for _, f := range now {
		domains[f.Group[0]] = true
		v := asOfValue{at: map[store.Dimension]string{store.PolicyDomain: f.Group[0], store.ResultType: f.Group[1]}}
		if !old[[2]string{f.Group[0], f.Group[1]}] {
			v.value = float64(f.Failed)
			if r.Counting != "reported" {
				v.value -= float64(f.Overlap)
			}
		}
		values = append(values, v)
	}
	return r.addQuietDomains(ctx, values, domains)
}

// startOf is the start of the first day, or hour, of a selection: what only
// overlaps it belongs to it, and not to the days before it too.
func startOf(s store.Selection) time.Time {
	if s.TimeField == store.StoredTime {
		return s.From.UTC().Truncate(time.Hour)
	}
	return tlsrpt.DayOf(s.From).Time()
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

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
