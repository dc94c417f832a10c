package ingest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A fakeStore keeps the contract of store.Store in maps. Queries are not
// answered. It outlives Close, like a file.
type fakeStore struct {
	store.Reader
	inMemory bool

	mu         sync.Mutex
	broken     error // what every write fails with
	closed     bool
	ledger     map[string]*ledgerRow // by source and ref
	order      []string              // of the ledger
	reports    map[[32]byte]int      // deliveries by hash
	bySource   map[string]store.Account
	quarantine map[int64]*quarantined
	lastID     int64 // of the quarantine
	states     map[string]store.SourceState
	revision   revision
	owner      string
	until      time.Time
	retained   []tlsrpt.Day
	batches    []int
}

type ledgerRow struct {
	source, ref string
	state       source.State
	outcomes    []store.Outcome
	ignored     string
}

type quarantined struct {
	document store.Document
	source   string
	tries    int
	parser   int
	time     time.Time
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		ledger: map[string]*ledgerRow{}, reports: map[[32]byte]int{},
		bySource: map[string]store.Account{}, quarantine: map[int64]*quarantined{},
		states: map[string]store.SourceState{}, revision: newRevision(),
	}
}

func (f *fakeStore) breakWith(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func (f *fakeStore) account(id string) store.Account {
	accounts, _ := f.Accounts(context.Background())
	return accounts[id]
}

func (f *fakeStore) Durable() bool { return !f.inMemory }

func (f *fakeStore) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

func (f *fakeStore) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *fakeStore) Commit(_ context.Context, deliveries []store.Delivery) ([]store.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	f.batches = append(f.batches, len(deliveries))
	results := make([]store.Result, len(deliveries))
	for i, d := range deliveries {
		key := d.Source + "\x00" + d.Ref
		if f.ledger[key] != nil {
			continue
		}
		row := &ledgerRow{source: d.Source, ref: d.Ref, state: source.Committed, ignored: d.Ignored}
		for _, document := range d.Documents {
			row.outcomes = append(row.outcomes, f.keep(d.Source, d.Ref, document))
		}
		if len(d.Documents) == 0 {
			row.outcomes = []store.Outcome{store.Ignored}
		}
		for _, outcome := range row.outcomes {
			f.count(d.Source, outcome)
		}
		f.ledger[key] = row
		f.order = append(f.order, key)
		results[i].Outcomes = row.outcomes
	}
	return results, nil
}

func (f *fakeStore) count(id string, outcome store.Outcome) {
	account := f.bySource[id]
	switch outcome {
	case store.Stored:
		account.Stored++
	case store.Duplicate:
		account.Duplicate++
	case store.Quarantined:
		account.Quarantined++
	case store.Ignored:
		account.Ignored++
	}
	f.bySource[id] = account
}

func (f *fakeStore) keep(id, ref string, document store.Document) store.Outcome {
	if document.Problem != nil {
		f.lastID++
		f.quarantine[f.lastID] = &quarantined{document: document, source: id, parser: tlsrpt.ParserVersion, time: time.Now().Truncate(time.Second)}
		return store.Quarantined
	}
	hash := sha256.Sum256(document.Raw)
	f.reports[hash]++
	f.revision.keep(id, ref, hash, document)
	if f.reports[hash] > 1 {
		return store.Duplicate
	}
	return store.Stored
}

func (f *fakeStore) States(_ context.Context, id string, refs []string) ([]source.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := make([]source.State, len(refs))
	for i, ref := range refs {
		if row := f.ledger[id+"\x00"+ref]; row != nil {
			states[i] = row.state
		}
	}
	return states, nil
}

func (f *fakeStore) Acknowledgeable(_ context.Context, id, prefix string, limit int) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var refs []string
	for _, key := range f.order {
		row := f.ledger[key]
		bad := slices.Contains(row.outcomes, store.Quarantined) || slices.Contains(row.outcomes, store.Ignored)
		if row.source == id && row.state == source.Committed && !bad && strings.HasPrefix(row.ref, prefix) && len(refs) < limit {
			refs = append(refs, row.ref)
		}
	}
	return refs, nil
}

func (f *fakeStore) Acknowledge(_ context.Context, id string, refs []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	for _, ref := range refs {
		if row := f.ledger[id+"\x00"+ref]; row != nil {
			row.state = source.Acknowledged
		}
	}
	return nil
}

func (f *fakeStore) SaveSourceState(_ context.Context, state store.SourceState) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	before := f.states[state.Source]
	if state.FirstConfigured.IsZero() {
		state.FirstConfigured = before.FirstConfigured
	}
	if state.FirstSync.IsZero() {
		state.FirstSync = before.FirstSync
	}
	f.states[state.Source] = state
	return nil
}

func (f *fakeStore) SourceStates(context.Context) (map[string]store.SourceState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := map[string]store.SourceState{}
	for id, state := range f.states {
		states[id] = state
	}
	return states, nil
}

func (f *fakeStore) AcquireLease(_ context.Context, owner string, ttl time.Duration) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return "", f.broken
	}
	if f.owner == "" || f.owner == owner || !time.Now().Before(f.until) {
		f.owner, f.until = owner, time.Now().Add(ttl)
	}
	return f.owner, nil
}

func (f *fakeStore) ReleaseLease(_ context.Context, owner string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owner == owner {
		f.owner = ""
	}
	return nil
}

// seize gives the lease to another process for some time.
func (f *fakeStore) seize(owner string, ttl time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owner, f.until = owner, time.Now().Add(ttl)
}

func (f *fakeStore) holder() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owner
}

func (f *fakeStore) Retain(_ context.Context, first tlsrpt.Day) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retained = append(f.retained, first)
	return 7, nil
}

func (f *fakeStore) RetryQuarantine(_ context.Context, reason string, after int64, limit int) ([]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []int64
	for id, q := range f.quarantine {
		if id > after && len(q.document.Raw) > 0 && (reason == "" || q.document.Problem.Reason == reason) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(limit, len(ids))], nil
}

func (f *fakeStore) Quarantined(_ context.Context, id int64) (store.RawDocument, store.Problem, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.quarantine[id]
	if q == nil {
		return store.RawDocument{}, store.Problem{}, store.ErrNotFound
	}
	return store.RawDocument{
		Raw: q.document.Raw, Hints: q.document.Hints, Source: q.source, Judgement: q.document.Judgement,
	}, *q.document.Problem, nil
}

func (f *fakeStore) Resolve(_ context.Context, id int64, document store.Document) (store.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.quarantine[id]
	if q == nil {
		return "", store.ErrNotFound
	}
	if document.Problem != nil {
		q.document = document
		q.tries++
		q.parser = tlsrpt.ParserVersion
		return store.Quarantined, nil
	}
	delete(f.quarantine, id)
	outcome := f.keep(q.source, fmt.Sprintf("quarantine:%d", id), document)
	account := f.bySource[q.source]
	account.Quarantined--
	f.bySource[q.source] = account
	f.count(q.source, outcome)
	return outcome, nil
}

func (f *fakeStore) Accounts(context.Context) (map[string]store.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	accounts := map[string]store.Account{}
	for id, account := range f.bySource {
		accounts[id] = account
	}
	return accounts, nil
}

func (f *fakeStore) Size(context.Context) (int64, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 4096, int64(len(f.reports)), nil
}

func (f *fakeStore) QuarantineSize(context.Context) (int64, error) { return 99, nil }

func (f *fakeStore) tries(id int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.quarantine[id].tries
}

func (f *fakeStore) retentions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.retained)
}

func (f *fakeStore) batchSizes() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batches)
}

// distinct counts the reports.
func (f *fakeStore) distinct() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reports)
}

var _ store.Reviser = (*fakeStore)(nil)

var errDiskFull = errors.New("database or disk is full")
