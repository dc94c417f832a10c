package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// retainStep is how many reports, or quarantined documents, one
	// transaction drops: some tens of milliseconds.
	retainStep = 200
	keptHours  = 40 * 24
)

// Retain drops reports of days before first and what was quarantined before
// it, and hours of stored time that are too old. Between its transactions
// others may write.
func (s *Store) Retain(ctx context.Context, first tlsrpt.Day) (dropped int64, err error) {
	for _, step := range []func(context.Context, *writer) (int64, error){
		func(ctx context.Context, w *writer) (int64, error) { return w.retainReports(ctx, int64(first)) },
		func(ctx context.Context, w *writer) (int64, error) { return 0, w.retainHours(ctx) },
		func(ctx context.Context, w *writer) (int64, error) { return 0, w.retainQuarantine(ctx, int64(first)) },
	} {
		for {
			var n int64
			var more bool
			err := s.change(ctx, func(ctx context.Context, w *writer) error {
				var err error
				n, err = step(ctx, w)
				more = w.unfinished
				return err
			})
			if err != nil {
				return dropped, fmt.Errorf("drop what is older than %s: %w", first, err)
			}
			dropped += n
			if !more {
				break
			}
		}
	}
	return dropped, nil
}

func (w *writer) ids(ctx context.Context, query string, args ...any) (ids []int64, err error) {
	ids, err = w.conn.integers(ctx, query, append(args, int64(retainStep))...)
	w.unfinished = len(ids) == retainStep
	return ids, err
}

// retainReports takes back the contributions of reports and drops their rows.
// It elects nobody in the place of a dropped report: its rivals have the same
// period and go too.
func (w *writer) retainReports(ctx context.Context, first int64) (int64, error) {
	ids, err := w.ids(ctx, "SELECT id FROM report INDEXED BY report_name WHERE day < ? ORDER BY day, name_key LIMIT ?", first)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := w.drop(ctx, id); err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), nil
}

func (w *writer) drop(ctx context.Context, report int64) error {
	f, err := w.recall(ctx, report)
	if err != nil {
		return err
	}
	superseded, err := w.conn.integer(ctx, "SELECT superseded FROM report WHERE id = ?", report)
	if err != nil {
		return err
	}
	if superseded == 0 {
		w.sums.contribute(f, -1)
	}
	if err := w.dropFacts(ctx, f); err != nil {
		return err
	}
	for _, query := range []string{"DELETE FROM document WHERE report = ?", "DELETE FROM report WHERE id = ?"} {
		if _, err := w.conn.exec(ctx, query, report); err != nil {
			return err
		}
	}
	w.sums.count(f.parser, -1)
	return w.dropDeliveries(ctx, report)
}

// retainHours drops rollups of hours that are too old to be asked for, one
// hour a step. From then on queries that reach so far back read rows.
func (w *writer) retainHours(ctx context.Context) error {
	oldest := w.now.Unix()/3600 - keptHours
	if oldest <= w.sums.firstHour {
		// A clock that was set back keeps what it can.
		oldest = w.sums.firstHour
	}
	if _, err := w.conn.exec(ctx, "UPDATE meta SET value = ? WHERE name = 'first_hour'", oldest); err != nil {
		return err
	}
	for _, r := range slices.Concat(sessionRollups, failureRollups) {
		if r.bucket != hourly {
			continue
		}
		if err := w.retainHour(ctx, r, oldest); err != nil {
			return err
		}
	}
	return nil
}

// retainHour drops the first hour of a rollup where it is before the oldest.
func (w *writer) retainHour(ctx context.Context, r *rollup, oldest int64) error {
	first, drop, end := "MIN(hour)", "hour BETWEEN ? AND ?", oldest
	if r.packed() {
		first, drop = "MIN(id)", "id BETWEEN ? AND ?"
		end, _ = idBounds(oldest, oldest)
	}
	hour, found := int64(0), false
	err := w.conn.query(ctx, "SELECT "+first+" FROM "+r.table, nil, func(r row) error {
		hour, found = r.int(0), !r.null(0)
		return nil
	})
	if err != nil || !found || hour >= end {
		return err
	}
	w.unfinished = true
	last := hour
	if r.packed() {
		hour, last = idBounds(hour>>chunkBits, hour>>chunkBits)
	}
	_, err = w.conn.exec(ctx, "DELETE FROM "+r.table+" WHERE "+drop, hour, last)
	return err
}

func (w *writer) retainQuarantine(ctx context.Context, first int64) error {
	before := time.Unix(first*86400, 0).Unix()
	ids, err := w.ids(ctx, "SELECT id FROM quarantine WHERE time < ? ORDER BY time LIMIT ?", before)
	if err != nil {
		return err
	}
	for _, id := range ids {
		kept, err := w.conn.integer(ctx, "SELECT size FROM quarantine WHERE id = ? AND frame IS NOT NULL", id)
		if err != nil {
			return err
		}
		w.quarantineRaw -= kept
		if _, err := w.conn.exec(ctx, "DELETE FROM quarantine WHERE id = ?", id); err != nil {
			return err
		}
		if err := w.dropDeliveries(ctx, -id); err != nil {
			return err
		}
	}
	_, err = w.conn.exec(ctx, "DELETE FROM quarantine_hour WHERE hour < ?", before/3600)
	return err
}
