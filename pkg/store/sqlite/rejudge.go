package sqlite

import (
	"context"
	"fmt"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// Rejudge judges the deliveries that wait with a mail. What is known of other
// deliveries of the same documents stays, so the trust of a document follows
// only where this one decides.
func (s *Store) Rejudge(ctx context.Context, id int64, judgement store.Judgement) error {
	err := s.change(ctx, func(ctx context.Context, w *writer) error {
		kept, err := w.conn.integer(ctx, "SELECT EXISTS (SELECT 1 FROM pending_mail WHERE ledger = ?)", id)
		if err != nil {
			return err
		}
		if kept == 0 {
			return store.ErrNotFound
		}
		signedBy, err := w.intern(ctx, classText, judgement.SignedBy)
		if err != nil {
			return err
		}
		return w.rejudge(ctx, id, trustNumber(judgement.Trust), judgement.Reason, signedBy)
	})
	if err != nil {
		return fmt.Errorf("judge mail %d again: %w", id, err)
	}
	return nil
}

// giveUp takes what waits with a mail as unverifiable; who is said to have
// signed it stays.
func (w *writer) giveUp(ctx context.Context, ledger int64, reason string) error {
	return w.rejudge(ctx, ledger, unverifiable, reason, nil)
}

// rejudge replaces what is known of the deliveries of an item that wait.
// Without a signedBy theirs stay.
func (w *writer) rejudge(ctx context.Context, ledger, trust int64, why string, signedBy any) error {
	owners, err := w.conn.integers(ctx, "SELECT report FROM delivery INDEXED BY delivery_pending WHERE ledger = ? AND trust = 2", ledger)
	if err != nil {
		return fmt.Errorf("look for what waits to be judged: %w", err)
	}
	reason, err := w.intern(ctx, classText, why)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		_, err := w.conn.exec(ctx, "UPDATE delivery SET trust = ?, reason = ?, signed_by = COALESCE(?, signed_by) WHERE report = ? AND ledger = ?",
			trust, reason, signedBy, owner, ledger)
		if err != nil {
			return fmt.Errorf("judge delivery: %w", err)
		}
		if owner > 0 {
			err = w.redecide(ctx, owner)
		} else {
			err = w.redecideQuarantined(ctx, -owner)
		}
		if err != nil {
			return err
		}
	}
	return w.releaseMails(ctx, ledger)
}

// deliveries returns what is known of all deliveries of a report, or of a
// quarantined document by its negative id. The ledger must know all items.
func (w *writer) deliveries(ctx context.Context, owner int64) (all []judged, err error) {
	err = w.conn.query(ctx, `SELECT d.ledger, l.source, s.value, l.ref, l.received, d.trust, d.reason, d.signed_by, d.route, b.value
		FROM delivery d CROSS JOIN ledger l ON l.id = d.ledger CROSS JOIN dict s ON s.id = l.source CROSS JOIN dict b ON b.id = d.signed_by
		WHERE d.report = ?`, []any{owner}, func(r row) error {
		all = append(all, judged{
			item:  item{ledger: r.int(0), source: r.int(1), sourceID: r.text(2), ref: r.text(3), received: r.int(4)},
			trust: r.int(5), reason: r.int(6), signedBy: r.int(7), route: r.int(8), signer: r.text(9),
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return all, nil
}

// among returns the earliest delivery and the one that decides; there is one at least.
func among(all []judged) (earliest, deciding *judged) {
	earliest, deciding = &all[0], &all[0]
	for i := range all {
		if compareArrival(&all[i], earliest) < 0 {
			earliest = &all[i]
		}
		if compareJudgement(&all[i], deciding) < 0 {
			deciding = &all[i]
		}
	}
	return earliest, deciding
}

// redecide finds the earliest and the deciding delivery of a report anew.
func (w *writer) redecide(ctx context.Context, report int64) error {
	all, err := w.deliveries(ctx, report)
	if err != nil || len(all) == 0 {
		return err
	}
	var reporter, superseded int64
	_, err = w.conn.first(ctx, "SELECT reporter, superseded FROM report WHERE id = ?", []any{report}, func(r row) { reporter, superseded = r.int(0), r.int(1) })
	if err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	if err := w.signEach(ctx, report, reporter, all); err != nil {
		return err
	}
	earliest, deciding := among(all)
	if err := w.assign(ctx, report, superseded != 0, earliest, deciding); err != nil {
		return err
	}
	return w.readAsBest(ctx, report, item{})
}

// redecideQuarantined finds the deciding delivery of a quarantined document anew.
func (w *writer) redecideQuarantined(ctx context.Context, id int64) error {
	all, err := w.deliveries(ctx, -id)
	if err != nil || len(all) == 0 {
		return err
	}
	_, j := among(all)
	_, err = w.conn.exec(ctx, "UPDATE quarantine SET trust = ?, trusting = ?, signed_by = ?, route = ? WHERE id = ?",
		j.trust, j.reason, j.signedBy, j.route, id)
	if err != nil {
		return fmt.Errorf("judge quarantined document: %w", err)
	}
	return nil
}
