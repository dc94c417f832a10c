package query

import (
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// every is a report a day, the last day included. What is to be reported may
// differ by day; nothing is a clean day under MTA-STS.
func every(reporter, domain, first, last string, said ...func(day string) []tlsrpt.Policy) []sent {
	var reports []sent
	for d := at(first); !d.After(at(last)); d = d.AddDate(0, 0, 1) {
		s := sent{reporter: reporter, day: d.Format(time.DateOnly), policies: sts(domain, 10, 0)}
		for _, say := range said {
			s.policies = say(s.day)
		}
		reports = append(reports, s)
	}
	return reports
}

// from says one thing before a day and another from it on.
func from(day string, before, after []tlsrpt.Policy) func(string) []tlsrpt.Policy {
	return func(d string) []tlsrpt.Policy {
		if d < day {
			return before
		}
		return after
	}
}

// holding makes boards of reports whose mailbox was polled at noon of 9 March.
func holding(lists ...[]sent) func(t *testing.T) *board {
	return func(t *testing.T) *board {
		var all []sent
		for _, list := range lists {
			all = append(all, list...)
		}
		b := newBoard(t, all...)
		b.sources = []Source{polled("mb1", "2026-03-09T12:00")}
		return b
	}
}

func lastPolled(when string) func(b *board) {
	return func(b *board) { b.sources = []Source{polled("mb1", when)} }
}

func synchronising(b *board) {
	b.sources[0].State, b.sources[0].FirstSync = "syncing", time.Time{}
}

func expecting(domains ...string) func(b *board) {
	return func(b *board) { b.domains = domains }
}

const noon9 = "2026-03-08 2026-03-09T12:00"

func TestOverdue(t *testing.T) {
	stopped := holding(every("Google", "a.example", "2026-02-01", "2026-03-01"), every("Mail.ru", "a.example", "2026-02-01", "2026-03-07"))
	elsewhere := holding(every("Google", "a.example", "2026-02-01", "2026-03-01"), every("Mail.ru", "a.example", "2026-02-01", "2026-03-07"), every("Google", "b.example", "2026-02-01", "2026-03-07"))
	const byPair = `"metric":"overdue","groupBy":["policyDomain","reporter"]`
	const byReporter = `"metric":"overdue","groupBy":["reporter","domains"]`
	for _, c := range []asOfCase{
		{"a daily reporter that stopped has missed a cadence a day, after the day and the time a report may take", stopped, byPair, noon9, []string{"a.example/Google/6", "a.example/Mail.ru/0"}},
		{"of a domain the most overdue reporter counts", stopped, `"metric":"overdue","groupBy":["policyDomain"]`, noon9, []string{"a.example/6"}},
		{"without groups there is one row", stopped, `"metric":"overdue"`, noon9, []string{"6"}},
		{"what we did not fetch in our own outage is not overdue", with(stopped, lastPolled("2026-03-03T12:00")), byPair, noon9, []string{"a.example/Google/0", "a.example/Mail.ru/0"}},
		{"what was never fetched is not overdue", with(stopped, func(b *board) { b.sources[0].LastSuccess = time.Time{} }), byPair, noon9, []string{"a.example/Google/0", "a.example/Mail.ru/0"}},
		{"the source that was read least long ago tells nothing of the others", with(stopped, func(b *board) { b.sources = append(b.sources, polled("mb2", "2026-03-03T12:00")) }), byPair, noon9,
			[]string{"a.example/Google/0", "a.example/Mail.ru/0"}},
		{"a source that nobody has read for a month holds nothing up", with(stopped, func(b *board) { b.sources = append(b.sources, polled("old", "2026-01-20")) }), byPair, noon9,
			[]string{"a.example/Google/6", "a.example/Mail.ru/0"}},
		{"during a first synchronisation nothing is overdue", with(stopped, synchronising), byPair, noon9, []string{"a.example/Google/0", "a.example/Mail.ru/0"}},
		{"before the tenth report nothing is overdue", holding(every("Google", "a.example", "2026-02-20", "2026-02-28")), byPair, noon9, []string{"a.example/Google/0"}},
		{"a reporter that reports on another domain is not overdue, and its domains are told in words", elsewhere, byReporter, noon9,
			[]string{"Google/a.example, b.example/0", "Mail.ru/a.example/0"}},
		{"a reporter that stopped everywhere is overdue", stopped, byReporter, noon9, []string{"Google/a.example/6", "Mail.ru/a.example/0"}},
		{"whom no one heard in 60 days has no row", stopped, byPair, "2026-05-01 2026-05-02", []string{"a.example/Mail.ru/0"}},
		{"an earlier range is judged by what was known then", stopped, byPair, "2026-02-26 2026-02-27T12:00", []string{"a.example/Google/0", "a.example/Mail.ru/0"}},
		{"every literal name in domains has its row", with(stopped, expecting("silent.example", "*.example")), `"metric":"overdue","groupBy":["policyDomain"]`, noon9, []string{"a.example/6", "silent.example/0"}},
		{"an empty store has the literal names alone", with(holding(), expecting("silent.example")), byPair, noon9, []string{"silent.example//0"}},
		{"an empty store without names is no data", holding(), byPair, noon9, nil},
		{"filters hold", stopped, byPair + `,"filters":[{"dimension":"reporter","operator":"!=","values":["Google"]}]`, noon9, []string{"a.example/Mail.ru/0"}},
		{"rows are never cut by limit", stopped, byPair + `,"limit":1`, noon9, []string{"a.example/Google/6", "a.example/Mail.ru/0"}},
	} {
		c.run(t)
	}
}

func TestSilentDays(t *testing.T) {
	silent := holding(every("Google", "a.example", "2026-02-01", "2026-03-01"), every("Mail.ru", "a.example", "2026-02-01", "2026-02-28"), every("Google", "b.example", "2026-02-01", "2026-03-07"))
	const byDomain = `"metric":"silentDays","groupBy":["policyDomain"]`
	for _, c := range []asOfCase{
		{"days since the last report of a domain whose reporters are all overdue", silent, byDomain, noon9, []string{"a.example/7", "b.example/0"}},
		{"a domain with one reporter that goes on is not silent", holding(every("Google", "a.example", "2026-02-01", "2026-03-01"), every("Mail.ru", "a.example", "2026-02-01", "2026-03-07")), byDomain, noon9, []string{"a.example/0"}},
		{"in our own outage no domain is silent", with(silent, lastPolled("2026-03-03T12:00")), byDomain, noon9, []string{"a.example/0", "b.example/0"}},
		{"during a first synchronisation no domain is silent", with(silent, synchronising), byDomain, noon9, []string{"a.example/0", "b.example/0"}},
		{"a domain without any report has its row", with(silent, expecting("never.example")), byDomain, noon9, []string{"a.example/7", "b.example/0", "never.example/0"}},
		{"an empty store is no data", holding(), byDomain, noon9, nil},
	} {
		c.run(t)
	}
}

func TestHistoryDays(t *testing.T) {
	known := holding([]sent{{day: "2025-12-01", reporter: "Comcast", policies: sts("a.example", 1, 0)}, {day: "2026-03-08", policies: sts("a.example", 1, 0)}, {day: "2026-03-07", policies: sts("b.example", 1, 0)},
		{day: "2025-12-01", policies: sts("old.example", 1, 0)}})
	for _, c := range []asOfCase{
		{"days since the domain's first report by anyone; domains of 60 days and literal names have their rows", with(known, expecting("new.example")), `"metric":"historyDays","groupBy":["policyDomain"]`, noon9,
			[]string{"a.example/98", "b.example/2", "new.example/0"}},
		{"without groups the longest counts", known, `"metric":"historyDays"`, noon9, []string{"98"}},
		{"an empty store is no data", holding(), `"metric":"historyDays","groupBy":["policyDomain"]`, noon9, nil},
	} {
		c.run(t)
	}
}

func TestSourceMetrics(t *testing.T) {
	sources := func(t *testing.T) *board {
		b := newBoard(t, sent{day: "2026-03-08", stored: "2026-03-09T10:00", policies: sts("a.example", 1, 0)}, sent{day: "2026-03-08", stored: "2026-03-09T10:10", policies: sts("b.example", 1, 0)})
		b.quarantine(t, "2026-03-09T11:00", "mb1", "invalid-json")
		b.quarantine(t, "2026-03-07T11:00", "mb1", "invalid-json")
		b.sources = []Source{polled("mb1", "2026-03-09T11:00"), polled("drop1", "2026-03-09T06:00")}
		b.sources[0].PollInterval, b.sources[1].PollInterval = 5*time.Minute, time.Hour
		return b
	}
	for _, c := range []asOfCase{
		{"polls missed are the age in the source's own intervals", sources, `"metric":"pollsMissed","groupBy":["source"]`, noon9, []string{"drop1/6", "mb1/12"}},
		{"without groups the most missed count", sources, `"metric":"pollsMissed"`, noon9, []string{"12"}},
		{"during a first synchronisation none is missed", with(sources, func(b *board) { b.sources[0].FirstSync = time.Time{} }), `"metric":"pollsMissed","groupBy":["source"]`, noon9, []string{"drop1/6", "mb1/0"}},
		{"a source without a known interval misses none", with(sources, func(b *board) { b.sources[0].PollInterval = 0 }), `"metric":"pollsMissed","groupBy":["source"]`, noon9, []string{"drop1/6", "mb1/0"}},
		{"arrivals are all documents seen in the range, and every source has its row", sources, `"metric":"arrivals","groupBy":["source"]`, noon9, []string{"drop1/0", "mb1/3"}},
		{"filters on source hold", sources, `"metric":"arrivals","groupBy":["source"],"filters":[{"dimension":"source","values":["drop1"]}]`, noon9, []string{"drop1/0"}},
		{"without sources there is no data", func(t *testing.T) *board { return newBoard(t) }, `"metric":"arrivals","groupBy":["source"]`, noon9, nil},
	} {
		c.run(t)
	}
}

func TestReporterThatIsTrustedOnly(t *testing.T) {
	b := holding(every("Google", "a.example", "2026-02-01", "2026-03-01"))(t)
	b.take(t, sent{reporter: "Google", day: "2026-03-07", trust: store.Unauthenticated, policies: sts("a.example", 1, 0)})
	query := func(trust string) string {
		return rows(t, b.ask(t, `{"queryType":"summary","metric":"overdue","groupBy":["policyDomain","reporter"],"trust":"`+trust+`"}`, noon9))[0]
	}
	if got := query("any"); got != "a.example/Google/0" {
		t.Errorf("any: %s", got)
	}
	if got := query("authenticated"); got != "a.example/Google/6" {
		t.Errorf("a forged report ends a silence: %s", got)
	}
}
