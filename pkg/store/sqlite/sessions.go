package sqlite

import (
	"cmp"
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
	var rows []store.SessionRow
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
		p := sessionPlan(q, q.splitDetails(), firstHour)
		cost.Rows = p.rows
		rows, err = s.sumSessions(ctx, c, q, p)
		return err
	})
	if err != nil {
		return nil, store.Cost{}, fmt.Errorf("sum sessions: %w", err)
	}
	rows = narrow(rows, query, func(r store.SessionRow) ([]string, int64) { return r.Group, r.Failed })
	slices.SortFunc(rows, func(a, b store.SessionRow) int { return compareGroups(a.Bucket, b.Bucket, a.Group, b.Group) })
	return rows, cost, nil
}

// maxGroups is how many dimensions there are to group by.
const maxGroups = 12

// groupKey is the numbers of a group, and its bucket.
type groupKey struct {
	bucket int64
	ids    [maxGroups]int64
}

var sessionColumns = []string{"reports", "pairs", "successful", "failed", "protected", "overlap_total", "overlap_failed"}

func (s *Store) sumSessions(ctx context.Context, c *conn, q *question, p plan) ([]store.SessionRow, error) {
	groups, err := sessionGroups(ctx, c, q, p)
	if err != nil {
		return nil, err
	}
	return named(ctx, c, s.names, q, p, groups, func(r *store.SessionRow, at time.Time, group []string) { r.Bucket, r.Group = at, group })
}

func sessionGroups(ctx context.Context, c *conn, q *question, p plan) (map[groupKey]*store.SessionRow, error) {
	if p.packed() {
		return packedGroups(ctx, c, q, p)
	}
	byKind := q.byKind()
	groups := map[groupKey]*store.SessionRow{}
	counter := newPairCounter(groups)
	statement, args := p.statement(q, sessionColumns)
	m := q.plainColumns() + 1
	err := c.query(ctx, statement, args, func(r row) error {
		key := q.key(r, m+len(sessionColumns))
		if byKind {
			counter.add(key, r.int(m+len(sessionColumns)), &kindSums{sessionSums{pairs: r.int(m + 1), successful: r.int(m + 2), failed: r.int(m + 3)}, r.int(m + 4)})
			return nil
		}
		groups[key] = &store.SessionRow{
			Reports: r.int(m), Successful: r.int(m + 2), Failed: r.int(m + 3), Protected: r.int(m + 4),
			OverlapTotal: r.int(m + 5), OverlapFailed: r.int(m + 6),
		}
		return nil
	})
	return groups, err
}

// A pairCounter adds up kinds. Every kind of one shape counts the same pairs of
// report and domain: it takes them once.
type pairCounter struct {
	groups map[groupKey]*store.SessionRow
	pairs  map[shapedGroup]int64
}

type shapedGroup struct {
	groupKey
	shape int64
}

func newPairCounter(groups map[groupKey]*store.SessionRow) *pairCounter {
	return &pairCounter{groups, map[shapedGroup]int64{}}
}

func (p *pairCounter) add(key groupKey, shape int64, sum *kindSums) {
	g := p.groups[key]
	if g == nil {
		g = new(store.SessionRow)
		p.groups[key] = g
	}
	g.Successful += sum.successful
	g.Failed += sum.failed
	g.Protected += sum.protected
	at := shapedGroup{key, shape}
	if n := sum.pairs; n > p.pairs[at] {
		g.Reports += n - p.pairs[at]
		p.pairs[at] = n
	}
}

// plainColumns counts the columns of the group that are not behind the kind.
func (q *question) plainColumns() (n int) {
	for _, d := range q.groupBy {
		if columns[d] != "kind" {
			n++
		}
	}
	return n
}

// key reads the group of a row, which has the columns of the group after the
// bucket, but shape, type and mode from the column end on.
func (q *question) key(r row, end int) groupKey {
	key := groupKey{bucket: r.int(0)}
	at := 1
	for i, d := range q.groupBy {
		switch d {
		case store.PolicyType:
			key.ids[i] = r.int(end + 1)
		case store.PolicyMode:
			key.ids[i] = r.int(end + 2)
		default:
			key.ids[i] = r.int(at)
			at++
		}
	}
	return key
}

// named puts the words of the groups and the times of the buckets to their sums.
func named[R any](ctx context.Context, c *conn, n *names, q *question, p plan, groups map[groupKey]*R, put func(*R, time.Time, []string)) ([]R, error) {
	ids := map[int64]bool{}
	for key := range groups {
		for i, d := range q.groupBy {
			if d != store.TrustDimension {
				ids[key.ids[i]] = true
			}
		}
	}
	words, err := n.of(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	rows := make([]R, 0, len(groups))
	for key, r := range groups {
		group := make([]string, len(q.groupBy))
		for i, d := range q.groupBy {
			if d == store.TrustDimension {
				group[i] = string(trustOf(key.ids[i]))
			} else {
				group[i] = words[key.ids[i]]
			}
		}
		var at time.Time
		if q.perBucket {
			at = p.bucket.start(key.bucket)
		}
		put(r, at, group)
		rows = append(rows, *r)
	}
	return rows, nil
}

// start returns when a day or hour begins.
func (b bucket) start(n int64) time.Time {
	if b == hourly {
		return time.Unix(n*3600, 0).UTC()
	}
	return time.Unix(n*86400, 0).UTC()
}

// narrow keeps the groups that are asked for.
func narrow[R any](rows []R, query store.SumQuery, of func(R) (group []string, failed int64)) []R {
	key := func(group []string) string { return strings.Join(group, "\x00") }
	if query.Among != nil {
		among := make(map[string]bool, len(query.Among))
		for _, group := range query.Among {
			among[key(group)] = true
		}
		rows = slices.DeleteFunc(rows, func(r R) bool {
			group, _ := of(r)
			return !among[key(group)]
		})
	}
	if !query.FailingOnly {
		return rows
	}
	failing := map[string]bool{}
	for _, r := range rows {
		if group, failed := of(r); failed > 0 {
			failing[key(group)] = true
		}
	}
	return slices.DeleteFunc(rows, func(r R) bool {
		group, _ := of(r)
		return !failing[key(group)]
	})
}

func compareGroups(aBucket, bBucket time.Time, a, b []string) int {
	return cmp.Or(aBucket.Compare(bBucket), slices.Compare(a, b))
}
