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
		scan := p.scanPacked
		if one.packed == nil {
			scan = p.scanTable
		}
		if err := scan(ctx, c, q, one, visit); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) scanPacked(ctx context.Context, c *conn, q *question, one part, visit func(bucket int64, numbers []int64)) error {
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
	d := newDecoder(func(id int64, cells []byte) error {
		return one.packed.unpack(id, cells, tests, func(numbers []int64) {
			if late < 0 || q.maxLate < 0 || numbers[late] <= q.maxLate {
				if one.minus {
					for i := len(one.packed.dimensions); i < len(numbers); i++ {
						numbers[i] = -numbers[i]
					}
				}
				visit(id>>chunkBits, numbers)
			}
		})
	})
	defer d.end()
	err = c.query(ctx, query, args, func(r row) error { return d.add(r.int(0), r.bytes(1)) })
	if broken := d.close(); broken != nil {
		err = broken
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", one.packed.table, err)
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
// in thousands of groups.
type grouper[S comparable, P measured[S]] struct {
	perBucket bool
	columns   []int  // of a cell, that make the group
	kind      int    // where the kind stands in a cell; -1 is nowhere
	measures  int    // how many there are at a cell's end
	tuples    tuples // the numbers of the columns, of each group
	key       [maxGroups]int64
	groups    []cellGroup
	last      int32 // the group of the cell before
	rows      blocks[groupedRow[S]]
}

type cellGroup struct {
	after int32 // the other group that came after it the last time
	row   int32 // the last of its rows
}

func newGrouper[S comparable, P measured[S]](perBucket bool, r *rollup) *grouper[S, P] {
	return &grouper[S, P]{perBucket: perBucket, kind: r.position("kind"), measures: len(r.measures)}
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

// dropEmpty leaves out the groups of which nothing is left, where all days of
// theirs were taken away.
func (g *grouper[S, P]) dropEmpty() {
	var nothing S
	before, rows := g.tuples, g.rows
	if !slices.ContainsFunc(rows.all, func(some []groupedRow[S]) bool {
		return slices.ContainsFunc(some, func(row groupedRow[S]) bool { return row.sum == nothing })
	}) {
		return
	}
	g.tuples, g.groups, g.rows = tuples{width: before.width}, nil, blocks[groupedRow[S]]{}
	for i := range rows.n {
		if row := rows.at(i); row.sum != nothing {
			at, _ := g.tuples.place(before.at(row.group))
			g.groups = append(g.groups, cellGroup{row: int32(g.rows.add(groupedRow[S]{group: at, sum: row.sum}))})
		}
	}
}

// clear leaves no group, but the room of those there were.
func (g *grouper[S, P]) clear() {
	g.tuples.clear()
	g.groups = g.groups[:0]
	g.rows.clear()
}

// by groups by columns of a cell.
func (g *grouper[S, P]) by(columns []int) {
	g.columns, g.tuples.width = columns, len(columns)
}

// find returns the group of a cell, and makes it if it is new.
func (g *grouper[S, P]) find(bucket int64, numbers []int64) int32 {
	key := g.key[:len(g.columns)]
	for i, column := range g.columns {
		key[i] = numbers[column]
	}
	at, isNew := g.tuples.place(key)
	if isNew {
		g.groups = append(g.groups, cellGroup{})
		g.begin(bucket, at)
	}
	return at
}

func (g *grouper[S, P]) holds(group int32, numbers []int64) bool {
	key := g.tuples.at(group)
	for i, column := range g.columns {
		if key[i] != numbers[column] {
			return false
		}
	}
	return true
}

// packedGroups sums what a packed plan selects.
func packedGroups[S comparable, P measured[S]](ctx context.Context, c *conn, q *question, p plan) (*grouped[S], error) {
	r := p.parts[0].packed
	g := newGrouper[S, P](q.perBucket, r)
	var group, places []int // in the question's group
	for i, d := range q.groupBy {
		if !isKind(d) {
			group, places = append(group, r.position(columns[d])), append(places, i)
		}
	}
	if q.byKind() {
		group = append(group, g.kind)
	}
	g.by(group)
	if err := p.scan(ctx, c, q, g.add); err != nil {
		return nil, err
	}
	if q.perBucket && len(p.parts) > 1 {
		g.merge()
	}
	if p.minus() {
		g.dropEmpty()
	}
	if q.byKind() {
		return foldKinds(ctx, c, q, g, places)
	}
	return &grouped[S]{groups: g.tuples, rows: g.rows}, nil
}

// A kindPlace is where a group of one kind goes: into a group without it, among
// those of one shape.
type kindPlace struct{ group, shape int32 }

// foldKinds puts the kinds of a group together. A kind is the last of a group's
// numbers. Rows come with their buckets in order, so that of each group the last
// one is the only one to add to, and nothing is looked up for a row.
func foldKinds[S comparable, P measured[S]](ctx context.Context, c *conn, q *question, g *grouper[S, P], in []int) (*grouped[S], error) {
	answer := newGrouped[S](q)
	places, shapes, err := kindPlaces(ctx, c, q, g, in, answer)
	if err != nil {
		return nil, err
	}
	last := make([]int, answer.groups.count()) // row of a group, from 1 on
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
// many shapes there are among all of these. The numbers of a group stand in so
// many places of the question's.
func kindPlaces[S comparable, P measured[S]](
	ctx context.Context, c *conn, q *question, g *grouper[S, P], in []int, answer *grouped[S],
) (places []kindPlace, shapes int, err error) {
	kinds := map[int64]kindKey{}
	err = c.query(ctx, "SELECT id, shape, type, mode FROM kind", nil, func(r row) error {
		kinds[r.int(0)] = kindKey{r.int(1), r.int(2), r.int(3)}
		return nil
	})
	shaped := tuples{width: 2} // a group of the answer, and a shape
	places = make([]kindPlace, len(g.groups))
	ids := make([]int64, len(q.groupBy))
	for i := range g.groups {
		key := g.tuples.at(int32(i))
		k := kinds[key[len(in)]]
		for at, place := range in {
			ids[place] = key[at]
		}
		for at, d := range q.groupBy {
			switch d {
			case store.PolicyType:
				ids[at] = k.kind
			case store.PolicyMode:
				ids[at] = k.mode
			}
		}
		group, _ := answer.groups.place(ids)
		shape, _ := shaped.place([]int64{int64(group), k.shape})
		places[i] = kindPlace{group, shape}
	}
	return places, shaped.count(), err
}
