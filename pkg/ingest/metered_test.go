package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestKindsOfPollFailures(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a wrong password is of the login":                     {&source.Error{Setting: "password", Permanent: true}, "authentication"},
		"a token that the endpoint refuses is of the login":    {&source.Error{Setting: "oauth.clientSecret", Permanent: true}, "authentication"},
		"a server that can't be reached is of the connection":  {&source.Error{Setting: "host", Err: reset}, "connection"},
		"an unknown certificate is of the connection":          {&source.Error{Setting: "tlsCaCert", Err: errors.New("unknown authority")}, "connection"},
		"a drop that can't be reached is of the connection":    {&source.Error{Setting: "url", Err: reset}, "connection"},
		"a connection that ends in the middle":                 {fmt.Errorf("read the item: %w", io.ErrUnexpectedEOF), "connection"},
		"what is no IMAP server is of the protocol":            {&source.Error{Setting: "port"}, "protocol"},
		"a listing that is none is of the protocol":            {&source.Error{Setting: "listing"}, "protocol"},
		"what nobody has foreseen is of the protocol":          {errors.New("something odd"), "protocol"},
		"a server that wants to be left alone is throttling":   {&source.Error{Setting: "url", RetryAfter: time.Minute, Err: reset}, "throttled"},
		"a folder that is not there is of the settings":        {&source.Error{Setting: "folders", Permanent: true}, "settings"},
		"a store that takes nothing, whatever the source says": {&storeError{doing: "be written", err: store.ErrFull}, "store"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pollFailure(c.err); got != c.want || !slices.Contains(pollFailures, got) {
				t.Errorf("got %q, want %q, of %q", got, c.want, pollFailures)
			}
		})
	}
}

func TestKindsOfStoreFailures(t *testing.T) {
	for err, want := range map[error]string{
		store.ErrFull: "full", store.ErrReadOnly: "read-only", store.ErrIO: "io", store.ErrBusy: "busy",
		store.ErrCorrupt: "corrupt", errors.New("something odd"): "other",
	} {
		if got := storeFailure(fmt.Errorf("commit: %w", err)); got != want || !slices.Contains(storeFailures, got) {
			t.Errorf("%v: got %q, want %q, of %q", err, got, want, storeFailures)
		}
	}
}

// A refusingStore refuses every write.
type refusingStore struct {
	store.Store
	err error
}

func (s refusingStore) Commit(context.Context, []store.Delivery) ([]store.Result, error) {
	return nil, s.err
}
func (s refusingStore) Acknowledge(context.Context, string, []string) error      { return s.err }
func (s refusingStore) SaveSourceState(context.Context, store.SourceState) error { return s.err }
func (s refusingStore) Retain(context.Context, tlsrpt.Day) (int64, error)        { return 0, s.err }
func (s refusingStore) Rejudge(context.Context, int64, store.Judgement) error    { return s.err }
func (s refusingStore) SaveReadWith(context.Context, string) error               { return s.err }
func (s refusingStore) Reread(context.Context, int64, store.Document) (store.Outcome, error) {
	return "", s.err
}
func (s refusingStore) Resolve(context.Context, int64, store.Document) (store.Outcome, error) {
	return "", s.err
}

func TestEveryWriteThatTheStoreRefusesIsCounted(t *testing.T) {
	for name, write := range map[string]func(context.Context, store.Store) error{
		"new reports":                 func(ctx context.Context, s store.Store) error { _, err := s.Commit(ctx, nil); return err },
		"what was acknowledged":       func(ctx context.Context, s store.Store) error { return s.Acknowledge(ctx, "mb1", nil) },
		"the state of a source":       func(ctx context.Context, s store.Store) error { return s.SaveSourceState(ctx, store.SourceState{}) },
		"the retention":               func(ctx context.Context, s store.Store) error { _, err := s.Retain(ctx, 0); return err },
		"a mail that is judged again": func(ctx context.Context, s store.Store) error { return s.Rejudge(ctx, 1, store.Judgement{}) },
		"a report that is read again": func(ctx context.Context, s store.Store) error {
			_, err := s.Reread(ctx, 1, store.Document{})
			return err
		},
		"a document that is tried again": func(ctx context.Context, s store.Store) error {
			_, err := s.Resolve(ctx, 1, store.Document{})
			return err
		},
		"what reports were read with": func(ctx context.Context, s store.Store) error { return s.SaveReadWith(ctx, "") },
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEngine(Options{OpenStore: noStore})
			t.Cleanup(func() { _ = e.Close(t.Context()) })
			c := newCollector(e, Key{OrgID: 1, UID: "tlsrpt"})
			for _, err := range []error{store.ErrFull, context.Canceled, store.ErrNotFound, store.ErrRawGone, nil} {
				if got := write(t.Context(), meteredStore{refusingStore{err: err}, c.metrics}); !errors.Is(got, err) {
					t.Errorf("%v became %v", err, got)
				}
			}
			counters, err := c.Counters()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, counter := range counters {
				if counter.Name == "tlsrpt_store_failures_total" && counter.Value != 0 {
					got[counter.Kind] = counter.Value
				}
			}
			if diff := cmp.Diff(map[string]float64{"full": 1}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A zone answers by the name that is asked for.
type zone map[string]error

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) { return nil, z[name] }

func noStore(context.Context, Key) (store.Store, string, error) {
	return nil, "", errors.New("there is none")
}

func TestQuestionsToDNSAndVerdictsAreCounted(t *testing.T) {
	e := NewEngine(Options{OpenStore: noStore, Resolver: zone{
		"missing._domainkey.a.example": &net.DNSError{IsNotFound: true},
		"slow._domainkey.a.example":    &net.DNSError{IsTimeout: true},
		"broken._domainkey.a.example":  &net.DNSError{IsTemporary: true},
	}})
	t.Cleanup(func() { _ = e.Close(t.Context()) })
	c := newCollector(e, Key{OrgID: 1, UID: "tlsrpt"})
	judge := c.pipeline(Config{}).Judge
	judge.Ask(t.Context(), "missing._domainkey.a.example")
	judge.Ask(t.Context(), "missing._domainkey.a.example") // is known
	judge.Ask(t.Context(), "slow._domainkey.a.example")
	judge.Ask(t.Context(), "found._domainkey.b.example")
	judge.Judge(t.Context(), []byte("From: tls@a.example\r\n\r\nunsigned"))
	counters, err := c.Counters()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, counter := range counters {
		if counter.Name == "tlsrpt_dns_lookup_duration_seconds" || counter.Name == "tlsrpt_judged_mails_total" {
			got[counter.Kind] = counter.Value
		}
	}
	want := map[string]float64{"missing": 1, "timeout": 1, "found": 1, mailreport.Unauthenticated: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSpreadOfAHistogram(t *testing.T) {
	for name, c := range map[string]struct {
		observed []float64
		want     *Spread
	}{
		"nothing observed has none":                  {nil, nil},
		"one lies in the middle of its bucket":       {[]float64{1.5}, &Spread{Median: 1.5, P95: 1.95, Most: 2}},
		"the first bucket begins at zero":            {[]float64{.1, .2}, &Spread{Median: .5, P95: .95, Most: 1}},
		"an empty bucket between holds no quantile":  {[]float64{.5, 3, 3}, &Spread{Median: 2.5, P95: 3.85, Most: 4}},
		"what is above all buckets counts as last":   {[]float64{.5, 99, 99}, &Spread{Median: 4, P95: 4, Most: math.Inf(1)}},
		"most of many are told apart from the worst": {[]float64{.5, .5, .5, .5, 3}, &Spread{Median: .625, P95: 3.5, Most: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "h", Buckets: []float64{1, 2, 4}})
			registry.MustRegister(h)
			for _, v := range c.observed {
				h.Observe(v)
			}
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			close := cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-9 })
			if diff := cmp.Diff(c.want, spreadOf(families[0].GetMetric()[0].GetHistogram()), close); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
