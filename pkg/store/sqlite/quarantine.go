package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// quarantine keeps a document that can't be used, and counts its arrival.
func (w *writer) quarantine(ctx context.Context, it item, d *store.Document) error {
	j, err := w.judgement(ctx, it, d.Judgement)
	if err != nil {
		return err
	}
	var frame []byte
	if len(d.Raw) > 0 {
		if frame, err = w.document.pack(d.Raw, d.Hints); err != nil {
			return err
		}
	}
	id, err := w.insertQuarantine(ctx, j, d.Problem, frame, int64(len(d.Raw)))
	if err != nil {
		return err
	}
	return w.insertDelivery(ctx, -id, j)
}

// insertQuarantine puts a frame, which holds size raw bytes, into quarantine.
func (w *writer) insertQuarantine(ctx context.Context, j judged, problem *store.Problem, frame []byte, size int64) (id int64, err error) {
	reason, err := w.intern(ctx, classQuarantine, problem.Reason)
	if err != nil {
		return 0, err
	}
	w.quarantineRaw += size
	result, err := w.conn.exec(ctx, `INSERT INTO quarantine (ledger, source, time, reason, detail, size, frame, tries, parser, trust, trusting, signed_by, route)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)`, j.ledger, j.source, w.now.Unix(), reason, problem.Detail,
		size, frame, int64(tlsrpt.ParserVersion), j.trust, j.reason, j.signedBy, j.route)
	if err == nil {
		id, err = result.LastInsertId()
	}
	if err != nil {
		return 0, fmt.Errorf("write quarantine: %w", err)
	}
	_, err = w.conn.exec(ctx, `INSERT INTO quarantine_hour (hour, source, reason, arrivals) VALUES (?, ?, ?, 1)
		ON CONFLICT DO UPDATE SET arrivals = arrivals + 1`, w.now.Unix()/3600, j.source, reason)
	if err != nil {
		return 0, fmt.Errorf("count quarantine: %w", err)
	}
	return id, nil
}

// trimQuarantine lets the oldest raw bytes go until the rest is within the cap.
func (w *writer) trimQuarantine(ctx context.Context) error {
	kept, err := meta(ctx, w.conn, "quarantine_bytes")
	if err != nil {
		return err
	}
	var dropped int64
	for kept-dropped > w.keepRaw {
		var id, size int64
		found, err := w.conn.first(ctx, "SELECT id, size FROM quarantine INDEXED BY quarantine_kept WHERE frame IS NOT NULL ORDER BY id LIMIT 1",
			nil, func(r row) { id, size = r.int(0), r.int(1) })
		if err != nil {
			return fmt.Errorf("find the oldest bytes in quarantine: %w", err)
		}
		if !found {
			break
		}
		if _, err := w.conn.exec(ctx, "UPDATE quarantine SET frame = NULL WHERE id = ?", id); err != nil {
			return fmt.Errorf("drop the oldest bytes in quarantine: %w", err)
		}
		dropped += size
	}
	return addMeta(ctx, w.conn, "quarantine_bytes", -dropped)
}

// QuarantineSize returns how many raw bytes are kept in quarantine.
func (s *Store) QuarantineSize(ctx context.Context) (bytes int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		bytes, err = meta(ctx, c, "quarantine_bytes")
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure quarantine: %w", err)
	}
	return bytes, nil
}

// RetryQuarantine returns ids that can be tried again.
func (s *Store) RetryQuarantine(ctx context.Context, reason string, after int64, limit int) ([]int64, error) {
	query, args := "SELECT id FROM quarantine INDEXED BY quarantine_kept WHERE frame IS NOT NULL AND id > ?", []any{after}
	var ids []int64
	err := s.read(ctx, func(c *conn) error {
		if reason != "" {
			id, found, err := lookupID(ctx, c, classQuarantine, reason)
			if err != nil || !found {
				return err
			}
			query, args = query+" AND reason = ?", append(args, id)
		}
		var err error
		ids, err = c.integers(ctx, query+" ORDER BY id LIMIT ?", append(args, int64(limit))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	return ids, nil
}

// Quarantine returns what is in quarantine, newest first.
func (s *Store) Quarantine(ctx context.Context, q store.RowQuery) (rows []store.QuarantineRow, more bool, err error) {
	err = s.read(ctx, func(c *conn) error {
		w := where{}
		if err := s.quarantineFilters(ctx, c, &w, q.Selection); err != nil {
			return err
		}
		if !q.From.IsZero() {
			w.add("q.time >= ?", q.From.Unix())
		}
		if !q.To.IsZero() {
			w.add("q.time < ?", ceilSeconds(q.To))
		}
		// Without bytes of its own, a document is as large as its item.
		query := `SELECT q.id, q.time, p.value, q.detail, d.value, l.ref, IIF(q.size > 0, q.size, l.size), q.tries, q.parser
			FROM quarantine q CROSS JOIN ledger l ON l.id = q.ledger CROSS JOIN dict d ON d.id = q.source CROSS JOIN dict p ON p.id = q.reason
			` + w.clause() + ` ORDER BY q.time DESC, q.id DESC LIMIT ?`
		return c.query(ctx, query, append(w.args, int64(q.Limit)+1), func(r row) error {
			rows = append(rows, store.QuarantineRow{
				ID: r.int(0), Time: time.Unix(r.int(1), 0).UTC(), Problem: store.Problem{Reason: r.text(2), Detail: r.text(3)},
				Source: r.text(4), Ref: r.text(5), Size: r.int(6), Tries: int(r.int(7)), ParserVersion: int(r.int(8)),
			})
			return nil
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("list quarantine: %w", err)
	}
	rows, more = cut(rows, q.Limit)
	return rows, more, nil
}

// quarantineFilters adds the filters on source and reason; others don't count.
func (s *Store) quarantineFilters(ctx context.Context, c *conn, w *where, selection store.Selection) error {
	for _, f := range selection.Filters {
		column := map[store.Dimension]string{store.Source: "q.source", store.QuarantineReason: "q.reason"}[f.Dimension]
		if column == "" || len(f.Values) == 0 {
			continue
		}
		set, err := s.resolve(ctx, c, f)
		if err != nil {
			return err
		}
		w.in(column, set)
	}
	return nil
}

// QuarantineCounts counts arrivals in hours that overlap [from, to).
func (s *Store) QuarantineCounts(ctx context.Context, from, to time.Time) ([]store.QuarantineCount, error) {
	var counts []store.QuarantineCount
	err := s.read(ctx, func(c *conn) error {
		first, last := bounds(from, to, 3600)
		return c.query(ctx, `SELECT d.value, p.value, SUM(q.arrivals) FROM quarantine_hour q CROSS JOIN dict d ON d.id = q.source
			CROSS JOIN dict p ON p.id = q.reason WHERE q.hour BETWEEN ? AND ? GROUP BY q.source, q.reason ORDER BY d.value, p.value`,
			[]any{first, last}, func(r row) error {
				counts = append(counts, store.QuarantineCount{Source: r.text(0), Reason: r.text(1), Count: r.int(2)})
				return nil
			})
	})
	if err != nil {
		return nil, fmt.Errorf("count quarantine: %w", err)
	}
	return counts, nil
}

// Quarantined returns a quarantined document.
func (s *Store) Quarantined(ctx context.Context, id int64) (store.RawDocument, store.Problem, error) {
	var doc store.RawDocument
	var problem store.Problem
	var frame []byte
	var size int64
	err := s.read(ctx, func(c *conn) error {
		found, err := c.first(ctx, `SELECT q.frame, q.size, p.value, q.detail, l.received, d.value, l.ref, q.trust, t.value, b.value, q.route
			FROM quarantine q CROSS JOIN ledger l ON l.id = q.ledger CROSS JOIN dict d ON d.id = q.source CROSS JOIN dict p ON p.id = q.reason
			CROSS JOIN dict t ON t.id = q.trusting CROSS JOIN dict b ON b.id = q.signed_by WHERE q.id = ?`, []any{id}, func(r row) {
			frame, size = r.bytes(0), r.int(1)
			problem = store.Problem{Reason: r.text(2), Detail: r.text(3)}
			doc = store.RawDocument{
				Received: time.Unix(r.int(4), 0).UTC(), Source: r.text(5), Ref: r.text(6),
				Judgement: store.Judgement{Trust: trustOf(r.int(7)), Reason: r.text(8), SignedBy: r.text(9), Route: routeOf(r.int(10))},
			}
		})
		if err == nil && !found {
			err = store.ErrNotFound
		}
		return err
	})
	switch {
	case err != nil:
		return store.RawDocument{}, problem, fmt.Errorf("read quarantined document %d: %w", id, err)
	case frame == nil && size > 0:
		return doc, problem, fmt.Errorf("read quarantined document %d: %w", id, store.ErrRawGone)
	case frame != nil:
		doc.Raw, doc.Hints, err = s.document.unpack(frame)
	}
	return doc, problem, err
}
