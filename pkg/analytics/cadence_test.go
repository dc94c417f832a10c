package analytics

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// today is a Monday; polls go well until its morning.
var (
	today     = tlsrpt.DayOf(at("2026-06-01T00:00:00Z"))
	thisNoon  = at("2026-06-01T12:00:00Z")
	yesterday = today - 1
)

// heardOn makes a history without failures of days counted back from today.
func heardOn(domain, reporter string, ago ...int) History {
	h := History{Domain: domain, Reporter: reporter}
	for _, n := range ago {
		h.Days = append(h.Days, DayHeard{Day: today - tlsrpt.Day(n), Reports: 1, Total: 10})
	}
	h.finish()
	return h
}

// daysAgo counts from one number of days ago to a smaller one.
func daysAgo(from, to, step int) []int {
	var all []int
	for n := from; n >= to; n -= step {
		all = append(all, n)
	}
	return all
}

func allFailing(h History) History {
	h.Days = slices.Clone(h.Days)
	for i := range h.Days {
		h.Days[i].Failed = 1
	}
	return h
}

func weekDays(from, to int) []int {
	return slices.DeleteFunc(daysAgo(from, to, 1), func(n int) bool {
		weekday := (today - tlsrpt.Day(n)).Time().Weekday()
		return weekday == time.Saturday || weekday == time.Sunday
	})
}

var irregular = []int{85, 84, 75, 70, 69, 62, 57, 50, 44, 41, 33, 32, 24, 19, 17, 9}

func TestCadenceOfOneReporter(t *testing.T) {
	storedLate := func(h History, days int) History {
		h.LastStored = (h.Last + 1).Time().Add(time.Duration(days)*day + 5*time.Hour)
		return h
	}
	hourly := heardOn("a.example", "Hourly", daysAgo(20, 1, 1)...)
	for i := range hourly.Days {
		hourly.Days[i].Reports = 24
	}
	for name, c := range map[string]struct {
		history   History
		kind      CadenceKind
		every     int
		overdue   int64
		state     ReporterState
		next      string
		noPoll    bool
		syncing   bool
		upTo      time.Time
		wantNoted string
	}{
		"daily for years is daily and reporting": {
			history: History{Domain: "a.example", Reporter: "R", Days: heardOn("", "", daysAgo(90, 1, 1)...).Days, First: today - 3000, Last: yesterday, Reports: 2999},
			kind:    Daily, every: 1, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"the report for yesterday may still be on its way for a day": {
			history: heardOn("a.example", "R", daysAgo(90, 2, 1)...), kind: Daily, every: 1, state: ReporterReporting, next: "2026-06-02T00:00:00Z"},
		"one day missed is quiet, not silent": {
			history: heardOn("a.example", "R", daysAgo(90, 3, 1)...), kind: Daily, every: 1, overdue: 1, state: ReporterQuiet, next: "2026-06-01T00:00:00Z"},
		"three days missed are silence": {
			history: heardOn("a.example", "R", daysAgo(90, 5, 1)...), kind: Daily, every: 1, overdue: 3, state: ReporterSilent, next: "2026-05-30T00:00:00Z", wantNoted: "every day"},
		"three days missed after nine reports are no silence yet": {
			history: heardOn("a.example", "R", daysAgo(13, 5, 1)...), kind: Daily, every: 1, overdue: 3, state: ReporterQuiet, next: "2026-05-30T00:00:00Z"},
		"week-days only is not late on a Monday": {
			history: heardOn("a.example", "R", weekDays(90, 1)...), kind: MailDays, every: 3, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"week-days only is silent after more than a week": {
			history: heardOn("a.example", "R", weekDays(90, 13)...), kind: MailDays, every: 3, overdue: 3, state: ReporterSilent, next: "2026-05-24T00:00:00Z"},
		"a reporter that leaves out Sundays is not daily": {
			history: heardOn("a.example", "R", slices.DeleteFunc(daysAgo(60, 2, 1), func(n int) bool { return (n-1)%7 == 0 })...),
			kind:    MailDays, every: 2, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"mail days of a small domain wait as long as they usually do": {
			history: heardOn("a.example", "R", irregular...), kind: MailDays, every: 8, state: ReporterReporting, next: "2026-06-02T00:00:00Z"},
		"mail days of a small domain are late after their longest usual gap": {
			history: heardOn("a.example", "R", irregular...), upTo: thisNoon.Add(10 * day), kind: MailDays, every: 8, overdue: 2, state: ReporterQuiet, next: "2026-06-02T00:00:00Z"},
		"mail days of a small domain are silent after three of those": {
			history: heardOn("a.example", "R", irregular...), upTo: thisNoon.Add(18 * day), kind: MailDays, every: 8, overdue: 3, state: ReporterSilent, next: "2026-06-02T00:00:00Z"},
		"one report only says nothing": {
			history: heardOn("a.example", "R", 3), kind: UnknownCadence, every: 1, state: ReporterReporting, wantNoted: "1 day,"},
		"one report only, long ago, is quiet and never overdue": {
			history: heardOn("a.example", "R", 60), kind: UnknownCadence, every: 1, state: ReporterQuiet},
		"a first week says nothing yet": {
			history: heardOn("a.example", "R", daysAgo(6, 1, 1)...), kind: UnknownCadence, every: 1, state: ReporterReporting},
		"after a week daily is known": {
			history: heardOn("a.example", "R", daysAgo(7, 1, 1)...), kind: Daily, every: 1, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"from daily to mail days: the last weeks count": {
			history: heardOn("a.example", "R", append(daysAgo(90, 21, 1), 17, 12, 10, 4)...), kind: MailDays, every: 4, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"from daily to mail days, long settled": {
			history: heardOn("a.example", "R", append(daysAgo(90, 45, 1), 40, 33, 30, 24, 17, 12, 10, 4)...), kind: MailDays, every: 6, state: ReporterReporting, next: "2026-06-05T00:00:00Z"},
		"from mail days to daily": {
			history: heardOn("a.example", "R", append([]int{80, 71, 65, 58, 50, 44, 41, 33}, daysAgo(28, 1, 1)...)...), kind: Daily, every: 1, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"a summer pause leaves a daily reporter daily": {
			history: heardOn("a.example", "R", append(daysAgo(90, 30, 1), daysAgo(6, 1, 1)...)...), kind: Daily, every: 1, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"a silence that came twice is a habit and none": {
			history: heardOn("a.example", "R", append(append(daysAgo(40, 22, 1), daysAgo(16, 12, 1)...), daysAgo(6, 5, 1)...)...), kind: MailDays, every: 2, overdue: 1, state: ReporterQuiet, next: "2026-05-31T00:00:00Z"},
		"reports that are always four days late are expected four days later": {
			history: storedLate(heardOn("a.example", "R", daysAgo(60, 5, 1)...), 4), kind: Daily, every: 1, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"a report that came a month late excuses no more than a week": {
			history: storedLate(heardOn("a.example", "R", daysAgo(60, 30, 1)...), 29), kind: Daily, every: 1, overdue: 21, state: ReporterSilent, next: "2026-05-12T00:00:00Z"},
		"periods of seven days count for one day each": {
			history: storedLate(heardOn("a.example", "R", daysAgo(88, 11, 7)...), 6), kind: MailDays, every: 7, state: ReporterReporting, next: "2026-06-05T00:00:00Z"},
		"a weekly reporter is silent after three weeks": {
			history: heardOn("a.example", "R", daysAgo(90, 27, 7)...), kind: MailDays, every: 7, overdue: 3, state: ReporterSilent, next: "2026-05-14T00:00:00Z"},
		"hourly reports are daily ones": {
			history: hourly, kind: Daily, every: 1, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"no successful poll yet: nothing is overdue": {
			history: heardOn("a.example", "R", daysAgo(90, 30, 1)...), noPoll: true, kind: Daily, every: 1, state: ReporterReporting, next: "2026-05-05T00:00:00Z"},
		"a first synchronisation: nothing is overdue": {
			history: heardOn("a.example", "R", daysAgo(90, 30, 1)...), syncing: true, kind: Daily, every: 1, state: ReporterReporting, next: "2026-05-05T00:00:00Z"},
		"our own outage of five days is nobody's silence": {
			history: heardOn("a.example", "R", daysAgo(90, 6, 1)...), upTo: thisNoon.Add(-5 * day), kind: Daily, every: 1, state: ReporterReporting, next: "2026-05-29T00:00:00Z"},
		"after the catch-up of our own outage all is as before": {
			history: storedLate(heardOn("a.example", "R", daysAgo(90, 1, 1)...), 0), kind: Daily, every: 1, state: ReporterReporting, next: "2026-06-03T00:00:00Z"},
		"a report from the future does not hide silence": {
			history: heardOn("a.example", "R", append(daysAgo(90, 5, 1), -3650)...), kind: Daily, every: 1, overdue: 3, state: ReporterSilent, next: "2026-05-30T00:00:00Z"},
		"known only by its first and last report": {
			history: History{Domain: "a.example", Reporter: "R", First: today - 400, Last: today - 200, Reports: 100}, kind: UnknownCadence, every: 1, state: ReporterQuiet, wantNoted: "more than 90 days"},
		"after a first synchronisation of years, silence is told from its first day": {
			history: History{Domain: "a.example", Reporter: "R", Days: heardOn("", "", daysAgo(90, 10, 1)...).Days, First: today - 3000, Last: today - 10, Reports: 2900},
			kind:    Daily, every: 1, overdue: 8, state: ReporterSilent, next: "2026-05-25T00:00:00Z", wantNoted: "last did for 22 May"},
		"what is known of a reporter is said where it is quiet": {
			history: heardOn("a.example", "Microsoft Corporation", append(daysAgo(40, 9, 1), 4)...), kind: Daily, every: 1, overdue: 2, state: ReporterQuiet, next: "2026-05-31T00:00:00Z", wantNoted: "days with mail only"},
	} {
		t.Run(name, func(t *testing.T) {
			upTo := thisNoon
			if !c.upTo.IsZero() {
				upTo = c.upTo
			}
			if c.noPoll {
				upTo = time.Time{}
			}
			for _, got := range append(Cadences([]History{c.history}, upTo, c.syncing), reporterCadences([]History{c.history}, upTo, c.syncing)...) {
				if got.Kind != c.kind || got.Every != c.every || got.Overdue != c.overdue || got.State != c.state {
					t.Errorf("got %s every %d, overdue %d, %s; want %s every %d, overdue %d, %s",
						got.Kind, got.Every, got.Overdue, got.State, c.kind, c.every, c.overdue, c.state)
				}
				var next time.Time
				if c.next != "" {
					next = at(c.next)
				}
				if !got.ExpectedNext.Equal(next) {
					t.Errorf("expected next %s, want %s", got.ExpectedNext, c.next)
				}
				if !strings.Contains(got.Note, c.wantNoted) {
					t.Errorf("note %q lacks %q", got.Note, c.wantNoted)
				}
			}
		})
	}
}

func cadenceOf(t *testing.T, all []Cadence, domain, reporter string) Cadence {
	t.Helper()
	for _, c := range all {
		if c.Domain == domain && c.Reporter == reporter {
			return c
		}
	}
	t.Fatalf("no row for %q of %q in %+v", reporter, domain, all)
	return Cadence{}
}

func TestFailuresOnly(t *testing.T) {
	others := heardOn("a.example", "Other", daysAgo(90, 1, 1)...)
	for name, c := range map[string]struct {
		histories []History
		want      CadenceKind
	}{
		"only failing reports while others found clean days": {[]History{allFailing(heardOn("a.example", "R", 60, 59, 40)), others}, FailuresOnly},
		"many failing reports on mail days":                  {[]History{allFailing(heardOn("a.example", "R", irregular...)), others}, FailuresOnly},
		"failing every day is a daily reporter's bad time":   {[]History{allFailing(heardOn("a.example", "R", daysAgo(60, 5, 1)...)), others}, Daily},
		"all fail on all days, so the habit can't be told":   {[]History{allFailing(heardOn("a.example", "R", irregular...)), allFailing(others)}, MailDays},
		"nobody else was heard":                              {[]History{allFailing(heardOn("a.example", "R", irregular...))}, MailDays},
		"Microsoft is known to report successes":             {[]History{allFailing(heardOn("a.example", "Microsoft Corporation", irregular...)), others}, MailDays},
		"one clean report is enough":                         {[]History{{Domain: "a.example", Reporter: "R", First: today - 60, Last: today - 40, Days: append(allFailing(heardOn("", "", 60, 59, 58)).Days, heardOn("", "", 40).Days...)}, others}, UnknownCadence},
		"clean on another domain is clean": {[]History{allFailing(heardOn("a.example", "R", 60, 59, 40)), others,
			heardOn("b.example", "R", 3)}, FailuresOnly},
	} {
		t.Run(name, func(t *testing.T) {
			reporter := c.histories[0].Reporter
			got := cadenceOf(t, Cadences(c.histories, thisNoon, false), "a.example", reporter)
			if got.Kind != c.want {
				t.Errorf("got %s, want %s", got.Kind, c.want)
			}
			if c.want == FailuresOnly && (got.Overdue != 0 || !got.ExpectedNext.IsZero() || got.State == ReporterSilent || !strings.Contains(got.Note, "good news")) {
				t.Errorf("failures only, and yet %+v", got)
			}
			over := cadenceOf(t, reporterCadences(c.histories, thisNoon, false), "", reporter)
			if len(over.Domains) == 2 && over.Kind == FailuresOnly {
				t.Error("a reporter that reported success on one domain reports on failures only")
			}
		})
	}
}

func TestAReporterThatChangesItsName(t *testing.T) {
	for name, c := range map[string]struct {
		old, new        string
		oldDays, newAgo []int
		wantGoesOn      bool
	}{
		"a known one":                                   {"Google Inc.", "Google LLC", daysAgo(90, 20, 1), daysAgo(19, 1, 1), true},
		"a known one, both names for a while":           {"Google Inc.", "Google LLC", daysAgo(90, 20, 1), daysAgo(60, 1, 1), true},
		"a similar name that starts when it stops":      {"Mail Ltd", "Mail Services GmbH", daysAgo(90, 20, 1), daysAgo(19, 1, 1), true},
		"a domain for a name":                           {"Fastmail", "fastmail.com", daysAgo(90, 20, 1), daysAgo(22, 1, 1), true},
		"a similar name that was there long before":     {"Mail Ltd", "Mail Services GmbH", daysAgo(90, 20, 1), daysAgo(60, 1, 1), false},
		"another name that starts when it stops":        {"Deutsche Post", "Deutsche Bahn", daysAgo(90, 20, 1), daysAgo(19, 1, 1), false},
		"a similar name that stopped at the same time":  {"Mail Ltd", "Mail Services GmbH", daysAgo(90, 20, 1), daysAgo(25, 20, 1), false},
		"a new name on mail days":                       {"Mail Ltd", "Mail GmbH", []int{85, 80, 77, 70, 66, 60, 55, 50, 44}, []int{33, 30, 22, 20, 9, 5, 3}, true},
		"a name of legal forms only is like no other's": {"AG", "SE", daysAgo(90, 20, 1), daysAgo(19, 1, 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			histories := []History{heardOn("a.example", c.old, c.oldDays...), heardOn("a.example", c.new, c.newAgo...)}
			for _, rows := range [][]Cadence{Cadences(histories, thisNoon, false), reporterCadences(histories, thisNoon, false)} {
				old, now := cadenceOf(t, rows, rows[0].Domain, c.old), cadenceOf(t, rows, rows[0].Domain, c.new)
				if !c.wantGoesOn {
					if old.GoesOnAs != "" || old.Overdue == 0 {
						t.Errorf("goes on as %q, overdue %d", old.GoesOnAs, old.Overdue)
					}
					continue
				}
				if old.State != ReporterQuiet || old.Overdue != 0 || old.Note != "It goes on as "+c.new+"." {
					t.Errorf("old name: %+v", old)
				}
				if !strings.Contains(now.Note, "It was "+c.old+" before.") || now.First != histories[0].First || now.Reports != histories[0].Reports+histories[1].Reports {
					t.Errorf("new name: %+v", now)
				}
			}
		})
	}
}

func TestADomainWithoutMailSinceTheRenameHasTheNewNameToo(t *testing.T) {
	histories := []History{
		heardOn("a.example", "Google Inc.", daysAgo(90, 20, 1)...), heardOn("a.example", "Google LLC", daysAgo(19, 1, 1)...),
		heardOn("b.example", "Google Inc.", daysAgo(90, 20, 1)...),
	}
	got := cadenceOf(t, Cadences(histories, thisNoon, false), "b.example", "Google Inc.")
	if got.GoesOnAs != "Google LLC" || got.Overdue != 0 || got.State != ReporterQuiet {
		t.Errorf("got %+v", got)
	}
}

func TestAChainOfNamesEndsInOneHistory(t *testing.T) {
	histories := []History{
		heardOn("a.example", "Mail Inc", daysAgo(90, 60, 1)...), heardOn("a.example", "Mail LLC", daysAgo(59, 30, 1)...), heardOn("a.example", "Mail SE", daysAgo(29, 1, 1)...),
	}
	got := cadenceOf(t, Cadences(histories, thisNoon, false), "a.example", "Mail SE")
	if got.DaysHeard != 90 || got.Note != "It was Mail Inc, Mail LLC before." {
		t.Errorf("got %+v", got)
	}
}

func TestHistoriesComeFromTheStoresRows(t *testing.T) {
	rows := []store.SessionRow{
		{Bucket: today.Time(), Group: []string{"b.example", "R"}, Reports: 1, Successful: 5, Failed: 1},
		{Bucket: yesterday.Time(), Group: []string{"b.example", "R"}, Reports: 2, Successful: 20, Failed: 4, OverlapTotal: 10, OverlapFailed: 2},
		{Bucket: today.Time(), Group: []string{"a.example", "R"}, Reports: 1, Successful: 5},
	}
	known := []store.ReporterRow{
		{Reporter: "R", PolicyDomain: "b.example", FirstReport: today - 500, LastReport: today, LastStored: thisNoon, Reports: 400},
		{Reporter: "Q", PolicyDomain: "b.example", FirstReport: today - 500, LastReport: today - 100, Reports: 40},
	}
	want := []History{
		{Domain: "a.example", Reporter: "R", Days: []DayHeard{{today, 1, 5, 0}}, First: today, Last: today, Reports: 1},
		{Domain: "b.example", Reporter: "Q", First: today - 500, Last: today - 100, Reports: 40},
		{Domain: "b.example", Reporter: "R", Days: []DayHeard{{yesterday, 2, 14, 2}, {today, 1, 6, 1}}, First: today - 500, Last: today, Reports: 400, LastStored: thisNoon},
	}
	if diff := cmp.Diff(want, Histories(rows, known, Distinct, thisNoon.Add(-day))); diff != "" {
		t.Error(diff)
	}
	want[2].LastStored = time.Time{}
	for _, live := range []time.Time{{}, thisNoon} {
		if diff := cmp.Diff(want, Histories(rows, known, Distinct, live)); diff != "" {
			t.Errorf("what was stored before the reports came as they were sent tells no lateness: %s", diff)
		}
	}
}

func TestCadencesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var histories []History
		for _, domain := range []string{"a.example", "b.example"} {
			for _, reporter := range []string{"Google Inc.", "Google LLC", "R", "S"} {
				ago := rapid.SliceOfNDistinct(rapid.IntRange(0, 90), 0, 60, rapid.ID).Draw(t, "heard")
				if len(ago) == 0 {
					continue
				}
				h := heardOn(domain, reporter, ago...)
				for i := range h.Days {
					h.Days[i].Failed = rapid.Int64Range(0, 1).Draw(t, "failed")
				}
				histories = append(histories, h)
			}
		}
		shuffled := rapid.Permutation(histories).Draw(t, "order")
		if diff := cmp.Diff(Cadences(histories, thisNoon, false), surveyOf(shuffled, thisNoon).Cadences(false)); diff != "" {
			t.Fatalf("it matters that domains are added one by one: %s", diff)
		}
		for _, judge := range []func([]History, time.Time, bool) []Cadence{Cadences, reporterCadences} {
			now, later := judge(histories, thisNoon, false), judge(histories, thisNoon.Add(day), false)
			if diff := cmp.Diff(now, judge(shuffled, thisNoon, false)); diff != "" {
				t.Fatalf("the order of histories matters: %s", diff)
			}
			for i, c := range now {
				switch {
				case c.Every < 1 || c.Overdue < 0:
					t.Fatalf("out of bounds: %+v", c)
				case c.Overdue > 0 && !c.canBeOverdue():
					t.Fatalf("overdue without a cadence: %+v", c)
				case c.State == ReporterSilent && c.Overdue < SilentAfter:
					t.Fatalf("silent too soon: %+v", c)
				case c.Domain != "" && later[i].Overdue < c.Overdue:
					t.Fatalf("a day later it is less overdue: %+v, %+v", c, later[i])
				}
			}
			for _, c := range judge(histories, thisNoon, true) {
				if c.Overdue != 0 {
					t.Fatalf("overdue in the first synchronisation: %+v", c)
				}
			}
		}
	})
}

// reporterCadences are those over all domains.
func reporterCadences(histories []History, upTo time.Time, syncing bool) []Cadence {
	return surveyOf(histories, upTo).AllCadences(syncing, func([]Cadence) {})
}

// surveyOf adds one domain after the other, the last first, the histories of each
// as they stand.
func surveyOf(histories []History, upTo time.Time) *Survey {
	byDomain := map[string][]History{}
	for _, h := range histories {
		byDomain[h.Domain] = append(byDomain[h.Domain], h)
	}
	s := NewSurvey(upTo)
	for _, domain := range slices.Backward(slices.Sorted(maps.Keys(byDomain))) {
		s.Add(byDomain[domain])
	}
	return s
}
