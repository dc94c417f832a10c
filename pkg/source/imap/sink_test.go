package imap

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// A ledger is a sink that remembers, as the engine's store does, in memory.
type ledger struct {
	mu     sync.Mutex
	states map[string]source.State
	order  []string // the refs in the order they were put
	items  map[string]source.Item
	bodies map[string]string
	skips  map[string]source.SkipReason
	total  int
	// pending are put but not flushed.
	pending []string

	// keepAway are subjects whose mail may not be changed on the server.
	keepAway []string
	// failPut and failAcknowledged end a poll, as a crash would.
	failPut          func(source.Item) error
	failAcknowledged error
}

func newLedger() *ledger {
	return &ledger{
		states: map[string]source.State{},
		items:  map[string]source.Item{},
		bodies: map[string]string{},
		skips:  map[string]source.SkipReason{},
	}
}

func (l *ledger) States(_ context.Context, refs []string) ([]source.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := make([]source.State, len(refs))
	for i, ref := range refs {
		states[i] = l.states[ref]
	}
	return states, nil
}

func (l *ledger) Total(n int) { l.total = n }

func (l *ledger) Put(_ context.Context, item source.Item) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failPut != nil {
		if err := l.failPut(item); err != nil {
			return err
		}
	}
	body, err := io.ReadAll(item.Body)
	if err != nil {
		return err
	}
	item.Body = nil
	l.order = append(l.order, item.Ref)
	l.items[item.Ref] = item
	l.bodies[item.Ref] = string(body)
	l.pending = append(l.pending, item.Ref)
	return nil
}

func (l *ledger) Skip(_ context.Context, item source.Item, reason source.SkipReason, _ string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.skips[item.Ref] = reason
	l.items[item.Ref] = item
	l.states[item.Ref] = source.Acknowledged
	return nil
}

func (l *ledger) Flush(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ref := range l.pending {
		l.states[ref] = source.Committed
	}
	l.pending = nil
	return nil
}

func (l *ledger) Acknowledgeable(_ context.Context, prefix string, limit int) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var refs []string
	for ref, state := range l.states {
		if state != source.Committed || !strings.HasPrefix(ref, prefix) {
			continue
		}
		if slices.ContainsFunc(l.keepAway, func(s string) bool { return strings.Contains(l.bodies[ref], s) }) {
			continue
		}
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	return refs[:min(len(refs), limit)], nil
}

func (l *ledger) Acknowledged(_ context.Context, refs []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failAcknowledged != nil {
		return l.failAcknowledged
	}
	for _, ref := range refs {
		l.states[ref] = source.Acknowledged
	}
	return nil
}

// count returns how many refs are in a state.
func (l *ledger) count(state source.State) int {
	n := 0
	for _, s := range l.states {
		if s == state {
			n++
		}
	}
	return n
}
