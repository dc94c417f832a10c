package sqlite

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A packed rollup keeps the sums of many domains for one day, month or hour in
// one row of its table: a query over all domains reads a hundredth of the rows,
// and the reports of a day are written to few pages. The row's id holds the
// bucket and the chunk, the domain's number without its last bits. Its cells
// are numbers of variable length: the key, the domain as the difference from
// the cell before, and the measures, in the order of the key.

// chunkBits is the part of a row's id that holds the chunk.
const chunkBits = 32

// undivided is the shift that leaves one chunk, of rollups without domains too.
const undivided = 63

// farBucket is beyond any day, month or hour, and safe to shift.
const farBucket = 1 << 30

func (r *rollup) chunk(domain int64) int64 { return domain >> r.shift }

func (r *rollup) rowID(time, domain int64) int64 { return time<<chunkBits | r.chunk(domain) }

// idBounds returns the first and the last id of buckets.
func idBounds(first, last int64) (from, to int64) {
	return max(first, -farBucket) << chunkBits, (min(last, farBucket)+1)<<chunkBits - 1
}

// width is how many numbers a cell has.
func (r *rollup) width() int { return len(r.dimensions) + len(r.measures) }

// unpack hands the cells of a row that pass the tests to visit, in order; the
// tests are in the order of what they look at. The numbers are valid until the next.
func (r *rollup) unpack(id int64, packed []byte, tests []test, visit func(numbers []int64)) error {
	numbers := make([]int64, r.width())
	before := (id & (1<<chunkBits - 1)) << r.shift
cells:
	for at := 0; at < len(packed); {
		if at = readNumbers(packed, at, numbers[:1]); at < 0 {
			return r.cutOff()
		}
		numbers[0] += before
		before = numbers[0]
		read := 1
		for i := range tests {
			t := &tests[i]
			if at = readNumbers(packed, at, numbers[read:max(read, t.at+1)]); at < 0 {
				return r.cutOff()
			}
			if read = max(read, t.at+1); t.keeps(numbers[t.at]) {
				continue
			}
			if at = skipNumbers(packed, at, len(numbers)-read); at < 0 {
				return r.cutOff()
			}
			continue cells
		}
		if at = readNumbers(packed, at, numbers[read:]); at < 0 {
			return r.cutOff()
		}
		visit(numbers)
	}
	return nil
}

func (r *rollup) cutOff() error {
	return fmt.Errorf("%w: a row of %s is cut off", store.ErrCorrupt, r.table)
}

// readNumbers fills numbers, and returns where they end; -1 is nowhere.
func readNumbers(packed []byte, at int, numbers []int64) int {
	for i := range numbers {
		// Most numbers are of one byte, and most others of two.
		if at < len(packed) && packed[at] < 0x80 {
			numbers[i] = int64(packed[at])
			at++
			continue
		}
		if at+1 < len(packed) && packed[at+1] < 0x80 {
			numbers[i] = int64(packed[at]&0x7f) | int64(packed[at+1])<<7
			at += 2
			continue
		}
		n, size := binary.Uvarint(packed[at:])
		if size <= 0 {
			return -1
		}
		numbers[i] = int64(n)
		at += size
	}
	return at
}

// skipNumbers returns where the next n numbers end; -1 is nowhere. The last byte
// of each is below 0x80: it looks at eight at a time.
func skipNumbers(packed []byte, at, n int) int {
	const high = 0x8080808080808080
	for n > 0 && at+8 <= len(packed) {
		ends := ^binary.LittleEndian.Uint64(packed[at:]) & high
		if count := bits.OnesCount64(ends); count < n {
			n, at = n-count, at+8
			continue
		}
		for ; n > 1; n-- {
			ends &= ends - 1 // without the lowest
		}
		return at + bits.TrailingZeros64(ends)/8 + 1
	}
	for ; n > 0; at++ {
		if at >= len(packed) {
			return -1
		}
		if packed[at] < 0x80 {
			n--
		}
	}
	return at
}

// pack is the reverse, of cells one after the other.
func (r *rollup) pack(id int64, cells []int64) []byte {
	packed := make([]byte, 0, 2*len(cells)) // most numbers are small
	before := (id & (1<<chunkBits - 1)) << r.shift
	for cells := range slices.Chunk(cells, r.width()) {
		packed = binary.AppendUvarint(packed, uint64(cells[0]-before))
		before = cells[0]
		for _, n := range cells[1:] {
			packed = binary.AppendUvarint(packed, uint64(n))
		}
	}
	return packed
}

// packedRow reads the cells of a row, one after the other; none where there is no row.
func packedRow(ctx context.Context, c *conn, r *rollup, id int64) (cells []int64, err error) {
	var broken error
	_, err = c.first(ctx, "SELECT cells FROM "+r.table+" WHERE id = ?", []any{id}, func(row row) {
		cells = make([]int64, 0, len(row.bytes(0))) // a byte a number at least
		broken = r.unpack(id, row.bytes(0), nil, func(numbers []int64) { cells = append(cells, numbers...) })
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.table, err)
	}
	return cells, broken
}

// flushPacked adds what was collected to the rows of a packed rollup.
func flushPacked[S comparable, P measured[S]](ctx context.Context, c *conn, s *sums, r *rollup, cells map[cell]*S) error {
	var zero S
	changes := map[int64][]int64{}
	for key, v := range cells {
		if *v == zero {
			continue
		}
		id := r.rowID(key.time, key.domain)
		change := changes[id]
		for _, column := range r.dimensions {
			change = append(change, *key.field(column))
		}
		changes[id] = P(v).appendTo(change, r)
	}
	for _, id := range slices.Sorted(maps.Keys(changes)) {
		before, err := s.packedRow(ctx, c, r, id)
		if err != nil {
			return err
		}
		if err := writePacked(ctx, c, r, id, r.merge(before, r.sorted(changes[id]))); err != nil {
			return err
		}
		delete(s.packed[r], id)
	}
	return nil
}

// kinds tells whether the rollup tells kinds apart.
func (r *rollup) kinds() bool { return r.position("kind") >= 0 }

func writePacked(ctx context.Context, c *conn, r *rollup, id int64, cells []int64) (err error) {
	if len(cells) == 0 {
		_, err = c.exec(ctx, "DELETE FROM "+r.table+" WHERE id = ?", id)
	} else {
		_, err = c.exec(ctx, "INSERT INTO "+r.table+" (id, cells) VALUES (?, ?) ON CONFLICT DO UPDATE SET cells = excluded.cells", id, r.pack(id, cells))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", r.table, err)
	}
	return nil
}

// packedRow remembers the rows until the transaction's sums are added.
func (s *sums) packedRow(ctx context.Context, c *conn, r *rollup, id int64) ([]int64, error) {
	known := s.packed[r]
	if known == nil {
		known = map[int64][]int64{}
		s.packed[r] = known
	}
	if cells, ok := known[id]; ok {
		return cells, nil
	}
	cells, err := packedRow(ctx, c, r, id)
	if err == nil {
		known[id] = cells
	}
	return cells, err
}

func (r *rollup) compareKeys(a, b []int64) int {
	return slices.Compare(a[:len(r.dimensions)], b[:len(r.dimensions)])
}

// sorted puts cells in the order of their keys.
func (r *rollup) sorted(cells []int64) []int64 {
	list := slices.Collect(slices.Chunk(cells, r.width()))
	slices.SortFunc(list, r.compareKeys)
	return slices.Concat(list...)
}

// merge adds changes to cells, both in order, and leaves out what became zero.
func (r *rollup) merge(cells, changes []int64) []int64 {
	width := r.width()
	merged := make([]int64, 0, len(cells)+len(changes))
	for len(cells) > 0 || len(changes) > 0 {
		order := cmp.Compare(len(changes), len(cells)) // what is left, where the other has ended
		if len(cells) > 0 && len(changes) > 0 {
			order = r.compareKeys(cells, changes)
		}
		start := len(merged)
		if order <= 0 {
			merged, cells = append(merged, cells[:width]...), cells[width:]
		}
		switch {
		case order > 0:
			merged, changes = append(merged, changes[:width]...), changes[width:]
		case order == 0:
			for i := len(r.dimensions); i < width; i++ {
				merged[start+i] += changes[i]
			}
			changes = changes[width:]
		}
		if !slices.ContainsFunc(merged[start+len(r.dimensions):], func(n int64) bool { return n != 0 }) {
			merged = merged[:start]
		}
	}
	return merged
}
