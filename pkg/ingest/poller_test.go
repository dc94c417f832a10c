package ingest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// gaps are the times between polls.
func gaps(polls []time.Time) []time.Duration {
	var list []time.Duration
	for i := 1; i < len(polls); i++ {
		list = append(list, polls[i].Sub(polls[i-1]))
	}
	return list
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		state ingest.State
		// least and most bound the gap after the first failure, ceiling every gap.
		least, most, ceiling time.Duration
		// polls bounds the polls in six hours.
		fewest, busiest int
	}{
		{
			name: "a failure is tried again soon, then ever more rarely, up to ten minutes",
			err:  errors.New("connection refused"), state: ingest.Failing,
			least: time.Second, most: 2 * time.Second, ceiling: 10 * time.Minute, fewest: 36, busiest: 200,
		},
		{
			name: "the server's wish for the next try is obeyed",
			err:  &source.Error{Sentence: "busy", RetryAfter: time.Hour}, state: ingest.Failing,
			least: time.Hour, most: time.Hour, ceiling: time.Hour, fewest: 5, busiest: 7,
		},
		{
			name: "a wrong setting is tried again at the poll interval, then ever more rarely, up to an hour",
			err:  &source.Error{Setting: "password", Sentence: "refused", Permanent: true}, state: ingest.Misconfigured,
			least: 4 * time.Minute, most: 6 * time.Minute, ceiling: time.Hour, fewest: 8, busiest: 14,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			atNoon(t, func(t *testing.T) {
				server := &fakeServer{}
				server.failWith(func(int) error { return test.err })
				e := newEngine(newFakeStore())
				defer closeEngine(t, e)
				c := e.Use(theKey, config(server, time.Now()))
				pass(6 * time.Hour)
				polls := server.pollTimes()
				if len(polls) < test.fewest || len(polls) > test.busiest {
					t.Errorf("%d polls in six hours", len(polls))
				}
				for i, gap := range gaps(polls) {
					if gap > test.ceiling || (i == 0 && (gap < test.least || gap > test.most)) {
						t.Errorf("gap %d is %v", i, gap)
					}
				}
				status := sourceStatus(c)
				if status.State != test.state || status.LastError != test.err.Error() {
					t.Errorf("the status is %+v", status)
				}
				if made := server.times(); made.opened != len(polls) || made.closed != len(polls) {
					t.Errorf("%d polls on %+v", len(polls), made)
				}
				server.failWith(nil)
				if err := c.PollNow("mb1"); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				if status := sourceStatus(c); status.State != ingest.OK || status.LastError != "" {
					t.Errorf("the status after it was mended is %+v", status)
				}
			})
		})
	}
}

func TestAPanickingSourceFailsAlone(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, other, s := &fakeServer{}, &fakeServer{}, newFakeStore()
		server.add(reports(3)...)
		server.failWith(func(poll int) error {
			if poll < 3 {
				panic("index out of range")
			}
			return nil
		})
		settings := config(server, time.Now())
		settings.Sources = append(settings.Sources,
			ingest.SourceConfig{ID: "other", Type: "https", Open: other.open},
			ingest.SourceConfig{ID: "worst", Type: "https", Open: func() (source.Source, error) { panic("nil map") }})
		e := newEngine(s)
		defer closeEngine(t, e)
		c := e.Use(theKey, settings)
		pass(10 * time.Millisecond)
		status := c.Status().Sources
		if status[0].State != ingest.Failing || status[1].State != ingest.OK || status[2].State != ingest.Misconfigured {
			t.Errorf("the states are %+v", status)
		}
		pass(time.Minute)
		if s.account("mb1").Stored != 3 {
			t.Errorf("the account after it recovered is %+v", s.account("mb1"))
		}
	})
}

func TestAHintStartsAPollAtMostEveryTenSeconds(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server := &fakeServer{hints: make(chan struct{}, 1000)}
		e := newEngine(newFakeStore())
		defer closeEngine(t, e)
		e.Use(theKey, config(server, time.Now()))
		for range 60 {
			server.hints <- struct{}{}
		}
		pass(65 * time.Second)
		polls := server.pollTimes()
		if len(polls) != 7 {
			t.Errorf("%d polls in 65 seconds of hints", len(polls))
		}
		for i, gap := range gaps(polls) {
			if gap < 10*time.Second {
				t.Errorf("gap %d is %v", i, gap)
			}
		}
	})
}

func TestASourceThatCannotWaitIsOpenedAnewByTheNextPoll(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server := &fakeServer{waitErr: errors.New("connection reset")}
		e := newEngine(newFakeStore())
		defer closeEngine(t, e)
		c := e.Use(theKey, config(server, time.Now()))
		pass(11 * time.Minute)
		polls := server.pollTimes()
		if len(polls) != 3 || server.times().opened != 3 {
			t.Errorf("%d polls on %+v", len(polls), server.times())
		}
		if state := sourceStatus(c).State; state != ingest.OK {
			t.Errorf("the state is %q", state)
		}
	})
}

func TestPollNow(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server := &fakeServer{}
		e := newEngine(newFakeStore())
		defer closeEngine(t, e)
		c := e.Use(theKey, config(server, time.Now()))
		pass(time.Second)
		if err := c.PollNow("mb1"); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if n := len(server.pollTimes()); n != 2 {
			t.Errorf("%d polls", n)
		}
		if err := c.PollNow("mb2"); !errors.Is(err, ingest.ErrUnknownSource) {
			t.Errorf("a poll of no source: %v", err)
		}
	})
}
