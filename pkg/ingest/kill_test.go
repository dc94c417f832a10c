package ingest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

var errDead = errors.New("the process is dead")

// A life is that of a process which is killed at its nth step, where every
// effect on the store or the server has a step before it and one after it.
// The dead have no effects.
type life struct {
	mu    sync.Mutex
	steps int
}

func (l *life) step() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.steps > 0 {
		l.steps--
	}
	if l.steps == 0 {
		return errDead
	}
	return nil
}

func (l *life) dead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps == 0
}

// do has an effect between two steps.
func (l *life) do(effect func() error) error {
	if err := l.step(); err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return l.step()
}

// A mortalStore is a store as seen by a process that is killed.
type mortalStore struct {
	store.Store
	life *life
}

func (m *mortalStore) Commit(ctx context.Context, d []store.Delivery) (results []store.Result, err error) {
	err = m.life.do(func() (err error) {
		results, err = m.Store.Commit(ctx, d)
		return err
	})
	return results, err
}

func (m *mortalStore) Acknowledge(ctx context.Context, id string, refs []string) error {
	return m.life.do(func() error { return m.Store.Acknowledge(ctx, id, refs) })
}

func (m *mortalStore) SaveSourceState(ctx context.Context, state store.SourceState) error {
	return m.life.do(func() error { return m.Store.SaveSourceState(ctx, state) })
}

func (m *mortalStore) AcquireLease(ctx context.Context, owner string, ttl time.Duration) (string, error) {
	if m.life.dead() {
		return "", errDead
	}
	return m.Store.AcquireLease(ctx, owner, ttl)
}

func (m *mortalStore) ReleaseLease(ctx context.Context, owner string) error {
	if m.life.dead() {
		return errDead
	}
	return m.Store.ReleaseLease(ctx, owner)
}

// mixedItems are 20 different reports, two of them twice, a broken one and a page.
func mixedItems() (items []fakeItem, kept []string, account store.Account) {
	items = reports(20)
	for i, twin := range []int{3, 17} {
		items = append(items, fakeItem{ref: []string{"twin-0", "twin-1"}[i], received: time.Now(), body: items[twin].body})
	}
	items = slices.Insert(items, 5, fakeItem{ref: "broken", received: time.Now(), body: []byte(`{"policies": [`)})
	items = slices.Insert(items, 11, fakeItem{ref: "page", received: time.Now(), body: []byte("<html></html>")})
	return items, []string{"broken", "page"}, store.Account{Stored: 20, Duplicate: 2, Quarantined: 1, Ignored: 1}
}

// killAt runs a process until it is killed at a step, then one that lives, and
// says whether the first was killed at all. reopen returns the store anew, as
// a new process finds it.
func killAt(t *testing.T, step int, reopen func() store.Store) (killed bool) {
	items, kept, account := mixedItems()
	server := &fakeServer{remove: true, chunk: 7}
	server.add(items...)
	doomed := &life{steps: step}
	server.deleted = func(string) error { return doomed.step() }
	first := reopen()
	e := newEngine(&mortalStore{first, doomed})
	e.Use(theKey, config(server, time.Now()))
	pass(3 * time.Second)
	killed = doomed.dead()
	closeEngine(t, e)

	server.mu.Lock()
	server.deleted = nil
	server.mu.Unlock()
	second := reopen()
	e = newEngine(second)
	e.Use(theKey, config(server, time.Now()))
	pass(time.Minute)
	accounts, err := second.Accounts(t.Context())
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(account, accounts["mb1"]); diff != "" {
		t.Errorf("killed at step %d, the account is off (-want +got):\n%s", step, diff)
	}
	if diff := cmp.Diff(kept, server.refs()); diff != "" {
		t.Errorf("killed at step %d, the server holds (-want +got):\n%s", step, diff)
	}
	if _, reports, err := second.Size(t.Context()); err != nil || reports != account.Stored {
		t.Errorf("killed at step %d, the store holds %d reports, %v", step, reports, err)
	}
	closeEngine(t, e)
	return killed
}

func TestKilledAtAnyStepNothingIsLostOrCountedTwice(t *testing.T) {
	step := 1
	for killed := true; killed; step++ {
		atNoon(t, func(t *testing.T) {
			s := newFakeStore()
			killed = killAt(t, step, func() store.Store { return s })
		})
		if step > 500 {
			t.Fatal("the process never ends")
		}
	}
	if step < 40 {
		t.Errorf("only %d steps", step)
	}
}

func TestTwoProcessesOnOneStoreCountNothingTwice(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		items, kept, account := mixedItems()
		server, s := &fakeServer{remove: true, chunk: 7}, newFakeStore()
		server.add(items...)
		one, two := newEngine(s), newEngine(s)
		one.Use(theKey, config(server, time.Now()))
		two.Use(ingest.Key{OrgID: 2, UID: "other"}, config(server, time.Now()))
		pass(time.Minute)
		s.seize("gone/1#x", 0) // a lease that ended: whoever comes first
		pass(10 * time.Minute)
		if got := s.account("mb1"); got != account {
			t.Errorf("the account is %+v", got)
		}
		if diff := cmp.Diff(kept, server.refs()); diff != "" {
			t.Errorf("the server holds (-want +got):\n%s", diff)
		}
		closeEngine(t, one)
		closeEngine(t, two)
	})
}
