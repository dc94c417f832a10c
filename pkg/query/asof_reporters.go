package query

import (
	"context"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// overdue tells for every domain and reporter how many of its own cadences a
// reporter has missed, up to the last successful poll. Told apart by reporter
// alone, one that reports on any of its domains is not overdue.
func (r *request) overdue(ctx context.Context) ([]asOfValue, error) {
	overAll := slices.Contains(r.GroupBy, store.Reporter) && !slices.Contains(r.GroupBy, store.PolicyDomain)
	cadences, err := r.recentCadences(ctx, overAll)
	if err != nil {
		return nil, err
	}
	var values []asOfValue
	domains := map[string]bool{}
	for _, c := range cadences {
		if c.Last < r.heardSince() {
			continue
		}
		domains[c.Domain] = true
		v := asOfValue{at: []label{{store.PolicyDomain, c.Domain}, {store.Reporter, c.Reporter}, {domainsInWords, analytics.DomainList(c.Domains)}}}
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

// recentCadences are those of reporters over all their domains, or of pairs.
func (r *request) recentCadences(ctx context.Context, overAll bool) ([]analytics.Cadence, error) {
	if overAll {
		all, err := r.attendance(ctx)
		return all.Reporters, err
	}
	histories, err := r.histories(ctx, r.lately(leadDays), r.heardSince())
	return analytics.Cadences(histories, r.heardUpTo(), r.syncing()), err
}

// An attendance is what is known of those who were heard lately.
type attendance struct {
	// Reporters are over all their domains.
	Reporters []analytics.Cadence
	Silences  []analytics.Silence
	// Last is the last day with a report, 0 where there was none, and how many
	// reported on it on how many domains.
	Last                       tlsrpt.Day
	LastReporters, LastDomains int
}

func (r *request) attendance(ctx context.Context) (attendance, error) {
	of := r.ofDay()
	of.Model, of.Domains, of.From, of.To = Model{Filters: r.Filters, Counting: r.Counting, Trust: r.Trust}, nil, time.Time{}, time.Time{}
	return judged(ctx, r, of, "attendance", func(ctx context.Context, r *request) (all attendance, err error) {
		histories, err := r.histories(ctx, r.lately(leadDays), r.heardSince())
		if err != nil {
			return all, err
		}
		pairs, reporters := analytics.AllCadences(histories, r.heardUpTo(), r.syncing())
		all.Reporters, all.Silences = reporters, silences(pairs, r.heardUpTo())
		all.count(histories, tlsrpt.DayOf(r.now()))
		return all, nil
	})
}

// count counts those heard on the last day, at most today.
func (a *attendance) count(histories []analytics.History, today tlsrpt.Day) {
	for _, h := range histories {
		a.Last = max(a.Last, h.Last)
	}
	a.Last = min(a.Last, today)
	reporters, domains := map[string]bool{}, map[string]bool{}
	for _, h := range histories {
		if h.Last >= a.Last {
			reporters[h.Reporter], domains[h.Domain] = true, true
		}
	}
	a.LastReporters, a.LastDomains = len(reporters), len(domains)
}

// silentDays tells of every domain that all its reporters are overdue for how
// long its last report is ago.
func (r *request) silentDays(ctx context.Context) ([]asOfValue, error) {
	heard, err := r.attendance(ctx)
	if err != nil {
		return nil, err
	}
	var values []asOfValue
	domains := map[string]bool{}
	for _, s := range heard.Silences {
		if s.Last < r.heardSince() {
			continue
		}
		domains[s.Domain] = true
		v := asOfValue{at: []label{{store.PolicyDomain, s.Domain}}}
		if s.Silent {
			v.value = float64(s.Days)
		}
		values = append(values, v)
	}
	return r.withLiteralDomains(values, domains), nil
}

// historyDays tells for every domain since how many days there are reports.
func (r *request) historyDays(ctx context.Context) ([]asOfValue, error) {
	of := r.ofDay()
	of.Model, of.Domains, of.From, of.To = Model{Filters: r.Filters, Trust: r.Trust}, nil, time.Time{}, time.Time{}
	beginnings, err := judged(ctx, r, of, "first days", firstDays)
	if err != nil {
		return nil, err
	}
	var values []asOfValue
	domains := map[string]bool{}
	for _, b := range beginnings {
		domains[b.Domain] = true
		values = append(values, asOfValue{at: []label{{store.PolicyDomain, b.Domain}}, value: float64(tlsrpt.DayOf(r.now()) - b.First)})
	}
	return r.withLiteralDomains(values, domains), nil
}

// A beginning is the day of the first report on a domain.
type beginning struct {
	Domain string
	First  tlsrpt.Day
}

// firstDays are those of all domains with a row.
func firstDays(ctx context.Context, r *request) ([]beginning, error) {
	known, err := r.knownSince(ctx, 0, nil)
	var all []beginning
	for start := 0; start < len(known); {
		domain, first, last := known[start].PolicyDomain, known[start].FirstReport, known[start].LastReport
		for ; start < len(known) && known[start].PolicyDomain == domain; start++ {
			first, last = min(first, known[start].FirstReport), max(last, known[start].LastReport)
		}
		if last >= r.heardSince() {
			all = append(all, beginning{domain, first})
		}
	}
	return all, err
}

// withLiteralDomains gives every literal name in the settings that is not
// among the domains its row of zero.
func (r *request) withLiteralDomains(values []asOfValue, domains map[string]bool) []asOfValue {
	for _, name := range r.literalDomains() {
		if !domains[name] {
			domains[name] = true
			values = append(values, asOfValue{at: []label{{store.PolicyDomain, name}}})
		}
	}
	return values
}
