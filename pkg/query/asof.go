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
	return earlier(last, r.now())
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

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
