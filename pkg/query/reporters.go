package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// answerReporters tells who reported in the range, who has fallen silent
// before it, and who never reported although it does elsewhere.
func answerReporters(ctx context.Context, r *request) (data.Frames, error) {
	tell := reporterRows
	if r.TimeField == store.Period {
		tell = func(ctx context.Context, r *request) (firstOf[frames.ReporterRow], error) {
			of := r.ofDay()
			of.Model = Model{Filters: r.Filters, Counting: r.Counting, Trust: r.Trust, MaxLateness: r.MaxLateness, Limit: r.Limit}
			return judged(ctx, r, of, "reporters", reporterRows)
		}
	}
	shown, err := tell(ctx, r)
	if err != nil {
		return nil, err
	}
	frame := frames.Reporters(shown.Rows)
	r.notices(frame, r.cost, len(shown.Rows), shown.Found, "pairs of reporter and domain")
	return data.Frames{frame}, nil
}

func reporterRows(ctx context.Context, r *request) (none firstOf[frames.ReporterRow], err error) {
	rows, err := r.Store.Reporters(ctx, r.selection())
	if err != nil {
		return none, fmt.Errorf("read reporters: %w", err)
	}
	// Whoever reported at any time is not one who never did.
	var never []analytics.Cadence
	survey, err := r.survey(ctx, r.lately(leadDays), 0, func(some []analytics.History) {
		never = append(never, analytics.NeverHeard(some)...)
	})
	if err != nil {
		return none, err
	}
	all := r.withCadences(rows, survey.Cadences(r.syncing()), never)
	slices.SortFunc(all, func(a, b frames.ReporterRow) int {
		return cmp.Or(cmp.Compare(b.Reports, a.Reports), cmp.Compare(a.Reporter, b.Reporter), cmp.Compare(a.PolicyDomain, b.PolicyDomain))
	})
	return first(all, r.Limit), nil
}

// withCadences adds the cadences to the rows of a range, and rows for those
// who were silent all through it, or always.
func (r *request) withCadences(rows []store.ReporterRow, pairs pairCadences, never []analytics.Cadence) []frames.ReporterRow {
	all := make([]frames.ReporterRow, 0, len(rows))
	heard := map[[2]string]bool{}
	for _, row := range rows {
		heard[[2]string{row.PolicyDomain, row.Reporter}] = true
		c, known := pairs.of(row.PolicyDomain, row.Reporter)
		if !known {
			c = analytics.Cadence{Kind: analytics.UnknownCadence, State: analytics.ReporterReporting}
		}
		all = append(all, frames.ReporterRow{ReporterRow: row, Cadence: c})
	}
	if !r.byNames() {
		return all
	}
	for _, c := range pairs {
		if !heard[[2]string{c.Domain, c.Reporter}] && c.State == analytics.ReporterSilent && c.Last >= tlsrpt.DayOf(r.now())-heardDays {
			all = append(all, frames.ReporterRow{
				ReporterRow: store.ReporterRow{Reporter: c.Reporter, PolicyDomain: c.Domain, FirstReport: c.First, LastReport: c.Last}, Cadence: c,
			})
		}
	}
	if r.Trust == "authenticated" || r.syncing() {
		return all
	}
	for _, c := range never {
		if r.passes(store.Reporter, c.Reporter) {
			all = append(all, frames.ReporterRow{ReporterRow: store.ReporterRow{Reporter: c.Reporter, PolicyDomain: c.Domain}, Cadence: c})
		}
	}
	return all
}

// byNames says whether nothing but domains and reporters is filtered by: who
// sent nothing has nothing else to filter by.
func (r *request) byNames() bool {
	return !slices.ContainsFunc(r.filters(), func(f store.Filter) bool {
		return f.Dimension != store.PolicyDomain && f.Dimension != store.Reporter
	})
}
