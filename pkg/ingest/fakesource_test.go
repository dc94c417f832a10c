package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A fakeServer is what a source's polls find; it outlives the source.
type fakeServer struct {
	remove bool // whether acknowledged items are deleted
	chunk  int  // how many items are put between acknowledgements; 0 is all

	mu      sync.Mutex
	items   []fakeItem
	polls   []time.Time
	calls   calls
	fail    func(poll int) error // asked at the start of each poll, 1 is the first
	hints   chan struct{}
	waitErr error
	since   time.Time
	// hung polls heed no context until it is closed.
	hung chan struct{}
	// deleted is told before an item is deleted.
	deleted func(ref string) error
}

type fakeItem struct {
	ref      string
	body     []byte
	received time.Time
	skip     source.SkipReason
	size     int64 // announced; 0 is the true one
}

func (s *fakeServer) add(items ...fakeItem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = append(s.items, items...)
}

func (s *fakeServer) refs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refs []string
	for _, item := range s.items {
		refs = append(refs, item.ref)
	}
	return refs
}

func (s *fakeServer) pollTimes() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.polls)
}

// calls counts what was done with sources.
type calls struct{ opened, closed int }

func (s *fakeServer) times() calls {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *fakeServer) lastSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

func (s *fakeServer) failWith(fail func(poll int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *fakeServer) open() (source.Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.opened++
	return &fakeSource{s}, nil
}

// A fakeSource polls a fakeServer as a real source would.
type fakeSource struct{ server *fakeServer }

func (f *fakeSource) Poll(ctx context.Context, since source.Since, sink source.Sink) error {
	s := f.server
	s.mu.Lock()
	s.polls = append(s.polls, time.Now())
	s.since = since
	n, fail, items, hung := len(s.polls), s.fail, slices.Clone(s.items), s.hung
	s.mu.Unlock()
	if hung != nil {
		<-hung
	}
	if fail != nil {
		if err := fail(n); err != nil {
			return err
		}
	}
	if s.chunk == 0 || len(items) == 0 {
		return f.sync(ctx, sink, items)
	}
	for chunk := range slices.Chunk(items, s.chunk) {
		if err := f.sync(ctx, sink, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeSource) sync(ctx context.Context, sink source.Sink, items []fakeItem) error {
	if err := f.fetch(ctx, sink, items); err != nil {
		return err
	}
	if err := sink.Flush(ctx); err != nil {
		return err
	}
	return f.acknowledge(ctx, sink)
}

func (f *fakeSource) fetch(ctx context.Context, sink source.Sink, items []fakeItem) error {
	refs := make([]string, len(items))
	for i, item := range items {
		refs[i] = item.ref
	}
	states, err := sink.States(ctx, refs)
	if err != nil {
		return err
	}
	found := 0
	for i, item := range items {
		if states[i] != source.New {
			continue
		}
		found++
		sink.Total(found)
		if err := f.put(ctx, sink, item); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeSource) put(ctx context.Context, sink source.Sink, item fakeItem) error {
	it := source.Item{Ref: item.ref, Received: item.received, Size: int64(len(item.body)), Body: bytes.NewReader(item.body)}
	if item.size != 0 {
		it.Size = item.size
	}
	if item.skip != "" {
		return sink.Skip(ctx, it, item.skip, "")
	}
	return sink.Put(ctx, it)
}

func (f *fakeSource) acknowledge(ctx context.Context, sink source.Sink) error {
	refs, err := sink.Acknowledgeable(ctx, "", 1000)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if !f.server.remove {
			continue
		}
		if err := f.server.delete(ref); err != nil {
			return err
		}
	}
	return sink.Acknowledged(ctx, refs)
}

func (s *fakeServer) delete(ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted != nil {
		if err := s.deleted(ref); err != nil {
			return err
		}
	}
	s.items = slices.DeleteFunc(s.items, func(item fakeItem) bool { return item.ref == ref })
	return nil
}

func (f *fakeSource) Wait(ctx context.Context) error {
	s := f.server
	s.mu.Lock()
	hints, err := s.hints, s.waitErr
	s.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-hints:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeSource) Check(context.Context) (string, error) {
	return fmt.Sprintf("Connected, %d items.", len(f.server.refs())), nil
}

func (f *fakeSource) Close() error {
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	f.server.calls.closed++
	return nil
}

// report is a report document of the day before now.
func report(domain, id string, now time.Time) []byte {
	day := now.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	return fmt.Appendf(nil, `{"organization-name":"Reporter","date-range":{"start-datetime":"%sT00:00:00Z","end-datetime":"%sT23:59:59Z"},`+
		`"contact-info":"tls@reporter.example","report-id":"%s","policies":[{"policy":{"policy-type":"no-policy-found","policy-domain":"%s"},`+
		`"summary":{"total-successful-session-count":5,"total-failure-session-count":1}}]}`, day, day, id, domain)
}

// reports are n different items with a report each, of yesterday.
func reports(n int) []fakeItem {
	items := make([]fakeItem, n)
	for i := range items {
		items[i] = fakeItem{
			ref:      fmt.Sprintf("item-%04d", i),
			received: time.Now(),
			body:     report("example.com", fmt.Sprintf("id-%d", i), time.Now()),
		}
	}
	return items
}

var theKey = ingest.Key{OrgID: 1, UID: "tlsrpt"}

// config is the settings of one source "mb1", saved at the given time.
func config(server *fakeServer, updated time.Time) ingest.Config {
	return ingest.Config{
		Sources: []ingest.SourceConfig{{
			ID: "mb1", Name: "Report mailbox", Type: "imap", PollInterval: 5 * time.Minute, Open: server.open,
		}},
		Authentication: "off",
		Updated:        updated,
		Fingerprint:    updated.String(),
	}
}

// newEngine makes an engine on one store; the test closes it.
func newEngine(s store.Store) *ingest.Engine {
	return ingest.NewEngine(ingest.Options{
		OpenStore: func(context.Context, ingest.Key) (store.Store, string, error) { return s, "", nil },
	})
}

func closeEngine(t *testing.T, e *ingest.Engine) {
	t.Helper()
	if err := e.Close(context.Background()); err != nil {
		t.Errorf("close the engine: %v", err)
	}
}

// sourceStatus is the status of the first source.
func sourceStatus(c *ingest.Collector) ingest.SourceStatus { return c.Status().Sources[0] }

// atNoon runs a test with a clock of its own, which starts at a noon on which
// there were TLS reports.
func atNoon(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)))
		test(t)
	})
}

// pass lets time pass on the clock of [atNoon], and all happen that is due by
// then: also what is due at the very instant at which the test goes on.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
