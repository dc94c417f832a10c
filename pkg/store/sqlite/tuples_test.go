package sqlite

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTuplesAreEachOnce(t *testing.T) {
	for _, width := range []int{0, 1, 3} {
		all := tuples{width: width}
		for range 2 { // the second time in the room of the first
			lists := 1
			if width > 0 {
				lists = 1000
			}
			for again := range 2 {
				for i := range lists {
					list := make([]int64, width)
					for at := range list {
						list[at] = int64(i * (at + 1))
					}
					if place, isNew := all.place(list); int(place) != i || isNew != (again == 0) {
						t.Fatalf("list %d of %d numbers is at %d, new: %v", i, width, place, isNew)
					}
					if width > 0 && all.at(int32(i))[width-1] != int64(i*width) {
						t.Fatalf("at %d is %v", i, all.at(int32(i)))
					}
				}
			}
			if all.count() != lists {
				t.Errorf("there are %d lists of %d numbers", all.count(), width)
			}
			all.clear()
		}
	}
}

func TestListsOfOneHashAreTwo(t *testing.T) {
	one, other := []int64{0}, []int64{-8424555817135017155}
	if hashOf(one) != hashOf(other) {
		t.Fatal("their hashes differ")
	}
	all := tuples{width: 1}
	for range 2 {
		if at, _ := all.place(one); at != 0 {
			t.Errorf("one is at %d", at)
		}
		if at, _ := all.place(other); at != 1 {
			t.Errorf("the other is at %d", at)
		}
	}
}

func TestPlacesAreThoseInTheOrderOfLists(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for width := range 5 {
		for range 100 {
			n := 1 + random.IntN(30)
			ranks := make([]int32, n*width)
			for i := range ranks {
				ranks[i] = random.Int32N(3) << (random.IntN(2) * 29)
			}
			list := func(i int) []int32 { return ranks[i*width : (i+1)*width] }
			places := placesOf(ranks, width, n)
			order := make([]int, n)
			for i, place := range places {
				order[place] = i
			}
			if !slices.IsSortedFunc(order, func(a, b int) int { return slices.Compare(list(a), list(b)) }) {
				t.Fatalf("lists of %d of %v are in the order %v", width, ranks, order)
			}
		}
	}
}
