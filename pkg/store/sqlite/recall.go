package sqlite

import (
	"context"
	"fmt"
)

// recall reads the facts of a report as they are stored.
func (w *writer) recall(ctx context.Context, report int64) (*facts, error) {
	f := &facts{report: report}
	_, err := w.conn.first(ctx, "SELECT day, stored, late, reporter, trust, source, parser FROM report WHERE id = ?", []any{report}, func(r row) {
		f.day, f.stored, f.late, f.reporter, f.trust, f.source, f.parser = r.int(0), r.int(1), r.int(2), r.int(3), r.int(4), r.int(5), r.int(6)
	})
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	err = w.conn.query(ctx, `SELECT domain, idx, kind, reports, pairs, successful, failed, overlap_total, overlap_failed, strings, mx
		FROM policy WHERE day = ? AND report = ?`, []any{f.day, report}, func(r row) error {
		f.policies = append(f.policies, policyFacts{
			domain: r.int(0), idx: r.int(1), kind: r.int(2),
			sessionSums: sessionSums{
				reports: r.int(3), pairs: r.int(4), successful: r.int(5), failed: r.int(6),
				overlapTotal: r.int(7), overlapFailed: r.int(8),
			},
			strings: r.int(9), mx: r.int(10),
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	err = w.conn.query(ctx, `SELECT domain, policy, idx, kind, result, reason, mx, receiving_ip, sending_ip, network, failed, overlap,
		helo, reason_code, information FROM failure WHERE day = ? AND report = ?`, []any{f.day, report}, func(r row) error {
		f.failures = append(f.failures, failureFacts{
			domain: r.int(0), policy: r.int(1), idx: r.int(2), kind: r.int(3),
			result: r.int(4), reason: r.int(5), mx: r.int(6),
			receivingIP: r.int(7), sendingIP: r.int(8), network: r.int(9),
			failed: r.int(10), overlap: r.int(11),
			helo: r.int(12), reasonCode: r.int(13), moreInformation: r.int(14),
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read failure details: %w", err)
	}
	return f, nil
}

// contribute adds to the rollups what a stored report gives to them, or takes it back.
func (w *writer) contribute(ctx context.Context, report, sign int64) error {
	f, err := w.recall(ctx, report)
	if err != nil {
		return err
	}
	w.sums.contribute(f, sign)
	// Rivals may hold 50,000 each.
	if len(f.failures) >= largeReport {
		return w.sums.flushFailures(ctx, w.conn)
	}
	return nil
}
