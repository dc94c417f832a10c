package query

import (
	"context"
	"iter"
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
	for some := range cadences {
		for _, c := range some {
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
	}
	if overAll || !r.hasRowsOfDomains() {
		return values, nil
	}
	return r.withLiteralDomains(values, domains), nil
}

// heardSince is the first day of those on which someone must have been heard
// to have a row.
func (r *request) heardSince() tlsrpt.Day { return tlsrpt.DayOf(r.now()) - heardDays }

// recentCadences are those of reporters over all their domains, or of pairs,
// some at a time.
func (r *request) recentCadences(ctx context.Context, overAll bool) (iter.Seq[[]analytics.Cadence], error) {
	if overAll {
		all, err := r.attendance(ctx)
		return slices.Values([][]analytics.Cadence{all.Reporters}), err
	}
	survey, err := r.survey(ctx, r.lately(leadDays), r.heardSince(), nil)
	if err != nil {
		return nil, err
	}
	return survey.ByDomain(r.syncing()), nil
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
		last := onLastDay{reporters: map[string]bool{}, domains: map[string]bool{}}
		survey, err := r.survey(ctx, r.lately(leadDays), r.heardSince(), func(some []analytics.History) {
			last.count(some, tlsrpt.DayOf(r.now()))
		})
		if err != nil {
			return all, err
		}
		all.Reporters = survey.AllCadences(r.syncing(), func(pairs []analytics.Cadence) {
			all.Silences = append(all.Silences, analytics.DomainSilence(pairs[0].Domain, pairs, r.heardUpTo()))
		})
		all.Last, all.LastReporters, all.LastDomains = last.day, len(last.reporters), len(last.domains)
		return all, nil
	})
}

// onLastDay are those heard on the last day with a report; 0 is none.
type onLastDay struct {
	day                tlsrpt.Day
	reporters, domains map[string]bool
}

// count goes on to histories of other domains. The last day is at most today.
func (l *onLastDay) count(histories []analytics.History, today tlsrpt.Day) {
	for _, h := range histories {
		day := min(h.Last, today)
		if day > l.day {
			l.day = day
			clear(l.reporters)
			clear(l.domains)
		}
		if day == l.day {
			l.reporters[h.Reporter], l.domains[h.Domain] = true, true
		}
	}
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
