package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// maxSought is up to how many rows are sought one by one; beyond, all rows of
// the time are walked through.
const maxSought = 8000

// A test is a filter on one of a cell's numbers.
type test struct {
	at     int
	ids    map[int64]bool
	one    int64 // the id where there is one only
	except bool
}

func newTest(at int, set idSet) test {
	t := test{at: at, ids: make(map[int64]bool, len(set.ids)), except: set.except}
	for _, id := range set.ids {
		t.ids[id], t.one = true, id
	}
	return t
}

func (t *test) keeps(n int64) bool {
	if len(t.ids) == 1 {
		return (n == t.one) != t.except
	}
	return t.ids[n] != t.except
}

// scan hands the cells that a question selects to visit, buckets in order.
func (p *plan) scan(ctx context.Context, c *conn, q *question, visit func(bucket int64, numbers []int64)) error {
	for _, one := range p.parts {
		if one.packed == nil {
			if err := p.scanTable(ctx, c, q, one, visit); err != nil {
				return err
			}
			continue
		}
		tests, err := one.packed.tests(ctx, c, q)
		if err != nil {
			return err
		}
		query, args, err := one.rows(ctx, c, q)
		if err != nil {
			return err
		}
		slices.SortFunc(tests, func(a, b test) int { return cmp.Compare(a.at, b.at) })
		late := one.packed.position("late")
		err = c.query(ctx, query, args, func(r row) error {
			id := r.int(0)
			return one.packed.unpack(id, r.bytes(1), tests, func(numbers []int64) {
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

// scanTable reads a part that is not packed as if it had the cells of the first.
func (p *plan) scanTable(ctx context.Context, c *conn, q *question, one part, visit func(bucket int64, numbers []int64)) error {
	r := p.parts[0].packed
	numbers := make([]int64, r.width())
	w := p.conditions(q, one)
	err := c.query(ctx, fmt.Sprintf("SELECT %s, %s, %s FROM %s %s", one.time, strings.Join(r.dimensions, ", "), strings.Join(r.measures, ", "), one.from, w.clause()),
		w.args, func(row row) error {
			for i := range numbers {
				numbers[i] = row.int(i + 1)
			}
			visit(row.int(0), numbers)
			return nil
		})
	if err != nil {
		return fmt.Errorf("read %s: %w", one.from, err)
	}
	return nil
}

// tests are the filters of a question; policy type and mode stand behind the kind.
func (r *rollup) tests(ctx context.Context, c *conn, q *question) ([]test, error) {
	var tests []test
	w := where{}
	for _, f := range slices.Concat(q.filters, q.among) {
		if isKind(f.dimension) {
			w.dimension(f, func(string) string { return "id" })
			continue
		}
		tests = append(tests, newTest(r.position(columns[f.dimension]), f.set))
	}
	if len(w.conditions) == 0 {
		return tests, nil
	}
	kinds, err := c.integers(ctx, "SELECT id FROM kind "+w.clause(), w.args...)
	return append(tests, newTest(r.position("kind"), idSet{ids: kinds})), err
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

// A grouper sums cells by some of their numbers. There may be a million cells
// in thousands of groups: it finds these by a hash of what tells them apart, in
// one table, where a map by whole keys would spend most of the time on keys.
type grouper[S any, P measured[S]] struct {
	perBucket bool
	columns   []int // of a cell, that make the group
	kind      int   // where the kind stands in a cell; -1 is nowhere
	measures  int   // how many there are at a cell's end
	byHash    map[uint64]int32
	keys      []int64 // the numbers of the columns, of one group after the other
	groups    []cellGroup
	last      int32 // the group of the cell before
	rows      blocks[groupedRow[S]]
}

type cellGroup struct {
	next  int32 // a group of the same hash, or -1
	after int32 // the other group that came after it the last time
	row   int32 // the last of its rows
}

func newGrouper[S any, P measured[S]](perBucket bool, r *rollup) *grouper[S, P] {
	return &grouper[S, P]{perBucket: perBucket, kind: r.position("kind"), measures: len(r.measures), byHash: map[uint64]int32{}}
}

func (g *grouper[S, P]) add(bucket int64, numbers []int64) {
	if !g.perBucket {
		bucket = 0
	}
	if len(g.groups) == 0 {
		g.last = g.find(bucket, numbers)
	}
	at := g.last
	if !g.holds(at, numbers) {
		// Each row has its domains in order: what came next in one mostly does in another.
		if at = g.groups[at].after; !g.holds(at, numbers) {
			at = g.find(bucket, numbers)
			g.groups[g.last].after = at
		}
		g.last = at
	}
	row := g.groups[at].row
	if g.rows.at(int(row)).bucket != bucket {
		row = g.begin(bucket, at)
	}
	kind := int64(noKind)
	if g.kind >= 0 {
		kind = numbers[g.kind]
	}
	P(&g.rows.at(int(row)).sum).take(kind, numbers[len(numbers)-g.measures:])
}

// begin makes a row of a group.
func (g *grouper[S, P]) begin(bucket int64, group int32) int32 {
	row := int32(g.rows.add(groupedRow[S]{bucket: bucket, group: group}))
	g.groups[group].row = row
	return row
}

// merge puts the rows of a group together that several parts told of one bucket.
func (g *grouper[S, P]) merge() {
	rows := slices.Concat(g.rows.all...)
	slices.SortFunc(rows, func(a, b groupedRow[S]) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.group, b.group))
	})
	g.rows = blocks[groupedRow[S]]{}
	for _, row := range rows {
		if n := g.rows.n; n > 0 && g.rows.at(n-1).bucket == row.bucket && g.rows.at(n-1).group == row.group {
			P(&g.rows.at(n-1).sum).add(row.sum, 1)
			continue
		}
		g.rows.add(row)
	}
}

// clear leaves no group, but the room of those there were.
func (g *grouper[S, P]) clear() {
	clear(g.byHash)
	g.keys, g.groups = g.keys[:0], g.groups[:0]
	g.rows.clear()
}

// find returns the group of a cell, and makes it if it is new.
func (g *grouper[S, P]) find(bucket int64, numbers []int64) int32 {
	var hash uint64
	for _, column := range g.columns {
		hash = (hash ^ uint64(numbers[column])) * 0x9e3779b97f4a7c15
		hash ^= hash >> 32
	}
	first, found := g.byHash[hash]
	if !found {
		first = -1
	}
	for at := first; at >= 0; at = g.groups[at].next {
		if g.holds(at, numbers) {
			return at
		}
	}
	at := int32(len(g.groups))
	for _, column := range g.columns {
		g.keys = append(g.keys, numbers[column])
	}
	g.byHash[hash] = at
	g.groups = append(g.groups, cellGroup{next: first})
	g.begin(bucket, at)
	return at
}

// key returns the numbers of a group.
func (g *grouper[S, P]) key(group int32) []int64 {
	width := len(g.columns)
	return g.keys[int(group)*width : (int(group)+1)*width]
}

func (g *grouper[S, P]) holds(group int32, numbers []int64) bool {
	key := g.key(group)
	for i, column := range g.columns {
		if key[i] != numbers[column] {
			return false
		}
	}
	return true
}

// packedGroups sums what a packed plan selects.
func packedGroups[S any, P measured[S]](ctx context.Context, c *conn, q *question, p plan) (*grouped[S], error) {
	r := p.parts[0].packed
	g := newGrouper[S, P](q.perBucket, r)
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
	if q.perBucket && len(p.parts) > 1 {
		g.merge()
	}
	idsOf := func(group int32) (ids groupIDs) {
		for i, place := range places {
			ids[place] = g.key(group)[i]
		}
		return ids
	}
	if q.byKind() {
		return foldKinds(ctx, c, q, g, idsOf)
	}
	answer := &grouped[S]{ids: make([]groupIDs, len(g.groups)), rows: g.rows}
	for i := range g.groups {
		answer.ids[i] = idsOf(int32(i))
	}
	return answer, nil
}

// A kindPlace is where a group of one kind goes: into a group without it, among
// those of one shape.
type kindPlace struct{ group, shape int32 }

// foldKinds puts the kinds of a group together. A kind is the last of a group's
// numbers. Rows come with their buckets in order, so that of each group the last
// one is the only one to add to, and nothing is looked up for a row.
func foldKinds[S any, P measured[S]](ctx context.Context, c *conn, q *question, g *grouper[S, P], idsOf func(int32) groupIDs) (*grouped[S], error) {
	answer := newGrouped[S]()
	places, shapes, err := kindPlaces(ctx, c, q, g, idsOf, answer)
	if err != nil {
		return nil, err
	}
	last := make([]int, len(answer.ids)) // row of a group, from 1 on
	counted := make([]struct {
		row   int // as above
		pairs int64
	}, shapes)
	for i := range g.rows.n {
		row := g.rows.at(i)
		to := places[row.group]
		at := last[to.group]
		if at == 0 || answer.rows.at(at-1).bucket != row.bucket {
			at = answer.rows.add(groupedRow[S]{bucket: row.bucket, group: to.group}) + 1
			last[to.group] = at
		}
		pairs := &counted[to.shape]
		if pairs.row != at {
			pairs.row, pairs.pairs = at, 0
		}
		P(&answer.rows.at(at-1).sum).takeKind(&pairs.pairs, &row.sum)
	}
	return answer, nil
}

// kindPlaces are the places of groups, which it makes in the answer, and how
// many shapes there are among all of these.
func kindPlaces[S any, P measured[S]](
	ctx context.Context, c *conn, q *question, g *grouper[S, P], idsOf func(int32) groupIDs, answer *grouped[S],
) (places []kindPlace, shapes int32, err error) {
	kinds := map[int64]kindKey{}
	err = c.query(ctx, "SELECT id, shape, type, mode FROM kind", nil, func(r row) error {
		kinds[r.int(0)] = kindKey{r.int(1), r.int(2), r.int(3)}
		return nil
	})
	type shaped struct {
		group int32
		shape int64
	}
	known := map[shaped]int32{}
	places = make([]kindPlace, len(g.groups))
	for i := range g.groups {
		ids, k := idsOf(int32(i)), kinds[g.key(int32(i))[len(g.columns)-1]]
		for i, d := range q.groupBy {
			switch d {
			case store.PolicyType:
				ids[i] = k.kind
			case store.PolicyMode:
				ids[i] = k.mode
			}
		}
		to := shaped{answer.group(ids), k.shape}
		if _, ok := known[to]; !ok {
			known[to] = int32(len(known))
		}
		places[i] = kindPlace{to.group, known[to]}
	}
	return places, int32(len(known)), err
}
