package sqlite

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// spoken is a domain and a reporter.
type spoken struct{ domain, reporter int64 }

// Reporters returns who reported on what in the selection.
func (s *Store) Reporters(ctx context.Context, selection store.Selection) ([]store.ReporterRow, error) {
	var rows []store.ReporterRow
	err := s.snapshot(ctx, func(c *conn) error {
		q, err := s.question(ctx, c, selection)
		if err != nil {
			return err
		}
		found, err := s.reported(ctx, c, q)
		if err != nil {
			return err
		}
		if err := measureHeard(ctx, c, q, found); err != nil {
			return err
		}
		keys := make([]spoken, 0, len(found))
		rows = make([]store.ReporterRow, 0, len(found))
		for key, r := range found {
			keys, rows = append(keys, key), append(rows, *r)
		}
		rows, err = s.nameReporters(ctx, c, keys, rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list reporters: %w", err)
	}
	return rows, nil
}

// reported counts reports and days of the selection.
func (s *Store) reported(ctx context.Context, c *conn, q *question) (map[spoken]*store.ReporterRow, error) {
	details := q.splitDetails()
	p := rollupPlan(domainReporterDay, q)
	if q.timeField == store.StoredTime || q.maxLate >= 0 || len(details) > 0 {
		p = rowPlan(q, "policy", details)
	}
	found, err := countReported(ctx, c, q, p)
	if err != nil || !q.byKind() {
		return found, err
	}
	// The policy that carries a pair's count may not be among those selected.
	q.groupBy = []store.Dimension{store.PolicyDomain, store.Reporter}
	sums, err := sessionGroups(ctx, c, q, p)
	if err != nil {
		return nil, err
	}
	for i := range sums.rows.n {
		row := sums.rows.at(i)
		ids := sums.groups.at(row.group)
		found[spoken{ids[0], ids[1]}].Reports = row.sum.reports
	}
	return found, nil
}

func countReported(ctx context.Context, c *conn, q *question, p plan) (map[spoken]*store.ReporterRow, error) {
	found := map[spoken]*store.ReporterRow{}
	if !p.packed() {
		w := p.conditions(q, p.parts[0])
		err := c.query(ctx, fmt.Sprintf("SELECT t.domain, %s, SUM(t.reports), COUNT(DISTINCT t.day) FROM %s %s GROUP BY 1, 2",
			p.column("reporter"), p.parts[0].from, w.clause()), w.args, func(r row) error {
			found[spoken{r.int(0), r.int(1)}] = &store.ReporterRow{Reports: r.int(2), Days: r.int(3)}
			return nil
		})
		return found, err
	}
	reports := len(domainReporterDay.dimensions)
	err := p.scan(ctx, c, q, func(day int64, numbers []int64) {
		row := found[spoken{numbers[0], numbers[1]}]
		if row == nil {
			row = &store.ReporterRow{LastReport: longBefore}
			found[spoken{numbers[0], numbers[1]}] = row
		}
		row.Reports += numbers[reports]
		// Days come in order.
		if row.LastReport != tlsrpt.Day(day) {
			row.LastReport = tlsrpt.Day(day)
			row.Days++
		}
	})
	return found, err
}

const longBefore tlsrpt.Day = math.MinInt32

// measureHeard fills in what is of all time, among reports of the trusts asked for.
func measureHeard(ctx context.Context, c *conn, q *question, found map[spoken]*store.ReporterRow) error {
	domains := map[int64]bool{}
	for key := range found {
		domains[key.domain] = true
	}
	w := where{}
	w.in("domain", idSet{ids: slices.Sorted(maps.Keys(domains))})
	w.heardOf(q.trusts())
	return c.query(ctx, "SELECT domain, reporter, MIN(first_day), MAX(last_day), MAX(last_stored) FROM heard "+w.clause()+" GROUP BY 1, 2",
		w.args, func(r row) error {
			if known := found[spoken{r.int(0), r.int(1)}]; known != nil {
				known.FirstReport, known.LastReport, known.LastStored = tlsrpt.Day(r.int(2)), tlsrpt.Day(r.int(3)), time.Unix(r.int(4), 0).UTC()
			}
			return nil
		})
}

// trusts returns the numbers of the trusts that the filters keep; nil is all.
func (q *question) trusts() []int64 {
	kept := []int64{}
	for n := int64(1); n < int64(len(trusts)); n++ {
		drops := func(f filtered) bool {
			return f.dimension == store.TrustDimension && slices.Contains(f.set.ids, n) == f.set.except
		}
		if !slices.ContainsFunc(q.filters, drops) {
			kept = append(kept, n)
		}
	}
	if len(kept) == len(trusts)-1 {
		return nil
	}
	return kept
}

// heardOf keeps the rows of the table heard that are of the given trusts; nil is all.
func (w *where) heardOf(trusts []int64) {
	if trusts == nil {
		w.add("trust = 0")
		return
	}
	w.in("trust", idSet{ids: trusts})
}

// LastReports returns who reported on what since a day, with all they ever did.
func (s *Store) LastReports(ctx context.Context, filters []store.Filter, authenticatedOnly bool, since tlsrpt.Day) ([]store.ReporterRow, error) {
	var rows []store.ReporterRow
	err := s.snapshot(ctx, func(c *conn) error {
		q, err := s.question(ctx, c, store.Selection{Filters: filters, AuthenticatedOnly: authenticatedOnly})
		if err != nil {
			return err
		}
		statement, args := lastReports(q, since)
		var keys []spoken
		err = c.query(ctx, statement, args, func(r row) error {
			keys = append(keys, spoken{r.int(0), r.int(1)})
			rows = append(rows, store.ReporterRow{
				FirstReport: tlsrpt.Day(r.int(2)), LastReport: tlsrpt.Day(r.int(3)), LastStored: time.Unix(r.int(4), 0).UTC(),
				Reports: r.int(5), Days: r.int(6),
			})
			return nil
		})
		if err != nil {
			return err
		}
		rows, err = s.nameReporters(ctx, c, keys, rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list last reports: %w", err)
	}
	return rows, nil
}

// lastReports reads the table heard where its key answers, and rows otherwise.
func lastReports(q *question, since tlsrpt.Day) (string, []any) {
	trusts := q.trusts()
	others := func(f filtered) bool {
		return f.dimension != store.PolicyDomain && f.dimension != store.Reporter && f.dimension != store.TrustDimension
	}
	if len(trusts) > 1 || slices.ContainsFunc(q.filters, others) {
		p := rowPlan(q, "policy", q.splitDetails())
		w := p.conditions(q, p.parts[0])
		return `SELECT t.domain, r.reporter, MIN(t.day), MAX(t.day), MAX(r.stored), COUNT(DISTINCT t.report), COUNT(DISTINCT t.day)
			FROM ` + p.parts[0].from + " " + w.clause() + " GROUP BY 1, 2 HAVING MAX(t.day) >= ?", append(w.args, int64(since))
	}
	w := where{}
	w.heardOf(trusts)
	w.add("last_day >= ?", int64(since))
	for _, f := range q.filters {
		if f.dimension != store.TrustDimension {
			w.in(columns[f.dimension], f.set)
		}
	}
	return "SELECT domain, reporter, first_day, last_day, last_stored, reports, days FROM heard " + w.clause(), w.args
}

// nameReporters puts the names to rows, and returns them by domain and reporter.
func (s *Store) nameReporters(ctx context.Context, c *conn, keys []spoken, rows []store.ReporterRow) ([]store.ReporterRow, error) {
	ids := map[int64]bool{}
	for _, key := range keys {
		ids[key.domain], ids[key.reporter] = true, true
	}
	words, err := s.names.of(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	ranks, order := ranked(words), make([][4]int32, len(keys))
	for i, key := range keys {
		rows[i].PolicyDomain, rows[i].Reporter = words[key.domain], words[key.reporter]
		order[i] = [...]int32{ranks[key.domain], ranks[key.reporter], 0, 0}
	}
	return ordered(rows, order, func(_, _ *store.ReporterRow) int { return 0 }), nil
}
