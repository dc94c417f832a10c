package query

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A summaryCase is one sentence of the contract with a summary that shows it.
type summaryCase struct {
	name    string
	reports []sent
	query   string // without the query type
	want    []string
}

func runSummaries(t *testing.T, cases []summaryCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := rows(t, newBoard(t, c.reports...).ask(t, `{"queryType":"summary",`+c.query+`}`, march))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	reports := []sent{
		{day: "2026-03-02", policies: sts("a.example", 7, 3)},
		{day: "2026-03-03", policies: append(sts("a.example", 4, 0), policy("no-policy-found", "b.example", 5, 1))},
		{day: "2026-03-03", reporter: "Mail.ru", policies: []tlsrpt.Policy{policy("tlsa", "a.example", 1, 1), policy("no-policy-found", "a.example", 3, 0)}},
		{day: "2026-03-04", reporter: "Comcast", policies: sts("a.example", 0, 0)},
	}
	for metric, want := range map[string][]string{
		"failedSessions":     {"a.example/4", "b.example/1"},
		"successfulSessions": {"a.example/15", "b.example/5"},
		"totalSessions":      {"a.example/19", "b.example/6"},
		"failureRate":        {"a.example/0.210526", "b.example/0.166667"},
		"reports":            {"a.example/4", "b.example/1"},
		"protectedShare":     {"a.example/0.842105", "b.example/0"},
		"reportersFailing":   {"a.example/2", "b.example/1"},
	} {
		runSummaries(t, []summaryCase{{metric + " is computed by group", reports, `"metric":"` + metric + `","groupBy":["policyDomain"]`, want}})
	}
	runSummaries(t, []summaryCase{
		{"reports counts pairs of report and policy domain", reports, `"metric":"reports"`, []string{"5"}},
		{"reports counts a pair once for each policy type that it has", reports, `"metric":"reports","groupBy":["policyType"]`,
			[]string{"sts/3", "no-policy-found/2", "tlsa/1"}},
		{"reportersFailing counts a reporter once over all domains and days", reports, `"metric":"reportersFailing"`, []string{"2"}},
		{"reportersFailing grouped by reporter is one or zero", reports, `"metric":"reportersFailing","groupBy":["reporter"]`,
			[]string{"Google/1", "Mail.ru/1", "Comcast/0"}},
		{"protectedShare is the sessions under sts or tlsa, 0 to 1", reports, `"metric":"protectedShare","groupBy":["policyType"]`,
			[]string{"sts/1", "tlsa/1", "no-policy-found/0"}},
	})
	t.Run("reportersFailing over time counts those of the bucket", func(t *testing.T) {
		got := series(t, newBoard(t, reports...).ask(t, `{"metric":"reportersFailing"}`, march))
		if diff := cmp.Diff(map[string]string{"": "03-02=1 03-03=2 03-04=0"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("as-of metrics are for summary alone", func(t *testing.T) {
		for metric := range asOfMetrics() {
			wantRefusal(t, `{"metric":"`+string(metric)+`"}`, "summary")
		}
	})
	t.Run("another metric with a dimension of failure details is an error that says why", func(t *testing.T) {
		for _, metric := range []string{"successfulSessions", "totalSessions", "failureRate", "reports", "protectedShare", "reportersFailing"} {
			for _, d := range []string{"resultType", "reasonCode", "receivingMx", "receivingIp", "sendingMtaIp", "sendingNetwork"} {
				wantRefusal(t, fmt.Sprintf(`{"metric":%q,"groupBy":[%q]}`, metric, d), "only failed sessions have those")
				wantRefusal(t, fmt.Sprintf(`{"queryType":"summary","metrics":["failedSessions",%q],"filters":[{"dimension":%q,"values":["x"]}]}`, metric, d), "only failed sessions have those")
			}
		}
	})
}

func TestCounting(t *testing.T) {
	microsoft := []sent{{day: "2026-03-02", reporter: "Microsoft Corporation", policies: twice("a.example", 8, 2, detail("certificate-expired", "mx1", "192.0.2.1", 2))}}
	unequal := []sent{{day: "2026-03-02", reporter: "Microsoft Corporation",
		policies: append(sts("a.example", 8, 2), policy("tlsa", "a.example", 5, 1))}}
	google := []sent{{day: "2026-03-02", policies: append(sts("a.example", 8, 2), policy("tlsa", "a.example", 5, 1))}}
	others := []sent{{day: "2026-03-02", policies: append(twice("a.example", 8, 2), policy("no-policy-found", "a.example", 4, 1))}}
	const all = `"metrics":["totalSessions","failedSessions","successfulSessions","protectedShare"]`
	runSummaries(t, []summaryCase{
		{"distinct takes away what was said twice", microsoft, all, []string{"10/2/8/1"}},
		{"reported sums every policy of a report", microsoft, all + `,"counting":"reported"`, []string{"20/4/16/1"}},
		{"distinct: sts and tlsa with equal totals describe the same sessions, whoever reports", others, all, []string{"15/3/12/0.666667"}},
		{"distinct: a reporter known to report both overlaps by the smaller of the two", unequal, all, []string{"10/2/8/1"}},
		{"distinct: unequal totals of another reporter are different sessions", google, all, []string{"16/3/13/1"}},
		{"grouped by policyType it counts as reported", microsoft, `"metric":"totalSessions","groupBy":["policyType"]`, []string{"sts/10", "tlsa/10"}},
		{"grouped by policyMode it counts as reported", microsoft, `"metric":"totalSessions","groupBy":["policyMode"]`, []string{"/10", "enforce/10"}},
		{"filtered by policyType it counts as reported", microsoft, `"metric":"totalSessions","filters":[{"dimension":"policyType","operator":"=~","values":["."]}]`, []string{"20"}},
		{"filtered by policyMode it counts as reported", microsoft, `"metric":"failedSessions","filters":[{"dimension":"policyMode","operator":"!=","values":["none"]}]`, []string{"4"}},
		{"a filter by policyType without values is none", microsoft, `"metric":"totalSessions","filters":[{"dimension":"policyType","values":[]}]`, []string{"10"}},
		{"details that stand under both alike count once", microsoft, `"groupBy":["resultType"]`, []string{"certificate-expired/2"}},
		{"details count as reported where asked for", microsoft, `"groupBy":["resultType"],"counting":"reported"`, []string{"certificate-expired/4"}},
		{"details grouped by policyType count as reported", microsoft, `"groupBy":["resultType","policyType"]`,
			[]string{"certificate-expired/sts/2", "certificate-expired/tlsa/2"}},
	})
}

func TestDistinctAddsUpInEveryGrouping(t *testing.T) {
	b := newBoard(
		t, sent{day: "2026-03-02", reporter: "Microsoft Corporation", policies: append(twice("a.example", 8, 2), twice("b.example", 3, 1)...)},
		sent{day: "2026-03-03", reporter: "Microsoft Corporation", source: "drop1", trust: store.Pending, policies: twice("a.example", 4, 0)},
		sent{day: "2026-03-03", policies: sts("b.example", 5, 0)},
	)
	for _, by := range []string{"", `"policyDomain"`, `"reporter"`, `"trust"`, `"source"`, `"policyDomain","reporter","trust","source"`} {
		sum := 0.0
		for _, n := range totals(b.ask(t, `{"queryType":"summary","metric":"totalSessions","groupBy":[`+by+`]}`, march), nil) {
			sum += n
		}
		if sum != 23 {
			t.Errorf("by %s: %v", by, sum)
		}
	}
}

func TestTrust(t *testing.T) {
	reports := []sent{
		{day: "2026-03-02", trust: store.Authenticated, policies: sts("a.example", 8, 0)},
		{day: "2026-03-02", trust: store.Unverifiable, policies: sts("a.example", 4, 0)},
		{day: "2026-03-02", trust: store.Pending, policies: sts("a.example", 2, 0)},
		{day: "2026-03-02", trust: store.Unauthenticated, policies: sts("a.example", 1, 1, detail("validation-failure", "mx", "192.0.2.1", 1))},
	}
	runSummaries(t, []summaryCase{
		{"trust any counts every report", reports, `"metric":"totalSessions","trust":"any"`, []string{"16"}},
		{"trust authenticated counts authenticated reports alone", reports, `"metric":"totalSessions","trust":"authenticated"`, []string{"8"}},
		{"trust authenticated leaves out the failure details of others", reports, `"groupBy":["resultType"],"trust":"authenticated"`, nil},
		{"the dimension trust has four values", reports, `"metric":"totalSessions","groupBy":["trust"]`,
			[]string{"authenticated/8", "unverifiable/4", "pending/2", "unauthenticated/2"}},
		{"the dimension trust filters", reports, `"metric":"totalSessions","filters":[{"dimension":"trust","operator":"!=","values":["authenticated","pending"]}]`, []string{"6"}},
	})
}
