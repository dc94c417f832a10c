package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

var errLimit = errors.New("the limit must be above 0")

// listing says how single rows of policies or failures are walked through,
// newest first: along the day or the hour stored, or where few domains are
// asked for, along those.
func listing(q *question, table string) (from, newestFirst string, p plan) {
	p = rowPlan(q, table, nil)
	p.parts[0].fixed = nil
	if q.timeField == store.StoredTime {
		return p.parts[0].from, "r.stored DESC, r.id DESC", p
	}
	if set, ok := q.domains(); !ok || len(set.ids) > manyDomains {
		p.parts[0].from = table + " t INDEXED BY " + table + "_day CROSS JOIN report r ON r.id = t.report"
		p.parts[0].leading = ""
	}
	return p.parts[0].from, "t.day DESC, t.report DESC", p
}

// Failures returns failure details, newest first.
func (s *Store) Failures(ctx context.Context, query store.RowQuery) (rows []store.FailureRow, more bool, err error) {
	if query.Limit <= 0 {
		return nil, false, fmt.Errorf("list failures: %w", errLimit)
	}
	err = s.snapshot(ctx, func(c *conn) error {
		q, err := s.question(ctx, c, query.Selection)
		if err != nil {
			return err
		}
		from, newestFirst, p := listing(q, "failure")
		p.parts[0].fixed = []string{"r.superseded = 0"}
		w := p.conditions(q, p.parts[0])
		statement := `SELECT t.day, r.stored, t.failed, r.trust, r.report_id, r.id, t.domain, k.type, k.mode, r.reporter, t.result, t.reason, t.mx,
			t.receiving_ip, t.sending_ip, t.helo, t.reason_code, t.information
			FROM ` + from + ` CROSS JOIN kind k ON k.id = t.kind ` + w.clause() + ` ORDER BY ` + newestFirst + `, t.policy, t.idx LIMIT ?`
		rows, err = s.failureRows(ctx, c, statement, append(w.args, int64(query.Limit)+1))
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list failures: %w", err)
	}
	rows, more = cut(rows, query.Limit)
	return rows, more, nil
}

func (s *Store) failureRows(ctx context.Context, c *conn, statement string, args []any) ([]store.FailureRow, error) {
	var rows []store.FailureRow
	words, err := s.worded(ctx, c, statement, args, 6, func(r row) {
		rows = append(rows, store.FailureRow{
			Day: tlsrpt.Day(r.int(0)), Stored: time.Unix(r.int(1), 0).UTC(), Detail: tlsrpt.FailureDetail{FailedSessions: r.int(2)},
			Trust: trustOf(r.int(3)), ReportID: r.text(4), ID: r.int(5),
		})
	})
	for i, text := range words {
		detail := &rows[i].Detail
		rows[i].Policy = tlsrpt.Policy{Domain: text[0], Type: text[1], Mode: text[2]}
		rows[i].Reporter = text[3]
		detail.ResultType, detail.Reason, detail.ReceivingMXHostname = text[4], text[5], text[6]
		detail.ReceivingIP, detail.SendingMTAIP, detail.ReceivingMXHelo = text[7], text[8], text[9]
		detail.ReasonCode, detail.AdditionalInformation = text[10], text[11]
	}
	return rows, err
}

// worded hands every row of a statement to scan, and returns the words whose
// numbers its columns from first on hold.
func (s *Store) worded(ctx context.Context, c *conn, statement string, args []any, first int, scan func(row)) ([][]string, error) {
	var numbers [][]int64
	ids := map[int64]bool{}
	err := c.query(ctx, statement, args, func(r row) error {
		scan(r)
		list := make([]int64, len(r)-first)
		for i := range list {
			list[i] = r.int(first + i)
			ids[list[i]] = true
		}
		numbers = append(numbers, list)
		return nil
	})
	if err != nil {
		return nil, err
	}
	words, err := s.names.of(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	texts := make([][]string, len(numbers))
	for i, list := range numbers {
		for _, id := range list {
			texts[i] = append(texts[i], words[id])
		}
	}
	return texts, nil
}

// Reports returns pairs of report and policy domain, newest first. Filters on
// policy type and mode, and those on failure details, keep the pairs that have
// such a policy, or such a detail; their sums are of the whole pair.
func (s *Store) Reports(ctx context.Context, query store.RowQuery) (rows []store.ReportRow, more bool, err error) {
	if query.Limit <= 0 {
		return nil, false, fmt.Errorf("list reports: %w", errLimit)
	}
	err = s.snapshot(ctx, func(c *conn) error {
		q, err := s.question(ctx, c, query.Selection)
		if err != nil {
			return err
		}
		details, kinds := q.splitDetails(), q.splitKinds()
		from, newestFirst, p := listing(q, "policy")
		p.details = details
		// The policy that carries the overlap stands for the pair.
		p.parts[0].fixed = []string{"t.reports = 1"}
		w := p.conditions(q, p.parts[0])
		if len(kinds) > 0 {
			w.havingKind(kinds)
		}
		rows, err = s.reportRows(ctx, c, from+" "+w.clause()+" ORDER BY "+newestFirst+", t.idx LIMIT ?", append(w.args, int64(query.Limit)+1))
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list reports: %w", err)
	}
	rows, more = cut(rows, query.Limit)
	return rows, more, nil
}

func (s *Store) reportRows(ctx context.Context, c *conn, tail string, args []any) ([]store.ReportRow, error) {
	var rows []store.ReportRow
	var reporters []int64
	statement := `SELECT r.id, r.day, r.starts, r.ends, r.received, r.stored, r.report_id, r.trust, r.route, r.superseded,
		p.overlap_total, p.overlap_failed, (SELECT COUNT(*) FROM delivery d WHERE d.report = r.id), SUM(x.successful + x.failed), SUM(x.failed),
		r.reporter, p.domain, r.reason, r.signed_by, r.warnings, r.contact, r.source
		FROM (SELECT t.domain, t.day, t.report, t.overlap_total, t.overlap_failed, row_number() OVER () AS place FROM (SELECT t.* FROM ` + tail + `) t) p
		CROSS JOIN report r ON r.id = p.report
		CROSS JOIN policy x ON x.domain = p.domain AND x.day = p.day AND x.report = p.report GROUP BY p.place ORDER BY p.place`
	words, err := s.worded(ctx, c, statement, args, 15, func(r row) {
		reporters = append(reporters, r.int(15))
		rows = append(rows, store.ReportRow{
			ID: r.int(0), Day: tlsrpt.Day(r.int(1)), Start: time.Unix(r.int(2), 0).UTC(), End: time.Unix(r.int(3), 0).UTC(),
			Received: time.Unix(r.int(4), 0).UTC(), Stored: time.Unix(r.int(5), 0).UTC(), ReportID: r.text(6),
			Judgement:  store.Judgement{Trust: trustOf(r.int(7)), Route: routeOf(r.int(8))},
			Superseded: r.int(9) != 0, OverlapTotal: r.int(10), OverlapFailed: r.int(11),
			Deliveries: int(r.int(12)), Total: r.int(13), Failed: r.int(14),
		})
	})
	if err != nil {
		return nil, err
	}
	for i, text := range words {
		r := &rows[i]
		r.Reporter, r.PolicyDomain = text[0], text[1]
		r.Judgement.Reason, r.Judgement.SignedBy = text[2], text[3]
		r.ContactInfo, r.Source = text[5], text[6]
		if r.Warnings, err = listOf(text[4]); err != nil {
			return nil, fmt.Errorf("read warnings: %w", err)
		}
	}
	return rows, s.warnOfSigners(ctx, c, rows, reporters)
}

// listOf reads what internList wrote.
func listOf(text string) (list []string, err error) {
	if text == "" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(text), &list)
	return list, err
}

// Report returns a report's document.
func (s *Store) Report(ctx context.Context, id int64) (store.RawDocument, error) {
	var doc store.RawDocument
	var frame []byte
	err := s.snapshot(ctx, func(c *conn) error {
		var day int64
		var warnings string
		found, err := c.first(ctx, `SELECT d.frame, r.received, s.value, l.ref, r.trust, t.value, b.value, r.route, r.day, w.value FROM report r
			CROSS JOIN document d ON d.report = r.id CROSS JOIN ledger l ON l.id = r.ledger CROSS JOIN dict s ON s.id = r.source
			CROSS JOIN dict t ON t.id = r.reason CROSS JOIN dict b ON b.id = r.signed_by LEFT JOIN dict w ON w.id = r.warnings WHERE r.id = ?`, []any{id}, func(r row) {
			frame, day, warnings = r.bytes(0), r.int(8), r.text(9)
			doc = store.RawDocument{
				Received: time.Unix(r.int(1), 0).UTC(), Source: r.text(2), Ref: r.text(3),
				Judgement: store.Judgement{Trust: trustOf(r.int(4)), Reason: r.text(5), SignedBy: r.text(6), Route: routeOf(r.int(7))},
			}
		})
		if err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		if doc.Warnings, err = listOf(warnings); err != nil {
			return err
		}
		return c.query(ctx, "SELECT DISTINCT d.value FROM policy p CROSS JOIN dict d ON d.id = p.domain WHERE p.day = ? AND p.report = ? ORDER BY d.value",
			[]any{day, id}, func(r row) error {
				doc.Domains = append(doc.Domains, r.text(0))
				return nil
			})
	})
	if err == nil {
		doc.Raw, doc.Hints, err = s.document.unpack(frame)
	}
	if err != nil {
		return store.RawDocument{}, fmt.Errorf("read report %d: %w", id, err)
	}
	return doc, nil
}
