package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A chore is what a migration has left to the program. meta holds 1 under its
// name until it is done.
type chore struct {
	name, doing string
	do          func(*writer, context.Context) error
}

// upgrade does what is left, each chore on what the ones before it made.
func (s *Store) upgrade(ctx context.Context) error {
	left := map[string]bool{}
	err := s.read(ctx, func(c *conn) error {
		return c.query(ctx, "SELECT name FROM meta WHERE value = 1", nil, func(r row) error {
			left[r.text(0)] = true
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, one := range []chore{
		{"repack", "pack the sums of an earlier version", (*writer).repack},
		{"retotal", "sum up by domain", (*writer).retotal},
		{"coarsen", "pack the sums of failures of an earlier version", (*writer).packFailures},
		{"resettle", "bring the store of an earlier version up to date", (*writer).resettle},
	} {
		if !left[one.name] {
			continue
		}
		if err := s.change(ctx, one.once); err != nil {
			return fmt.Errorf("%s: %w", one.doing, err)
		}
	}
	return nil
}

// once does the chore, unless another process has done it while this one waited.
func (one chore) once(ctx context.Context, w *writer) error {
	if left, err := meta(ctx, w.conn, one.name); err != nil || left == 0 {
		return err
	}
	if err := one.do(w, ctx); err != nil {
		return err
	}
	return addMeta(ctx, w.conn, one.name, -1)
}

// resettle brings what a store of version 1 holds in line with what came later,
// as far as statements alone can't: who signed under which name, which of
// several reports that claim to be the same counts by that, and documents in
// quarantine that waited for DNS without their mail.
func (w *writer) resettle(ctx context.Context) error {
	if err := w.signedBefore(ctx); err != nil {
		return err
	}
	lost, err := w.conn.integers(ctx, `SELECT DISTINCT ledger FROM delivery d INDEXED BY delivery_pending WHERE trust = 2 AND report < 0
		AND NOT EXISTS (SELECT 1 FROM pending_mail m WHERE m.ledger = d.ledger)`)
	if err != nil {
		return err
	}
	for _, ledger := range lost {
		if err := w.giveUp(ctx, ledger, "DNS gave no answer, and the mail was not kept"); err != nil {
			return err
		}
	}
	superseded, err := w.conn.integers(ctx, "SELECT id FROM report INDEXED BY report_superseded WHERE superseded = 1")
	if err != nil {
		return err
	}
	return w.settleReports(ctx, superseded)
}

// signedBefore notes who signed the reports that are stored.
func (w *writer) signedBefore(ctx context.Context) error {
	return w.conn.query(ctx, `SELECT r.reporter, d.signed_by, b.value, MIN(l.received) FROM delivery d CROSS JOIN report r ON r.id = d.report
		CROSS JOIN ledger l ON l.id = d.ledger CROSS JOIN dict b ON b.id = d.signed_by WHERE d.trust = 1 GROUP BY 1, 2`, nil, func(r row) error {
		w.sign(r.int(0), &judged{item: item{received: r.int(3)}, trust: authenticated, signedBy: r.int(1), signer: r.text(2)})
		return nil
	})
}

// repack fills the packed rollups from the tables of version 3, and drops these.
func (w *writer) repack(ctx context.Context) error {
	for _, r := range []*rollup{domainMonth, domainDay, domainReporterDay, storedHour, storedHourLate} {
		if err := repackRollup(ctx, w.conn, r); err != nil {
			return err
		}
	}
	return w.conn.script(ctx, `DROP TABLE old_domain_day; DROP TABLE old_domain_month; DROP TABLE old_domain_reporter_day; DROP TABLE old_stored_hour`)
}

// retotal fills the sums of domains over all kinds, which version 8 brought, from
// those by kind.
func (w *writer) retotal(ctx context.Context) error {
	if err := coarsen[sessionSums](ctx, w.conn, domainMonth, domainTotalMonth); err != nil {
		return err
	}
	return coarsen[sessionSums](ctx, w.conn, domainDay, domainTotalDay)
}

// packFailures fills what version 9 brought from the tables before it, and drops these.
func (w *writer) packFailures(ctx context.Context) error {
	for _, r := range []*rollup{failureDomainDay, failureStoredHour} {
		if err := repackRollup(ctx, w.conn, r); err != nil {
			return err
		}
	}
	if err := w.conn.script(ctx, "DROP TABLE old_failure_domain_day; DROP TABLE old_failure_stored_hour"); err != nil {
		return err
	}
	if err := coarsen[failureSums](ctx, w.conn, failureDomainDay, failureResultDay); err != nil {
		return err
	}
	if err := coarsen[sessionSums](ctx, w.conn, storedHour, totalHour); err != nil {
		return err
	}
	return coarsen[sessionSums](ctx, w.conn, storedHourLate, totalHourLate)
}

// coarsen fills a packed rollup from one that tells more apart. It goes along the
// rows of this, of which those of a chunk follow each other.
func coarsen[S comparable, P measured[S]](ctx context.Context, c *conn, from, to *rollup) error {
	var at int64
	var cells []int64
	g := newGrouper[S, P](false, from)
	columns := make([]int, len(to.dimensions))
	for i, column := range to.dimensions {
		columns[i] = from.position(column)
	}
	g.by(columns)
	flush := func() error {
		if len(g.groups) == 0 {
			return nil
		}
		cells = cells[:0]
		for i := range g.rows.n {
			row := g.rows.at(i)
			cells = P(&row.sum).appendTo(append(cells, g.tuples.at(row.group)...), to)
		}
		g.clear()
		return writePacked(ctx, c, to, at, to.sorted(cells))
	}
	err := c.query(ctx, "SELECT id, cells FROM "+from.table+" ORDER BY id", nil, func(row row) error {
		bucket, chunk := row.int(0)>>chunkBits, row.int(0)&(1<<chunkBits-1)
		if id := to.rowID(bucket, chunk<<from.shift); id != at {
			if err := flush(); err != nil {
				return err
			}
			at = id
		}
		return from.unpack(row.int(0), row.bytes(1), nil, func(numbers []int64) { g.add(bucket, numbers) })
	})
	if err != nil {
		return err
	}
	return flush()
}

// repackRollup goes along the key of the old table, by which the rows of a chunk,
// or of an hour, follow each other.
func repackRollup(ctx context.Context, c *conn, r *rollup) error {
	old, condition := "old_"+r.table, ""
	key := append([]string{"domain", r.bucket.column()}, r.dimensions[1:]...)
	switch r.lateness {
	case atMostAWeek:
		condition = fmt.Sprintf("WHERE late <= %d", weekHours)
	case overAWeek:
		old, condition = "old_stored_hour", fmt.Sprintf("WHERE late > %d", weekHours)
	}
	order, leading := key, func(domain, _ int64) int64 { return r.chunk(domain) }
	if r.bucket == hourly {
		order, leading = append([]string{"hour", "domain"}, r.dimensions[1:]...), func(_, hour int64) int64 { return hour }
	}
	rows, at := map[int64][]int64{}, int64(0)
	flush := func() error {
		for _, id := range slices.Sorted(maps.Keys(rows)) {
			if err := writePacked(ctx, c, r, id, r.sorted(rows[id])); err != nil {
				return err
			}
		}
		clear(rows)
		return nil
	}
	err := c.query(ctx, fmt.Sprintf("SELECT %s, %s FROM %s %s ORDER BY %s", strings.Join(key, ", "), strings.Join(r.measures, ", "), old, condition,
		strings.Join(order, ", ")), nil, func(row row) error {
		domain, bucket := row.int(0), row.int(1)
		if now := leading(domain, bucket); now != at {
			if err := flush(); err != nil {
				return err
			}
			at = now
		}
		id := r.rowID(bucket, domain)
		rows[id] = append(rows[id], domain)
		for i := 2; i < len(key)+len(r.measures); i++ {
			rows[id] = append(rows[id], row.int(i))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}
