package analytics

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// shares writes completeness as one word a day, oldest first: 2/2 or, where
// there is no value, a dash.
func shares(rows []Coverage, from, to tlsrpt.Day) string {
	words := make([]string, to-from)
	for i := range words {
		words[i] = "-"
	}
	for _, r := range rows {
		words[r.Day-from] = fmt.Sprintf("%d/%d", r.Heard, r.Expected)
	}
	return strings.Join(words, " ")
}

func without(ago []int, missing ...int) []int {
	return slices.DeleteFunc(ago, func(n int) bool { return slices.Contains(missing, n) })
}

func TestCompletenessByDay(t *testing.T) {
	for name, c := range map[string]struct {
		histories []History
		days      int
		upTo      time.Time
		syncing   bool
		want      string
	}{
		"all are heard every day": {
			[]History{heardOn("a.example", "R", daysAgo(60, 1, 1)...), heardOn("a.example", "S", daysAgo(60, 1, 1)...)}, 4, thisNoon, false, "2/2 2/2 2/2 2/2"},
		"a day that has not ended has no value": {
			[]History{heardOn("a.example", "R", daysAgo(60, 0, 1)...)}, 3, thisNoon.Add(-day), false, "1/1 1/1 -"},
		"a day we have not polled for has no value": {
			[]History{heardOn("a.example", "R", daysAgo(60, 6, 1)...)}, 6, thisNoon.Add(-5 * day), false, "1/1 - - - - -"},
		"without a successful poll nothing has": {
			[]History{heardOn("a.example", "R", daysAgo(60, 1, 1)...)}, 2, time.Time{}, false, "- -"},
		"while first synchronising nothing has": {
			[]History{heardOn("a.example", "R", daysAgo(60, 1, 1)...)}, 2, thisNoon, true, "- -"},
		"one day missed": {
			[]History{heardOn("a.example", "R", without(daysAgo(60, 1, 1), 3)...), heardOn("a.example", "S", daysAgo(60, 1, 1)...)}, 4, thisNoon, false, "2/2 1/2 2/2 2/2"},
		"one who falls silent is expected for three days more": {
			[]History{heardOn("a.example", "R", daysAgo(60, 6, 1)...), heardOn("a.example", "S", daysAgo(60, 1, 1)...)}, 6, thisNoon, false, "2/2 1/2 1/2 1/2 1/1 1/1"},
		"one who comes back is expected again, but not on the day it does": {
			[]History{heardOn("a.example", "R", append(daysAgo(60, 10, 1), 2, 1)...)}, 10, thisNoon, false, "1/1 0/1 0/1 0/1 - - - - - 1/1"},
		"a new one is expected after a week": {
			[]History{heardOn("a.example", "R", daysAgo(10, 1, 1)...)}, 10, thisNoon, false, "- - - - - - - 1/1 1/1 1/1"},
		"one on mail days is never expected": {
			[]History{heardOn("a.example", "R", irregular...), heardOn("a.example", "S", daysAgo(60, 1, 1)...)}, 3, thisNoon, false, "1/1 1/1 1/1"},
		"week-days only is not expected": {
			[]History{heardOn("a.example", "R", weekDays(60, 1)...)}, 7, thisNoon, false, "- - - - - - -"},
		"a new name goes on for the old one": {
			[]History{heardOn("a.example", "Google Inc.", daysAgo(60, 6, 1)...), heardOn("a.example", "Google LLC", daysAgo(5, 1, 1)...)}, 7, thisNoon, false, "1/1 1/1 1/1 1/1 1/1 1/1 1/1"},
		"a retired domain is expected for three days more": {
			[]History{heardOn("a.example", "R", daysAgo(60, 6, 1)...), heardOn("a.example", "S", daysAgo(60, 6, 1)...)}, 6, thisNoon, false, "2/2 0/2 0/2 0/2 - -"},
		"nobody": {nil, 2, thisNoon, false, "- -"},
	} {
		t.Run(name, func(t *testing.T) {
			from := today - tlsrpt.Day(c.days)
			for _, byDomain := range []bool{true, false} {
				rows := completeness(c.histories, from, today, byDomain, c.upTo, c.syncing)
				if got := shares(rows, from, today); got != c.want {
					t.Errorf("by domain %t: got %s, want %s", byDomain, got, c.want)
				}
			}
		})
	}
}

func TestReportersCountOnceOverDomainsAndPairsByDomain(t *testing.T) {
	histories := []History{
		heardOn("a.example", "R", daysAgo(60, 1, 1)...), heardOn("b.example", "R", without(daysAgo(60, 1, 1), 2)...),
		heardOn("c.example", "T", daysAgo(60, 1, 2)...), heardOn("d.example", "T", daysAgo(59, 1, 2)...),
	}
	if got := shares(completeness(histories, today-3, today, false, thisNoon, false), today-3, today); got != "2/2 2/2 2/2" {
		t.Errorf("reporters: %s", got)
	}
	rows := completeness(histories, today-3, today, true, thisNoon, false)
	if len(rows) != 6 || rows[0].Domain != "a.example" || rows[4].Value() != 0 || rows[5].Value() != 1 {
		t.Errorf("pairs: %+v", rows)
	}
	if !rows[0].Settled || !rows[1].Settled || rows[2].Settled {
		t.Errorf("only yesterday's reports may still be on their way: %+v", rows[:3])
	}
}

func TestCompletenessHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var histories []History
		for _, reporter := range []string{"R", "S", "T"} {
			ago := without(daysAgo(60, 1, 1), rapid.SliceOfN(rapid.IntRange(1, 60), 0, 20).Draw(t, "missing")...)
			histories = append(histories, heardOn("a.example", reporter, ago...))
		}
		byDomain := rapid.Bool().Draw(t, "by domain")
		before := completeness(histories, today-60, today, byDomain, thisNoon, false)
		for _, r := range before {
			if r.Expected < 1 || r.Value() < 0 || r.Value() > 1 {
				t.Fatalf("out of bounds: %+v", r)
			}
		}
		added := today - tlsrpt.Day(rapid.IntRange(1, 60).Draw(t, "added"))
		more := slices.Clone(histories)
		more[0].Days = append(slices.Clone(histories[0].Days), DayHeard{Day: added, Reports: 1})
		more[0].finish()
		after := map[tlsrpt.Day]Coverage{}
		for _, r := range completeness(more, today-60, today, byDomain, thisNoon, false) {
			after[r.Day] = r
		}
		for _, r := range before {
			switch {
			case r.Day < added && after[r.Day] != r:
				t.Fatalf("a report for %s changes %s from %+v to %+v", added, r.Day, r, after[r.Day])
			case r.Day == added && after[r.Day].Value() < r.Value():
				t.Fatalf("a report more lowers %+v to %+v", r, after[r.Day])
			}
		}
	})
}

func BenchmarkCompleteness(b *testing.B) {
	var histories []History
	ago := without(daysAgo(120, 1, 1), 40, 70)
	for i := range 10_000 {
		for _, reporter := range []string{"Comcast", "Google LLC", "Mail.ru", "Microsoft Corporation", "Mimecast"} {
			histories = append(histories, heardOn(fmt.Sprintf("d%05d.example", i), reporter, ago...))
		}
	}
	for b.Loop() {
		completeness(histories, today-90, today, true, thisNoon, false)
	}
}

func completeness(histories []History, from, to tlsrpt.Day, byDomain bool, upTo time.Time, syncing bool) []Coverage {
	return surveyOf(histories, upTo).Completeness(from, to, byDomain, syncing)
}
