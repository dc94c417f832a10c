package faults

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// theKey is that of the one data source of an engine here.
var theKey = ingest.Key{OrgID: 1, UID: "tlsrpt"}

// A running is an engine in this process with one source. It polls when asked.
type running struct {
	engine    *ingest.Engine
	collector *ingest.Collector
	config    ingest.Config
	file      string
	sourceID  string
}

// run starts an engine on a store's file.
func run(t *testing.T, file, sourceID, kind string, open func() (source.Source, error), options ...sqlite.Option) *running {
	t.Helper()
	r := &running{file: file, sourceID: sourceID}
	r.engine = ingest.NewEngine(ingest.Options{OpenStore: func(ctx context.Context, _ ingest.Key) (store.Store, string, error) {
		s, err := sqlite.Open(ctx, r.file, options...)
		return s, "", err
	}})
	r.config = ingest.Config{
		Sources: []ingest.SourceConfig{{
			ID: sourceID, Name: "Reports", Type: kind, Assume: kind == "https", PollInterval: time.Hour, Open: open,
		}},
		Authentication: "headers", AuthservID: generate.AuthservID, RetentionDays: 36500,
		Updated: time.Now(), Fingerprint: "1",
	}
	r.collector = r.engine.Use(theKey, r.config)
	t.Cleanup(func() { r.stop(t) })
	return r
}

// change brings other settings, as saving them does.
func (r *running) change(change func(*ingest.Config)) {
	change(&r.config)
	r.config.Updated = time.Now()
	n, _ := strconv.Atoi(r.config.Fingerprint)
	r.config.Fingerprint = strconv.Itoa(n + 1)
	r.collector = r.engine.Use(theKey, r.config)
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	if err := r.engine.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func (r *running) status() ingest.SourceStatus {
	for _, s := range r.collector.Status().Sources {
		if s.ID == r.sourceID {
			return s
		}
	}
	return ingest.SourceStatus{}
}

// poll asks for a poll and waits for its end.
func (r *running) poll(t *testing.T) ingest.SourceStatus {
	t.Helper()
	asked := time.Now()
	for deadline := asked.Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		s := r.status()
		// How a poll ended stands there once it is known when the next is due.
		if s.LastPoll.After(asked) && !s.Polling && !s.NextPoll.IsZero() {
			return s
		}
		if !s.Polling && !s.LastPoll.After(asked) {
			_ = r.collector.PollNow(r.sourceID) // refused while the store is being opened
			time.Sleep(3 * time.Millisecond)
		}
	}
	t.Fatalf("no poll ended: %+v", r.status())
	return ingest.SourceStatus{}
}

// pollUntilFailed polls until a poll fails: one that is under way with other
// settings may end well before.
func (r *running) pollUntilFailed(t *testing.T) (s ingest.SourceStatus) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if s = r.poll(t); s.LastError != "" {
			return s
		}
	}
	t.Fatalf("no poll failed: %+v", s)
	return s
}

// recovers waits until everything that was brought is accounted for, without
// asking for a poll.
func (r *running) recovers(t *testing.T, p *post) {
	t.Helper()
	want := p.account()
	awaitThat(t, "it goes on by itself", func() bool { return r.account(t) == want && r.status().LastError == "" })
}

// account is what the store says became of what came.
func (r *running) account(t *testing.T) store.Account {
	t.Helper()
	s, err := r.collector.Store()
	if err != nil {
		return store.Account{}
	}
	accounts, err := s.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return accounts[r.sourceID]
}

// awaitAll polls until everything that was brought is accounted for.
func (r *running) awaitAll(t *testing.T, p *post) {
	t.Helper()
	want := p.account()
	var got store.Account
	var s ingest.SourceStatus
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		s = r.poll(t)
		if got = r.account(t); got == want && s.LastError == "" {
			return
		}
	}
	t.Fatalf("the account is %+v, the ledger's is %+v: %+v", got, want, s)
}

func storeFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "store.sqlite")
}
