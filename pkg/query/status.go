package query

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// arrivalWindow is how far back alerts look at what was stored: a day and
	// what a poll may be late. What is older than alertLateness is no news.
	arrivalWindow = 36 * time.Hour
	alertLateness = 7 * 24 * time.Hour
)

func answerStatus(ctx context.Context, r *request) (data.Frames, error) {
	in := analytics.StatusInput{Now: r.now(), Domains: r.literalDomains(), StoreError: r.StoreError}
	for _, s := range r.Sources {
		in.Sources = append(in.Sources, analytics.SourceHealth{
			ID: s.ID, Name: s.Name, State: s.State, LastError: s.LastError, LastSuccess: s.LastSuccess,
			Configured: s.FirstConfigured, PollInterval: s.PollInterval, Syncing: s.firstSync(),
		})
	}
	if r.Store != nil {
		if err := r.readStatus(ctx, &in); err != nil {
			return nil, err
		}
	}
	rows := analytics.Status(in)
	found := len(rows)
	rows = rows[:min(r.Limit, found)]
	frame := frames.Status(rows)
	r.notices(frame, r.cost, len(rows), found, "rows")
	return data.Frames{frame}, nil
}

func (r *request) readStatus(ctx context.Context, in *analytics.StatusInput) error {
	found, err := r.troubles(ctx)
	if err != nil {
		return err
	}
	in.OfIncidents = found.Findings
	heard, err := r.attendance(ctx)
	if err != nil {
		return err
	}
	in.Cadences, in.Silences = heard.Reporters, heard.Silences
	if in.Heard, err = r.lastHeard(ctx, heard); err != nil {
		return err
	}
	if in.ModeDrops, err = r.modeDrops(ctx); err != nil {
		return err
	}
	arrived := r.withoutDetail()
	arrived.From, arrived.To = r.now().Add(-arrivalWindow), r.now()
	arrived.TimeField, arrived.MaxLateness = store.StoredTime, alertLateness
	if in.ProtectionLosses, err = r.protectionLosses(ctx, arrived); err != nil {
		return err
	}
	in.Unreadable, in.Seen, err = r.unreadable(ctx)
	return err
}

// lastHeard is the evidence that all is well: the last day with a report, and
// the sessions of the range.
func (r *request) lastHeard(ctx context.Context, lately attendance) (analytics.Heard, error) {
	if lately.Last == 0 {
		return analytics.Heard{}, nil
	}
	heard := analytics.Heard{Day: lately.Last.Time(), Reporters: lately.LastReporters, Domains: lately.LastDomains}
	heard.Days = max(int(math.Ceil(r.now().Sub(r.From).Hours()/24)), 1)
	rows, err := r.sessions(ctx, store.SumQuery{Selection: r.lately(heard.Days)})
	var sums analytics.Sums
	for _, row := range rows {
		sums.Add(row)
	}
	heard.Sessions, heard.Failed = sums.Total(r.Counting), sums.FailedSessions(r.Counting)
	return heard, err
}

// modeDrops are the domains whose policy left enforce within the baseline.
func (r *request) modeDrops(ctx context.Context) ([]analytics.ModeDrop, error) {
	of := r.ofDay()
	of.Model, of.Domains, of.From, of.To = Model{Filters: r.Filters, Trust: r.Trust, BaselineDays: r.BaselineDays}, nil, time.Time{}, time.Time{}
	return judged(ctx, r, of, "mode drops", func(ctx context.Context, r *request) (drops []analytics.ModeDrop, err error) {
		err = r.policiesByDomain(ctx, r.lately(r.BaselineDays), func(seen []store.PolicySeen) {
			drops = append(drops, analytics.ModeDrops(seen)...)
		})
		slices.SortStableFunc(drops, func(a, b analytics.ModeDrop) int { return strings.Compare(a.Domain, b.Domain) })
		return drops, err
	})
}

// protectionLosses compares the sessions of a selection with those before it.
// Only of domains where sessions found no policy is more read than that.
func (r *request) protectionLosses(ctx context.Context, s store.Selection) ([]analytics.ProtectionLoss, error) {
	unprotected := s
	unprotected.Filters = append(slices.Clone(s.Filters), store.Filter{
		Dimension: store.PolicyType, Operator: store.Equal, Values: []string{tlsrpt.PolicyNotFound},
	})
	found, err := r.sessions(ctx, store.SumQuery{Selection: unprotected, GroupBy: []store.Dimension{store.PolicyDomain}})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var domains []string
	for _, row := range found {
		domains = append(domains, row.Group[0])
	}
	s = within(s, domains)
	since := startOf(s)
	var rows []store.SessionRow
	// What is compared are three spans of time, each told by a moment in it.
	for _, span := range [][3]time.Time{
		{since, s.To, since},
		{since.AddDate(0, 0, -14), since, since.AddDate(0, 0, -1)},
		{since.AddDate(0, 0, -30), since.AddDate(0, 0, -14), since.AddDate(0, 0, -15)},
	} {
		s.From, s.To = span[0], span[1]
		sums, err := r.sessions(ctx, store.SumQuery{Selection: s, GroupBy: []store.Dimension{store.PolicyDomain, store.PolicyType, store.PolicyMode}})
		if err != nil {
			return nil, err
		}
		for _, row := range sums {
			row.Bucket = span[2]
			rows = append(rows, row)
		}
	}
	return analytics.ProtectionLosses(rows, since), nil
}

// unreadable counts what came in a day and could not be used, of all that came.
func (r *request) unreadable(ctx context.Context) (unreadable, seen int64, err error) {
	from := r.now().Add(-24 * time.Hour)
	counts, err := r.Store.QuarantineCounts(ctx, from, r.now())
	if err != nil {
		return 0, 0, fmt.Errorf("count quarantine: %w", err)
	}
	for _, c := range counts {
		if c.Reason != store.ForeignDomain { // which tells of nothing broken
			unreadable += c.Count
		}
	}
	arrivals, err := r.Store.Arrivals(ctx, from, r.now())
	if err != nil {
		return 0, 0, fmt.Errorf("count arrivals: %w", err)
	}
	for _, n := range arrivals {
		seen += n
	}
	return unreadable, seen, nil
}
