package query

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestWhatIsMadeAnewGivesWayToThoseWhoAsk(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers time.Duration // how long another query takes; 0 is none
		waiting bool          // for another judgement
		begins  time.Duration
	}{
		{"and begins at once where nobody does", 0, false, 0},
		{"as long as they are being answered", 300 * time.Millisecond, false, 300 * time.Millisecond},
		{"but not for ever", time.Hour, false, givesWayFor},
		{"nor when another judgement is waited for", time.Hour, true, givesWayFor},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJudge(manyRows, time.Second)
				defer j.cache.Close()
				if _, _, err := j.ask(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if test.answers > 0 {
					end := j.cache.turns.ask()
					time.AfterFunc(test.answers, end)
				}
				if test.waiting {
					j.cache.turns.waiting.Add(1)
				}
				synctest.Wait()
				j.revision = 1
				began := time.Now()
				if revision, _, err := j.ask(t.Context()); revision != 0 || err != nil {
					t.Fatalf("it is of revision %d, %v", revision, err)
				}
				time.Sleep(test.begins - time.Millisecond)
				synctest.Wait()
				if test.begins > 0 && j.made.Load() != 1 {
					t.Errorf("it begins before %v have passed", test.begins)
				}
				time.Sleep(time.Until(began.Add(test.begins + looksEvery)))
				synctest.Wait()
				if j.made.Load() != 2 {
					t.Errorf("it does not begin within %v", test.begins)
				}
			})
		})
	}
}

// emptyReader has no reports.
type emptyReader struct{ store.Reader }

func (emptyReader) Sessions(context.Context, store.SumQuery) ([]store.SessionRow, store.Cost, error) {
	return nil, store.Cost{}, nil
}

func (emptyReader) FailureSums(context.Context, store.SumQuery) ([]store.FailureSum, store.Cost, error) {
	return nil, store.Cost{}, nil
}

func (emptyReader) LastReports(context.Context, []store.Filter, bool, tlsrpt.Day) ([]store.ReporterRow, error) {
	return nil, nil
}

func (emptyReader) Reporters(context.Context, store.Selection) ([]store.ReporterRow, error) {
	return nil, nil
}

func (emptyReader) Policies(context.Context, store.Selection) ([]store.PolicySeen, error) {
	return nil, nil
}

func TestWhatIsMadeAnewGivesWayBeforeItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		defer all.ask()()
		type reading func(context.Context, *request) error
		sessions := func(ctx context.Context, r *request) error {
			_, err := r.sessions(ctx, store.SumQuery{})
			return err
		}
		failures := func(ctx context.Context, r *request) error {
			_, err := r.failureSums(ctx, store.SumQuery{})
			return err
		}
		known := func(ctx context.Context, r *request) error {
			_, err := r.knownSince(ctx, 0, nil)
			return err
		}
		heard := func(ctx context.Context, r *request) error {
			_, err := r.heard(ctx, nil)
			return err
		}
		policies := func(ctx context.Context, r *request) error {
			_, err := r.policies(ctx, store.Selection{})
			return err
		}
		reporters := func(ctx context.Context, r *request) error { // after its survey's
			_, err := reporterRows(ctx, r)
			return err
		}
		byDomain := func(ctx context.Context, r *request) error {
			return r.policiesByDomain(ctx, store.Selection{}, nil)
		}
		for i, test := range []struct {
			read                   reading
			patient, awaited, wide bool
			takes                  time.Duration // of each of three parts
		}{
			{sessions, true, false, true, givesWayFor}, {failures, true, false, true, givesWayFor}, {known, true, false, true, givesWayFor},
			{heard, true, false, true, givesWayFor}, {policies, true, false, true, givesWayFor}, {byDomain, true, false, true, givesWayFor},
			{reporters, true, false, true, 2 * givesWayFor},
			{sessions, true, true, true, 0}, {sessions, true, true, false, givesWayFor}, {sessions, false, false, true, 0},
		} {
			all.waiting.Store(0)
			if test.awaited {
				all.waiting.Store(1)
			}
			r := &request{turns: &all, patient: test.patient, wide: test.wide, sums: emptyReader{}, Environment: Environment{Store: emptyReader{}}}
			began, done := time.Now(), 0
			err := inParts(t.Context(), r, []int{1, 2, 3}, func(ctx context.Context, r *request, part int) (int, error) {
				return part, test.read(ctx, r)
			}, func(n int) { done += n })
			want := 3 * test.takes
			if test.awaited && !test.wide {
				want = 2 * test.takes // of two parts at once
			}
			if took := time.Since(began); err != nil || done != 6 || took != want || r.waited < want {
				t.Errorf("%d: %d after %v, not %v, of which it waited %v, %v", i, done, took, want, r.waited, err)
			}
		}
	})
}

func TestWhoeverWaitsToJudgeManyDomainsIsCounted(t *testing.T) {
	var all turns
	held := all.widely()
	if all.awaited() {
		t.Error("it is awaited by the one who holds it")
	}
	other := make(chan func())
	go func() { other <- all.widely() }()
	for deadline := time.Now().Add(20 * time.Second); !all.awaited(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not awaited")
		}
	}
	held()
	(<-other)()
	if all.awaited() {
		t.Error("it is awaited by nobody")
	}
}

func TestAQueryIsCountedWhileItIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJudge(1, time.Second)
		defer j.cache.Close()
		m, err := Parse([]byte(`{"queryType":"summary","metric":"totalSessions"}`))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if _, err := Answer(t.Context(), Environment{Store: j, Cache: &j.cache}, m, Range{From: time.Now().AddDate(0, 0, -1), To: time.Now()}); err != nil {
				t.Error(err)
			}
		}()
		for _, test := range []struct {
			after  time.Duration
			asking int64
		}{{500 * time.Millisecond, 1}, {time.Second, 0}} {
			time.Sleep(test.after)
			synctest.Wait()
			if n := j.cache.turns.asking.Load(); n != test.asking {
				t.Errorf("%d queries are being answered", n)
			}
		}
	})
}
