package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// both is a report document with a policy for each of two domains.
func both(one, two, id string) []byte {
	document := string(report(one, id, time.Now()))
	start := strings.Index(document, `{"policy":`)
	policy := strings.TrimSuffix(document[start:], "]}")
	return []byte(document[:start] + policy + "," + strings.ReplaceAll(policy, one, two) + "]}")
}

// change gives the data source other settings, and time to work with them.
func change(e *ingest.Engine, settings *ingest.Config, to func(*ingest.Config)) {
	to(settings)
	settings.Updated, settings.Fingerprint = time.Now(), time.Now().String()
	e.Use(theKey, *settings)
	pass(time.Minute)
}

func (f *fakeStore) wantDomains(t *testing.T, when string, want map[string]int) {
	t.Helper()
	if got := f.byDomain(); !maps.Equal(want, got) {
		t.Errorf("%s the reports count for %v, want %v", when, got, want)
	}
}

func (f *fakeStore) rereads() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision.rereads
}

// older makes reports those of an older parser, which read them wrongly.
func (f *fakeStore) older(ids ...int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		r := f.revision.reports[id]
		r.parser = tlsrpt.ParserVersion - 1
		r.document.Report = &tlsrpt.Report{Policies: []tlsrpt.Policy{{Domain: "misread.example"}}}
	}
}

func TestADomainMapReachesWhatWasReadBefore(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: report("mx.example.net", "1", time.Now())},
			fakeItem{ref: "2", received: time.Now(), body: report("example.com", "2", time.Now())},
			fakeItem{ref: "3", received: time.Now(), body: report("example.org", "3", time.Now())},
		)
		e := newEngine(s)
		defer closeEngine(t, e)
		settings := config(server, time.Now())
		e.Use(theKey, settings)
		pass(time.Minute)
		if s.rereads() != 0 {
			t.Errorf("%d reports of a new store were read again", s.rereads())
		}
		s.wantDomains(t, "without a map", map[string]int{"mx.example.net": 1, "example.com": 1, "example.org": 1})
		change(e, &settings, func(c *ingest.Config) { c.DomainMap = map[string]string{"MX.example.net.": "example.com"} })
		s.wantDomains(t, "with the host mapped", map[string]int{"example.com": 2, "example.org": 1})
		if s.rereads() != 1 {
			t.Errorf("%d reports were read again for one host", s.rereads())
		}
		change(e, &settings, func(c *ingest.Config) { c.DomainMap = map[string]string{"mx.example.net": "example.org"} })
		s.wantDomains(t, "with the host mapped to another domain", map[string]int{"example.com": 1, "example.org": 2})
		change(e, &settings, func(c *ingest.Config) { c.Domains = []string{"example.com", "example.org"} })
		before := s.rereads()
		change(e, &settings, func(c *ingest.Config) { c.DomainMap = nil })
		s.wantDomains(t, "without the map, and the host not accepted", map[string]int{"mx.example.net": 1, "example.com": 1, "example.org": 1})
		if n := s.rereads() - before; n != 2 {
			t.Errorf("%d reports were read again, want those of one domain", n)
		}
		before = s.rereads()
		change(e, &settings, func(c *ingest.Config) { c.RetentionDays = 300 })
		if s.rereads() != before {
			t.Error("reports were read again for a setting that does not matter")
		}
	})
}

func TestDomainsThatAreAddedBringBackWhatWasLeftOut(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: both("example.com", "example.org", "1")},
			fakeItem{ref: "2", received: time.Now(), body: report("example.com", "2", time.Now())},
			fakeItem{ref: "3", received: time.Now(), body: both("example.com", "mx.example.net", "3")},
		)
		e := newEngine(s)
		defer closeEngine(t, e)
		settings := config(server, time.Now())
		settings.Domains = []string{"example.com"}
		e.Use(theKey, settings)
		pass(time.Minute)
		s.wantDomains(t, "with one domain", map[string]int{"example.com": 3})
		change(e, &settings, func(c *ingest.Config) { c.Domains = []string{"example.com", "*.org", "example.org"} })
		s.wantDomains(t, "with another", map[string]int{"example.com": 3, "example.org": 1})
		if s.rereads() != 2 {
			t.Errorf("%d reports were read again", s.rereads())
		}
		change(e, &settings, func(c *ingest.Config) { c.DomainMap = map[string]string{"mx.example.net": "example.net"} })
		s.wantDomains(t, "with a mapped host", map[string]int{"example.com": 3, "example.org": 1, "example.net": 1})
		change(e, &settings, func(c *ingest.Config) { c.Domains = []string{"example.com"} })
		s.wantDomains(t, "with fewer domains", map[string]int{"example.com": 3, "example.org": 1, "example.net": 1})
		change(e, &settings, func(c *ingest.Config) { c.DomainMap = nil })
		s.wantDomains(t, "without the map", map[string]int{"example.com": 3, "example.org": 1, "mx.example.net": 1})
		change(e, &settings, func(c *ingest.Config) { c.Domains = nil })
		s.wantDomains(t, "with every domain", map[string]int{"example.com": 3, "example.org": 1, "mx.example.net": 1})
	})
}

func TestReadingAgainLosesNoDomainThatCounted(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: both("example.com", "example.org", "1")},
			fakeItem{ref: "2", received: time.Now(), body: report("example.org", "2", time.Now())},
		)
		e := newEngine(s)
		settings := config(server, time.Now())
		e.Use(theKey, settings)
		pass(time.Minute)
		closeEngine(t, e)
		s.mu.Lock()
		for _, r := range s.revision.reports {
			r.parser--
		}
		s.mu.Unlock()
		settings.Domains = []string{"example.com"}
		e = newEngine(s)
		defer closeEngine(t, e)
		e.Use(theKey, settings)
		pass(time.Minute)
		if s.rereads() != 2 {
			t.Errorf("%d reports were read again", s.rereads())
		}
		s.wantDomains(t, "after a domain was taken off", map[string]int{"example.com": 1, "example.org": 2})
	})
}

func TestANewerParserReadsStoredReportsAgain(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(reports(1200)...)
		e := newEngine(s)
		e.Use(theKey, config(server, time.Now()))
		pass(time.Minute)
		closeEngine(t, e)
		var ids []int64
		for id := int64(1); id <= 1000; id++ {
			ids = append(ids, id)
		}
		s.older(ids...)
		// A warning of unwrapping is not in the document, one of the parser is.
		s.revision.reports[1].document.Report.Warnings = []tlsrpt.Warning{
			{Code: "gzip-trailer", Detail: "kept"}, {Code: "missing-report-id", Detail: "gone"},
		}
		s.revision.reports[2].document.Raw = []byte(`{"policies":`)

		var log lines
		e = ingest.NewEngine(ingest.Options{
			OpenStore: func(context.Context, ingest.Key) (store.Store, string, error) {
				return &slowReread{s}, "", nil
			},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		defer closeEngine(t, e)
		c := e.Use(theKey, config(server, time.Now()))
		pass(50 * time.Second)
		going := c.Status().Rereading
		if going == nil || going.Total != 1000 || going.Done < 100 || going.String() != fmt.Sprintf("Reading %d of 1,000 reports again, with a newer parser.", going.Done) {
			t.Errorf("the status while it goes on is %v", going)
		}
		if sourceStatus(c).LastSuccess.IsZero() {
			t.Error("no poll while reports are read again")
		}
		pass(time.Hour)
		if c.Status().Rereading != nil {
			t.Errorf("the status after the end is %v", c.Status().Rereading)
		}
		s.wantDomains(t, "after the end", map[string]int{"example.com": 1199})
		if w := s.revision.reports[1].document.Report.Warnings; len(w) != 1 || w[0].String() != "gzip-trailer: kept" {
			t.Errorf("the warnings are %v", w)
		}
		if want := (store.Account{Stored: 1199, Quarantined: 1}); s.account("mb1") != want {
			t.Errorf("the account is %+v", s.account("mb1"))
		}
		for _, want := range []string{`msg="Reading stored reports again" org=1 uid=tlsrpt reports=1000 with="a newer parser"`, `msg="Read stored reports again"`, "quarantined=1"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s:\n%s", want, log.String())
			}
		}
		if s.rereads() != 1000 {
			t.Errorf("%d reports were read again", s.rereads())
		}
	})
}

func TestReadingAgainThatIsInterruptedBeginsAgain(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		for i := range 100 {
			server.add(fakeItem{ref: fmt.Sprint(i), received: time.Now(), body: report("mx.example.net", fmt.Sprint(i), time.Now())})
		}
		settings := config(server, time.Now())
		e := newEngine(s)
		e.Use(theKey, settings)
		pass(time.Minute)
		closeEngine(t, e)

		settings.DomainMap = map[string]string{"mx.example.net": "example.com"}
		e = newEngine(&slowReread{s})
		e.Use(theKey, settings)
		pass(5 * time.Second)
		closeEngine(t, e)
		if n := s.byDomain()["example.com"]; n == 0 || n == 100 {
			t.Fatalf("%d of 100 reports were read again before the end", n)
		}
		was := s.revision.readWith

		settings.DomainMap = nil // as it was before
		e = newEngine(s)
		e.Use(theKey, settings)
		pass(time.Minute)
		closeEngine(t, e)
		s.wantDomains(t, "after the change was taken back", map[string]int{"mx.example.net": 100})

		s.revision.readWith = was
		settings.DomainMap = map[string]string{"mx.example.net": "example.com"}
		e = newEngine(s)
		defer closeEngine(t, e)
		e.Use(theKey, settings)
		pass(time.Minute)
		s.wantDomains(t, "after the next start", map[string]int{"example.com": 100})
		if !strings.Contains(s.revision.readWith, "example.com") || s.revision.readWith == was {
			t.Errorf("it is noted that reports were read with %s", s.revision.readWith)
		}
	})
}

func TestReadingAgainGoesOnAfterTroubleWithTheStore(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(reports(20)...)
		e := newEngine(s)
		e.Use(theKey, config(server, time.Now()))
		pass(time.Minute)
		closeEngine(t, e)
		s.older(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
		e = newEngine(&slowReread{s})
		defer closeEngine(t, e)
		e.Use(theKey, config(server, time.Now()))
		pass(500 * time.Millisecond)
		s.breakWith(fmt.Errorf("reread: %w", store.ErrFull))
		pass(time.Minute)
		s.breakWith(nil)
		pass(time.Hour)
		s.wantDomains(t, "after the end", map[string]int{"example.com": 20})
		if s.rereads() != 10 {
			t.Errorf("%d reports were read again", s.rereads())
		}
	})
}

func TestAStoreThatDoesNotSayWhatItWasReadWith(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: report("mx.example.net", "1", time.Now())},
			fakeItem{ref: "2", received: time.Now(), body: report("example.org", "2", time.Now())},
		)
		settings := config(server, time.Now())
		e := newEngine(s)
		e.Use(theKey, settings)
		pass(time.Minute)
		closeEngine(t, e)
		s.revision.readWith = ""
		settings.DomainMap = map[string]string{"mx.example.net": "example.com"}
		e = newEngine(s)
		defer closeEngine(t, e)
		e.Use(theKey, settings)
		pass(time.Minute)
		s.wantDomains(t, "with today's map", map[string]int{"example.com": 1, "example.org": 1})
		if s.revision.readWith == "" {
			t.Error("it is not noted what they were read with")
		}
	})
}

func TestAnImportIsReadAgainWithTheSettingsOfTheDataSource(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		settings := config(server, time.Now())
		settings.DomainMap = map[string]string{"mx.example.net": "example.com"}
		e := newEngine(s)
		e.Use(theKey, settings)
		pass(time.Minute)
		closeEngine(t, e)
		importItems(t, s, fakeItem{ref: "1", received: time.Now(), body: report("mx.example.net", "1", time.Now())})
		s.wantDomains(t, "after the import", map[string]int{"mx.example.net": 1})
		e = newEngine(s)
		defer closeEngine(t, e)
		e.Use(theKey, settings)
		pass(time.Minute)
		s.wantDomains(t, "with the data source's map", map[string]int{"example.com": 1})
	})
}

// importItems reads items into a store as the command line does.
func importItems(t *testing.T, s store.Store, items ...fakeItem) {
	t.Helper()
	pipeline := &ingest.Pipeline{Rules: ingest.NewRules(nil, nil)}
	err := ingest.Import{Store: s, Pipeline: pipeline, Source: "import"}.Run(t.Context(), func(ctx context.Context, sink source.Sink) error {
		return (&fakeSource{&fakeServer{}}).fetch(ctx, sink, items)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A slowReread takes a tenth of a second for each report that is read again.
type slowReread struct{ store.Store }

func (s *slowReread) Reread(ctx context.Context, id int64, d store.Document) (store.Outcome, error) {
	time.Sleep(100 * time.Millisecond)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return s.Store.Reread(ctx, id, d)
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
