package sqlite

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const (
	stateCommitted    = 1
	stateAcknowledged = 2
)

type ledgerRow struct {
	id, state           int64
	quarantined, ignore int64
}

// waits tells whether the item may be changed on the server, and was not yet.
func (r ledgerRow) waits() bool {
	return r.state == stateCommitted && r.quarantined == 0 && r.ignore == 0
}

const findItem = `SELECT l.id, l.state, l.quarantined, l.ignored FROM ledger l CROSS JOIN dict d ON d.id = l.source
	WHERE l.hash = ? AND l.ref = ? AND d.value = ?`

// itemHash finds an item in the ledger, where it is compared in full. Items
// that differ by a number at the end, as mails of one folder do, are neighbours
// there, so that a batch of them is written to few pages.
func itemHash(sourceID, ref string) int64 {
	prefix := strings.TrimRight(ref, "0123456789")
	number, err := strconv.ParseUint(ref[len(prefix):], 10, 32)
	if err != nil {
		return hash64(sourceID, ref)
	}
	return hash64(sourceID, prefix)&^math.MaxUint32 | int64(number)
}

func findLedger(ctx context.Context, c *conn, sourceID, ref string) (found ledgerRow, err error) {
	_, err = c.first(ctx, findItem, []any{itemHash(sourceID, ref), ref, sourceID}, func(r row) {
		found = ledgerRow{id: r.int(0), state: r.int(1), quarantined: r.int(2), ignore: r.int(3)}
	})
	if err != nil {
		err = fmt.Errorf("read ledger: %w", err)
	}
	return found, err
}

// ledgerRow returns the row of an item; its id is 0 where there is none.
func (w *writer) ledgerRow(ctx context.Context, sourceID, ref string) (ledgerRow, error) {
	return findLedger(ctx, w.conn, sourceID, ref)
}

func (w *writer) insertLedger(ctx context.Context, it item, d *store.Delivery, outcomes []store.Outcome) error {
	account := w.account(it.source)
	var n store.Account
	for _, outcome := range outcomes {
		*term(&n, outcome)++
		*term(account, outcome)++
	}
	w.arrivals[it.source] += n.Seen()
	if n.Quarantined == 0 && n.Ignored == 0 {
		account.Pending++
	}
	why, err := w.intern(ctx, classText, d.Ignored)
	if err != nil {
		return err
	}
	_, err = w.conn.exec(ctx, `INSERT INTO ledger (id, hash, source, ref, received, committed, size, stored, duplicate, quarantined, ignored, why, state)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, it.ledger, itemHash(d.Source, d.Ref), it.source, d.Ref, it.received, w.now.Unix(), d.Size,
		n.Stored, n.Duplicate, n.Quarantined, n.Ignored, why, int64(stateCommitted))
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// term returns where an account counts an outcome.
func term(a *store.Account, outcome store.Outcome) *int64 {
	switch outcome {
	case store.Stored:
		return &a.Stored
	case store.Duplicate:
		return &a.Duplicate
	case store.Quarantined:
		return &a.Quarantined
	}
	return &a.Ignored
}

// account returns the change of a source's account in this transaction.
func (w *writer) account(source int64) *store.Account {
	a := w.accounts[source]
	if a == nil {
		a = new(store.Account)
		w.accounts[source] = a
	}
	return a
}

func (w *writer) flushAccounts(ctx context.Context) error {
	for source, a := range w.accounts {
		_, err := w.conn.exec(ctx, `INSERT INTO account (source, stored, duplicate, quarantined, ignored, waiting) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET stored = stored + excluded.stored, duplicate = duplicate + excluded.duplicate,
			quarantined = quarantined + excluded.quarantined, ignored = ignored + excluded.ignored, waiting = waiting + excluded.waiting`,
			source, a.Stored, a.Duplicate, a.Quarantined, a.Ignored, a.Pending)
		if err != nil {
			return err
		}
	}
	return nil
}

// flushArrivals counts what the items of this transaction held. What becomes of
// it later changes no sum of all outcomes.
func (w *writer) flushArrivals(ctx context.Context) error {
	for source, seen := range w.arrivals {
		_, err := w.conn.exec(ctx, "INSERT INTO arrival_hour (hour, source, seen) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seen = seen + excluded.seen",
			floorDiv(w.now.Unix(), 3600), source, seen)
		if err != nil {
			return err
		}
	}
	return nil
}

// Arrivals counts what was seen in hours that overlap [from, to).
func (s *Store) Arrivals(ctx context.Context, from, to time.Time) (map[string]int64, error) {
	arrivals := map[string]int64{}
	err := s.read(ctx, func(c *conn) error {
		first, last := bounds(from, to, 3600)
		return c.query(ctx, "SELECT d.value, SUM(a.seen) FROM arrival_hour a CROSS JOIN dict d ON d.id = a.source WHERE a.hour BETWEEN ? AND ? GROUP BY a.source",
			[]any{first, last}, func(r row) error {
				arrivals[r.text(0)] = r.int(1)
				return nil
			})
	})
	if err != nil {
		return nil, fmt.Errorf("count arrivals: %w", err)
	}
	return arrivals, nil
}

// States tells what the ledger knows of refs, in their order.
func (s *Store) States(ctx context.Context, sourceID string, refs []string) ([]source.State, error) {
	states := make([]source.State, len(refs))
	err := s.read(ctx, func(c *conn) error {
		// One check of ctx an item is cheaper than the driver's watching of it.
		steady := context.WithoutCancel(ctx)
		for i, ref := range refs {
			if err := ctx.Err(); err != nil {
				return err
			}
			found, err := findLedger(steady, c, sourceID, ref)
			if err != nil {
				return err
			}
			states[i] = stateOf(found)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask the ledger of %s: %w", sourceID, err)
	}
	return states, nil
}

func stateOf(r ledgerRow) source.State {
	switch {
	case r.id == 0:
		return source.New
	case r.state == stateAcknowledged:
		return source.Acknowledged
	}
	return source.Committed
}

// Acknowledgeable returns refs that wait for the server to be changed.
func (s *Store) Acknowledgeable(ctx context.Context, sourceID, prefix string, limit int) ([]string, error) {
	var refs []string
	err := s.read(ctx, func(c *conn) error {
		id, found, err := lookupID(ctx, c, classSource, sourceID)
		if err != nil || !found {
			return err
		}
		return c.query(ctx, `SELECT ref FROM ledger INDEXED BY ledger_waiting WHERE source = ? AND state = 1 AND quarantined = 0 AND ignored = 0
			AND substr(ref, 1, ?) = ? ORDER BY id LIMIT ?`, []any{id, int64(len([]rune(prefix))), prefix, int64(limit)}, func(r row) error {
			refs = append(refs, r.text(0))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list what waits in the ledger of %s: %w", sourceID, err)
	}
	return refs, nil
}

// Acknowledge makes ledger rows acknowledged; unknown ones are left out.
func (s *Store) Acknowledge(ctx context.Context, sourceID string, refs []string) error {
	err := s.change(ctx, func(ctx context.Context, w *writer) error {
		source, err := w.intern(ctx, classSource, sourceID)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			found, err := w.ledgerRow(ctx, sourceID, ref)
			if err != nil {
				return err
			}
			if found.id == 0 || found.state == stateAcknowledged {
				continue
			}
			if found.waits() {
				w.account(source).Pending--
			}
			if _, err := w.conn.exec(ctx, "UPDATE ledger SET state = ? WHERE id = ?", int64(stateAcknowledged), found.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("acknowledge items of %s: %w", sourceID, err)
	}
	return nil
}

// Accounts returns the account by source id. In memory nothing is pending, as
// nothing may be acknowledged.
func (s *Store) Accounts(ctx context.Context) (map[string]store.Account, error) {
	accounts := map[string]store.Account{}
	err := s.read(ctx, func(c *conn) error {
		return c.query(ctx, `SELECT d.value, stored, duplicate, quarantined, ignored, waiting
			FROM account a CROSS JOIN dict d ON d.id = a.source`, nil, func(r row) error {
			account := store.Account{Stored: r.int(1), Duplicate: r.int(2), Quarantined: r.int(3), Ignored: r.int(4)}
			if s.Durable() {
				account.Pending = r.int(5)
			}
			accounts[r.text(0)] = account
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return accounts, nil
}
