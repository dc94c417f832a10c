package sqlite

import (
	"context"
	"fmt"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// quarantined is what Resolve needs of a row. judgement is that of the delivery
// that decides, own that of the item that the row belongs to.
type quarantined struct {
	item
	size           int64
	kept           bool
	judgement, own store.Judgement
	ledgerRow
}

// Resolve replaces a quarantined document by what a new try made of it. A
// document without a trust keeps the judgement it came with, and so does one
// whose trust was pending when it was tried and has been judged since.
func (s *Store) Resolve(ctx context.Context, quarantineID int64, document store.Document) (store.Outcome, error) {
	var outcome store.Outcome
	err := s.change(ctx, func(ctx context.Context, w *writer) error {
		q, err := w.quarantinedRow(ctx, quarantineID)
		if err != nil {
			return err
		}
		switch {
		case document.Problem != nil:
			outcome = store.Quarantined
			return w.tryFailed(ctx, quarantineID, document.Problem)
		case document.Report == nil:
			return errNeither
		}
		outcome, err = w.release(ctx, quarantineID, q, &document)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("resolve quarantined document %d: %w", quarantineID, err)
	}
	return outcome, nil
}

func (w *writer) quarantinedRow(ctx context.Context, id int64) (q quarantined, err error) {
	found, err := w.conn.first(ctx, `SELECT q.ledger, q.source, d.value, l.ref, l.received, q.size, q.frame IS NOT NULL, l.state, l.quarantined, l.ignored,
		q.trust, t.value, b.value, q.route, o.trust, ot.value, ob.value, o.route
		FROM quarantine q CROSS JOIN ledger l ON l.id = q.ledger CROSS JOIN dict d ON d.id = q.source
		CROSS JOIN dict t ON t.id = q.trusting CROSS JOIN dict b ON b.id = q.signed_by
		CROSS JOIN delivery o ON o.report = -q.id AND o.ledger = q.ledger
		CROSS JOIN dict ot ON ot.id = o.reason CROSS JOIN dict ob ON ob.id = o.signed_by WHERE q.id = ?`, []any{id}, func(r row) {
		q.item = item{ledger: r.int(0), source: r.int(1), sourceID: r.text(2), ref: r.text(3), received: r.int(4)}
		q.size, q.kept = r.int(5), r.int(6) != 0
		q.ledgerRow = ledgerRow{id: r.int(0), state: r.int(7), quarantined: r.int(8), ignore: r.int(9)}
		q.judgement = store.Judgement{Trust: trustOf(r.int(10)), Reason: r.text(11), SignedBy: r.text(12), Route: routeOf(r.int(13))}
		q.own = store.Judgement{Trust: trustOf(r.int(14)), Reason: r.text(15), SignedBy: r.text(16), Route: routeOf(r.int(17))}
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return q, err
}

func (w *writer) tryFailed(ctx context.Context, id int64, problem *store.Problem) error {
	reason, err := w.intern(ctx, classQuarantine, problem.Reason)
	if err != nil {
		return err
	}
	_, err = w.conn.exec(ctx, "UPDATE quarantine SET reason = ?, detail = ?, tries = tries + 1, parser = ? WHERE id = ?",
		reason, problem.Detail, int64(tlsrpt.ParserVersion), id)
	return err
}

// release takes a document out of quarantine and stores its report, with all
// its deliveries. Its arrival in quarantine stays counted.
func (w *writer) release(ctx context.Context, id int64, q quarantined, d *store.Document) (store.Outcome, error) {
	stale := d.Trust == store.Pending && q.judgement.Trust != store.Pending
	if d.Trust == "" || stale || d.Judgement == q.judgement {
		d.Judgement = q.own
	}
	report, outcome, err := w.takeReport(ctx, q.item, d)
	if err != nil {
		return "", err
	}
	if err := w.handOver(ctx, id, report, q.ledger); err != nil {
		return "", err
	}
	if _, err := w.conn.exec(ctx, "DELETE FROM quarantine WHERE id = ?", id); err != nil {
		return "", err
	}
	if q.kept {
		w.quarantineRaw -= q.size
	}
	account := w.account(q.source)
	account.Quarantined--
	*term(account, outcome)++
	column := "stored"
	if outcome == store.Duplicate {
		column = "duplicate"
	}
	_, err = w.conn.exec(ctx, "UPDATE ledger SET quarantined = quarantined - 1, "+column+" = "+column+" + 1 WHERE id = ?", q.ledger)
	if q.ledgerRow.quarantined--; q.waits() {
		account.Pending++
	}
	return outcome, err
}

// handOver gives the deliveries of a quarantined document to its report, which
// has that of the row's own item.
func (w *writer) handOver(ctx context.Context, id, report, own int64) error {
	all, err := w.deliveries(ctx, -id)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].ledger == own {
			continue
		}
		if err := w.insertDelivery(ctx, report, all[i]); err != nil {
			return err
		}
	}
	if err := w.handOverReadings(ctx, id, report, own); err != nil {
		return err
	}
	if err := w.dropDeliveries(ctx, -id); err != nil {
		return err
	}
	// One of them may have taken the place of a delivery of its item that waited.
	for i := range all {
		if err := w.releaseMails(ctx, all[i].ledger); err != nil {
			return err
		}
	}
	if len(all) == 1 {
		return nil
	}
	return w.redecide(ctx, report)
}

// handOverReadings does so with what they make of it.
func (w *writer) handOverReadings(ctx context.Context, id, report, own int64) error {
	some, err := w.conn.integer(ctx, "SELECT EXISTS (SELECT 1 FROM reading WHERE report = ?)", -id)
	if err != nil || some == 0 {
		return err
	}
	if err := w.noteFirst(ctx, report); err != nil {
		return err
	}
	return w.moveReadings(ctx, -id, report, own)
}
