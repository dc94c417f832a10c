package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// leadDays is how far before a range judgements look, for first days and
	// cadences to be right.
	leadDays = 90
	// abandonedAfter is how much longer than others a source may go unread until
	// its silence no longer holds up what is said of reporters.
	abandonedAfter = 30 * 24 * time.Hour
)

// moment is what is known of the time when a query is asked.
func (r *request) moment() moment {
	m := moment{Now: r.asked(), Syncing: slices.ContainsFunc(r.Sources, Source.firstSync)}
	m.StoredUpTo = m.Now
	last := earlier(lastSuccess(r.Sources), m.Now)
	m.HeardUpTo = last
	for _, s := range r.Sources {
		if !s.LastSuccess.IsZero() && last.Sub(s.LastSuccess) < abandonedAfter {
			m.HeardUpTo = earlier(m.HeardUpTo, s.LastSuccess)
		}
		if s.FirstSync.After(m.Live) {
			m.Live = s.FirstSync
		}
	}
	return m
}

// asked is the end of the range, or when the question was asked where the range
// ends later. Grafana ends a range of whole days in their last second: those
// days have ended.
func (r *request) asked() time.Time {
	end := r.To
	if minute := end.Add(time.Second).Truncate(time.Minute); minute.After(end) {
		end = minute
	}
	if r.Now.IsZero() {
		return end
	}
	return earlier(end, r.Now)
}

// now is the moment that things are judged as of.
func (r *request) now() time.Time { return r.at.Now }

// heardUpTo is until when all sources were read: what we did not fetch is not
// held against a reporter. It is zero where none was ever read.
func (r *request) heardUpTo() time.Time { return r.at.HeardUpTo }

// syncing says whether a first synchronisation is going on, when little that is
// missing is missing for good.
func (r *request) syncing() bool { return r.at.Syncing }

// live is since when reports are stored as they come; zero where none was.
func (r *request) live() time.Time { return r.at.Live }

// past is the selection that judgements are made from: the days from so many
// before the range, or before now where the range is longer, up to now. It
// holds what rollups tell apart by day, so neither lateness nor details.
func (r *request) past(days int) store.Selection {
	s := r.withoutDetail()
	s.TimeField, s.MaxLateness = store.Period, 0
	s.From, s.To = earlier(r.From, r.now()).AddDate(0, 0, -days), r.now()
	return s
}

// lately is [request.past] for the days before now, however long the range is.
func (r *request) lately(days int) store.Selection {
	s := r.past(0)
	s.From = r.now().AddDate(0, 0, -days)
	return s
}

// startOf is the start of the first day, or hour, of a selection: what only
// overlaps it belongs to it, and not to the days before it too.
func startOf(s store.Selection) time.Time {
	if s.TimeField == store.StoredTime {
		return s.From.UTC().Truncate(time.Hour)
	}
	return tlsrpt.DayOf(s.From).Time()
}

// within narrows a selection to domains.
func within(s store.Selection, domains []string) store.Selection {
	s.Filters = append(slices.Clone(s.Filters), store.Filter{Dimension: store.PolicyDomain, Operator: store.Equal, Values: domains})
	return s
}

// sessions sums summaries and notes how that was done.
func (r *request) sessions(ctx context.Context, q store.SumQuery) ([]store.SessionRow, error) {
	r.giveWay(ctx)
	rows, cost, err := r.sums.Sessions(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("sum up sessions: %w", err)
	}
	r.cost.Rows, r.rows = r.cost.Rows || cost.Rows, r.rows+len(rows)
	return rows, nil
}

// failureSums sums failure details and notes how that was done.
func (r *request) failureSums(ctx context.Context, q store.SumQuery) ([]store.FailureSum, error) {
	r.giveWay(ctx)
	sums, cost, err := r.sums.FailureSums(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("sum up failure details: %w", err)
	}
	r.cost.Rows, r.rows = r.cost.Rows || cost.Rows, r.rows+len(sums)
	return sums, nil
}

// knownSince returns who reported on what since a day, of the domains where
// some are named. Filters that the store would have to read rows for are left out.
func (r *request) knownSince(ctx context.Context, since tlsrpt.Day, domains []string) ([]store.ReporterRow, error) {
	s := r.past(0)
	s.Filters = slices.DeleteFunc(s.Filters, func(f store.Filter) bool {
		return f.Dimension != store.PolicyDomain && f.Dimension != store.Reporter && f.Dimension != store.TrustDimension
	})
	if domains != nil {
		s = within(s, domains)
	}
	r.giveWay(ctx)
	rows, err := r.Store.LastReports(ctx, s.Filters, s.AuthenticatedOnly, since)
	if err != nil {
		return nil, fmt.Errorf("read the last reports: %w", err)
	}
	r.rows += len(rows)
	// What came after the moment of judgement was not known then.
	today := tlsrpt.DayOf(r.now())
	rows = slices.DeleteFunc(rows, func(row store.ReporterRow) bool { return row.FirstReport > today })
	for i := range rows {
		if bound := r.at.StoredUpTo; !bound.IsZero() && rows[i].LastStored.After(bound) {
			rows[i].LastStored = time.Time{}
		}
		if rows[i].LastStored.After(r.latest) {
			r.latest = rows[i].LastStored
		}
	}
	return rows, nil
}

// pairCadences are cadences ordered by domain and reporter.
type pairCadences []analytics.Cadence

func (r *request) pairCadences(histories []analytics.History) pairCadences {
	return analytics.Cadences(histories, r.heardUpTo(), r.syncing())
}

// of is the cadence of a pair; the zero one where there is none.
func (p pairCadences) of(domain, reporter string) (c analytics.Cadence, known bool) {
	i, known := sort.Find(len(p), func(i int) int {
		return cmp.Or(strings.Compare(domain, p[i].Domain), strings.Compare(reporter, p[i].Reporter))
	})
	if known {
		c = p[i]
	}
	return c, known
}

// policiesByDomain reads [request.policies] of some domains at a time and hands
// them over: there are as many rows as pairs, or more. A domain is in one part,
// and the parts are in no order of names.
func (r *request) policiesByDomain(ctx context.Context, s store.Selection, take func([]store.PolicySeen)) error {
	// Who has not been heard since the selection began has seen no policy in it;
	// when its last report was stored says nothing of policies.
	names := *r
	parts, pairs, err := names.domainsSince(ctx, tlsrpt.DayOf(s.From))
	r.waited = names.waited
	if err != nil {
		return err
	}
	defer r.begin(pairs)()
	return inParts(ctx, r, parts, func(ctx context.Context, r *request, domains []string) ([]store.PolicySeen, error) {
		return r.policies(ctx, within(s, domains))
	}, take)
}

// domainsSince returns the domains that were heard of since a day in parts, see
// [request.parts], and of how many pairs with reporters they are.
func (r *request) domainsSince(ctx context.Context, since tlsrpt.Day) (parts [][]string, pairs int, err error) {
	known, err := r.knownSince(ctx, since, nil)
	if err != nil {
		return nil, 0, err
	}
	var domains []string
	for i := range known {
		if n := len(domains); n == 0 || domains[n-1] != known[i].PolicyDomain {
			domains = append(domains, known[i].PolicyDomain)
		}
	}
	parts, err = r.parts(ctx, domains)
	return parts, len(known), err
}

// policies returns the policies that were seen on some day of a selection, as
// far as it was known then.
func (r *request) policies(ctx context.Context, s store.Selection) ([]store.PolicySeen, error) {
	r.giveWay(ctx)
	seen, err := r.Store.Policies(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	r.rows += len(seen)
	today := tlsrpt.DayOf(r.now())
	for i := range seen {
		seen[i].Last = min(seen[i].Last, today)
	}
	return slices.DeleteFunc(seen, func(p store.PolicySeen) bool { return p.First > today }), nil
}
