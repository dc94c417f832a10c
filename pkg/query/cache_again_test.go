package query

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A judge asks for one judgement of a store that grows.
type judge struct {
	*slowReader
	cache Cache
	mu    sync.Mutex
	used  map[Outcome]int
	// takes is how long making it takes, fails why it can't be made.
	takes time.Duration
	fails error
	made  atomic.Int64
	// to ends the range, sources were polled until then, and clear takes from
	// the question what the judgement doesn't need.
	to      time.Time
	sources []Source
	clear   func(of *request)
}

func newJudge(rows int, takes time.Duration) *judge {
	j := &judge{slowReader: &slowReader{rows: rows}, takes: takes, used: map[Outcome]int{}, to: at("2026-03-01"), clear: func(*request) {}}
	j.wait = func(ctx context.Context) error {
		select {
		case <-time.After(j.takes):
			return j.fails
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	j.cache.Used = func(o Outcome) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.used[o]++
	}
	return j
}

// ask returns the revision that the answer was made of, and what is said with it.
func (j *judge) ask(ctx context.Context) (revision int64, said string, err error) {
	j.cache.turnTo(j, j.revision)
	r := &request{Environment: Environment{Store: j, Cache: &j.cache, Sources: j.sources}, Range: Range{To: j.to}}
	r.at = r.moment()
	of := r.ofDay()
	j.clear(of)
	revision, err = judged(ctx, r, of, "the revision", func(ctx context.Context, r *request) (int64, error) {
		of := j.revision
		j.made.Add(1)
		_, err := r.sessions(ctx, store.SumQuery{})
		return of, err
	})
	frame := data.NewFrame("")
	r.notices(frame, store.Cost{}, 0, 0, "")
	if frame.Meta != nil {
		for _, n := range frame.Meta.Notices {
			said += n.Text
		}
	}
	return revision, said, err
}

func TestWhatTakesLongIsGivenAsItWasWhileItIsMadeAnew(t *testing.T) {
	for _, test := range []struct {
		name    string
		rows    int
		takes   time.Duration
		after   time.Duration // the first answer
		earlier bool
	}{
		{"at the next revision", manyRows, time.Second, time.Minute, true},
		{"until a quarter of an hour has passed", manyRows, time.Second, lastsFor - 2*time.Second, true},
		{"but not longer", manyRows, time.Second, lastsFor, false},
		{"and not what is made at once", manyRows, slowFrom - 1, time.Minute, false},
		{"nor what is made of few sums, however slow the machine is", manyRows - 1, time.Minute, 5 * time.Minute, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJudge(test.rows, test.takes)
				defer j.cache.Close()
				if revision, said, err := j.ask(t.Context()); revision != 0 || said != "" || err != nil {
					t.Fatalf("at first %d, %q, %v", revision, said, err)
				}
				time.Sleep(test.after)
				j.revision = 1
				began := time.Now()
				revision, said, err := j.ask(t.Context())
				if (revision == 0) != test.earlier || strings.Contains(said, "after 00:00:00 UTC is being counted in") != test.earlier || err != nil {
					t.Errorf("at the next revision %d, %q, %v", revision, said, err)
				}
				if took := time.Since(began); test.earlier && took != 0 {
					t.Errorf("one who asks waits %v", took)
				}
				time.Sleep(test.takes)
				synctest.Wait()
				if revision, said, err := j.ask(t.Context()); revision != 1 || said != "" || err != nil || j.made.Load() != 2 {
					t.Errorf("then %d, %q, %v, of %d made", revision, said, err, j.made.Load())
				}
			})
		})
	}
}

func TestWhatWasMadeOnAnotherUTCDayIsNotGiven(t *testing.T) {
	whole := func(*request) {}
	// Each is when somebody asks, and when the sources were last polled before.
	type asked struct{ at, polled, other string }
	late := asked{"2000-01-01T23:50", "2000-01-01T23:49", "2000-01-01T23:49"}
	for _, test := range []struct {
		name          string
		clear         func(of *request)
		first, second asked
		earlier       bool
	}{
		{"but later on that day it is", whole, late, asked{"2000-01-01T23:58", "2000-01-01T23:57", "2000-01-01T23:57"}, true},
		{"before anything was polled on the next", whole, late, asked{"2000-01-02T00:02", "2000-01-01T23:57", "2000-01-01T23:57"}, false},
		{"after something was, although somebody asked before", whole, asked{"2000-01-02T00:02", "2000-01-01T23:57", "2000-01-01T23:57"}, asked{"2000-01-02T00:05", "2000-01-02T00:04", "2000-01-02T00:04"}, false},
		{"but not before all sources were", whole, asked{"2000-01-02T00:02", "2000-01-01T23:57", "2000-01-01T23:57"}, asked{"2000-01-02T00:05", "2000-01-02T00:04", "2000-01-01T23:58"}, true},
		{"and later again it is", whole, asked{"2000-01-02T00:05", "2000-01-02T00:04", "2000-01-02T00:04"}, asked{"2000-01-02T00:15", "2000-01-02T00:14", "2000-01-02T00:14"}, true},
		{"where it is of the moment alone", func(of *request) { of.From, of.To = time.Time{}, time.Time{} }, late, asked{"2000-01-02T00:02", "2000-01-01T23:57", "2000-01-01T23:57"}, false},
		{"where it is of the range alone", func(of *request) { of.at = moment{} }, late, asked{"2000-01-02T00:02", "2000-01-01T23:57", "2000-01-01T23:57"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJudge(manyRows, time.Second)
				defer j.cache.Close()
				j.clear = test.clear
				ask := func(a asked) (revision int64, took time.Duration) {
					time.Sleep(time.Until(at(a.at)))
					j.to, j.sources = time.Now(), []Source{polled("mb1", a.polled), polled("mb2", a.other)}
					revision, _, err := j.ask(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					return revision, time.Since(j.to)
				}
				ask(test.first)
				j.revision = 1
				if revision, took := ask(test.second); (revision == 0) != test.earlier || (took == 0) != test.earlier {
					t.Errorf("what is of revision %d is given after %v", revision, took)
				}
			})
		})
	}
}

func TestWhatIsMadeAnewIsNotMadeAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJudge(manyRows, 10*time.Second)
		defer j.cache.Close()
		asked := 0
		for began := time.Now(); time.Since(began) < 10*time.Minute; time.Sleep(time.Second) {
			synctest.Wait()
			j.revision++
			if _, _, err := j.ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			asked++
		}
		// One of 10 s each 50 s, and the first.
		if most := int64(1 + 600/50); j.made.Load() > most || j.made.Load() < most-2 {
			t.Errorf("made %d times in ten minutes, in which %d asked", j.made.Load(), asked)
		}
		if j.used[KeptEarlier] != asked-1 || j.used[Made] != 1 {
			t.Errorf("counted as %v, of %d", j.used, asked)
		}
	})
}

func TestWhatCannotBeMadeAnewStaysAsLongAsItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJudge(manyRows, time.Second)
		defer j.cache.Close()
		if _, _, err := j.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		j.revision, j.fails = 1, errors.New("disk I/O error")
		for tries := 1; tries <= 5; tries++ {
			time.Sleep(time.Minute)
			synctest.Wait()
			if j.made.Load() != int64(tries) {
				t.Fatalf("made %d times before %d were asked", j.made.Load(), tries)
			}
			if revision, said, err := j.ask(t.Context()); revision != 0 || said == "" || err != nil {
				t.Fatalf("%d, %q, %v", revision, said, err)
			}
		}
		time.Sleep(lastsFor)
		if _, _, err := j.ask(t.Context()); !errors.Is(err, j.fails) {
			t.Errorf("and then %v", err)
		}
	})
}

func TestOneWhoWaitsForWhatWasBegunBeforeGetsWhatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJudge(manyRows, 10*time.Second)
		defer j.cache.Close()
		go func() { _, _, _ = j.ask(t.Context()) }()
		time.Sleep(time.Second)
		synctest.Wait()
		j.revision = 1
		began := time.Now()
		if revision, said, err := j.ask(t.Context()); revision != 0 || said == "" || err != nil || time.Since(began) > 9*time.Second {
			t.Errorf("%d, %q, %v after %v", revision, said, err, time.Since(began))
		}
	})
}

func TestEachWhoAsksIsCountedOnceHoweverLongTheyWait(t *testing.T) {
	const never = time.Hour
	for _, test := range []struct {
		name     string
		rows     int
		revision int64 // when the second asks, while it is made for the first
		// The patience of those who ask.
		first, second time.Duration
		used          map[Outcome]int
	}{
		{"for what is of the newest revision", manyRows, 0, never, never, map[Outcome]int{Made: 1, Kept: 1}},
		{"for what was begun before, and lasts", manyRows, 1, never, never, map[Outcome]int{Made: 1, KeptEarlier: 1}},
		{"for what was begun before, and is made anew for them", 1, 1, never, never, map[Outcome]int{Made: 2}},
		{"for one who gives up, which leaves it to them", manyRows, 0, 5 * time.Second, never, map[Outcome]int{Made: 2}},
		{"until they give up", manyRows, 0, never, 5 * time.Second, map[Outcome]int{Made: 1, Kept: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJudge(test.rows, 10*time.Second)
				defer j.cache.Close()
				ask := func(patience time.Duration) {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					if _, _, err := j.ask(ctx); (err != nil) != (patience < never) {
						t.Errorf("one who waits up to %v got %v", patience, err)
					}
				}
				var asking sync.WaitGroup
				asking.Go(func() { ask(test.first) })
				time.Sleep(time.Second)
				synctest.Wait()
				j.revision = test.revision
				asking.Go(func() { ask(test.second) })
				asking.Wait()
				if diff := cmp.Diff(test.used, j.used); diff != "" {
					t.Errorf("counted (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestTheEndDoesNotWaitForWhatIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJudge(manyRows, time.Minute)
		if _, _, err := j.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		j.revision = 1
		time.Sleep(5 * time.Minute)
		began := time.Now()
		if revision, _, err := j.ask(t.Context()); revision != 0 || err != nil {
			t.Errorf("%d, %v", revision, err)
		}
		synctest.Wait()
		if j.cache.Close(); j.made.Load() != 2 || time.Since(began) > 0 {
			t.Errorf("%d made, ended after %v", j.made.Load(), time.Since(began))
		}
	})
}

func TestAnotherStoreHasNothingOfThisOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJudge(manyRows, time.Second)
		defer j.cache.Close()
		if _, _, err := j.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		j.revision = 1
		j.cache.turnTo(&slowReader{}, 0)
		if revision, said, err := j.ask(t.Context()); revision != 1 || said != "" || err != nil {
			t.Errorf("%d, %q, %v", revision, said, err)
		}
	})
}
