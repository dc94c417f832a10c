package sqlite

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// class parts the dictionary: by dimension, so that the values of one can be
// listed and matched, and other text. The numbers are in the file: they stay.
type class int64

const (
	classText class = iota
	classDomain
	classType
	classMode
	classReporter
	classSource
	classResult
	classReason
	classMX
	classReceivingIP
	classSendingIP
	classNetwork
	classQuarantine
)

const (
	// cachedStrings bounds each of the two halves of the writer's memory.
	cachedStrings = 32 << 10
	// cachedLength keeps long texts out of it, which are rarely said twice.
	cachedLength = 256
)

// hash64 is the first 8 bytes of the SHA-256 of parts. What it finds is always
// compared in full, or else shared by nobody but who made the collision.
func hash64(parts ...string) int64 {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

type dictKey struct {
	class class
	value string
}

type kindKey struct{ shape, kind, mode int64 }

// interner numbers strings and kinds for the writer. It remembers the recent
// ones, and forgets those of a transaction that is undone.
type interner struct {
	strings memo[dictKey]
	kinds   memo[kindKey]
}

func newInterner() *interner { return &interner{} }

func (in *interner) begin()    { in.strings.begin(); in.kinds.begin() }
func (in *interner) commit()   { in.strings.commit(); in.kinds.commit() }
func (in *interner) rollback() { in.begin() }

// memo is a bounded map of what is committed, with what is not yet beside it.
// Its two halves age: what is not asked for during a whole half is forgotten.
type memo[K comparable] struct {
	young, old, uncommitted map[K]int64
}

func (m *memo[K]) begin() { m.uncommitted = map[K]int64{} }

func (m *memo[K]) get(key K) (int64, bool) {
	if id, ok := m.uncommitted[key]; ok {
		return id, true
	}
	if id, ok := m.young[key]; ok {
		return id, true
	}
	id, ok := m.old[key]
	if ok {
		m.keep(key, id)
	}
	return id, ok
}

func (m *memo[K]) keep(key K, id int64) {
	if m.young == nil || len(m.young) >= cachedStrings {
		m.young, m.old = make(map[K]int64), m.young
	}
	m.young[key] = id
}

func (m *memo[K]) commit() {
	for key, id := range m.uncommitted {
		m.keep(key, id)
	}
	m.uncommitted = nil
}

// intern returns the number of a string, and gives it one if it has none.
func (in *interner) intern(ctx context.Context, c *conn, cl class, value string) (int64, error) {
	key := dictKey{cl, value}
	if id, ok := in.strings.get(key); ok {
		return id, nil
	}
	return in.number(ctx, c, key, hash64(value))
}

// number does so with a string that it does not remember.
func (in *interner) number(ctx context.Context, c *conn, key dictKey, hash int64) (int64, error) {
	id, found, err := lookup(ctx, c, key.class, hash, key.value)
	if err != nil {
		return 0, err
	}
	if !found {
		result, err := c.exec(ctx, "INSERT INTO dict (class, hash, value) VALUES (?, ?, ?)", int64(key.class), hash, key.value)
		if err != nil {
			return 0, fmt.Errorf("number a string: %w", err)
		}
		if id, err = result.LastInsertId(); err != nil {
			return 0, fmt.Errorf("number a string: %w", err)
		}
	}
	// What a report of 50,000 failures says beyond it is not likely said again.
	if len(key.value) <= cachedLength && len(in.strings.uncommitted) < cachedStrings {
		in.strings.uncommitted[key] = id
	}
	return id, nil
}

// A numbering collects strings that are not remembered, and where their numbers
// go. Numbered in the order of the index, those of a large report are found and
// put in page by page; one by one they would touch all of its pages all the time.
type numbering []unnumbered

type unnumbered struct {
	dictKey
	hash int64
	id   *int64
}

func (in *interner) later(n *numbering, cl class, value string, id *int64) {
	key, known := dictKey{cl, value}, false
	if *id, known = in.strings.get(key); !known {
		*n = append(*n, unnumbered{key, hash64(value), id})
	}
}

// numberAll numbers what was collected, and forgets it.
func (in *interner) numberAll(ctx context.Context, c *conn, all *numbering) (err error) {
	n := *all
	*all = n[:0]
	slices.SortFunc(n, func(a, b unnumbered) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.class, b.class), strings.Compare(a.value, b.value))
	})
	for i := range n {
		if i > 0 && n[i].dictKey == n[i-1].dictKey {
			*n[i].id = *n[i-1].id
			continue
		}
		if *n[i].id, err = in.number(ctx, c, n[i].dictKey, n[i].hash); err != nil {
			return err
		}
	}
	return nil
}

// lookup finds the number of a string.
func lookup(ctx context.Context, c *conn, cl class, hash int64, value string) (id int64, found bool, err error) {
	found, err = c.first(ctx, "SELECT id FROM dict INDEXED BY dict_lookup WHERE hash = ? AND class = ? AND value = ?",
		[]any{hash, int64(cl), value}, func(r row) { id = r.int(0) })
	if err != nil {
		return 0, false, fmt.Errorf("look up a string: %w", err)
	}
	return id, found, nil
}

func lookupID(ctx context.Context, c *conn, cl class, value string) (id int64, found bool, err error) {
	return lookup(ctx, c, cl, hash64(value), value)
}

// A typeMode is what a policy is summed under.
type typeMode struct{ policyType, mode string }

// shape returns the number for a set of types and modes.
func shape(set []typeMode) int64 {
	parts := make([]string, 0, 2*len(set))
	for _, tm := range set {
		parts = append(parts, tm.policyType, tm.mode)
	}
	return hash64(parts...)
}

func compareTypeMode(a, b typeMode) int {
	if n := strings.Compare(a.policyType, b.policyType); n != 0 {
		return n
	}
	return strings.Compare(a.mode, b.mode)
}

// kindsOf returns the kinds of the policies that one report holds for one
// domain, by type and mode.
func (in *interner) kindsOf(ctx context.Context, c *conn, policies []typeMode) (map[typeMode]int64, error) {
	set := slices.Clone(policies)
	slices.SortFunc(set, compareTypeMode)
	set = slices.Compact(set)
	all := shape(set)
	kinds := make(map[typeMode]int64, len(set))
	for _, tm := range set {
		policyType, err := in.intern(ctx, c, classType, tm.policyType)
		if err != nil {
			return nil, err
		}
		mode, err := in.intern(ctx, c, classMode, tm.mode)
		if err != nil {
			return nil, err
		}
		if kinds[tm], err = in.kind(ctx, c, kindKey{all, policyType, mode}, protects(tm.policyType)); err != nil {
			return nil, fmt.Errorf("number a kind of policy: %w", err)
		}
	}
	return kinds, nil
}

// protects tells whether sessions under a type of policy are protected.
func protects(policyType string) bool {
	return policyType == tlsrpt.PolicySTS || policyType == tlsrpt.PolicyTLSA
}

func (in *interner) kind(ctx context.Context, c *conn, key kindKey, protected bool) (int64, error) {
	if id, ok := in.kinds.get(key); ok {
		return id, nil
	}
	var id int64
	found, err := c.first(ctx, "SELECT id FROM kind WHERE shape = ? AND type = ? AND mode = ?",
		[]any{key.shape, key.kind, key.mode}, func(r row) { id = r.int(0) })
	if err != nil {
		return 0, err
	}
	if !found {
		odd := int64(0)
		if protected {
			odd = 1
		}
		highest, err := c.integer(ctx, "SELECT MAX(id) FROM kind")
		if err != nil {
			return 0, err
		}
		id = (highest/2+1)*2 + odd
		if _, err := c.exec(ctx, "INSERT INTO kind (id, shape, type, mode) VALUES (?, ?, ?, ?)", id, key.shape, key.kind, key.mode); err != nil {
			return 0, err
		}
	}
	in.kinds.uncommitted[key] = id
	return id, nil
}
