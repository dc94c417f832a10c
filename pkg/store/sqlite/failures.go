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
	rows, cost, err := sumUp(ctx, s, query, failurePlan, s.sumFailures)
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
	answer, err := failureGroups(ctx, c, q, p)
	if err != nil {
		return nil, err
	}
	return named(ctx, c, s.names, q, p, answer, (*failureSums).row)
}

func failureGroups(ctx context.Context, c *conn, q *question, p plan) (*grouped[failureSums], error) {
	if p.packed() {
		return packedGroups[failureSums](ctx, c, q, p)
	}
	byKind := q.byKind()
	answer := newGrouped[failureSums](q)
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
	return answer, err
}
