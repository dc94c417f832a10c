package sqlite

import "testing"

func TestBlocksKeepWhatIsAddedWhereItIsTold(t *testing.T) {
	const many = 3<<blockBits + 5
	var b blocks[int]
	for i := range many {
		if at := b.add(i); at != i {
			t.Fatalf("item %d is at %d", i, at)
		}
	}
	first := b.at(1 << blockBits)
	for i := range many {
		*b.at(i) *= 2
	}
	b.add(0)
	if b.n != many+1 || *first != 2<<blockBits || b.at(1<<blockBits) != first {
		t.Errorf("of %d items the first of the second block is %d, or has moved", b.n, *first)
	}
	for i := range many {
		if got := *b.at(i); got != 2*i {
			t.Fatalf("item %d is %d", i, got)
		}
	}
	b.clear()
	for i := range many {
		if at := b.add(-i); at != i || b.n != i+1 || *b.at(i) != -i {
			t.Fatalf("after all were cleared, item %d of %d is %d at %d", i, b.n, *b.at(i), at)
		}
	}
}
