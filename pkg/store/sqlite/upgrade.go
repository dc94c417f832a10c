package sqlite

import (
	"context"
	"fmt"
)

// resettle brings what a store of version 1 holds in line with what came later,
// as far as statements alone can't: who signed under which name, which of
// several reports that claim to be the same counts by that, and documents in
// quarantine that waited for DNS without their mail.
func (s *Store) resettle(ctx context.Context) error {
	var wanted int64
	err := s.read(ctx, func(c *conn) (err error) {
		wanted, err = meta(ctx, c, "resettle")
		return err
	})
	if err != nil || wanted == 0 {
		return err
	}
	err = s.change(ctx, func(ctx context.Context, w *writer) error {
		// Another process may have done it while this one waited.
		if wanted, err := meta(ctx, w.conn, "resettle"); err != nil || wanted == 0 {
			return err
		}
		if err := w.signedBefore(ctx); err != nil {
			return err
		}
		lost, err := w.integers(ctx, `SELECT DISTINCT ledger FROM delivery d INDEXED BY delivery_pending WHERE trust = 2 AND report < 0
			AND NOT EXISTS (SELECT 1 FROM pending_mail m WHERE m.ledger = d.ledger)`)
		if err != nil {
			return err
		}
		for _, ledger := range lost {
			if err := w.giveUp(ctx, ledger, "DNS gave no answer, and the mail was not kept"); err != nil {
				return err
			}
		}
		superseded, err := w.integers(ctx, "SELECT id FROM report INDEXED BY report_superseded WHERE superseded = 1")
		if err != nil {
			return err
		}
		if err := w.settleReports(ctx, superseded); err != nil {
			return err
		}
		return addMeta(ctx, w.conn, "resettle", -1)
	})
	if err != nil {
		return fmt.Errorf("bring the store of an earlier version up to date: %w", err)
	}
	return nil
}

// signedBefore notes who signed the reports that are stored.
func (w *writer) signedBefore(ctx context.Context) error {
	return w.conn.query(ctx, `SELECT r.reporter, d.signed_by, b.value, MIN(l.received) FROM delivery d CROSS JOIN report r ON r.id = d.report
		CROSS JOIN ledger l ON l.id = d.ledger CROSS JOIN dict b ON b.id = d.signed_by WHERE d.trust = 1 GROUP BY 1, 2`, nil, func(r row) error {
		w.sign(r.int(0), &judged{item: item{received: r.int(3)}, trust: authenticated, signedBy: r.int(1), signer: r.text(2)})
		return nil
	})
}
