package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
)

const (
	// cachedNames bounds each of the two halves of the readers' memory.
	cachedNames = 64 << 10
	// cachedValues bounds the values of one class that are held in memory.
	cachedValues = 200_000
)

// names gives readers the strings behind numbers, and all values of a class.
// What it remembers stays true, because the dictionary only grows.
type names struct {
	mu         sync.Mutex
	young, old map[int64]string
	classes    map[class]*classValues
}

// classValues holds the values of a class in the order of their ids.
type classValues struct {
	mu      sync.Mutex
	entries []dictEntry
}

type dictEntry struct {
	id    int64
	value string
}

func newNames() *names {
	return &names{young: map[int64]string{}, classes: map[class]*classValues{}}
}

// of returns the strings of ids.
func (n *names) of(ctx context.Context, c *conn, ids map[int64]bool) (map[int64]string, error) {
	each := slices.Collect(maps.Keys(ids))
	list, err := n.list(ctx, c, each)
	found := make(map[int64]string, len(list))
	for i, value := range list {
		found[each[i]] = value
	}
	return found, err
}

// list returns the strings of ids, each of which is there once; those of numbers
// that are no id, as 0 is none, are empty.
func (n *names) list(ctx context.Context, c *conn, ids []int64) ([]string, error) {
	found := make([]string, len(ids))
	var missing []int64
	var places map[int64]int // of the missing
	n.mu.Lock()
	for i, id := range ids {
		if value, ok := n.known(id); ok {
			found[i] = value
		} else if id > 0 {
			if places == nil {
				places = map[int64]int{}
			}
			missing, places[id] = append(missing, id), i
		}
	}
	n.mu.Unlock()
	if len(missing) == 0 {
		return found, nil
	}
	err := c.query(ctx, "SELECT d.id, d.value FROM json_each(?) j CROSS JOIN dict d ON d.id = j.value", []any{jsonList(missing)}, func(r row) error {
		found[places[r.int(0)]] = r.text(1)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read strings: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range missing {
		if value := found[places[id]]; len(value) <= cachedLength {
			n.keep(id, value)
		}
	}
	return found, nil
}

func (n *names) known(id int64) (string, bool) {
	if value, ok := n.young[id]; ok {
		return value, true
	}
	value, ok := n.old[id]
	if ok {
		n.keep(id, value)
	}
	return value, ok
}

func (n *names) keep(id int64, value string) {
	if len(n.young) >= cachedNames {
		n.young, n.old = map[int64]string{}, n.young
	}
	n.young[id] = value
}

// each hands every value of a class to f, in the order of ids.
func (n *names) each(ctx context.Context, c *conn, cl class, f func(dictEntry)) error {
	n.mu.Lock()
	values := n.classes[cl]
	if values == nil {
		values = &classValues{}
		n.classes[cl] = values
	}
	n.mu.Unlock()
	values.mu.Lock()
	defer values.mu.Unlock()
	last := int64(0)
	for _, entry := range values.entries {
		f(entry)
		last = entry.id
	}
	return c.query(ctx, "SELECT id, value FROM dict INDEXED BY dict_class WHERE class = ? AND id > ? ORDER BY id", []any{int64(cl), last}, func(r row) error {
		entry := dictEntry{r.int(0), r.text(1)}
		if len(values.entries) < cachedValues {
			values.entries = append(values.entries, entry)
		}
		f(entry)
		return nil
	})
}

func jsonList(ids []int64) string {
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // integers always have a JSON form
	}
	return string(text)
}
