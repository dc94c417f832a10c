package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func TestAChangeOfDomainsTriesForeignReportsAgain(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: report("example.com", "1", time.Now())},
			fakeItem{ref: "2", received: time.Now(), body: report("example.org", "2", time.Now())},
			fakeItem{ref: "3", received: time.Now(), body: report("example.net", "3", time.Now())},
		)
		settings := config(server, time.Now())
		settings.Domains = []string{"example.com"}
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, settings)
		pass(time.Minute)
		if want := (store.Account{Stored: 1, Quarantined: 2}); s.account("mb1") != want {
			t.Fatalf("the account is %+v", s.account("mb1"))
		}
		settings.Domains = []string{"example.com", "example.org"}
		settings.Updated, settings.Fingerprint = time.Now(), "more domains"
		e.Use(theKey, settings)
		pass(time.Minute)
		if want := (store.Account{Stored: 2, Quarantined: 1}); s.account("mb1") != want {
			t.Errorf("the account after the change is %+v", s.account("mb1"))
		}
		if tries := s.tries(2); tries != 0 {
			t.Errorf("what is still foreign shows %d tries", tries)
		}
		if !c.RetryReason("foreign-domain") {
			t.Error("a retry was not started")
		}
		pass(time.Second)
		if tries := s.tries(2); tries != 1 {
			t.Errorf("a retry that was asked for shows as %d tries", tries)
		}
	})
}

// A watchedStore counts how often the quarantine is listed, or opened.
type watchedStore struct {
	*fakeStore
	listed, opened *atomic.Int64
}

func (w watchedStore) Quarantine(ctx context.Context, q store.RowQuery) ([]store.QuarantineRow, bool, error) {
	w.listed.Add(1)
	return w.fakeStore.Quarantine(ctx, q)
}

func (w watchedStore) Quarantined(ctx context.Context, id int64) (store.RawDocument, store.Problem, error) {
	w.opened.Add(1)
	return w.fakeStore.Quarantined(ctx, id)
}

func TestAStartTriesNothingAgainThatNothingHasChangedFor(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server := &fakeServer{}
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: report("example.com", "1", time.Now())},
			fakeItem{ref: "2", received: time.Now(), body: report("example.org", "2", time.Now())},
			fakeItem{ref: "broken", received: time.Now(), body: []byte("{")},
		)
		s := watchedStore{newFakeStore(), new(atomic.Int64), new(atomic.Int64)}
		settings := config(server, time.Now())
		for _, start := range []struct {
			name    string
			domains []string
			opened  int64
		}{
			{"a first start", []string{"example.com", "example.net"}, 0},
			{"a start with the same settings", []string{"example.com", "example.net"}, 0},
			{"a start with fewer domains", []string{"example.com"}, 0},
			{"a start with a further domain", []string{"example.com", "example.info"}, 1},
			{"another start with these", []string{"example.com", "example.info"}, 0},
		} {
			s.listed.Store(0)
			s.opened.Store(0)
			settings.Domains = start.domains
			e := newEngine(s)
			e.Use(theKey, settings)
			pass(time.Minute)
			closeEngine(t, e)
			if s.listed.Load() != 0 || s.opened.Load() != start.opened {
				t.Errorf("%s listed the quarantine %d times and opened %d documents, want %d", start.name, s.listed.Load(), s.opened.Load(), start.opened)
			}
		}
	})
}

func TestRetryQuarantined(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, config(server, time.Now()))
		pass(time.Second)
		// An older parser refused these.
		judged := store.Judgement{Trust: store.Authenticated, SignedBy: "reporter.example", Route: store.Direct}
		quarantined := store.Problem{Reason: "parser-failure", Detail: "of an older parser"}
		documents := []store.Document{
			{Problem: &quarantined, Judgement: judged, Raw: report("example.com", "1", time.Now())},
			{Problem: &quarantined, Judgement: judged, Raw: mail(report("example.com", "2", time.Now()), []byte("{}"), report("example.com", "3", time.Now()))},
			{Problem: &quarantined, Judgement: judged, Raw: report("example.com", "4", time.Now().AddDate(-2, 0, 0))},
			{Problem: &quarantined, Judgement: judged, Raw: []byte("{")},
		}
		if _, err := s.Commit(t.Context(), []store.Delivery{{Source: "mb1", Ref: "old", Documents: documents}}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []store.Outcome{store.Stored, store.Stored, store.Quarantined, store.Quarantined} {
			outcome, why, err := c.RetryQuarantined(t.Context(), int64(i+1))
			if err != nil || outcome != want || (why != "") != (want == store.Quarantined) {
				t.Errorf("document %d: %s, %q, %v", i, outcome, why, err)
			}
		}
		if s.distinct() != 3 {
			t.Errorf("%d reports are stored", s.distinct())
		}
		if reason := s.quarantine[3].document.Problem.Reason; reason != "expired" {
			t.Errorf("a report older than the retention is quarantined as %q", reason)
		}
		if refs, _ := s.Acknowledgeable(t.Context(), "mb1", "", 10); len(refs) != 0 {
			t.Errorf("a source is to acknowledge %v", refs)
		}
		unread := store.Delivery{Source: "mb1", Ref: "large", Documents: []store.Document{{Problem: &store.Problem{Reason: "too-large", Detail: "20 MiB"}}}}
		if _, err := s.Commit(t.Context(), []store.Delivery{unread}); err != nil {
			t.Fatal(err)
		}
		last := s.lastID
		if outcome, why, err := c.RetryQuarantined(t.Context(), last); err != nil || outcome != store.Quarantined || why != "20 MiB" || s.tries(last) != 0 {
			t.Errorf("an item that was never read: %s, %q, %v, %d tries", outcome, why, err, s.tries(last))
		}
		if _, _, err := c.RetryQuarantined(t.Context(), 99); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a retry of nothing: %v", err)
		}
	})
}

func TestNothingIsRetriedWithoutTheLease(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		s := newFakeStore()
		s.seize("mail/4711#aa", time.Hour)
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, config(&fakeServer{}, time.Now()))
		pass(time.Second)
		if _, _, err := c.RetryQuarantined(t.Context(), 1); err == nil {
			t.Error("retried")
		}
		if c.RetryReason("") {
			t.Error("a retry was started")
		}
	})
}

func TestWhatAnOlderParserRefusedIsTriedOnce(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		s := newFakeStore()
		quarantined := store.Problem{Reason: "not-rfc8460", Detail: "of an older parser"}
		var d store.Delivery
		d.Source, d.Ref = "mb1", "old"
		for i := range 2500 {
			raw := []byte("{")
			if i%2 == 0 {
				raw = report("example.com", fmt.Sprint(i), time.Now())
			}
			d.Documents = append(d.Documents, store.Document{Problem: &quarantined, Raw: raw})
		}
		if _, err := s.Commit(t.Context(), []store.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		for id, q := range s.quarantine {
			if id != 2 && id != 3 {
				q.parser--
			}
		}
		for range 2 {
			e := newEngine(s)
			e.Use(theKey, config(&fakeServer{}, time.Now()))
			pass(time.Minute)
			closeEngine(t, e)
		}
		if want := (store.Account{Stored: 1249, Quarantined: 1251}); s.account("mb1") != want {
			t.Errorf("the account is %+v", s.account("mb1"))
		}
		if s.tries(2) != 0 || s.tries(3) != 0 || s.tries(4) != 1 {
			t.Errorf("tries of today's parser: %d and %d, of an older one: %d", s.tries(2), s.tries(3), s.tries(4))
		}
	})
}

func TestALongerRetentionTakesWhatWasTooOld(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		s := newFakeStore()
		expired := store.Problem{Reason: "expired"}
		d := store.Delivery{Source: "mb1", Ref: "old", Documents: []store.Document{
			{Problem: &expired, Raw: report("example.com", "1", time.Now().AddDate(-2, 0, 0))},
		}}
		if _, err := s.Commit(t.Context(), []store.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		e := newEngine(s)
		defer closeEngine(t, e)
		settings := config(&fakeServer{}, time.Now())
		e.Use(theKey, settings)
		pass(time.Minute)
		if s.account("mb1").Stored != 0 {
			t.Error("a report older than the retention was taken")
		}
		change(e, &settings, func(c *ingest.Config) { c.RetentionDays = 1000 })
		if s.account("mb1").Stored != 1 {
			t.Errorf("the account is %+v", s.account("mb1"))
		}
	})
}

func TestAForwardedReportFromQuarantineIsNotVouchedFor(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		s := newFakeStore()
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, config(&fakeServer{}, time.Now()))
		pass(time.Second)
		now := time.Now()
		d := store.Delivery{Source: "mb1", Ref: "old", Documents: []store.Document{{
			Problem:   &store.Problem{Reason: "parser-failure"},
			Judgement: store.Judgement{Trust: store.Authenticated, SignedBy: "example.net", Route: store.Direct},
			Raw:       forwarding(mail(report("example.com", "1", now)), report("example.com", "2", now)),
		}}}
		if _, err := s.Commit(t.Context(), []store.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		if outcome, why, err := c.RetryQuarantined(t.Context(), 1); err != nil || outcome != store.Stored {
			t.Fatalf("%s %s %v", outcome, why, err)
		}
		s.wantTrusts(t, "after the retry", map[store.Trust]int{store.Unauthenticated: 1, store.Authenticated: 1})
	})
}
