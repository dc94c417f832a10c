package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// writer is one transaction that changes reports.
type writer struct {
	conn     *conn
	strings  *interner
	document *codec
	sums     *sums
	now      time.Time
	keepRaw  int64 // cap of the raw bytes in quarantine
	keepMail int64 // cap of the packed bytes of mails to verify

	nextLedger    int64
	accounts      map[int64]*store.Account
	arrivals      map[int64]int64       // documents by source
	signed        map[signing]signature // by the number of the domain
	falls         map[signing]fall      // by the number of the organization
	superseded    int                   // reports put out of the numbers
	described     int                   // failure details of new reports
	quarantineRaw int64                 // change of the raw bytes in quarantine
	mailBytes     int64                 // change of the packed bytes of mails to verify
	unfinished    bool                  // Retain has more to drop
}

// change runs f with a writer, in a transaction that holds what f brings about
// in the rollups and accounts too.
func (s *Store) change(ctx context.Context, f func(context.Context, *writer) error) error {
	var w *writer
	err := s.write(ctx, func(ctx context.Context, c *conn) error {
		firstHour, err := meta(ctx, c, "first_hour")
		if err != nil {
			return err
		}
		last, err := c.integer(ctx, "SELECT MAX(id) FROM ledger")
		if err != nil {
			return err
		}
		w = &writer{
			conn: c, strings: s.strings, document: s.document, sums: newSums(firstHour), now: s.now(),
			keepRaw: s.keepRaw, keepMail: s.keepMail, nextLedger: last + 1, accounts: map[int64]*store.Account{},
			arrivals: map[int64]int64{},
			signed:   map[signing]signature{}, falls: map[signing]fall{},
		}
		if err := f(ctx, w); err != nil {
			return err
		}
		return w.flush(ctx)
	})
	if w != nil && w.described >= largeReport {
		s.tidy(ctx)
	}
	return err
}

// largeReport is from how many failure details on a transaction leaves much
// memory behind.
const largeReport = 10_000

// tidy gives back what a large transaction used: the pages that SQLite has
// cached for it, which the limit of Go's memory does not see, and what Go
// itself would keep until the heap is twice as large.
func (s *Store) tidy(ctx context.Context) {
	if c, err := s.take(ctx, s.writing); err == nil {
		// Where it can't, the cache is as large as it may be.
		_, _ = c.exec(context.WithoutCancel(ctx), "PRAGMA shrink_memory")
		s.writing <- c
	}
	debug.FreeOSMemory()
}

func (w *writer) flush(ctx context.Context) error {
	if err := w.flushMails(ctx); err != nil {
		return fmt.Errorf("make room for mails to verify: %w", err)
	}
	if err := w.settleFalls(ctx); err != nil {
		return err
	}
	if err := w.sums.flush(ctx, w.conn); err != nil {
		return err
	}
	if err := w.sums.countRevision(ctx, w.conn); err != nil {
		return err
	}
	if err := w.flushAccounts(ctx); err != nil {
		return fmt.Errorf("update accounts: %w", err)
	}
	if err := w.flushArrivals(ctx); err != nil {
		return fmt.Errorf("count arrivals: %w", err)
	}
	if w.quarantineRaw == 0 {
		return nil
	}
	if err := addMeta(ctx, w.conn, "quarantine_bytes", w.quarantineRaw); err != nil {
		return err
	}
	return w.trimQuarantine(ctx)
}

func (w *writer) intern(ctx context.Context, cl class, value string) (int64, error) {
	return w.strings.intern(ctx, w.conn, cl, value)
}

// Commit stores deliveries in one transaction. Errors of the file wrap those
// named in package store, and leave the store as it was.
func (s *Store) Commit(ctx context.Context, deliveries []store.Delivery) ([]store.Result, error) {
	results := make([]store.Result, len(deliveries))
	err := s.change(ctx, func(steady context.Context, w *writer) error {
		for i := range deliveries {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if results[i], err = w.deliver(steady, &deliveries[i]); err != nil {
				return fmt.Errorf("%s of source %s: %w", deliveries[i].Ref, deliveries[i].Source, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("commit reports: %w", err)
	}
	return results, nil
}

// item is the delivery that a document comes with, as the ledger knows it.
type item struct {
	ledger   int64
	source   int64
	sourceID string
	ref      string
	received int64
}

func (w *writer) deliver(ctx context.Context, d *store.Delivery) (store.Result, error) {
	known, err := w.ledgerRow(ctx, d.Source, d.Ref)
	if err != nil || known.id != 0 {
		return store.Result{}, err
	}
	source, err := w.intern(ctx, classSource, d.Source)
	if err != nil {
		return store.Result{}, err
	}
	received := d.Received
	if received.IsZero() {
		received = w.now
	}
	it := item{ledger: w.nextLedger, source: source, sourceID: d.Source, ref: d.Ref, received: received.Unix()}
	w.nextLedger++
	before := w.superseded
	result := store.Result{Outcomes: make([]store.Outcome, 0, max(len(d.Documents), 1))}
	for i := range d.Documents {
		outcome, err := w.take(ctx, it, &d.Documents[i])
		if err != nil {
			return store.Result{}, err
		}
		result.Outcomes = append(result.Outcomes, outcome)
	}
	if len(d.Documents) == 0 {
		result.Outcomes = append(result.Outcomes, store.Ignored)
	}
	result.Superseded = w.superseded - before
	if err := w.keepMailOf(ctx, it, d); err != nil {
		return store.Result{}, err
	}
	return result, w.insertLedger(ctx, it, d, result.Outcomes)
}

var (
	errNoBytes = errors.New("a report without its document can't be stored")
	errNeither = errors.New("a document is neither a report nor a problem")
)

// take stores one document, or puts it into quarantine.
func (w *writer) take(ctx context.Context, it item, d *store.Document) (store.Outcome, error) {
	switch {
	case d.Report != nil:
		_, outcome, err := w.takeReport(ctx, it, d)
		return outcome, err
	case d.Problem != nil:
		return store.Quarantined, w.quarantine(ctx, it, d)
	}
	return "", errNeither
}

// takeReport stores a report, or adds a delivery to the one that is the same.
func (w *writer) takeReport(ctx context.Context, it item, d *store.Document) (report int64, outcome store.Outcome, err error) {
	if len(d.Raw) == 0 {
		return 0, "", errNoBytes
	}
	j, err := w.judgement(ctx, it, d.Judgement)
	if err != nil {
		return 0, "", err
	}
	content := contentOf(d.Raw, d.Report)
	report, err = w.conn.integer(ctx, "SELECT id FROM report WHERE hash0 = ? AND hash = ?", content.head, content.tail)
	if err != nil {
		return 0, "", fmt.Errorf("look for the same report: %w", err)
	}
	if report != 0 {
		return report, store.Duplicate, w.again(ctx, report, j, d)
	}
	report, err = w.insert(ctx, j, content, d)
	return report, store.Stored, err
}
