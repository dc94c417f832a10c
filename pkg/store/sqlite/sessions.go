package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// Sessions sums summaries.
func (s *Store) Sessions(ctx context.Context, query store.SumQuery) ([]store.SessionRow, store.Cost, error) {
	for _, d := range query.GroupBy {
		if d.Detail() {
			return nil, store.Cost{}, fmt.Errorf("group sessions by %s: only failed sessions can be told apart by it", d)
		}
	}
	rows, cost, err := sumUp(ctx, s, query, sessionPlan, s.sumSessions)
	if err != nil {
		return nil, store.Cost{}, fmt.Errorf("sum sessions: %w", err)
	}
	return narrow(rows, query, func(r store.SessionRow) []string { return r.Group }), cost, nil
}

// sumUp answers a query for sums, by the plan that pick makes of it.
func sumUp[R any](
	ctx context.Context, s *Store, query store.SumQuery, pick func(*question, extent) plan,
	sum func(context.Context, *conn, *question, plan) ([]R, error),
) (rows []R, cost store.Cost, err error) {
	err = s.snapshot(ctx, func(c *conn) error {
		q, err := s.sumQuestion(ctx, c, query)
		if err != nil {
			return err
		}
		there, err := extentOf(ctx, c)
		if err != nil {
			return err
		}
		p := pick(q, there)
		cost.Rows = p.rows
		rows, err = sum(ctx, c, q, p)
		return err
	})
	return rows, cost, err
}

var sessionColumns = []string{"reports", "pairs", "successful", "failed", "protected", "overlap_total", "overlap_failed"}

func (s *Store) sumSessions(ctx context.Context, c *conn, q *question, p plan) ([]store.SessionRow, error) {
	answer, err := sessionGroups(ctx, c, q, p)
	if err != nil {
		return nil, err
	}
	return named(ctx, c, s.names, q, p, answer, (*sessionSums).row)
}

func sessionGroups(ctx context.Context, c *conn, q *question, p plan) (*grouped[sessionSums], error) {
	if p.packed() {
		return packedGroups[sessionSums](ctx, c, q, p)
	}
	byKind := q.byKind()
	answer, counter := newGrouped[sessionSums](q), newPairCounter(q)
	statement, args := p.statement(q, sessionColumns)
	m := q.plainColumns() + 1
	err := c.query(ctx, statement, args, func(r row) error {
		key := q.key(r, m+len(sessionColumns))
		sum := sessionSums{
			reports: r.int(m), pairs: r.int(m + 1), successful: r.int(m + 2), failed: r.int(m + 3), protected: r.int(m + 4),
			overlapTotal: r.int(m + 5), overlapFailed: r.int(m + 6),
		}
		if byKind {
			counter.add(key, r.int(m+len(sessionColumns)), &sum)
		} else {
			*answer.at(key) = sum
		}
		return nil
	})
	if byKind {
		answer = counter.grouped
	}
	return answer, err
}

// row is that of a query's answer.
func (s *sessionSums) row(at time.Time, group []string) store.SessionRow {
	return store.SessionRow{
		Bucket: at, Group: group, Reports: s.reports, Successful: s.successful, Failed: s.failed, Protected: s.protected,
		OverlapTotal: s.overlapTotal, OverlapFailed: s.overlapFailed,
	}
}

// A pairCounter adds up kinds. Every kind of one shape counts the same pairs of
// report and domain: it takes them once.
type pairCounter struct {
	*grouped[sessionSums]
	pairs map[shapedGroup]int64
}

type shapedGroup struct {
	groupKey
	shape int64
}

func newPairCounter(q *question) *pairCounter {
	return &pairCounter{newGrouped[sessionSums](q), map[shapedGroup]int64{}}
}

func (p *pairCounter) add(key groupKey, shape int64, sum *sessionSums) {
	at := shapedGroup{key, shape}
	pairs := p.pairs[at]
	p.at(key).takeKind(&pairs, sum)
	p.pairs[at] = pairs
}

// narrow keeps the groups that are asked for.
func narrow[R any](rows []R, query store.SumQuery, groupOf func(R) []string) []R {
	if query.Among == nil {
		return rows
	}
	key := func(group []string) string { return strings.Join(group, "\x00") }
	among := make(map[string]bool, len(query.Among))
	for _, group := range query.Among {
		among[key(group)] = true
	}
	return slices.DeleteFunc(rows, func(r R) bool { return !among[key(groupOf(r))] })
}
