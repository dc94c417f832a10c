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

// kindGroup is a group, and where policy type or mode matters, one kind in it.
type kindGroup struct {
	groupKey
	kind int64
}

type kindSums struct {
	sessionSums
	protected int64
}

// packedGroups sums what a packed plan selects.
func packedGroups(ctx context.Context, c *conn, q *question, p plan) (map[groupKey]*store.SessionRow, error) {
	byKind := q.byKind()
	kind, measures := p.parts[0].packed.position("kind"), len(p.parts[0].packed.dimensions)
	type from struct{ group, cell int }
	var columnsOf []from
	for i, d := range q.groupBy {
		if !isKind(d) {
			columnsOf = append(columnsOf, from{i, p.parts[0].packed.position(columns[d])})
		}
	}
	sums := map[kindGroup]*kindSums{}
	var key, last kindGroup
	var sum *kindSums
	err := p.scan(ctx, c, q, func(bucket int64, numbers []int64) {
		if q.perBucket {
			key.bucket = bucket
		}
		for _, column := range columnsOf {
			key.ids[column.group] = numbers[column.cell]
		}
		if byKind {
			key.kind = numbers[kind]
		}
		if sum == nil || key != last {
			if sum = sums[key]; sum == nil {
				sum = new(kindSums)
				sums[key] = sum
			}
			last = key
		}
		m := numbers[measures:]
		sum.add(sessionSums{m[0], m[1], m[2], m[3], m[4], m[5]}, 1)
		sum.protected += (m[2] + m[3]) * (numbers[kind] & 1)
	})
	if err != nil {
		return nil, err
	}
	return foldKinds(ctx, c, q, sums)
}

// foldKinds puts the kinds of a group together.
func foldKinds(ctx context.Context, c *conn, q *question, sums map[kindGroup]*kindSums) (map[groupKey]*store.SessionRow, error) {
	groups := make(map[groupKey]*store.SessionRow, len(sums))
	if !q.byKind() {
		for key, sum := range sums {
			groups[key.groupKey] = &store.SessionRow{
				Reports: sum.reports, Successful: sum.successful, Failed: sum.failed, Protected: sum.protected,
				OverlapTotal: sum.overlapTotal, OverlapFailed: sum.overlapFailed,
			}
		}
		return groups, nil
	}
	kinds := map[int64]kindKey{}
	err := c.query(ctx, "SELECT id, shape, type, mode FROM kind", nil, func(r row) error {
		kinds[r.int(0)] = kindKey{r.int(1), r.int(2), r.int(3)}
		return nil
	})
	counter := newPairCounter(groups)
	for key, sum := range sums {
		k := kinds[key.kind]
		for i, d := range q.groupBy {
			switch d {
			case store.PolicyType:
				key.ids[i] = k.kind
			case store.PolicyMode:
				key.ids[i] = k.mode
			}
		}
		counter.add(key.groupKey, k.shape, sum)
	}
	return groups, err
}
