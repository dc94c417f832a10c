package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// An asOfCase is one sentence of the contract on metrics as of the end of the range.
type asOfCase struct {
	name  string
	board func(t *testing.T) *board
	query string // without the query type
	span  string
	want  []string
}

func (c asOfCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		answer := c.board(t).ask(t, `{"queryType":"summary",`+c.query+`}`, c.span)
		if diff := cmp.Diff(c.want, sorted(rows(t, answer))); diff != "" {
			t.Error(diff)
		}
	})
}

// heard is a board whose mailbox was polled an hour before the end of the
// span's range: reports by Google an hour before that, by Mail.ru 25 hours.
func heard(t *testing.T) *board {
	b := newBoard(t,
		sent{day: "2026-03-08", stored: "2026-03-09T10:00", policies: sts("a.example", 1, 0)},
		sent{day: "2026-03-08", stored: "2026-03-09T09:00", policies: sts("b.example", 1, 0)},
		sent{day: "2026-03-07", stored: "2026-03-08T10:00", reporter: "Mail.ru", trust: store.Pending, policies: sts("a.example", 1, 0)},
		sent{day: "2026-01-01", stored: "2026-01-02T10:00", reporter: "Comcast", policies: sts("old.example", 1, 0)},
	)
	b.sources = []Source{polled("mb1", "2026-03-09T11:00")}
	return b
}

const (
	lastDay = "2026-03-08T12:00 2026-03-09T12:00"
	hour    = "3600"
)

func with(make func(t *testing.T) *board, change func(b *board)) func(t *testing.T) *board {
	return func(t *testing.T) *board {
		b := make(t)
		change(b)
		return b
	}
}

func TestReportAge(t *testing.T) {
	literal := with(heard, func(b *board) { b.domains = []string{"*.example", "Silent.Example.", "münchen.example", "a.example"} })
	for _, c := range []asOfCase{
		{"seconds since the last report was stored, up to the last successful poll, by domain and reporter", heard,
			`"metric":"reportAge","groupBy":["policyDomain","reporter"]`, lastDay,
			[]string{"a.example/Google/" + hour, "a.example/Mail.ru/90000", "b.example/Google/7200"}},
		{"of a domain the youngest report counts", heard, `"metric":"reportAge","groupBy":["policyDomain"]`, lastDay,
			[]string{"a.example/" + hour, "b.example/7200"}},
		{"of a reporter the youngest report counts", heard, `"metric":"reportAge","groupBy":["reporter"]`, lastDay, []string{"Google/" + hour, "Mail.ru/90000"}},
		{"without groups there is one row", heard, `"metric":"reportAge"`, lastDay, []string{hour}},
		{"every domain and reporter heard of in 60 days has its row", heard, `"metric":"reportAge","groupBy":["policyDomain","reporter"]`, "2026-02-28 2026-03-01",
			[]string{"a.example/Google/0", "a.example/Mail.ru/0", "b.example/Google/0", "old.example/Comcast/4975200"}},
		{"every literal name in domains has its row, also when nothing came", literal, `"metric":"reportAge","groupBy":["policyDomain"]`, lastDay,
			[]string{"a.example/" + hour, "b.example/7200", "silent.example/5828400", "xn--mnchen-3ya.example/5828400"}},
		{"a literal name has its row beside reporters", literal, `"metric":"reportAge","groupBy":["policyDomain","reporter"],"filters":[{"dimension":"policyDomain","operator":"!~","values":["^[abx]"]}]`, lastDay,
			[]string{"silent.example//5828400"}},
		{"a literal name has its row also when nothing came of the reporter that is filtered by", literal,
			`"metric":"reportAge","groupBy":["policyDomain"],"filters":[{"dimension":"reporter","values":["Mail.ru"]},{"dimension":"policyDomain","operator":"!~","values":["^x"]}]`, lastDay,
			[]string{"a.example/90000", "silent.example/5828400"}},
		{"a literal name is no reporter", literal, `"metric":"reportAge","groupBy":["reporter"]`, lastDay, []string{"Google/" + hour, "Mail.ru/90000"}},
		{"trust authenticated asks for the last authenticated report", heard, `"metric":"reportAge","groupBy":["policyDomain","reporter"],"trust":"authenticated"`, lastDay,
			[]string{"a.example/Google/" + hour, "b.example/Google/7200"}},
		{"filters hold", heard, `"metric":"reportAge","groupBy":["policyDomain"],"filters":[{"dimension":"reporter","operator":"!=","values":["Google"]}]`, lastDay,
			[]string{"a.example/90000"}},
		{"rows are never cut by limit", heard, `"metric":"reportAge","groupBy":["policyDomain","reporter"],"limit":1`, lastDay,
			[]string{"a.example/Google/" + hour, "a.example/Mail.ru/90000", "b.example/Google/7200"}},
		{"what a failing poll did not fetch is not held against a reporter", with(heard, func(b *board) {
			b.sources = []Source{polled("mb1", "2026-03-09T10:00")}
			b.sources[0].State = "failing"
		}), `"metric":"reportAge","groupBy":["policyDomain"]`, lastDay, []string{"a.example/0", "b.example/" + hour}},
		{"during a first synchronisation ages are 0", with(literal, func(b *board) {
			b.sources = append(b.sources, Source{SourceRow: polled("mb2", "2026-03-09T11:00").SourceRow})
			b.sources[1].State = "syncing"
		}), `"metric":"reportAge","groupBy":["policyDomain"]`, lastDay,
			[]string{"a.example/0", "b.example/0", "silent.example/0", "xn--mnchen-3ya.example/0"}},
		{"a source that never worked does not hide that others hear nothing", with(heard, func(b *board) {
			b.sources = append(b.sources, Source{FirstConfigured: at("2026-03-01")})
			b.sources[1].State = "misconfigured"
		}), `"metric":"reportAge","groupBy":["policyDomain"]`, lastDay, []string{"a.example/" + hour, "b.example/7200"}},
	} {
		c.run(t)
	}
}

func TestPollAge(t *testing.T) {
	sources := func(t *testing.T) *board {
		b := newBoard(t)
		never := Source{FirstConfigured: at("2026-03-09T10:00")}
		never.ID, never.State = "broken", "misconfigured"
		first := Source{FirstConfigured: at("2026-03-09T10:00")}
		first.ID, first.State = "first", "syncing"
		restarted := polled("restarted", "2026-03-09T11:00")
		restarted.State = "syncing"
		b.sources = []Source{polled("mb1", "2026-03-09T11:00"), never, first, restarted}
		return b
	}
	for _, c := range []asOfCase{
		{"seconds since the last successful poll, or since first configured; every source has its row; 0 during the first synchronisation", sources,
			`"metric":"pollAge","groupBy":["source"]`, lastDay, []string{"broken/7200", "first/0", "mb1/3600", "restarted/3600"}},
		{"without groups the oldest counts", sources, `"metric":"pollAge"`, lastDay, []string{"7200"}},
		{"rows are never cut by limit", sources, `"metric":"pollAge","groupBy":["source"],"limit":1`, lastDay, []string{"broken/7200", "first/0", "mb1/3600", "restarted/3600"}},
		{"filters on source hold", sources, `"metric":"pollAge","groupBy":["source"],"filters":[{"dimension":"source","operator":"=~","values":["^m"]}]`, lastDay, []string{"mb1/3600"}},
		{"a poll after the end of the range is no age", sources, `"metric":"pollAge","groupBy":["source"],"filters":[{"dimension":"source","values":["mb1"]}]`,
			"2026-03-09 2026-03-09T10:30", []string{"mb1/0"}},
		{"without sources there is no data", func(t *testing.T) *board { return newBoard(t) }, `"metric":"pollAge","groupBy":["source"]`, lastDay, nil},
	} {
		c.run(t)
	}
}

func TestQuarantined(t *testing.T) {
	full := func(t *testing.T) *board {
		b := newBoard(t)
		b.quarantine(t, "2026-03-09T10:00", "mb1", "invalid-json")
		b.quarantine(t, "2026-03-09T10:30", "mb1", "invalid-json")
		b.quarantine(t, "2026-03-09T11:00", "mb1", "foreign-domain")
		b.quarantine(t, "2026-03-08T10:00", "drop1", "invalid-json") // before the range
		b.quarantine(t, "2026-03-09T11:00", "import", "too-large")   // no configured source
		b.sources = []Source{polled("mb1", "2026-03-09T11:00"), polled("drop1", "2026-03-09T11:00")}
		return b
	}
	for _, c := range []asOfCase{
		{"arrivals in the range, by source and reason; every source has its row", full, `"metric":"quarantined","groupBy":["source","quarantineReason"]`, lastDay,
			[]string{"drop1//0", "import/too-large/1", "mb1/foreign-domain/1", "mb1/invalid-json/2"}},
		{"by source they add up", full, `"metric":"quarantined","groupBy":["source"]`, lastDay, []string{"drop1/0", "import/1", "mb1/3"}},
		{"without groups there is one row", full, `"metric":"quarantined"`, lastDay, []string{"4"}},
		{"filters on source and reason hold", full, `"metric":"quarantined","groupBy":["source"],"filters":[{"dimension":"quarantineReason","operator":"=","values":["invalid-json"]},{"dimension":"source","operator":"!=","values":["import"]}]`,
			lastDay, []string{"drop1/0", "mb1/2"}},
		{"rows are never cut by limit", full, `"metric":"quarantined","groupBy":["source"],"limit":1`, lastDay, []string{"drop1/0", "import/1", "mb1/3"}},
	} {
		c.run(t)
	}
}

func TestNewFailedSessions(t *testing.T) {
	expired := func(n int64) []sent {
		return []sent{{day: "2026-03-09", policies: sts("a.example", 9, n, detail("certificate-expired", "mx1", "192.0.2.1", n))}}
	}
	before := func(day string, failed int64) sent {
		return sent{day: day, policies: sts("a.example", 9, failed, detail("certificate-expired", "mx2", "192.0.2.1", failed))}
	}
	holding := func(reports ...sent) func(t *testing.T) *board {
		return func(t *testing.T) *board { return newBoard(t, reports...) }
	}
	const byBoth = `"metric":"newFailedSessions","groupBy":["policyDomain","resultType"]`
	const march9 = "2026-03-09T06:00 2026-03-09T18:00"
	for _, c := range []asOfCase{
		{"failed sessions of result types that the domain did not have before the range", holding(expired(3)...), byBoth, march9, []string{"a.example/certificate-expired/3"}},
		{"a failure on the first day of a range that starts within that day is new", holding(append(expired(3), before("2026-03-09", 2))...), byBoth, march9,
			[]string{"a.example/certificate-expired/5"}},
		{"a result type that the domain had the day before is not new, and has its row", holding(append(expired(3), before("2026-03-08", 1))...), byBoth, march9,
			[]string{"a.example/certificate-expired/0"}},
		{"a result type of 30 days before is known", holding(append(expired(3), before("2026-02-07", 1))...), byBoth, march9, []string{"a.example/certificate-expired/0"}},
		{"a result type of 31 days before is forgotten", holding(append(expired(3), before("2026-02-06", 1))...), byBoth, march9, []string{"a.example/certificate-expired/3"}},
		{"baselineDays says how far back is looked", holding(append(expired(3), before("2026-02-06", 1))...), byBoth + `,"baselineDays":31`, march9, []string{"a.example/certificate-expired/0"}},
		{"a detail without a failed session makes no result type known", holding(append(expired(3), before("2026-03-08", 0))...), byBoth, march9, []string{"a.example/certificate-expired/3"}},
		{"another domain's result type is not known to this one", holding(append(expired(3), sent{day: "2026-03-08", policies: sts("b.example", 1, 1, detail("certificate-expired", "mx", "192.0.2.1", 1))})...),
			byBoth, march9, []string{"a.example/certificate-expired/3", "b.example//0"}},
		{"every domain heard of in 60 days, and every literal name in domains, has its row", with(holding(sent{day: "2026-02-01", policies: sts("quiet.example", 1, 0)}), func(b *board) { b.domains = []string{"silent.example"} }),
			`"metric":"newFailedSessions","groupBy":["policyDomain"]`, march9, []string{"quiet.example/0", "silent.example/0"}},
		{"filtered by a result type, every domain has its row", with(holding(append(expired(3), sent{day: "2026-03-08", policies: sts("b.example", 1, 0)})...), func(b *board) { b.domains = []string{"silent.example"} }),
			`"metric":"newFailedSessions","groupBy":["policyDomain"],"filters":[{"dimension":"resultType","values":["certificate-expired"]}]`, march9,
			[]string{"a.example/3", "b.example/0", "silent.example/0"}},
		{"rows are never cut by limit", holding(append(expired(3), sent{day: "2026-03-08", policies: sts("b.example", 1, 0)})...), byBoth + `,"limit":1`, march9,
			[]string{"a.example/certificate-expired/3", "b.example//0"}},
		{"distinct takes away what was said twice", holding(sent{day: "2026-03-09", reporter: "Microsoft Corporation", policies: twice("a.example", 9, 2, detail("validation-failure", "mx", "192.0.2.1", 2))}),
			byBoth, march9, []string{"a.example/validation-failure/2"}},
		{"reported sums every policy", holding(sent{day: "2026-03-09", reporter: "Microsoft Corporation", policies: twice("a.example", 9, 2, detail("validation-failure", "mx", "192.0.2.1", 2))}),
			byBoth + `,"counting":"reported"`, march9, []string{"a.example/validation-failure/4"}},
		{"by stored time a failure in the first hour of the range is new", holding(
			sent{day: "2026-03-08", stored: "2026-03-09T06:10", policies: sts("a.example", 1, 1, detail("validation-failure", "mx", "192.0.2.1", 1))}),
			byBoth + `,"timeField":"stored"`, "2026-03-09T06:30 2026-03-09T18:00", []string{"a.example/validation-failure/1"}},
		{"by stored time a failure in the hour before is known", holding(
			sent{day: "2026-03-07", stored: "2026-03-09T05:59", policies: sts("a.example", 1, 1, detail("validation-failure", "mx", "192.0.2.1", 1))},
			sent{day: "2026-03-08", stored: "2026-03-09T06:10", policies: sts("a.example", 1, 1, detail("validation-failure", "mx", "192.0.2.1", 1))}),
			byBoth + `,"timeField":"stored"`, "2026-03-09T06:30 2026-03-09T18:00", []string{"a.example/validation-failure/0"}},
	} {
		c.run(t)
	}
}
