package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// cachedQuestions are asked of a cache that has seen other times, sources,
// settings and reports: one of each judgement, and of sums.
var cachedQuestions = []string{
	`"queryType":"status"`, `"queryType":"status","baselineDays":3`, `"queryType":"incidents"`, `"queryType":"incidents","limit":1`,
	`"queryType":"events"`, `"queryType":"events","limit":2`, `"queryType":"policies"`, `"queryType":"readiness"`,
	`"queryType":"reporters"`, `"queryType":"reporters","timeField":"stored"`, `"queryType":"reporters","maxLateness":"3d"`,
	`"queryType":"trend","metric":"completeness"`, `"queryType":"trend","metric":"completeness","groupBy":["policyDomain"]`,
	`"queryType":"trend","metric":"totalSessions","groupBy":["policyDomain"]`, `"queryType":"trend","metric":"failedSessions","timeField":"stored"`,
	`"queryType":"summary","metric":"completeness"`, `"queryType":"summary","metric":"reportAge","groupBy":["policyDomain","reporter"]`,
	`"queryType":"summary","metric":"reportAge","groupBy":["reporter"]`, `"queryType":"summary","metric":"reportAge"`,
	`"queryType":"summary","metric":"overdue","groupBy":["reporter","domains"]`, `"queryType":"summary","metric":"overdue","groupBy":["policyDomain","reporter"]`,
	`"queryType":"summary","metric":"silentDays","groupBy":["policyDomain"]`, `"queryType":"summary","metric":"historyDays","groupBy":["policyDomain"]`,
	`"queryType":"summary","metric":"enforced","groupBy":["policyDomain"]`, `"queryType":"summary","metric":"modeDropped","groupBy":["policyDomain"]`,
	`"queryType":"summary","metric":"protectionLost","groupBy":["policyDomain"],"timeField":"stored"`,
	`"queryType":"summary","metric":"newFailedSessions","groupBy":["policyDomain","resultType"],"timeField":"stored","maxLateness":"7d"`,
	`"queryType":"summary","metric":"nextReport","groupBy":["policyDomain"],"timeField":"stored"`,
	`"queryType":"summary","metric":"cleanReports","groupBy":["policyDomain","resultType"]`,
	`"queryType":"summary","metric":"failedSessions","groupBy":["policyDomain","receivingMx"]`,
}

func TestAnAnswerByACacheIsThatWithoutWhateverItHasSeen(t *testing.T) {
	b := newBoard(t)
	number := 0
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch draw(t, "step", "report", "judge", "drop", "settings", "ask", "ask", "ask", "ask") {
			case "report":
				number++
				b.take(t, drawSent(t, number))
			case "judge":
				b.reread(t)
			case "drop":
				if _, err := b.store.Retain(ctxOf(t), tlsrpt.DayOf(at("2026-02-20"))+tlsrpt.Day(rapid.IntRange(0, 2).Draw(t, "first"))); err != nil {
					t.Fatal(err)
				}
			case "settings":
				b.domains = draw(t, "domains", nil, []string{"a.example"}, []string{"silent.example", "*.example"})
				b.sources = drawSources(t)
			case "ask":
				common := fmt.Sprintf(`"trust":%q,"counting":%q,"filters":[%s]`, draw(t, "trust", "any", "authenticated"), draw(t, "counting", "distinct", "reported"),
					draw(t, "filter", "", "", `{"dimension":"policyDomain","values":["a.example"]}`, `{"dimension":"reporter","operator":"!=","values":["Google"]}`))
				// Days that others asked for, at other times of them.
				to := at("2026-03-05").AddDate(0, 0, rapid.IntRange(0, 9).Draw(t, "day")).
					Add(draw(t, "time of day", 0, time.Nanosecond, 3*time.Hour, 12*time.Hour, 15*time.Hour+time.Minute, 24*time.Hour-time.Second, 24*time.Hour-time.Nanosecond))
				from := to.Add(-draw(t, "length", time.Hour, 36*time.Hour, 7*24*time.Hour, 30*24*time.Hour))
				b.asked = draw(t, "asked", time.Time{}, to.Add(-2*time.Hour), to.Add(time.Hour))
				b.ask(t, "{"+draw(t, "question", cachedQuestions...)+","+common+"}", from.Format(time.RFC3339Nano)+" "+to.Format(time.RFC3339Nano))
				b.asked = time.Time{}
			}
		}
	})
}

func TestACacheTellsApartAllThatAnAnswerDependsOn(t *testing.T) {
	b := newBoard(t)
	for day := 1; day <= 28; day++ {
		on := fmt.Sprintf("2026-02-%02d", day)
		failed := int64(day % 3)
		b.take(t,
			sent{day: on, policies: twice("a.example", 90, failed, detail("certificate-expired", "mx1", "192.0.2.1", failed))},
			sent{day: on, reporter: "Mail.ru", trust: store.Unverifiable, policies: sts("b.example", 5, 4, detail("starttls-not-supported", "mx2", "192.0.2.1", 4))},
		)
		dropped := sts("d.example", 8, 0)
		if day > 18 {
			dropped[0].Mode = "testing"
		}
		b.take(t, sent{day: on, policies: dropped}, sent{day: on, reporter: "Comcast", policies: dropped})
		if day < 12 {
			b.take(t, sent{day: on, reporter: "Comcast", policies: []tlsrpt.Policy{policy("tlsa", "a.example", 8, 0)}},
				sent{day: on, reporter: "Late", stored: "2026-02-20", policies: sts("c.example", 8, 0)})
		} else {
			b.take(t, sent{day: on, reporter: "Comcast", policies: []tlsrpt.Policy{policy("no-policy-found", "c.example", 8, 0)}})
		}
	}
	syncing := polled("drop1", "2026-03-01T11:00")
	syncing.FirstSync, syncing.State = time.Time{}, "syncing"
	for _, question := range cachedQuestions {
		for _, sources := range [][]Source{nil, {polled("mb1", "2026-03-01T12:00")}, {polled("mb1", "2026-02-19")}, {polled("mb1", "2026-03-01T12:00"), syncing}} {
			for _, domains := range [][]string{nil, {"silent.example", "other.example"}} {
				b.sources, b.domains = sources, domains
				for _, setting := range []string{
					`"trust":"any"`, `"trust":"authenticated"`, `"counting":"reported"`, `"filters":[{"dimension":"policyDomain","values":["a.example"]}]`,
					`"filters":[{"dimension":"policyDomain","operator":"!=","values":["a.example"]}]`,
				} {
					b.ask(t, "{"+question+","+setting+"}", "2026-02-22 2026-03-01T13:00")
				}
				b.ask(t, "{"+question+"}", "2026-02-15 2026-03-01T13:00")
				b.ask(t, "{"+question+"}", "2026-02-15 2026-03-08T13:00")
			}
		}
	}
}

func drawSources(t *rapid.T) []Source {
	var sources []Source
	for _, id := range []string{"mb1", "drop1"}[:rapid.IntRange(0, 2).Draw(t, "sources")] {
		s := polled(id, "2026-03-01")
		s.LastSuccess = at("2026-03-04").Add(time.Duration(rapid.IntRange(0, 10*24).Draw(t, "last success")) * time.Hour)
		s.FirstSync = draw(t, "first sync", time.Time{}, at("2026-01-01"), at("2026-03-01"))
		sources = append(sources, s)
	}
	return sources
}

// reread has every report tell the same of other domains from now on.
func (b *board) reread(t fataler) {
	t.Helper()
	ids, err := b.store.Rereadable(ctxOf(t), store.Scope{ParserBelow: tlsrpt.ParserVersion + 1}, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.refs++
		report := sent{day: "2026-03-01", id: fmt.Sprint("read again ", b.refs), policies: sts("c.example", 3, 1, detail("validation-failure", "mx", "192.0.2.1", 1))}
		if _, err := b.store.Reread(ctxOf(t), id, report.document(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// A slowReader counts what is read, and is as slow as wait says.
type slowReader struct {
	store.Reader
	reads    atomic.Int64
	revision int64
	rows     int
	wait     func(context.Context) error
}

func (s *slowReader) Revision(context.Context) (int64, error) { return s.revision, nil }

func (s *slowReader) Sessions(ctx context.Context, _ store.SumQuery) ([]store.SessionRow, store.Cost, error) {
	s.reads.Add(1)
	if s.wait != nil {
		if err := s.wait(ctx); err != nil {
			return nil, store.Cost{}, err
		}
	}
	return make([]store.SessionRow, s.rows), store.Cost{}, nil
}

func (s *slowReader) ask(ctx context.Context, c *Cache, days int) error {
	c.turnTo(s, s.revision)
	_, _, err := cachedReader{s, c}.Sessions(ctx, store.SumQuery{Selection: store.Selection{To: at("2026-03-01").AddDate(0, 0, days)}})
	return err
}

func TestOfManyWhoAskTheSameOneReads(t *testing.T) {
	var c Cache
	open := make(chan struct{})
	s := &slowReader{wait: func(context.Context) error { <-open; return nil }}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := s.ask(t.Context(), &c, 0); err != nil {
				t.Error(err)
			}
		})
	}
	for s.reads.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(open)
	all.Wait()
	if n := s.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
}

func TestOneWhoGivesUpDoesNotTakeTheAnswerFromOthers(t *testing.T) {
	var c Cache
	s := &slowReader{}
	reading := make(chan struct{})
	s.wait = func(ctx context.Context) error {
		if s.reads.Load() > 1 {
			return nil
		}
		close(reading)
		<-ctx.Done()
		return ctx.Err()
	}
	impatient, giveUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- s.ask(impatient, &c, 0) }()
	<-reading
	answered := make(chan error)
	go func() { answered <- s.ask(t.Context(), &c, 0) }()
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who gave up got %v", err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the other got %v", err)
	}
}

func TestACacheIsBoundedAndForgetsWhatIsOld(t *testing.T) {
	row := bytesOf(summed[store.SessionRow]{Rows: make([]store.SessionRow, 1)}, keptBytes) - bytesOf(summed[store.SessionRow]{}, keptBytes)
	for _, test := range []struct {
		name  string
		rows  int64
		asked []int // days; each names a question
		reads int64
		turn  bool // to the next revision before the last question
	}{
		{"what was read is kept", 10, []int{1, 1, 1}, 1, false},
		{"what is new at the next revision is read again", 10, []int{1, 1, 1}, 2, true},
		{"what is too large is not kept", keptBytes/row + 10, []int{1, 1}, 2, false},
		{"the one that was asked for the longest ago makes room", cacheBytes / row / 3, []int{1, 2, 3, 1, 4, 1, 2}, 5, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Cache
			s := &slowReader{rows: int(test.rows)}
			for i, days := range test.asked {
				if test.turn && i == len(test.asked)-1 {
					s.revision++
				}
				if err := s.ask(t.Context(), &c, days); err != nil {
					t.Fatal(err)
				}
				if c.bytes > cacheBytes {
					t.Errorf("%d bytes are kept", c.bytes)
				}
			}
			if n := s.reads.Load(); n != test.reads {
				t.Errorf("%d reads, not %d", n, test.reads)
			}
		})
	}
}

func TestWhatIsCountedAsMemoryGrowsWithWhatIsReferredTo(t *testing.T) {
	text := string(make([]byte, 1000))
	for _, test := range []struct {
		name  string
		value any
		least int64
	}{
		{"a text", text, 1000},
		{"texts in structs in slices", []struct{ A []string }{{[]string{text, text}}, {[]string{text}}}, 3000},
		{"keys and values of a map", map[string]string{text: text}, 4000},
		{"many texts in a slice", slices.Repeat([]string{text}, 1000), 1_000_000},
		{"room that a slice has beyond its length", make([]int64, 0, 100), 800},
	} {
		if got := bytesOf(test.value, keptBytes); got < test.least || got > test.least+test.least/2+200 {
			t.Errorf("%s: %d bytes", test.name, got)
		}
	}
}
