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
	of := r.ofDay()
	of.Model, of.From, of.at = Model{Filters: r.Filters, Trust: r.Trust, GroupBy: r.GroupBy}, time.Time{}, moment{}
	heard, err := judged(ctx, r, of, "last stored", lastStored)
	if err != nil {
		return nil, err
	}
	// At most the end of the range.
	until := earlier(lastSuccess(r.Sources), r.now())
	values := make([]asOfValue, 0, len(heard.Rows)+len(heard.Silent))
	for _, row := range heard.Rows {
		values = append(values, asOfValue{
			at:    []label{{store.PolicyDomain, row.Domain}, {store.Reporter, row.Reporter}},
			value: r.age(row.At, until),
		})
	}
	for _, domain := range heard.Silent {
		values = append(values, asOfValue{
			at: []label{{store.PolicyDomain, domain}, {store.Reporter, ""}}, value: r.age(r.firstConfigured(), until),
		})
	}
	return values, nil
}

// A lastReport is when the last report of a group was stored; what the query
// does not group by is empty.
type lastReport struct {
	Domain, Reporter string
	At               time.Time
}

type lastReports struct {
	Rows []lastReport
	// Silent are literal names in the settings that have a row although nobody
	// reports on them.
	Silent []string
}

func lastStored(ctx context.Context, r *request) (last lastReports, err error) {
	heard, err := r.heard(ctx, r.filters())
	if err != nil {
		return last, err
	}
	byDomain, byReporter := slices.Contains(r.GroupBy, store.PolicyDomain), slices.Contains(r.GroupBy, store.Reporter)
	domains, places := map[string]bool{}, map[[2]string]int{}
	for _, row := range heard {
		domains[row.PolicyDomain] = true
		group := lastReport{At: row.LastStored}
		if byDomain {
			group.Domain = row.PolicyDomain
		}
		if byReporter {
			group.Reporter = row.Reporter
		}
		i, known := places[[2]string{group.Domain, group.Reporter}]
		switch {
		case !known:
			places[[2]string{group.Domain, group.Reporter}] = len(last.Rows)
			last.Rows = append(last.Rows, group)
		case group.At.After(last.Rows[i].At):
			last.Rows[i].At = group.At
		}
	}
	if r.hasRowsOfDomains() {
		last.Silent = slices.DeleteFunc(r.literalDomains(), func(name string) bool { return domains[name] })
	}
	return last, nil
}

// heardDomains are the domains that somebody reported on in 60 days, in order;
// how they would have failed has no part in who was heard.
func (r *request) heardDomains(ctx context.Context) ([]string, error) {
	of := r.ofDay()
	of.Model, of.Domains, of.From, of.at = Model{Filters: r.Filters, Trust: r.Trust}, nil, time.Time{}, moment{}
	return judged(ctx, r, of, "heard domains", func(ctx context.Context, r *request) ([]string, error) {
		heard, err := r.heard(ctx, r.withoutDetail().Filters)
		var names []string
		for _, row := range heard {
			if n := len(names); n == 0 || names[n-1] != row.PolicyDomain {
				names = append(names, row.PolicyDomain)
			}
		}
		return names, err
	})
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
	r.giveWay(ctx)
	rows, err := r.Store.LastReports(ctx, filters, r.Trust == "authenticated", since)
	if err != nil {
		return nil, fmt.Errorf("read the last reports: %w", err)
	}
	r.rows += len(rows)
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

// lastSuccess is the last successful poll of any source.
func lastSuccess(sources []Source) time.Time {
	var last time.Time
	for _, s := range sources {
		if s.LastSuccess.After(last) {
			last = s.LastSuccess
		}
	}
	return last
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
