package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func wantRefusal(t *testing.T, query, words string) {
	t.Helper()
	_, err := Parse([]byte(query))
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Text, words) {
		t.Errorf("%s: got %v, want one that says %s", query, err, words)
	}
}

// many holds four domains, the bigger the later in the alphabet.
var many = []sent{
	{day: "2026-03-02", policies: sts("a.example", 9, 1)},
	{day: "2026-03-02", reporter: "Mail.ru", policies: sts("b.example", 17, 3, detail("certificate-expired", "mx1.b.example", "192.0.2.1", 3))},
	{day: "2026-03-02", source: "drop1", policies: sts("c.example", 26, 4, detail("validation-failure", "mx1.c.example", "192.0.2.1", 1), detail("certificate-expired", "mx2.c.example", "198.51.100.9", 3))},
	{day: "2026-03-02", policies: []tlsrpt.Policy{policy("no-policy-found", "xn--mnchen-3ya.example", 40, 0)}},
}

// formulas come from reporters whose names spreadsheets would run.
var formulas = []sent{
	{day: "2026-03-02", reporter: "@x", policies: sts("a.example", 10, 0)},
	{day: "2026-03-02", reporter: "=1+1", policies: sts("a.example", 20, 0)},
	{day: "2026-03-02", reporter: "-5", policies: sts("a.example", 30, 0)},
}

func TestFilters(t *testing.T) {
	filtered := func(filters string) string {
		return `"metric":"totalSessions","groupBy":["policyDomain"],"filters":[` + filters + `]`
	}
	const a, b, c, m = "a.example/10", "b.example/20", "c.example/30", "xn--mnchen-3ya.example/40"
	runSummaries(t, []summaryCase{
		{"= keeps what has one of the values, which are OR-ed", many, filtered(`{"dimension":"policyDomain","operator":"=","values":["a.example","c.example"]}`), []string{c, a}},
		{"!= keeps what has none of the values", many, filtered(`{"dimension":"policyDomain","operator":"!=","values":["a.example","c.example"]}`), []string{m, b}},
		{"=~ keeps what matches one of the values, RE2", many, filtered(`{"dimension":"policyDomain","operator":"=~","values":["^a\\.","^[bx]"]}`), []string{m, b, a}},
		{"!~ keeps what matches none of the values", many, filtered(`{"dimension":"policyDomain","operator":"!~","values":["^a\\.","^[bx]"]}`), []string{c}},
		{"filters are AND-ed", many, filtered(`{"dimension":"policyDomain","operator":"!=","values":["a.example"]},{"dimension":"reporter","operator":"=","values":["Google"]},{"dimension":"source","values":["mb1"]}`), []string{m}},
		{"a filter without values is ignored", many, filtered(`{"dimension":"policyDomain","operator":"=","values":[]},{"dimension":"reporter","operator":"!~","values":null}`), []string{m, c, b, a}},
		{"a value that nothing has leaves nothing", many, filtered(`{"dimension":"policyDomain","operator":"=","values":["z.example"]}`), nil},
		{"an empty value is what has none", many, filtered(`{"dimension":"policyMode","operator":"=","values":[""]}`), []string{m}},
		{"an empty value can be left out", many, filtered(`{"dimension":"policyMode","operator":"!=","values":[""]}`), []string{c, b, a}},
		{"a domain is found as people write it", many, filtered(`{"dimension":"policyDomain","operator":"=","values":["A.Example.","MÜNCHEN.example"]}`), []string{m, a}},
		{"a domain is left out as people write it", many, filtered(`{"dimension":"policyDomain","operator":"!=","values":["münchen.EXAMPLE"]}`), []string{c, b, a}},
		{"a value is found with the guard that tables show, and without it", formulas, `"metric":"totalSessions","groupBy":["reporter"],"filters":[{"dimension":"reporter","operator":"=","values":["'=1+1","@x"]}]`,
			[]string{"'=1+1/20", "'@x/10"}},
		{"a value is left out with the guard that tables show, and without it", formulas, `"metric":"totalSessions","groupBy":["reporter"],"filters":[{"dimension":"reporter","operator":"!=","values":["'=1+1","@x"]}]`,
			[]string{"-5/30"}},
		{"a filter on a detail dimension works with failedSessions", many,
			`"groupBy":["policyDomain"],"filters":[{"dimension":"resultType","operator":"=","values":["certificate-expired"]},{"dimension":"policyDomain","operator":"=~","values":["^[abc]"]}]`,
			[]string{"b.example/3", "c.example/3", "a.example/0"}},
		{"!= on a detail dimension keeps other details", many, `"groupBy":["resultType"],"filters":[{"dimension":"resultType","operator":"!=","values":["certificate-expired"]}]`,
			[]string{"validation-failure/1"}},
		{"=~ on a detail dimension matches its values", many, `"groupBy":["receivingMx"],"filters":[{"dimension":"receivingMx","operator":"=~","values":["^mx1"]}]`,
			[]string{"mx1.b.example/3", "mx1.c.example/1"}},
		{"!~ on a detail dimension keeps what does not match", many, `"groupBy":["receivingMx"],"filters":[{"dimension":"sendingNetwork","operator":"!~","values":["^192"]}]`,
			[]string{"mx2.c.example/3"}},
	})
	t.Run("an unknown word anywhere is an error that names it and the allowed ones", func(t *testing.T) {
		wantRefusal(t, `{"filters":[{"dimension":"reporter","op":"!=","values":["x"]}]}`, `unknown setting "op" in a filter; allowed are dimension, operator, values`)
		wantRefusal(t, `{"filters":[{"dimension":"domain","operator":"!=","values":[]}]}`, `unknown dimension "domain"; allowed are policyDomain`)
		wantRefusal(t, `{"queryType":"quarantine","filters":[{"dimension":"reporter","values":["x"]}]}`, `allowed are source, quarantineReason`)
		wantRefusal(t, `{"groupBy":["quarantineReason"]}`, `unknown dimension "quarantineReason"; allowed are policyDomain`)
	})
	t.Run("a word that stands twice is an error of the query", func(t *testing.T) {
		wantRefusal(t, `{"groupBy":["reporter","policyDomain","reporter"]}`, `groupBy names "reporter" twice`)
		wantRefusal(t, `{"queryType":"summary","metrics":["reports","reports"]}`, `metrics names "reports" twice`)
	})
	t.Run("baselineDays has a bound", func(t *testing.T) {
		wantRefusal(t, `{"queryType":"summary","metric":"newFailedSessions","baselineDays":9000000000}`, "baselineDays")
	})
}

func TestMinSessions(t *testing.T) {
	runSummaries(t, []summaryCase{
		{"groups with fewer sessions in the range are left out", many, `"metric":"failureRate","groupBy":["policyDomain"],"minSessions":20`,
			[]string{"b.example/0.15", "c.example/0.133333", "xn--mnchen-3ya.example/0"}},
		{"by their non-detail dimensions, groups by details are left out too", many, `"groupBy":["policyDomain","resultType"],"minSessions":30`,
			[]string{"c.example/certificate-expired/3", "c.example/validation-failure/1"}},
		{"groups by details alone are held against all sessions", many, `"groupBy":["resultType"],"minSessions":100`,
			[]string{"certificate-expired/6", "validation-failure/1"}},
		{"groups by details alone are left out when all sessions are too few", many, `"groupBy":["resultType"],"minSessions":101`, nil},
		{"filters on details do not make groups small", many, `"groupBy":["policyDomain"],"filters":[{"dimension":"resultType","values":["validation-failure"]}],"minSessions":30`,
			[]string{"c.example/1", "xn--mnchen-3ya.example/0"}},
		{"sessions are counted as the query counts", []sent{{day: "2026-03-02", reporter: "Microsoft Corporation", policies: twice("a.example", 10, 0)}},
			`"metric":"totalSessions","minSessions":11`, nil},
	})
	t.Run("a trend leaves out the same groups", func(t *testing.T) {
		got := series(t, newBoard(t, many...).ask(t, `{"metric":"totalSessions","groupBy":["policyDomain"],"minSessions":30}`, march), "policyDomain")
		if diff := cmp.Diff(map[string]string{"c.example": "03-02=30", "xn--mnchen-3ya.example": "03-02=40"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLimit(t *testing.T) {
	b := newBoard(t, many...)
	b.take(t, sent{day: "2026-03-03", policies: sts("a.example", 100, 0)})
	t.Run("the largest groups by the metric over the range are kept, and a notice says what was cut", func(t *testing.T) {
		answer := b.ask(t, `{"metric":"totalSessions","groupBy":["policyDomain"],"limit":2}`, march)
		want := map[string]string{"a.example": "03-02=10 03-03=100", "xn--mnchen-3ya.example": "03-02=40"}
		if diff := cmp.Diff(want, series(t, answer, "policyDomain")); diff != "" {
			t.Error(diff)
		}
		wantNotice(t, answer, "Showing the 2 largest of 4 groups: raise the limit or filter to see the others.")
	})
	t.Run("a summary is cut the same way", func(t *testing.T) {
		answer := b.ask(t, `{"queryType":"summary","metric":"failureRate","groupBy":["policyDomain"],"limit":1}`, march)
		if diff := cmp.Diff([]string{"b.example/0.15"}, rows(t, answer)); diff != "" {
			t.Error(diff)
		}
		wantNotice(t, answer, "Showing the 1 largest of 4 groups: raise the limit or filter to see the others.")
	})
	t.Run("groups by details are cut the same way", func(t *testing.T) {
		answer := b.ask(t, `{"groupBy":["receivingMx"],"limit":1}`, march)
		if diff := cmp.Diff(map[string]string{"mx1.b.example": "03-02=3 03-03=0"}, series(t, answer, "receivingMx")); diff != "" {
			t.Error(diff)
		}
		wantNotice(t, answer, "Showing the 1 largest of 3 groups: raise the limit or filter to see the others.")
	})
	t.Run("tables show the newest rows, and a notice says that there are more", func(t *testing.T) {
		for _, queryType := range []string{"reports", "failures"} {
			answer := b.ask(t, `{"queryType":"`+queryType+`","limit":2}`, march)
			if answer[0].Rows() != 2 {
				t.Errorf("%s: %d rows", queryType, answer[0].Rows())
			}
			wantNotice(t, answer, "Showing the newest 2 rows: raise the limit, filter, or choose a shorter range to see the others.")
		}
		answer := b.ask(t, `{"queryType":"reporters","limit":2}`, march)
		if answer[0].Rows() != 2 {
			t.Errorf("%d rows", answer[0].Rows())
		}
		wantNotice(t, answer, "Showing the 2 largest of 4 pairs of reporter and domain: raise the limit or filter to see the others.")
	})
	t.Run("nothing is said where nothing was cut", func(t *testing.T) {
		for _, queryType := range []string{"trend", "summary", "reports", "failures", "reporters"} {
			if all := notices(b.ask(t, `{"queryType":"`+queryType+`"}`, march)); len(all) != 0 {
				t.Errorf("%s: %v", queryType, all)
			}
		}
	})
	t.Run("the default is 20 for trend, 1,000 for summary, 500 for tables", func(t *testing.T) {
		full := newBoard(t)
		for i := range 26 {
			var policies []tlsrpt.Policy
			for j := range 40 {
				policies = append(policies, policy("sts", fmt.Sprintf("d%d-%d.example", i, j), 1, 0))
			}
			full.take(t, sent{day: "2026-03-02", policies: policies})
		}
		if n := len(full.ask(t, `{"metric":"totalSessions","groupBy":["policyDomain"]}`, march)); n != 20 {
			t.Errorf("trend: %d", n)
		}
		for query, want := range map[string]int{
			`{"queryType":"summary","metric":"totalSessions","groupBy":["policyDomain"]}`: 1000,
			`{"queryType":"reports"}`: 500, `{"queryType":"reporters"}`: 500,
		} {
			if n := full.ask(t, query, march)[0].Rows(); n != want {
				t.Errorf("%s: %d", query, n)
			}
		}
	})
}

func wantNotice(t *testing.T, answer data.Frames, text string) {
	t.Helper()
	all := notices(answer)
	if len(all) != 1 || all[0].Severity != data.NoticeSeverityInfo || all[0].Text != text {
		t.Errorf("got %+v, want the info %q", all, text)
	}
}

func TestWhatNoRollupAnswersIsSaidInANotice(t *testing.T) {
	b := newBoard(t, many...)
	wantNotice(t, b.ask(t, `{"groupBy":["sendingMtaIp"]}`, march), "No rollup holds this combination: it was counted from single reports, which is slower over long ranges.")
}
