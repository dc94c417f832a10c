package query

import (
	"context"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// overdue tells for every domain and reporter how many of its own cadences a
// reporter has missed, up to the last successful poll. Told apart by reporter
// alone, one that reports on any of its domains is not overdue.
func (r *request) overdue(ctx context.Context) ([]asOfValue, error) {
	histories, err := r.recentHistories(ctx)
	if err != nil {
		return nil, err
	}
	overAll := slices.Contains(r.GroupBy, store.Reporter) && !slices.Contains(r.GroupBy, store.PolicyDomain)
	judge := analytics.Cadences
	if overAll {
		judge = analytics.ReporterCadences
	}
	var values []asOfValue
	domains := map[string]bool{}
	for _, c := range judge(histories, r.heardUpTo(), r.syncing()) {
		if c.Last < r.heardSince() {
			continue
		}
		domains[c.Domain] = true
		v := asOfValue{at: map[store.Dimension]string{store.PolicyDomain: c.Domain, store.Reporter: c.Reporter, domainsInWords: analytics.DomainList(c.Domains)}}
		if c.Reports >= analytics.SilentReports {
			v.value = float64(c.Overdue)
		}
		values = append(values, v)
	}
	if overAll || !r.hasRowsOfDomains() {
		return values, nil
	}
	return r.withLiteralDomains(values, domains), nil
}

// heardSince is the first day of those on which someone must have been heard
// to have a row.
func (r *request) heardSince() tlsrpt.Day { return tlsrpt.DayOf(r.now()) - heardDays }

func (r *request) recentHistories(ctx context.Context) ([]analytics.History, error) {
	return r.histories(ctx, r.lately(leadDays), r.heardSince())
}

// silentDays tells of every domain that all its reporters are overdue for how
// long its last report is ago.
func (r *request) silentDays(ctx context.Context) ([]asOfValue, error) {
	histories, err := r.recentHistories(ctx)
	if err != nil {
		return nil, err
	}
	var values []asOfValue
	domains := map[string]bool{}
	for _, s := range silences(analytics.Cadences(histories, r.heardUpTo(), r.syncing()), r.heardUpTo()) {
		if s.Last < r.heardSince() {
			continue
		}
		domains[s.Domain] = true
		v := asOfValue{at: map[store.Dimension]string{store.PolicyDomain: s.Domain}}
		if s.Silent {
			v.value = float64(s.Days)
		}
		values = append(values, v)
	}
	return r.withLiteralDomains(values, domains), nil
}

// historyDays tells for every domain since how many days there are reports.
func (r *request) historyDays(ctx context.Context) ([]asOfValue, error) {
	known, err := r.knownSince(ctx, 0, nil)
	if err != nil {
		return nil, err
	}
	var values []asOfValue
	domains := map[string]bool{}
	for start := 0; start < len(known); {
		domain, first, last := known[start].PolicyDomain, known[start].FirstReport, known[start].LastReport
		for ; start < len(known) && known[start].PolicyDomain == domain; start++ {
			first, last = min(first, known[start].FirstReport), max(last, known[start].LastReport)
		}
		if last >= r.heardSince() {
			domains[domain] = true
			values = append(values, asOfValue{at: map[store.Dimension]string{store.PolicyDomain: domain}, value: float64(tlsrpt.DayOf(r.now()) - first)})
		}
	}
	return r.withLiteralDomains(values, domains), nil
}

// withLiteralDomains gives every literal name in the settings that is not
// among the domains its row of zero.
func (r *request) withLiteralDomains(values []asOfValue, domains map[string]bool) []asOfValue {
	for _, name := range r.literalDomains() {
		if !domains[name] {
			domains[name] = true
			values = append(values, asOfValue{at: map[store.Dimension]string{store.PolicyDomain: name}})
		}
	}
	return values
}
