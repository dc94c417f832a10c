package query

import (
	"context"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// lastDays is how far before its range the last day of a failure is looked
	// for: what was stored in the range may be so late.
	lastDays = 30
	// recentDays hold the last day of nearly all.
	recentDays = 7
)

// A lastFailure is one domain's failure of one result type in the range.
type lastFailure struct {
	domain, resultType string
	// last is the last day of a period with it, lastBy that of each reporter
	// that told of it in the range; 0 is longer ago than is looked back.
	last   tlsrpt.Day
	lastBy map[string]tlsrpt.Day
	// failedBy are the failed sessions by day and reporter, as far as is looked back.
	failedBy map[tlsrpt.Day]map[string]int64
}

// lastFailures reads what failed in the range, and when last, so many days back.
func (r *request) lastFailures(ctx context.Context, days int) (map[[2]string]*lastFailure, error) {
	groupBy := []store.Dimension{store.PolicyDomain, store.ResultType, store.Reporter}
	sums, err := r.failureSums(ctx, store.SumQuery{Selection: r.selection(), GroupBy: groupBy})
	if err != nil || len(sums) == 0 {
		return nil, err
	}
	failures := map[[2]string]*lastFailure{}
	for _, f := range sums {
		if f.Failed == 0 {
			continue
		}
		key := [2]string{f.Group[0], f.Group[1]}
		if failures[key] == nil {
			failures[key] = &lastFailure{domain: f.Group[0], resultType: f.Group[1], lastBy: map[string]tlsrpt.Day{}, failedBy: map[tlsrpt.Day]map[string]int64{}}
		}
		failures[key].lastBy[f.Group[2]] = 0
	}
	past := r.past(days)
	past.Filters = r.filters()
	sums, err = r.failureSums(ctx, store.SumQuery{Selection: within(past, failingDomains(sums)), GroupBy: groupBy, PerBucket: true})
	if err != nil {
		return nil, err
	}
	for _, f := range sums {
		failure := failures[[2]string{f.Group[0], f.Group[1]}]
		if failure == nil || f.Failed == 0 {
			continue
		}
		on := tlsrpt.DayOf(f.Bucket)
		failure.last = max(failure.last, on)
		if before, saw := failure.lastBy[f.Group[2]]; saw {
			failure.lastBy[f.Group[2]] = max(before, on)
		}
		if failure.failedBy[on] == nil {
			failure.failedBy[on] = map[string]int64{}
		}
		failure.failedBy[on][f.Group[2]] += r.counted(f)
	}
	return failures, nil
}

// lastFailing tells for everything that failed in the range when the last
// period with it ended.
func (r *request) lastFailing(ctx context.Context) ([]asOfValue, error) {
	ends, err := r.byFailure(ctx, "last failing", func(ctx context.Context, r *request) (ends []failureNumber, err error) {
		failures, err := r.lastFailures(ctx, recentDays)
		for _, f := range failures {
			if f.last == 0 { // what is older comes late
				failures, err = r.lastFailures(ctx, lastDays)
				break
			}
		}
		for _, f := range failures {
			end := failureNumber{f.domain, f.resultType, 0}
			if f.last > 0 {
				end.Number = (f.last + 1).Time().Unix()
			}
			ends = append(ends, end)
		}
		return ends, err
	})
	if err != nil {
		return nil, err
	}
	return r.withQuietDomains(ctx, failureValues(ends))
}

// A failureNumber is what is told of one domain's failure of one result type.
type failureNumber struct {
	Domain, ResultType string
	Number             int64
}

// byFailure returns what make makes of a request whose range is told by its
// hours, and all other times by their days.
func (r *request) byFailure(ctx context.Context, what string, make func(context.Context, *request) ([]failureNumber, error)) ([]failureNumber, error) {
	of := r.ofDay()
	whole := inWholeBuckets(store.Selection{From: r.From, To: r.To, TimeField: store.StoredTime})
	of.From, of.To, of.Domains = whole.From, whole.To, nil
	return judged(ctx, r, of, what, make)
}

func failureValues(numbers []failureNumber) []asOfValue {
	var values []asOfValue
	for _, n := range numbers {
		values = append(values, asOfValue{at: []label{{store.PolicyDomain, n.Domain}, {store.ResultType, n.ResultType}}, value: float64(n.Number)})
	}
	return values
}

// reportedDays are the days on which the reporters of failures told of
// sessions, with the number of their reports, by domain and reporter.
func (r *request) reportedDays(ctx context.Context, failures map[[2]string]*lastFailure) (map[[2]string]map[tlsrpt.Day]int64, error) {
	if len(failures) == 0 {
		return nil, nil
	}
	rows, err := r.sessions(ctx, store.SumQuery{
		Selection: within(r.past(lastDays), domainsOf(failures)), GroupBy: []store.Dimension{store.PolicyDomain, store.Reporter}, PerBucket: true,
	})
	if err != nil {
		return nil, err
	}
	reported := map[[2]string]map[tlsrpt.Day]int64{}
	for _, row := range rows {
		if row.Successful+row.Failed == 0 {
			continue
		}
		key := [2]string{row.Group[0], row.Group[1]}
		if reported[key] == nil {
			reported[key] = map[tlsrpt.Day]int64{}
		}
		reported[key][tlsrpt.DayOf(row.Bucket)] += row.Reports
	}
	return reported, nil
}

func domainsOf(failures map[[2]string]*lastFailure) []string {
	known := map[string]bool{}
	var domains []string
	for _, f := range failures {
		if !known[f.domain] {
			known[f.domain] = true
			domains = append(domains, f.domain)
		}
	}
	return domains
}

func (r *request) cadencesOf(ctx context.Context, failures map[[2]string]*lastFailure) (pairCadences, error) {
	if len(failures) == 0 {
		return nil, nil
	}
	domains := domainsOf(failures)
	known, err := r.knownSince(ctx, r.heardSince(), domains)
	if err != nil {
		return nil, err
	}
	rows, err := r.sessions(ctx, store.SumQuery{
		Selection: within(r.lately(leadDays), domains), GroupBy: []store.Dimension{store.PolicyDomain, store.Reporter}, PerBucket: true,
	})
	if err != nil {
		return nil, err
	}
	return r.pairCadences(analytics.Histories(rows, known, r.Counting, r.live())), nil
}
