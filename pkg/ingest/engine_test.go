package ingest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func TestTheFirstPollIsAtOnceAndTheNextAfterTheInterval(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		server.add(reports(450)...)
		e := newEngine(s)
		defer closeEngine(t, e)
		start := time.Now()
		c := e.Use(theKey, config(server, start))
		if state := sourceStatus(c).State; state != ingest.Syncing {
			t.Errorf("the state before the first poll is %q", state)
		}
		pass(time.Second)
		status := sourceStatus(c)
		if status.State != ingest.OK || status.FirstSync.IsZero() || status.LastSuccess.IsZero() {
			t.Errorf("the status after the first poll is %+v", status)
		}
		if want := (ingest.Progress{Done: 450, Total: 450}); status.Progress != want {
			t.Errorf("progress is %+v, want %+v", status.Progress, want)
		}
		if want := (store.Account{Stored: 450}); s.account("mb1") != want {
			t.Errorf("the account is %+v", s.account("mb1"))
		}
		for _, size := range s.batchSizes() {
			if size > 200 {
				t.Errorf("a commit of %d deliveries", size)
			}
		}
		pass(29 * time.Minute)
		if n := len(server.pollTimes()); n < 6 || n > 7 {
			t.Errorf("%d polls in half an hour at an interval of five minutes", n)
		}
		if want := start.AddDate(0, 0, -400).Truncate(24 * time.Hour); !server.lastSince().Equal(want) {
			t.Errorf("the poll looks back to %v, want %v", server.lastSince(), want)
		}
		if s.retentions() != 1 {
			t.Errorf("the retention ran %d times", s.retentions())
		}
		pass(24 * time.Hour)
		if s.retentions() != 2 {
			t.Errorf("the retention ran %d times in a day", s.retentions())
		}
	})
}

func TestTheNewestSettingsWin(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		older, newer, s := &fakeServer{}, &fakeServer{}, newFakeStore()
		e := newEngine(s)
		defer closeEngine(t, e)
		saved := time.Now()
		c := e.Use(theKey, config(older, saved))
		pass(time.Second)
		e.Use(theKey, config(newer, saved.Add(time.Minute)))
		pass(time.Second)
		if len(older.pollTimes()) != 1 || len(newer.pollTimes()) != 1 {
			t.Errorf("polls: %d with the old settings, %d with the new", len(older.pollTimes()), len(newer.pollTimes()))
		}
		if older.times().closed != 1 {
			t.Error("the source of the old settings is still open")
		}
		if again := e.Use(theKey, config(older, saved)); again != c {
			t.Error("the same data source has two collectors")
		}
		pass(time.Hour)
		if len(older.pollTimes()) != 1 {
			t.Error("older settings that came later were used")
		}
		polls := len(newer.pollTimes())
		same := config(newer, saved.Add(2*time.Minute))
		same.Fingerprint = saved.Add(time.Minute).String()
		e.Use(theKey, same)
		pass(time.Second)
		if len(newer.pollTimes()) > polls+1 || newer.times().opened != 1 {
			t.Error("settings that say the same restarted the pollers")
		}
	})
}

func TestAnotherProcessHoldsTheLease(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		e := newEngine(s)
		defer closeEngine(t, e)
		s.seize("mail/4711#aa", time.Minute)
		c := e.Use(theKey, config(server, time.Now()))
		pass(30 * time.Second)
		status := c.Status()
		if status.Holder != "mail/4711" || status.Sources[0].State != ingest.Idle || !strings.Contains(status.Sources[0].LastError, "mail/4711") {
			t.Errorf("the status is %+v", status)
		}
		if len(server.pollTimes()) != 0 {
			t.Error("polled without the lease")
		}
		if _, err := c.Store(); err != nil {
			t.Errorf("no store to read from: %v", err)
		}
		if err := c.PollNow("mb1"); err == nil {
			t.Error("a poll was promised without the lease")
		}
		pass(40 * time.Second)
		if status := c.Status(); status.Holder != "" || status.Sources[0].State != ingest.OK {
			t.Errorf("the status after the lease ended is %+v", status)
		}
		s.seize("mail/4712#bb", time.Hour)
		pass(10 * time.Second)
		polls := len(server.pollTimes())
		pass(30 * time.Minute)
		if len(server.pollTimes()) != polls {
			t.Error("polled after the lease was lost")
		}
	})
}

func TestADataSourceThatNobodyUsesStops(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, config(server, time.Now()))
		pass(47 * time.Hour)
		if s.isClosed() {
			t.Fatal("stopped too early")
		}
		pass(2 * time.Hour)
		if !s.isClosed() || s.holder() != "" || server.times().closed != server.times().opened {
			t.Fatal("the store, the lease or the source is still held")
		}
		polls := len(server.pollTimes())
		pass(time.Hour)
		if len(server.pollTimes()) != polls {
			t.Error("polled while idle")
		}
		if _, err := c.Store(); err != nil {
			t.Errorf("a query does not wake the data source: %v", err)
		}
		pass(time.Minute)
		if len(server.pollTimes()) != polls+1 {
			t.Error("no poll after the data source was used again")
		}
	})
}

func TestAStoreThatOpensLateNeverBlocks(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{}, newFakeStore()
		tries := 0
		e := ingest.NewEngine(ingest.Options{OpenStore: func(ctx context.Context, _ ingest.Key) (store.Store, string, error) {
			time.Sleep(10 * time.Second)
			if tries++; tries == 1 {
				return nil, "", errors.New("permission denied")
			}
			return s, "the store is slow", nil
		}})
		defer closeEngine(t, e)
		start := time.Now()
		c := e.Use(theKey, config(server, start))
		if time.Since(start) != 0 {
			t.Error("Use waited")
		}
		if _, err := c.Store(); !errors.Is(err, ingest.ErrOpening) || time.Since(start) > time.Second {
			t.Errorf("Store returned %v after %v", err, time.Since(start))
		}
		if !c.Status().Opening {
			t.Error("the status does not say that the store is being opened")
		}
		pass(10 * time.Second)
		if _, err := c.Store(); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("Store returned %v", err)
		}
		if status := c.Status(); status.Sources[0].State != ingest.Failing || status.StoreError == "" {
			t.Errorf("the status is %+v", status)
		}
		pass(20 * time.Second)
		if _, err := c.Store(); err != nil {
			t.Errorf("Store returned %v after it was tried again", err)
		}
		if status := c.Status(); status.StoreWarning != "the store is slow" {
			t.Errorf("the status is %+v", status)
		}
	})
}

func TestCloseLeavesAStuckSourceBehind(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{hung: make(chan struct{})}, newFakeStore()
		e := newEngine(s)
		e.Use(theKey, config(server, time.Now()))
		pass(time.Second)
		start := time.Now()
		closeEngine(t, e)
		if took := time.Since(start); took >= 2*time.Second {
			t.Errorf("the stop took %v", took)
		}
		if !s.isClosed() || s.holder() != "" {
			t.Error("the store is not closed, or the lease not given back")
		}
		if _, err := e.Use(theKey, config(server, time.Now())).Store(); !errors.Is(err, ingest.ErrClosed) {
			t.Errorf("a closed engine's store: %v", err)
		}
		close(server.hung)
	})
}

func TestFullDiskStopsTheIngestAndIsTriedAgain(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{remove: true}, newFakeStore()
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, config(server, time.Now()))
		pass(time.Second)
		s.breakWith(errDiskFull)
		server.add(reports(3)...)
		pass(20 * time.Minute)
		status := sourceStatus(c)
		if status.State != ingest.Failing || !strings.Contains(status.LastError, "disk is full") {
			t.Errorf("the status is %+v", status)
		}
		if len(server.refs()) != 3 {
			t.Error("items were deleted that are not stored")
		}
		s.breakWith(nil)
		pass(20 * time.Minute)
		if status := sourceStatus(c); status.State != ingest.OK || status.LastError != "" {
			t.Errorf("the status after there is room again is %+v", status)
		}
		if len(server.refs()) != 0 || s.account("mb1").Stored != 3 {
			t.Error("the items were not taken after there was room again")
		}
	})
}

func TestNothingOnTheServerChangesWithAStoreInMemory(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s := &fakeServer{remove: true}, newFakeStore()
		s.inMemory = true
		server.add(reports(3)...)
		e := newEngine(s)
		defer closeEngine(t, e)
		e.Use(theKey, config(server, time.Now()))
		pass(time.Hour)
		if len(server.refs()) != 3 || s.account("mb1").Stored != 3 {
			t.Errorf("left on the server: %v; the account: %+v", server.refs(), s.account("mb1"))
		}
	})
}

func TestTwoSourcesOfOneDataSource(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		mailbox, drop, s := &fakeServer{}, &fakeServer{}, newFakeStore()
		mailbox.add(reports(5)...)
		drop.add(reports(5)...)
		settings := config(mailbox, time.Now())
		settings.Sources = append(settings.Sources, ingest.SourceConfig{
			ID: "drop1", Name: "Report drop", Type: "https", Open: drop.open, Assume: true,
		}, ingest.SourceConfig{
			ID: "bad", Name: "Without a host", Type: "imap",
			Open: func() (source.Source, error) {
				return nil, &source.Error{Setting: "host", Sentence: "is empty"}
			},
		})
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, settings)
		pass(time.Second)
		one, two := s.account("mb1"), s.account("drop1")
		if one.Stored+two.Stored != 5 || one.Duplicate+two.Duplicate != 5 || s.distinct() != 5 {
			t.Errorf("the accounts are %+v and %+v", one, two)
		}
		var states []ingest.State
		for _, status := range c.Status().Sources {
			states = append(states, status.State)
		}
		if diff := cmp.Diff([]ingest.State{ingest.OK, ingest.OK, ingest.Misconfigured}, states); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if wrong := c.Status().Sources[2]; wrong.ErrorSetting != "host" || wrong.LastError != "host: is empty" {
			t.Errorf("the status of the wrong source is %+v", wrong)
		}
		if said, err := c.Check(t.Context(), "drop1"); err != nil || said != "Connected, 5 items." {
			t.Errorf("the check says %q, %v", said, err)
		}
		if _, err := c.Check(t.Context(), "none"); !errors.Is(err, ingest.ErrUnknownSource) {
			t.Errorf("the check of no source: %v", err)
		}
	})
}
