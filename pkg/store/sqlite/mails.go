package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// The mail of an item is kept once, by its ledger row, for as long as any
// delivery of the item waits to be judged again.

// keepMailOf keeps the mail of an item in hand, where one of its documents waits.
func (w *writer) keepMailOf(ctx context.Context, it item, d *store.Delivery) error {
	var mail []byte
	for i := range d.Documents {
		if one := &d.Documents[i]; one.Trust == store.Pending && len(one.Mail) > 0 {
			mail = one.Mail
			break
		}
	}
	if mail == nil {
		return nil
	}
	waiting, err := w.waiting(ctx, it.ledger)
	if err != nil || !waiting {
		return err
	}
	frame, err := w.document.pack(mail, tlsrpt.Hints{})
	if err != nil {
		return err
	}
	if _, err := w.conn.exec(ctx, "INSERT INTO pending_mail (ledger, frame) VALUES (?, ?)", it.ledger, frame); err != nil {
		return fmt.Errorf("keep mail to verify: %w", err)
	}
	w.mailBytes += int64(len(frame))
	return nil
}

// waiting tells whether a delivery of an item waits to be judged again.
func (w *writer) waiting(ctx context.Context, ledger int64) (bool, error) {
	n, err := w.conn.integer(ctx, "SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_pending WHERE ledger = ? AND trust = 2)", ledger)
	if err != nil {
		return false, fmt.Errorf("look for what waits to be judged: %w", err)
	}
	return n != 0, nil
}

// releaseMails lets the mails of items go that nothing waits for any more.
func (w *writer) releaseMails(ctx context.Context, ledgers ...int64) error {
	for _, ledger := range ledgers {
		waiting, err := w.waiting(ctx, ledger)
		if err != nil {
			return err
		}
		if waiting {
			continue
		}
		size, err := w.conn.integer(ctx, "SELECT length(frame) FROM pending_mail WHERE ledger = ?", ledger)
		if err != nil {
			return fmt.Errorf("measure mail: %w", err)
		}
		if _, err := w.conn.exec(ctx, "DELETE FROM pending_mail WHERE ledger = ?", ledger); err != nil {
			return fmt.Errorf("let mail go: %w", err)
		}
		w.mailBytes -= size
	}
	return nil
}

// dropDeliveries drops the deliveries of a report, or of a quarantined document
// by its negative id.
func (w *writer) dropDeliveries(ctx context.Context, owner int64) error {
	waited, err := w.conn.integers(ctx, "SELECT ledger FROM delivery WHERE report = ? AND trust = 2", owner)
	if err != nil {
		return err
	}
	for _, query := range []string{"DELETE FROM delivery WHERE report = ?", "DELETE FROM reading WHERE report = ?"} {
		if _, err := w.conn.exec(ctx, query, owner); err != nil {
			return err
		}
	}
	return w.releaseMails(ctx, waited...)
}

// flushMails lets the oldest mails go until the rest is within the cap.
func (w *writer) flushMails(ctx context.Context) error {
	if w.mailBytes > 0 {
		kept, err := meta(ctx, w.conn, "pending_bytes")
		if err != nil {
			return err
		}
		for kept+w.mailBytes > w.keepMail {
			oldest, err := w.conn.integer(ctx, "SELECT ledger FROM pending_mail ORDER BY ledger LIMIT 1")
			if err != nil {
				return err
			}
			if oldest == 0 {
				break
			}
			if err := w.giveUp(ctx, oldest, "DNS gave no answer, and the mail made room for newer ones"); err != nil {
				return err
			}
		}
	}
	return addMeta(ctx, w.conn, "pending_bytes", w.mailBytes)
}

// PendingMails returns the ids of mails that wait, which are those of their
// items' ledger rows.
func (s *Store) PendingMails(ctx context.Context, after int64, limit int) (ids []int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		ids, err = c.integers(ctx, "SELECT ledger FROM pending_mail WHERE ledger > ? ORDER BY ledger LIMIT ?", after, int64(limit))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list mails to verify: %w", err)
	}
	return ids, nil
}

// PendingMail returns one mail that waits.
func (s *Store) PendingMail(ctx context.Context, id int64) (store.PendingMail, error) {
	var mail store.PendingMail
	var frame []byte
	err := s.read(ctx, func(c *conn) error {
		found, err := c.first(ctx, "SELECT m.frame, l.committed FROM pending_mail m CROSS JOIN ledger l ON l.id = m.ledger WHERE m.ledger = ?",
			[]any{id}, func(r row) { frame, mail.Stored = r.bytes(0), time.Unix(r.int(1), 0).UTC() })
		if err == nil && !found {
			err = store.ErrNotFound
		}
		return err
	})
	if err == nil {
		mail.Mail, _, err = s.document.unpack(frame)
	}
	if err != nil {
		return store.PendingMail{}, fmt.Errorf("read mail %d to verify: %w", id, err)
	}
	return mail, nil
}
