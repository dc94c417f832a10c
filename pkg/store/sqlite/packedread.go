package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// maxSought is up to how many rows are sought one by one; beyond, all rows of
// the time are walked through.
const maxSought = 8000

// A test is a filter on one of a cell's numbers.
type test struct {
	at     int
	ids    map[int64]bool
	except bool
}

// scan hands the cells that a question selects to visit, buckets in order.
func (p *plan) scan(ctx context.Context, c *conn, q *question, visit func(bucket int64, numbers []int64)) error {
	for _, one := range p.parts {
		tests, err := one.packed.tests(ctx, c, q)
		if err != nil {
			return err
		}
		query, args, err := one.rows(ctx, c, q)
		if err != nil {
			return err
		}
		late := one.packed.position("late")
		err = c.query(ctx, query, args, func(r row) error {
			id := r.int(0)
			return one.packed.unpack(id, r.bytes(1), func(numbers []int64) {
				for i := range tests {
					if t := &tests[i]; t.ids[numbers[t.at]] == t.except {
						return
					}
				}
				if late < 0 || q.maxLate < 0 || numbers[late] <= q.maxLate {
					visit(id>>chunkBits, numbers)
				}
			})
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", one.packed.table, err)
		}
	}
	return nil
}

// tests are the filters of a question; policy type and mode stand behind the kind.
func (r *rollup) tests(ctx context.Context, c *conn, q *question) ([]test, error) {
	var tests []test
	for _, list := range [][]filtered{q.filters, q.among} {
		for _, f := range list {
			if isKind(f.dimension) {
				continue
			}
			t := test{at: r.position(columns[f.dimension]), ids: make(map[int64]bool, len(f.set.ids)), except: f.set.except}
			for _, id := range f.set.ids {
				t.ids[id] = true
			}
			tests = append(tests, t)
		}
	}
	w := where{}
	for _, list := range [][]filtered{q.filters, q.among} {
		for _, f := range list {
			if isKind(f.dimension) {
				w.dimension(f, func(string) string { return "id" })
			}
		}
	}
	if len(w.conditions) == 0 {
		return tests, nil
	}
	kinds := test{at: r.position("kind"), ids: map[int64]bool{}}
	err := c.query(ctx, "SELECT id FROM kind "+w.clause(), w.args, func(row row) error {
		kinds.ids[row.int(0)] = true
		return nil
	})
	return append(tests, kinds), err
}

// rows makes the statement for the rows to look into.
func (one *part) rows(ctx context.Context, c *conn, q *question) (query string, args []any, err error) {
	table := one.packed.table
	from, to := idBounds(one.first, one.last)
	set, some := q.domains()
	if !some {
		return "SELECT id, cells FROM " + table + " WHERE id BETWEEN ? AND ?", []any{from, to}, nil
	}
	chunks := make([]int64, len(set.ids))
	for i, id := range set.ids {
		chunks[i] = one.packed.chunk(id)
	}
	slices.Sort(chunks)
	chunks = slices.Compact(chunks)
	first, last := int64(0), int64(-1)
	_, err = c.first(ctx, "SELECT (SELECT MIN(id) FROM "+table+" WHERE id >= ?), (SELECT MAX(id) FROM "+table+" WHERE id <= ?)", []any{from, to}, func(r row) {
		if !r.null(0) && !r.null(1) {
			first, last = r.int(0)>>chunkBits, r.int(1)>>chunkBits
		}
	})
	if err != nil || last-first >= maxSought || (last-first+1)*int64(len(chunks)) > maxSought {
		return "SELECT id, cells FROM " + table + " WHERE id BETWEEN ? AND ?", []any{from, to}, err
	}
	var ids []int64
	for bucket := first; bucket <= last; bucket++ {
		for _, chunk := range chunks {
			ids = append(ids, bucket<<chunkBits|chunk)
		}
	}
	return "SELECT t.id, t.cells FROM json_each(?) j CROSS JOIN " + table + " t ON t.id = j.value", []any{jsonList(ids)}, nil
}

// kindSums are the sums of a group, or where policy type or mode matters, of one
// kind in it.
type kindSums struct {
	sessionSums
	protected int64
}

// A grouper sums cells by some of their numbers. There may be a million cells
// in thousands of groups: it finds these by a hash of what tells them apart, in
// one table, where a map by whole keys would spend most of the time on keys.
type grouper struct {
	perBucket bool
	columns   []int // of a cell, that make the group
	kind      int   // where the kind stands in a cell
	measures  int   // where the measures start
	byHash    map[uint64]int32
	groups    []cellGroup
	last      int32 // the group of the cell before
}

type cellGroup struct {
	bucket int64
	key    [6]int64 // the numbers of the grouper's columns
	next   int32    // a group of the same hash, or -1
	after  int32    // the other group that came after it the last time
	kindSums
}

func (g *grouper) add(bucket int64, numbers []int64) {
	if !g.perBucket {
		bucket = 0
	}
	if len(g.groups) == 0 {
		g.last = g.find(bucket, numbers)
	}
	at := g.last
	if !g.holds(&g.groups[at], bucket, numbers) {
		// Each row has its domains in order: what came next in one mostly does in another.
		if at = g.groups[at].after; !g.holds(&g.groups[at], bucket, numbers) {
			at = g.find(bucket, numbers)
			g.groups[g.last].after = at
		}
		g.last = at
	}
	sum, m := &g.groups[at].kindSums, numbers[g.measures:]
	sum.reports += m[0]
	sum.pairs += m[1]
	sum.successful += m[2]
	sum.failed += m[3]
	sum.overlapTotal += m[4]
	sum.overlapFailed += m[5]
	sum.protected += (m[2] + m[3]) * (numbers[g.kind] & 1)
}

// find returns the group of a cell, and makes it if it is new.
func (g *grouper) find(bucket int64, numbers []int64) int32 {
	hash := uint64(bucket)
	for _, column := range g.columns {
		hash = (hash ^ uint64(numbers[column])) * 0x9e3779b97f4a7c15
		hash ^= hash >> 32
	}
	first, found := g.byHash[hash]
	if !found {
		first = -1
	}
	for at := first; at >= 0; at = g.groups[at].next {
		if g.holds(&g.groups[at], bucket, numbers) {
			return at
		}
	}
	group := cellGroup{bucket: bucket, next: first}
	for i, column := range g.columns {
		group.key[i] = numbers[column]
	}
	g.byHash[hash] = int32(len(g.groups))
	g.groups = append(g.groups, group)
	return g.byHash[hash]
}

func (g *grouper) holds(group *cellGroup, bucket int64, numbers []int64) bool {
	for i, column := range g.columns {
		if group.key[i] != numbers[column] {
			return false
		}
	}
	return group.bucket == bucket
}

// packedGroups sums what a packed plan selects.
func packedGroups(ctx context.Context, c *conn, q *question, p plan) (map[groupKey]*store.SessionRow, error) {
	r := p.parts[0].packed
	g := &grouper{perBucket: q.perBucket, kind: r.position("kind"), measures: len(r.dimensions), byHash: map[uint64]int32{}}
	var places []int // in the question's group
	for i, d := range q.groupBy {
		if !isKind(d) {
			g.columns, places = append(g.columns, r.position(columns[d])), append(places, i)
		}
	}
	if q.byKind() {
		g.columns = append(g.columns, g.kind)
	}
	if err := p.scan(ctx, c, q, g.add); err != nil {
		return nil, err
	}
	keyOf := func(group *cellGroup) (key groupKey) {
		key.bucket = group.bucket
		for i, place := range places {
			key.ids[place] = group.key[i]
		}
		return key
	}
	groups := make(map[groupKey]*store.SessionRow, len(g.groups))
	if q.byKind() {
		return groups, foldKinds(ctx, c, q, g, keyOf, groups)
	}
	rows := make([]store.SessionRow, len(g.groups))
	for i := range g.groups {
		sum := &g.groups[i].kindSums
		rows[i] = store.SessionRow{
			Reports: sum.reports, Successful: sum.successful, Failed: sum.failed, Protected: sum.protected,
			OverlapTotal: sum.overlapTotal, OverlapFailed: sum.overlapFailed,
		}
		groups[keyOf(&g.groups[i])] = &rows[i]
	}
	return groups, nil
}

// foldKinds puts the kinds of a group together. A kind is the last of a group's numbers.
func foldKinds(ctx context.Context, c *conn, q *question, g *grouper, keyOf func(*cellGroup) groupKey, groups map[groupKey]*store.SessionRow) error {
	kinds := map[int64]kindKey{}
	err := c.query(ctx, "SELECT id, shape, type, mode FROM kind", nil, func(r row) error {
		kinds[r.int(0)] = kindKey{r.int(1), r.int(2), r.int(3)}
		return nil
	})
	counter := newPairCounter(groups)
	for i := range g.groups {
		group := &g.groups[i]
		key, k := keyOf(group), kinds[group.key[len(g.columns)-1]]
		for i, d := range q.groupBy {
			switch d {
			case store.PolicyType:
				key.ids[i] = k.kind
			case store.PolicyMode:
				key.ids[i] = k.mode
			}
		}
		counter.add(key, k.shape, &group.kindSums)
	}
	return err
}
