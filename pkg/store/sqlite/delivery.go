package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// judged is a delivery of a report, with what is known of its sender.
type judged struct {
	item
	trust, reason, signedBy, route int64
	signer                         string
}

func (w *writer) judgement(ctx context.Context, it item, j store.Judgement) (judged, error) {
	reason, err := w.intern(ctx, classText, j.Reason)
	if err != nil {
		return judged{}, err
	}
	signedBy, err := w.intern(ctx, classText, j.SignedBy)
	if err != nil {
		return judged{}, err
	}
	return judged{
		item: it, trust: trustNumber(j.Trust), reason: reason, signedBy: signedBy, route: routeNumber(j.Route), signer: j.SignedBy,
	}, nil
}

// compareArrival orders deliveries by when they were received, then by source
// and reference, so that what is first does not depend on who committed first.
func compareArrival(a, b *judged) int {
	return cmp.Or(cmp.Compare(a.received, b.received), strings.Compare(a.sourceID, b.sourceID), strings.Compare(a.ref, b.ref))
}

// compareJudgement orders them by trust, best first, then by arrival.
func compareJudgement(a, b *judged) int {
	return cmp.Or(cmp.Compare(a.trust, b.trust), compareArrival(a, b))
}

// insert stores a report that is new, and returns its number.
func (w *writer) insert(ctx context.Context, j judged, content contentHash, d *store.Document) (int64, error) {
	r := d.Report
	f := &facts{stored: w.now.Unix(), trust: j.trust, source: j.source}
	if err := w.describe(ctx, r, f); err != nil {
		return 0, err
	}
	warnings, contact, err := w.asides(ctx, r)
	if err != nil {
		return 0, err
	}
	w.sign(f.reporter, &j)
	keys := keysOf(r, j.trust, j.signer)
	contested, err := w.contested(ctx, keys)
	if err != nil {
		return 0, err
	}
	result, err := w.conn.exec(ctx, `INSERT INTO report (hash0, hash, name_key, sign_key, reporter, day, starts, ends, received, source,
		ledger, stored, late, trust, reason, signed_by, route, judged, superseded, warnings, contact, report_id, parser, stored_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		content.head, content.tail, keys.name, keys.signer, f.reporter, f.day, r.Start.Unix(), r.End.Unix(), j.received, j.source,
		j.ledger, f.stored, f.late, j.trust, j.reason, j.signedBy, j.route, j.ledger, flag(contested), warnings, contact,
		r.ReportID, int64(tlsrpt.ParserVersion), j.ledger)
	if err != nil {
		return 0, fmt.Errorf("write report: %w", err)
	}
	if f.report, err = result.LastInsertId(); err != nil {
		return 0, fmt.Errorf("write report: %w", err)
	}
	w.sums.count(int64(tlsrpt.ParserVersion), 1)
	if err := w.insertParts(ctx, f, j, d); err != nil {
		return 0, err
	}
	if contested {
		return f.report, w.settle(ctx, keys)
	}
	w.sums.contribute(f, 1)
	return f.report, nil
}

func (w *writer) insertParts(ctx context.Context, f *facts, j judged, d *store.Document) error {
	if err := w.insertFacts(ctx, f); err != nil {
		return err
	}
	frame, err := w.document.pack(d.Raw, d.Hints)
	if err != nil {
		return err
	}
	if _, err := w.conn.exec(ctx, "INSERT INTO document (report, frame) VALUES (?, ?)", f.report, frame); err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	return w.insertDelivery(ctx, f.report, j)
}

// insertDelivery keeps the better judgement where one item holds a document
// twice. The owner is a report, or a quarantined document by its negative id.
func (w *writer) insertDelivery(ctx context.Context, owner int64, j judged) error {
	_, err := w.conn.exec(ctx, `INSERT INTO delivery (report, ledger, trust, reason, signed_by, route) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET trust = excluded.trust, reason = excluded.reason, signed_by = excluded.signed_by, route = excluded.route
		WHERE excluded.trust < trust`, owner, j.ledger, j.trust, j.reason, j.signedBy, j.route)
	if err != nil {
		return fmt.Errorf("write delivery: %w", err)
	}
	return nil
}

// asides numbers what a report says beside its sums.
func (w *writer) asides(ctx context.Context, r *tlsrpt.Report) (warnings, contact int64, err error) {
	if warnings, err = w.internList(ctx, warningsOf(r)); err != nil {
		return 0, 0, err
	}
	contact, err = w.intern(ctx, classText, r.ContactInfo)
	return warnings, contact, err
}

// again adds a delivery to a report that is stored, and judges it anew: the
// best delivery says its trust, the earliest its source.
func (w *writer) again(ctx context.Context, report int64, j judged, d *store.Document) error {
	beside := len(fromBeside(warningsOf(d.Report))) > 0
	if beside {
		if err := w.noteReading(ctx, report, j, d); err != nil {
			return err
		}
	}
	if err := w.insertDelivery(ctx, report, j); err != nil {
		return err
	}
	name := ""
	if beside {
		name = d.Report.Reporter
	}
	if err := w.weigh(ctx, report, j, name); err != nil || !beside {
		return err
	}
	return w.readAsBest(ctx, report, j.item)
}

// weigh finds whether a further delivery is earlier, or better trusted, than
// those that were there. Where it names the reporter itself, who signed it is
// noted under that name.
func (w *writer) weigh(ctx context.Context, report int64, j judged, name string) error {
	earliest, deciding, reporter, superseded, err := w.foremost(ctx, report, j.item)
	if err == nil && name != "" {
		reporter, err = w.intern(ctx, classReporter, name)
	}
	if err != nil {
		return err
	}
	w.sign(reporter, &j)
	var first, best *judged
	if compareArrival(&j, &earliest) < 0 {
		first = &j
	}
	if compareJudgement(&j, &deciding) < 0 {
		best = &j
	}
	if first == nil && best == nil {
		return nil
	}
	return w.assign(ctx, report, superseded, first, best)
}

// assign makes deliveries the first and the best of a report, which say its
// source and its trust; nil is the one that is. Its contribution and its rivals follow.
func (w *writer) assign(ctx context.Context, report int64, superseded bool, first, best *judged) error {
	if !superseded {
		if err := w.contribute(ctx, report, -1); err != nil {
			return err
		}
	}
	if first != nil {
		if err := w.setEarliest(ctx, report, first); err != nil {
			return err
		}
	}
	before, after, err := w.decide(ctx, report, best)
	if err != nil {
		return err
	}
	if !superseded {
		if err := w.contribute(ctx, report, 1); err != nil {
			return err
		}
	}
	return w.settle(ctx, before, after)
}

func (w *writer) setEarliest(ctx context.Context, report int64, j *judged) error {
	_, err := w.conn.exec(ctx, "UPDATE report SET received = ?, source = ?, ledger = ? WHERE id = ?", j.received, j.source, j.ledger, report)
	if err != nil {
		return fmt.Errorf("update earliest delivery: %w", err)
	}
	return nil
}

// decide makes j, unless it is nil, the delivery that says the report's trust,
// and returns the rivals' keys before and after.
func (w *writer) decide(ctx context.Context, report int64, j *judged) (before, after rivalKeys, err error) {
	before, err = w.keys(ctx, report)
	if err != nil || j == nil {
		return before, before, err
	}
	same, err := w.storedSameness(ctx, report)
	if err != nil {
		return before, before, err
	}
	after = rivalKeys{day: before.day, name: before.name, signer: signerKey(j.trust, j.signer, same)}
	_, err = w.conn.exec(ctx, "UPDATE report SET trust = ?, reason = ?, signed_by = ?, route = ?, judged = ?, sign_key = ? WHERE id = ?",
		j.trust, j.reason, j.signedBy, j.route, j.ledger, after.signer, report)
	if err != nil {
		return before, after, fmt.Errorf("update trust: %w", err)
	}
	return before, after, nil
}

// foremost returns a report's earliest delivery and the one that decided. Where
// one is of the item in hand, the ledger does not know it yet.
func (w *writer) foremost(ctx context.Context, report int64, inHand item) (earliest, deciding judged, reporter int64, superseded bool, err error) {
	earliest.item, deciding.item = inHand, inHand
	_, err = w.conn.first(ctx, `SELECT r.superseded, r.trust, e.received, es.value, e.ref, j.received, js.value, j.ref, r.reporter FROM report r
		LEFT JOIN ledger e ON e.id = r.ledger LEFT JOIN dict es ON es.id = e.source
		LEFT JOIN ledger j ON j.id = r.judged LEFT JOIN dict js ON js.id = j.source WHERE r.id = ?`, []any{report}, func(r row) {
		superseded, deciding.trust, reporter = r.int(0) != 0, r.int(1), r.int(8)
		if !r.null(2) {
			earliest.item = item{received: r.int(2), sourceID: r.text(3), ref: r.text(4)}
		}
		if !r.null(5) {
			deciding.item = item{received: r.int(5), sourceID: r.text(6), ref: r.text(7)}
		}
	})
	if err != nil {
		err = fmt.Errorf("read deliveries: %w", err)
	}
	return earliest, deciding, reporter, superseded, err
}

// lateness is the time from the end of a period to when its report was stored,
// in seconds, as hours rounded up; never below 0.
func lateness(stored, end int64) int64 {
	return max((stored-end+3599)/3600, 0)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
