package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

var failureColumns = []string{"failed", "overlap"}

// FailureSums sums failure details by any dimensions.
func (s *Store) FailureSums(ctx context.Context, query store.SumQuery) ([]store.FailureSum, store.Cost, error) {
	var rows []store.FailureSum
	var cost store.Cost
	err := s.snapshot(ctx, func(c *conn) error {
		q, err := s.sumQuestion(ctx, c, query)
		if err != nil {
			return err
		}
		firstHour, err := meta(ctx, c, "first_hour")
		if err != nil {
			return err
		}
		p := failurePlan(q, firstHour)
		cost.Rows = p.rows
		rows, err = s.sumFailures(ctx, c, q, p)
		return err
	})
	if err != nil {
		return nil, store.Cost{}, fmt.Errorf("sum failure details: %w", err)
	}
	return narrow(rows, query, func(r store.FailureSum) []string { return r.Group }), cost, nil
}

// row is that of a query's answer.
func (s *failureSums) row(at time.Time, group []string) store.FailureSum {
	return store.FailureSum{Bucket: at, Group: group, Failed: s.failed, Overlap: s.overlap}
}

func (s *Store) sumFailures(ctx context.Context, c *conn, q *question, p plan) ([]store.FailureSum, error) {
	byKind := q.byKind()
	answer := newGrouped[failureSums]()
	statement, args := p.statement(q, failureColumns)
	plain := q.plainColumns()
	err := c.query(ctx, statement, args, func(r row) error {
		g := answer.at(q.key(r, plain+1+len(failureColumns)))
		g.failed += r.int(plain + 1)
		if !byKind {
			g.overlap += r.int(plain + 2)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return named(ctx, c, s.names, q, p, answer, (*failureSums).row)
}
