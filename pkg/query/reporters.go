package query

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
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
	all := reporterTable{limit: r.Limit}
	// Whoever reported at any time is not one who never did.
	survey, err := r.survey(ctx, r.lately(leadDays), 0, func(some []analytics.History) {
		if r.tellsNever() {
			r.addNever(&all, analytics.NeverHeard(some))
		}
	})
	if err != nil {
		return none, err
	}
	r.giveWay(ctx)
	rows, err := r.Store.Reporters(ctx, r.selection())
	if err != nil {
		return none, fmt.Errorf("read reporters: %w", err)
	}
	r.addCadences(&all, rows, survey.ByDomain(r.syncing()))
	return all.first(), nil
}

// addCadences adds the rows of a range with their cadences, and rows for those
// who were silent all through it. Both are in the order of domain and reporter.
func (r *request) addCadences(all *reporterTable, rows []store.ReporterRow, cadences iter.Seq[[]analytics.Cadence]) {
	unknown := analytics.Cadence{Kind: analytics.UnknownCadence, State: analytics.ReporterReporting}
	tellsSilent, since := r.byNames(), r.heardSince()
	for pairs := range cadences {
		for i := range pairs {
			c := &pairs[i]
			for len(rows) > 0 && comparePair(rows[0], c) < 0 {
				all.add(frames.ReporterRow{ReporterRow: rows[0], Cadence: unknown})
				rows = rows[1:]
			}
			switch {
			case len(rows) > 0 && comparePair(rows[0], c) == 0:
				all.add(frames.ReporterRow{ReporterRow: rows[0], Cadence: *c})
				rows = rows[1:]
			case tellsSilent && c.State == analytics.ReporterSilent && c.Last >= since:
				all.add(frames.ReporterRow{
					ReporterRow: store.ReporterRow{Reporter: c.Reporter, PolicyDomain: c.Domain, FirstReport: c.First, LastReport: c.Last}, Cadence: *c,
				})
			}
		}
	}
	for _, row := range rows {
		all.add(frames.ReporterRow{ReporterRow: row, Cadence: unknown})
	}
}

func comparePair(row store.ReporterRow, c *analytics.Cadence) int {
	return cmp.Or(strings.Compare(row.PolicyDomain, c.Domain), strings.Compare(row.Reporter, c.Reporter))
}

// tellsNever says whether those who always were silent have rows.
func (r *request) tellsNever() bool {
	return r.byNames() && r.Trust != "authenticated" && !r.syncing()
}

func (r *request) addNever(all *reporterTable, never []analytics.Cadence) {
	for _, c := range never {
		if r.passes(store.Reporter, c.Reporter) {
			all.add(frames.ReporterRow{ReporterRow: store.ReporterRow{Reporter: c.Reporter, PolicyDomain: c.Domain}, Cadence: c})
		}
	}
}

// A reporterTable is the beginning of a table of reporters: of many rows it
// keeps no more than twice those that are shown.
type reporterTable struct {
	rows         []frames.ReporterRow
	limit, found int
}

func (t *reporterTable) add(row frames.ReporterRow) {
	if len(t.rows) >= 2*t.limit {
		t.cut()
	}
	t.rows = append(t.rows, row)
	t.found++
}

// cut keeps those with the most reports, ordered.
func (t *reporterTable) cut() {
	slices.SortFunc(t.rows, func(a, b frames.ReporterRow) int {
		return cmp.Or(cmp.Compare(b.Reports, a.Reports), cmp.Compare(a.Reporter, b.Reporter), cmp.Compare(a.PolicyDomain, b.PolicyDomain))
	})
	clear(t.rows[min(t.limit, len(t.rows)):])
	t.rows = t.rows[:min(t.limit, len(t.rows))]
}

func (t *reporterTable) first() firstOf[frames.ReporterRow] {
	t.cut()
	return firstOf[frames.ReporterRow]{slices.Clone(t.rows), t.found}
}

// byNames says whether nothing but domains and reporters is filtered by: who
// sent nothing has nothing else to filter by.
func (r *request) byNames() bool {
	return !slices.ContainsFunc(r.filters(), func(f store.Filter) bool {
		return f.Dimension != store.PolicyDomain && f.Dimension != store.Reporter
	})
}
