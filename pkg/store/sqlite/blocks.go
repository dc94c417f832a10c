package sqlite

// blockBits is the part of an item's place that is within its block.
const blockBits = 12

// Blocks grow without moving what they hold, but for a short first one: a slice
// of a million sums would be copied several times over. The zero value is empty.
type blocks[T any] struct {
	all [][]T // full but for the last
	n   int
}

// add returns the place of the item.
func (b *blocks[T]) add(item T) int {
	const most = 1 << blockBits
	if b.n>>blockBits == len(b.all) {
		room := 0 // The first may stay short.
		if b.n > 0 {
			room = most
		}
		b.all = append(b.all, make([]T, 0, room))
	}
	last := &b.all[len(b.all)-1]
	*last = append(*last, item)
	b.n++
	return b.n - 1
}

// at returns the item at a place. It is valid until the next is added.
func (b *blocks[T]) at(i int) *T { return &b.all[i>>blockBits][i&(1<<blockBits-1)] }

// clear leaves nothing but the room of the first block.
func (b *blocks[T]) clear() {
	if b.n > 0 {
		b.all, b.n = b.all[:1], 0
		b.all[0] = b.all[0][:0]
	}
}
