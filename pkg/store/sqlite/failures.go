package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

var failureColumns = []string{"failed", "overlap"}

// FailureSums sums failure details by any dimensions.
func (s *Store) FailureSums(ctx context.Context, query store.SumQuery) ([]store.FailureSum, store.Cost, error) {
	groups := 0
	rows, cost, err := sumUp(ctx, s, query, failurePlan, func(ctx context.Context, c *conn, q *question, p plan) (rows []store.FailureSum, err error) {
		rows, groups, err = s.sumFailures(ctx, c, q, p, query.Largest)
		return rows, err
	})
	cost.Groups = groups
	if err != nil {
		return nil, store.Cost{}, fmt.Errorf("sum failure details: %w", err)
	}
	return narrow(rows, query, func(r store.FailureSum) []string { return r.Group }), cost, nil
}

// row is that of a query's answer.
func (s *failureSums) row(at time.Time, group []string) store.FailureSum {
	return store.FailureSum{Bucket: at, Group: group, Failed: s.failed, Overlap: s.overlap}
}

// sumFailures returns how many groups there were, too, where the largest are asked for.
func (s *Store) sumFailures(ctx context.Context, c *conn, q *question, p plan, largest store.Ranking) (rows []store.FailureSum, groups int, err error) {
	answer, err := failureGroups(ctx, c, q, p)
	if err != nil {
		return nil, 0, err
	}
	if largest.Most > 0 && !q.perBucket {
		groups = answer.groups.count()
		answer = largestFailures(answer, largest)
	}
	rows, err = named(ctx, c, s.names, q, p, answer, (*failureSums).row)
	return rows, groups, err
}

// largestFailures keeps the largest groups, in the order in which they were.
func largestFailures(all *grouped[failureSums], by store.Ranking) *grouped[failureSums] {
	if all.rows.n <= by.Most {
		return all
	}
	size := func(sum failureSums) int64 {
		if by.Distinct {
			sum.failed -= sum.overlap
		}
		return max(sum.failed, 0)
	}
	sizes := make([]int64, all.rows.n)
	for i := range sizes {
		sizes[i] = size(all.rows.at(i).sum)
	}
	slices.Sort(sizes)
	least := sizes[len(sizes)-by.Most]
	kept := &grouped[failureSums]{groups: tuples{width: all.groups.width}}
	for i := range all.rows.n {
		if row := all.rows.at(i); size(row.sum) >= least {
			group, _ := kept.groups.place(all.groups.at(row.group))
			kept.rows.add(groupedRow[failureSums]{group: group, sum: row.sum})
		}
	}
	return kept
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
