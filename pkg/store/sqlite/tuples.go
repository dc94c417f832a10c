package sqlite

import "slices"

// tuples are lists of numbers of one length, each once, by their places in the
// order in which they came. There may be a hundred thousand of them: a map by
// whole lists would spend most of the time on keys.
type tuples struct {
	width  int
	flat   []int64
	hashes []uint32
	slots  []int32 // places from 1 on, at their hashes or after; 0 is none
}

const fewestSlots = 64

func (t *tuples) count() int { return len(t.hashes) }

// at returns the list at a place.
func (t *tuples) at(place int32) []int64 {
	from, to := int(place)*t.width, int(place+1)*t.width
	return t.flat[from:to:to]
}

// place returns where a list is, and puts it last if it is new.
func (t *tuples) place(list []int64) (place int32, isNew bool) {
	if 2*len(t.hashes) >= len(t.slots) {
		t.grow()
	}
	hash := hashOf(list)
	mask := uint32(len(t.slots) - 1)
	slot := hash & mask
	for ; t.slots[slot] > 0; slot = (slot + 1) & mask {
		if place = t.slots[slot] - 1; t.hashes[place] == hash && slices.Equal(t.at(place), list) {
			return place, false
		}
	}
	place = int32(len(t.hashes))
	t.slots[slot] = place + 1
	t.flat, t.hashes = append(t.flat, list...), append(t.hashes, hash)
	return place, true
}

func (t *tuples) grow() {
	t.slots = make([]int32, max(fewestSlots, 2*len(t.slots)))
	mask := uint32(len(t.slots) - 1)
	for place, hash := range t.hashes {
		slot := hash & mask
		for t.slots[slot] > 0 {
			slot = (slot + 1) & mask
		}
		t.slots[slot] = int32(place) + 1
	}
}

// clear leaves none, but the room of those there were.
func (t *tuples) clear() {
	clear(t.slots)
	t.flat, t.hashes = t.flat[:0], t.hashes[:0]
}

func hashOf(list []int64) uint32 {
	var hash uint64
	for _, n := range list {
		hash = (hash ^ uint64(n)) * 0x9e3779b97f4a7c15
		hash ^= hash >> 32
	}
	return uint32(hash)
}
