package sqlite

import (
	"cmp"
	"context"
	"slices"
	"sort"
)

// hearing is the key of the table heard; trust 0 stands for all.
type hearing struct{ domain, reporter, trust int64 }

// heardChange is what a transaction changes of one row of heard: pairs by day,
// and the extremes of what was added and of what was taken back.
type heardChange struct {
	days           map[int64]int64
	added, removed span
}

type span struct {
	some                         bool
	firstDay, lastDay, lastStore int64
}

func (s *span) take(day, stored int64) {
	if !s.some {
		*s = span{true, day, day, stored}
		return
	}
	s.firstDay, s.lastDay, s.lastStore = min(s.firstDay, day), max(s.lastDay, day), max(s.lastStore, stored)
}

func (s *sums) hear(f *facts, domain, sign int64) {
	for _, trust := range [...]int64{0, f.trust} {
		key := hearing{domain, f.reporter, trust}
		change := s.heard[key]
		if change == nil {
			change = &heardChange{days: map[int64]int64{}}
			s.heard[key] = change
		}
		change.days[f.day] += sign
		if sign > 0 {
			change.added.take(f.day, f.stored)
		} else {
			change.removed.take(f.day, f.stored)
		}
	}
}

func (s *sums) hearings() []hearing {
	keys := make([]hearing, 0, len(s.heard))
	for key := range s.heard {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b hearing) int {
		return cmp.Or(cmp.Compare(a.domain, b.domain), cmp.Compare(a.reporter, b.reporter), cmp.Compare(a.trust, b.trust))
	})
	return keys
}

// flushHeard writes what only grows. It reads the rollups as they were before.
func (s *sums) flushHeard(ctx context.Context, c *conn) error {
	for _, key := range s.hearings() {
		change := s.heard[key]
		var reports, days int64
		for day, delta := range change.days {
			before, err := s.reportsOn(ctx, c, key, day)
			if err != nil {
				return err
			}
			reports += delta
			if before == 0 && delta > 0 {
				days++
			}
			if before > 0 && before+delta == 0 {
				days--
			}
		}
		if !change.added.some {
			_, err := c.exec(ctx, "UPDATE heard SET reports = reports + ?, days = days + ? WHERE domain = ? AND reporter = ? AND trust = ?",
				reports, days, key.domain, key.reporter, key.trust)
			if err != nil {
				return err
			}
			continue
		}
		_, err := c.exec(ctx, `INSERT INTO heard (domain, reporter, trust, first_day, last_day, last_stored, reports, days)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			first_day = min(first_day, excluded.first_day), last_day = max(last_day, excluded.last_day),
			last_stored = max(last_stored, excluded.last_stored), reports = reports + excluded.reports, days = days + excluded.days`,
			key.domain, key.reporter, key.trust, change.added.firstDay, change.added.lastDay, change.added.lastStore, reports, days)
		if err != nil {
			return err
		}
	}
	return nil
}

// reportsOn counts what there was before the transaction.
func (s *sums) reportsOn(ctx context.Context, c *conn, key hearing, day int64) (reports int64, err error) {
	r := domainReporterDay
	cells, err := s.packedRow(ctx, c, r, r.rowID(day, key.domain))
	if err != nil {
		return 0, err
	}
	trust, width := r.position("trust"), r.width()
	wanted := []int64{key.domain, key.reporter}
	start := sort.Search(len(cells)/width, func(i int) bool { return slices.Compare(cells[i*width:i*width+2], wanted) >= 0 })
	for cell := range slices.Chunk(cells[start*width:], width) {
		if !slices.Equal(cell[:2], wanted) {
			break
		}
		if key.trust == 0 || cell[trust] == key.trust {
			reports += cell[len(r.dimensions)]
		}
	}
	return reports, nil
}

// settleHeard finds new extremes where an old one was taken back. It reads the
// rollups and rows as they are now.
func (s *sums) settleHeard(ctx context.Context, c *conn) error {
	for _, key := range s.hearings() {
		removed := s.heard[key].removed
		if !removed.some {
			continue
		}
		var reports, firstDay, lastDay, lastStored int64
		_, err := c.first(ctx, "SELECT reports, first_day, last_day, last_stored FROM heard WHERE domain = ? AND reporter = ? AND trust = ?",
			[]any{key.domain, key.reporter, key.trust}, func(r row) {
				reports, firstDay, lastDay, lastStored = r.int(0), r.int(1), r.int(2), r.int(3)
			})
		if err != nil {
			return err
		}
		if reports == 0 {
			if _, err := c.exec(ctx, "DELETE FROM heard WHERE domain = ? AND reporter = ? AND trust = ?", key.domain, key.reporter, key.trust); err != nil {
				return err
			}
			continue
		}
		if removed.firstDay > firstDay && removed.lastDay < lastDay && removed.lastStore < lastStored {
			continue
		}
		if err := remeasure(ctx, c, key, firstDay, lastDay, lastStored, removed); err != nil {
			return err
		}
	}
	return nil
}

// The statements come in pairs: for all trusts, and for one.
var (
	nextFirstDay = trustPair("SELECT p.day"+heardRows+" AND p.day >= ?", "r.trust", " ORDER BY p.day LIMIT 1")
	nextLastDay  = trustPair("SELECT p.day"+heardRows+" AND p.day <= ?", "r.trust", " ORDER BY p.day DESC LIMIT 1")
	nextStored   = trustPair("SELECT MAX(r.stored)"+heardRows+" AND r.stored <= ?", "r.trust", "")
)

const heardRows = ` FROM policy p CROSS JOIN report r ON r.id = p.report
	WHERE p.domain = ? AND p.reports = 1 AND r.superseded = 0 AND r.reporter = ?`

func trustPair(query, column, end string) [2]string {
	return [2]string{query + end, query + " AND " + column + " = ?" + end}
}

func remeasure(ctx context.Context, c *conn, key hearing, firstDay, lastDay, lastStored int64, removed span) (err error) {
	measure := func(statements [2]string, from int64) int64 {
		if err != nil {
			return from
		}
		args, statement := []any{key.domain, key.reporter, from}, statements[0]
		if key.trust != 0 {
			args, statement = append(args, key.trust), statements[1]
		}
		var n int64
		n, err = c.integer(ctx, statement, args...)
		return n
	}
	if removed.firstDay <= firstDay {
		firstDay = measure(nextFirstDay, firstDay)
	}
	if removed.lastDay >= lastDay {
		lastDay = measure(nextLastDay, lastDay)
	}
	if removed.lastStore >= lastStored {
		lastStored = measure(nextStored, lastStored)
	}
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "UPDATE heard SET first_day = ?, last_day = ?, last_stored = ? WHERE domain = ? AND reporter = ? AND trust = ?",
		firstDay, lastDay, lastStored, key.domain, key.reporter, key.trust)
	return err
}
