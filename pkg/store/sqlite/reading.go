package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// Some documents leave to what comes beside them who reports, or when. One that
// comes several times is one report still, and read as its best delivery says:
// one that names a reporter, then the best trusted, then the earliest. So what
// it says does not depend on which was committed first.

// A reading is what one delivery makes of such a report.
type reading struct {
	judged
	reporter     string
	starts, ends int64
	warnings     []string // of those that tell what came from beside
	hints        tlsrpt.Hints
	parser       int64
	used         bool
}

// nobody is the name of a reporter that nothing names.
const nobody = "unknown"

func compareReadings(a, b *reading) int {
	return cmp.Or(cmp.Compare(flag(a.reporter == nobody), flag(b.reporter == nobody)), compareJudgement(&a.judged, &b.judged))
}

// fromBeside returns those warnings that tell what came from beside the document.
func fromBeside(warnings []string) (some []string) {
	for _, warning := range warnings {
		switch code, _, _ := strings.Cut(warning, ": "); code {
		case tlsrpt.WarnInferredReporter, tlsrpt.WarnInferredDomain, tlsrpt.WarnInferredPeriod:
			some = append(some, warning)
		}
	}
	return some
}

func warningsOf(r *tlsrpt.Report) (texts []string) {
	for _, warning := range r.Warnings {
		texts = append(texts, warning.String())
	}
	return texts
}

// readings returns those of a report, or of a quarantined document by its
// negative id. Where one is of the item in hand, the ledger does not know it yet.
func (w *writer) readings(ctx context.Context, owner int64, inHand item) (all []reading, err error) {
	err = w.conn.query(ctx, `SELECT n.ledger, n.reporter, n.starts, n.ends, n.warnings, n.hints, n.parser, n.used, d.trust, l.received, s.value, l.ref
		FROM reading n CROSS JOIN delivery d ON d.report = n.report AND d.ledger = n.ledger
		LEFT JOIN ledger l ON l.id = n.ledger LEFT JOIN dict s ON s.id = l.source WHERE n.report = ?`, []any{owner}, func(r row) error {
		one := reading{reporter: r.text(1), starts: r.int(2), ends: r.int(3), parser: r.int(6), used: r.int(7) != 0}
		one.item = inHand
		if !r.null(9) {
			one.item = item{received: r.int(9), sourceID: r.text(10), ref: r.text(11)}
		}
		one.ledger, one.trust = r.int(0), r.int(8)
		if err := json.Unmarshal([]byte(r.text(5)), &one.hints); err != nil {
			return err
		}
		one.warnings, err = listOf(r.text(4))
		all = append(all, one)
		return err
	})
	if err != nil {
		err = fmt.Errorf("read what deliveries make of a report: %w", err)
	}
	return all, err
}

func (w *writer) writeReading(ctx context.Context, owner int64, one *reading) error {
	warnings, err := json.Marshal(one.warnings)
	if err != nil {
		return fmt.Errorf("write warnings: %w", err)
	}
	hints, err := json.Marshal(one.hints)
	if err != nil {
		return fmt.Errorf("write hints: %w", err)
	}
	_, err = w.conn.exec(ctx, `INSERT INTO reading (report, ledger, reporter, starts, ends, warnings, hints, parser, used)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET reporter = excluded.reporter, starts = excluded.starts, ends = excluded.ends,
		warnings = excluded.warnings, hints = excluded.hints, parser = excluded.parser, used = excluded.used`,
		owner, one.ledger, one.reporter, one.starts, one.ends, string(warnings), string(hints), one.parser, flag(one.used))
	if err != nil {
		return fmt.Errorf("write what a delivery makes of a report: %w", err)
	}
	return nil
}

// noteFirst notes what the one delivery of a report made of it, before another comes.
func (w *writer) noteFirst(ctx context.Context, report int64) error {
	first := reading{used: true}
	var warnings string
	_, err := w.conn.first(ctx, `SELECT r.stored_by, n.value, r.starts, r.ends, w.value, r.parser FROM report r CROSS JOIN dict n ON n.id = r.reporter
		LEFT JOIN dict w ON w.id = r.warnings WHERE r.id = ? AND NOT EXISTS (SELECT 1 FROM reading WHERE report = r.id)`, []any{report}, func(r row) {
		first.ledger, first.reporter, first.starts, first.ends, warnings, first.parser = r.int(0), r.text(1), r.int(2), r.int(3), r.text(4), r.int(5)
	})
	if err != nil || first.ledger == 0 {
		return err
	}
	all, err := listOf(warnings)
	if err != nil {
		return fmt.Errorf("read warnings: %w", err)
	}
	first.warnings = fromBeside(all)
	if _, _, first.hints, err = w.documentOf(ctx, report); err != nil {
		return err
	}
	return w.writeReading(ctx, report, &first)
}

// noteReading notes what a further delivery makes of a report. Of two documents
// in one item the one counts that names a reporter, or is better trusted.
func (w *writer) noteReading(ctx context.Context, report int64, j judged, d *store.Document) error {
	if err := w.noteFirst(ctx, report); err != nil {
		return err
	}
	r := d.Report
	one := reading{
		judged: j, reporter: r.Reporter, starts: r.Start.Unix(), ends: r.End.Unix(),
		warnings: fromBeside(warningsOf(r)), hints: d.Hints, parser: int64(tlsrpt.ParserVersion),
	}
	all, err := w.readings(ctx, report, j.item)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(o reading) bool { return o.ledger == j.ledger })
	if i >= 0 && compareReadings(&one, &all[i]) >= 0 {
		return nil
	}
	return w.writeReading(ctx, report, &one)
}

// readAsBest makes a report what its best delivery makes of it.
func (w *writer) readAsBest(ctx context.Context, report int64, inHand item) error {
	all, err := w.readings(ctx, report, inHand)
	if err != nil || len(all) == 0 {
		return err
	}
	best := slices.MinFunc(all, func(a, b reading) int { return compareReadings(&a, &b) })
	if best.used {
		return nil
	}
	old, err := w.storedReport(ctx, report)
	if err != nil {
		return err
	}
	r, err := w.rebuild(ctx, old.facts)
	if err != nil {
		return err
	}
	r.Reporter, r.Start, r.End = best.reporter, time.Unix(best.starts, 0).UTC(), time.Unix(best.ends, 0).UTC()
	for i := range r.Warnings {
		for _, warning := range best.warnings {
			if code, detail, _ := strings.Cut(warning, ": "); code == r.Warnings[i].Code {
				r.Warnings[i].Detail = detail
			}
		}
	}
	if err := w.rehint(ctx, report, best.hints); err != nil {
		return err
	}
	if _, err := w.conn.exec(ctx, "UPDATE reading SET used = (ledger = ?) WHERE report = ?", best.ledger, report); err != nil {
		return fmt.Errorf("change what a report is read as: %w", err)
	}
	return w.replace(ctx, old, r, min(old.facts.parser, best.parser))
}

// refreshReading notes what a report was read as anew, with the hints in use.
func (w *writer) refreshReading(ctx context.Context, report int64, r *tlsrpt.Report) error {
	all, err := w.readings(ctx, report, item{})
	if err != nil {
		return err
	}
	for i := range all {
		if one := &all[i]; one.used {
			one.reporter, one.starts, one.ends = r.Reporter, r.Start.Unix(), r.End.Unix()
			one.warnings, one.parser = fromBeside(warningsOf(r)), int64(tlsrpt.ParserVersion)
			return w.writeReading(ctx, report, one)
		}
	}
	return nil
}

// signEach notes who signed the deliveries of a report, each under the name that
// it gives the reporter itself.
func (w *writer) signEach(ctx context.Context, report, reporter int64, deliveries []judged) error {
	all, err := w.readings(ctx, report, item{})
	if err != nil {
		return err
	}
	for i := range deliveries {
		under := reporter
		if at := slices.IndexFunc(all, func(o reading) bool { return o.ledger == deliveries[i].ledger }); at >= 0 {
			if under, err = w.intern(ctx, classReporter, all[at].reporter); err != nil {
				return err
			}
		}
		w.sign(under, &deliveries[i])
	}
	return nil
}

// moveReadings gives the readings of a report to a document in quarantine, which
// stands there with the hints of the item that it belongs to; or gives them
// back, where the report has one of that item already.
func (w *writer) moveReadings(ctx context.Context, from, to, own int64) error {
	_, err := w.conn.exec(ctx, "UPDATE OR IGNORE reading SET report = ?, used = (? < 0 AND ledger = ?) WHERE report = ?", to, to, own, from)
	if err == nil {
		_, err = w.conn.exec(ctx, "DELETE FROM reading WHERE report = ?", from)
	}
	if err != nil {
		return fmt.Errorf("move what deliveries make of a report: %w", err)
	}
	return nil
}

// ownHints puts the hints of the delivery that stored a report to its document.
func (w *writer) ownHints(ctx context.Context, old storedReport) error {
	all, err := w.readings(ctx, old.facts.report, item{})
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].ledger == old.storedBy {
			return w.rehint(ctx, old.facts.report, all[i].hints)
		}
	}
	return nil
}

// rehint changes the hints that stand with a report's document.
func (w *writer) rehint(ctx context.Context, report int64, hints tlsrpt.Hints) error {
	_, raw, before, err := w.documentOf(ctx, report)
	if err != nil || before == hints {
		return err
	}
	frame, err := w.document.pack(raw, hints)
	if err != nil {
		return err
	}
	if _, err := w.conn.exec(ctx, "UPDATE document SET frame = ? WHERE report = ?", frame, report); err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	return nil
}
