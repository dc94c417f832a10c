package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// leftOut finds the warning that policies were left out at the start of an
// element of a JSON list of strings, where alone a quotation mark is not escaped.
const leftOut = `r.warnings <> 0 AND EXISTS (SELECT 1 FROM dict w WHERE w.id = r.warnings
	AND (instr(w.value, '["` + store.ForeignDomain + `:') = 1 OR instr(w.value, '","` + store.ForeignDomain + `:') > 0))`

// Rereadable returns ids of reports that the scope names. Where there may be
// some, and no domain names them, it walks along the reports: some tens of
// milliseconds for 100,000 of them.
func (s *Store) Rereadable(ctx context.Context, scope store.Scope, after int64, limit int) ([]int64, error) {
	var ids []int64
	err := s.read(ctx, func(c *conn) error {
		query, args, err := rereadable(ctx, c, scope, after)
		if err != nil || query == "" {
			return err
		}
		ids, err = c.integers(ctx, query, append(args, int64(limit))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list reports to read again: %w", err)
	}
	return ids, nil
}

// rereadable makes the statement, or none where the scope names nothing.
func rereadable(ctx context.Context, c *conn, scope store.Scope, after int64) (query string, args []any, err error) {
	named := []string{}
	args = []any{after}
	older, err := c.integer(ctx, "SELECT EXISTS (SELECT 1 FROM parsed WHERE parser < ?)", int64(scope.ParserBelow))
	if err != nil {
		return "", nil, err
	}
	if scope.ParserBelow > 0 && older != 0 {
		named, args = append(named, "r.parser < ?"), append(args, int64(scope.ParserBelow))
	}
	if scope.LeftOut {
		named = append(named, leftOut)
	}
	var domains []int64
	for _, domain := range scope.Domains {
		id, found, err := lookupID(ctx, c, classDomain, domain)
		if err != nil {
			return "", nil, err
		}
		if found {
			domains = append(domains, id)
		}
	}
	if len(domains) > 0 {
		named = append(named, "r.id IN (SELECT p.report FROM json_each(?) j CROSS JOIN policy p ON p.domain = j.value WHERE p.report > ?)")
		args = append(args, jsonList(domains), after)
	}
	if len(named) == 0 {
		return "", nil, nil
	}
	return "SELECT r.id FROM report r WHERE r.id > ? AND (" + strings.Join(named, " OR ") +
		") AND EXISTS (SELECT 1 FROM document d WHERE d.report = r.id) ORDER BY r.id LIMIT ?", args, nil
}

// Reread replaces what a stored report says. Its document stays as it was kept:
// that of the argument is not looked at.
func (s *Store) Reread(ctx context.Context, reportID int64, document store.Document) (store.Outcome, error) {
	var outcome store.Outcome
	err := s.change(ctx, func(ctx context.Context, w *writer) error {
		old, err := w.storedReport(ctx, reportID)
		if err != nil {
			return err
		}
		switch {
		case document.Report != nil:
			outcome = store.Stored
			return w.readAnew(ctx, old, document.Report)
		case document.Problem != nil:
			outcome = store.Quarantined
			return w.withdraw(ctx, old, document.Problem)
		}
		return errNeither
	})
	if err != nil {
		return "", fmt.Errorf("read report %d again: %w", reportID, err)
	}
	return outcome, nil
}

// storedReport is what Reread needs of a report that is stored.
type storedReport struct {
	facts      *facts
	keys       rivalKeys
	superseded bool
	storedBy   int64
	signer     string // of the delivery that decides
}

// storedReport reads a report, or returns [store.ErrNotFound].
func (w *writer) storedReport(ctx context.Context, id int64) (old storedReport, err error) {
	found, err := w.conn.first(ctx, "SELECT r.superseded, r.stored_by, b.value FROM report r CROSS JOIN dict b ON b.id = r.signed_by WHERE r.id = ?",
		[]any{id}, func(r row) { old.superseded, old.storedBy, old.signer = r.int(0) != 0, r.int(1), r.text(2) })
	if err != nil {
		return old, err
	}
	if !found {
		return old, store.ErrNotFound
	}
	if old.keys, err = w.keys(ctx, id); err != nil {
		return old, err
	}
	old.facts, err = w.recall(ctx, id)
	return old, err
}

// readAnew writes what the document of a report was read as now.
func (w *writer) readAnew(ctx context.Context, old storedReport, r *tlsrpt.Report) error {
	id := old.facts.report
	_, raw, _, err := w.documentOf(ctx, id)
	if err != nil {
		return err
	}
	content := contentOf(raw, r)
	if _, err := w.conn.exec(ctx, "UPDATE report SET hash0 = ?, hash = ? WHERE id = ?", content.head, content.tail, id); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := w.refreshReading(ctx, id, r); err != nil {
		return err
	}
	if err := w.replace(ctx, old, r, int64(tlsrpt.ParserVersion)); err != nil {
		return err
	}
	return w.readAsBest(ctx, id, item{})
}

// replace writes what a report is read as now, by a version of the parser. The
// contribution goes with the rows that it was made of.
func (w *writer) replace(ctx context.Context, old storedReport, r *tlsrpt.Report, parser int64) error {
	f := &facts{report: old.facts.report, stored: old.facts.stored, trust: old.facts.trust, source: old.facts.source}
	if err := w.describe(ctx, r, f); err != nil {
		return err
	}
	warnings, contact, err := w.asides(ctx, r)
	if err != nil {
		return err
	}
	if err := w.dropFacts(ctx, old.facts); err != nil {
		return err
	}
	keys := keysOf(r, f.trust, old.signer)
	_, err = w.conn.exec(ctx, `UPDATE report SET name_key = ?, sign_key = ?, reporter = ?, day = ?, starts = ?, ends = ?, late = ?,
		warnings = ?, contact = ?, report_id = ?, parser = ? WHERE id = ?`, keys.name, keys.signer, f.reporter, f.day, r.Start.Unix(), r.End.Unix(), f.late,
		warnings, contact, r.ReportID, parser, f.report)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := w.insertFacts(ctx, f); err != nil {
		return err
	}
	w.sums.count(old.facts.parser, -1)
	w.sums.count(parser, 1)
	if !old.superseded {
		w.sums.contribute(old.facts, -1)
		w.sums.contribute(f, 1)
	}
	deliveries, err := w.deliveries(ctx, f.report)
	if err != nil {
		return err
	}
	if err := w.signEach(ctx, f.report, f.reporter, deliveries); err != nil {
		return err
	}
	return w.settle(ctx, old.keys, keys)
}

// dropFacts drops the rows of a report's policies and failures.
func (w *writer) dropFacts(ctx context.Context, f *facts) error {
	for _, table := range []string{"policy", "failure"} {
		if _, err := w.conn.exec(ctx, "DELETE FROM "+table+" WHERE day = ? AND report = ?", f.day, f.report); err != nil {
			return fmt.Errorf("drop what a report said: %w", err)
		}
	}
	return nil
}

// withdraw takes a report out of the store and puts its document into
// quarantine, under the item that stored it; those of duplicates stay what they
// are. All its deliveries go along, so that they are there when it comes back.
func (w *writer) withdraw(ctx context.Context, old storedReport, problem *store.Problem) error {
	id := old.facts.report
	if err := w.ownHints(ctx, old); err != nil {
		return err
	}
	frame, raw, _, err := w.documentOf(ctx, id)
	if err != nil {
		return err
	}
	all, err := w.deliveries(ctx, id)
	if err != nil {
		return err
	}
	_, deciding := among(all)
	j := *deciding
	var item ledgerRow
	found, err := w.conn.first(ctx, "SELECT id, source, state, quarantined, ignored FROM ledger WHERE id = ?", []any{old.storedBy}, func(r row) {
		item = ledgerRow{id: r.int(0), state: r.int(2), quarantined: r.int(3), ignore: r.int(4)}
		j.ledger, j.source = r.int(0), r.int(1)
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	quarantined, err := w.insertQuarantine(ctx, j, problem, frame, int64(len(raw)))
	if err != nil {
		return err
	}
	if _, err := w.conn.exec(ctx, "UPDATE delivery SET report = ? WHERE report = ?", -quarantined, id); err != nil {
		return fmt.Errorf("move deliveries: %w", err)
	}
	if err := w.moveReadings(ctx, id, -quarantined, old.storedBy); err != nil {
		return err
	}
	if err := w.drop(ctx, id); err != nil {
		return err
	}
	account := w.account(j.source)
	account.Stored--
	account.Quarantined++
	if item.waits() {
		account.Pending--
	}
	if _, err := w.conn.exec(ctx, "UPDATE ledger SET stored = stored - 1, quarantined = quarantined + 1 WHERE id = ?", item.id); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return w.settle(ctx, old.keys)
}

// documentOf returns a report's document and the hints that stand with it, also
// packed, as they are kept.
func (w *writer) documentOf(ctx context.Context, report int64) (frame, raw []byte, hints tlsrpt.Hints, err error) {
	found, err := w.conn.first(ctx, "SELECT frame FROM document WHERE report = ?", []any{report}, func(r row) { frame = r.bytes(0) })
	if err == nil && !found {
		err = store.ErrRawGone
	}
	if err != nil {
		return nil, nil, hints, fmt.Errorf("read document: %w", err)
	}
	raw, hints, err = w.document.unpack(frame)
	return frame, raw, hints, err
}

// ReadWith returns what SaveReadWith was given last.
func (s *Store) ReadWith(ctx context.Context) (words string, err error) {
	err = s.read(ctx, func(c *conn) error {
		_, err := c.first(ctx, "SELECT words FROM read_with", nil, func(r row) { words = r.text(0) })
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask with what reports were read: %w", err)
	}
	return words, nil
}

// SaveReadWith keeps with what all stored reports were read.
func (s *Store) SaveReadWith(ctx context.Context, readWith string) error {
	err := s.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "INSERT INTO read_with (id, words) VALUES (1, ?) ON CONFLICT DO UPDATE SET words = excluded.words", readWith)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep with what reports were read: %w", err)
	}
	return nil
}
