package query

import (
	"slices"
	"strings"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func inMode(mode, domain string, successful int64) []tlsrpt.Policy {
	p := policy(tlsrpt.PolicySTS, domain, successful, 0)
	p.Mode = mode
	return []tlsrpt.Policy{p}
}

func unprotected(domain string, successful int64) []tlsrpt.Policy {
	return []tlsrpt.Policy{policy(tlsrpt.PolicyNotFound, domain, successful, 0)}
}

func TestEnforced(t *testing.T) {
	enforce, testing := inMode("enforce", "a.example", 5), inMode("testing", "a.example", 5)
	const byDomain = `"metric":"enforced","groupBy":["policyDomain"]`
	for _, c := range []asOfCase{
		{"1 where the last known mode is enforce", holding(every("Google", "a.example", "2026-03-01", "2026-03-07", from("2026-03-05", testing, enforce))), byDomain, noon9, []string{"a.example/1"}},
		{"0 where the last known mode is testing", holding(every("Google", "a.example", "2026-03-01", "2026-03-07", from("2026-03-05", enforce, testing))), byDomain, noon9, []string{"a.example/0"}},
		{"the strictest of several on one day counts", holding(every("Google", "a.example", "2026-03-01", "2026-03-07", from("2026-03-05", enforce, testing)), every("Mail.ru", "a.example", "2026-03-07", "2026-03-07")), byDomain, noon9,
			[]string{"a.example/1"}},
		{"a mode of weeks ago is still known", holding([]sent{{day: "2026-01-20", policies: enforce}, {day: "2026-03-07", policies: unprotected("a.example", 1)}}), byDomain, noon9, []string{"a.example/1"}},
		{"1 where sessions were under tlsa in 14 days", holding([]sent{{day: "2026-02-25", policies: []tlsrpt.Policy{policy("tlsa", "a.example", 1, 0)}}, {day: "2026-02-20", policies: []tlsrpt.Policy{policy("tlsa", "b.example", 1, 0)}}}), byDomain, noon9,
			[]string{"a.example/1", "b.example/0"}},
		{"literal names have their rows", with(holding(), expecting("silent.example")), byDomain, noon9, []string{"silent.example/0"}},
		{"an empty store is no data", holding(), byDomain, noon9, nil},
	} {
		c.run(t)
	}
}

func TestModeDropped(t *testing.T) {
	dropped := every("Google", "a.example", "2026-02-20", "2026-03-07", from("2026-03-05", inMode("enforce", "a.example", 5), inMode("testing", "a.example", 5)))
	const byDomain = `"metric":"modeDropped","groupBy":["policyDomain"]`
	for _, c := range []asOfCase{
		{"1 where the newest reports show a policy that left enforce", holding(dropped, every("Google", "b.example", "2026-02-20", "2026-03-07")), byDomain, noon9, []string{"a.example/1", "b.example/0"}},
		{"one reporter that left enforce days ago is no old cache", holding(dropped, every("Mail.ru", "a.example", "2026-02-20", "2026-03-07"), every("Comcast", "a.example", "2026-02-20", "2026-03-07")), byDomain, noon9, []string{"a.example/1"}},
		{"one reporter alone is waited for", holding(every("Google", "a.example", "2026-02-20", "2026-03-07", from("2026-03-06", inMode("enforce", "a.example", 5), inMode("testing", "a.example", 5))), every("Mail.ru", "a.example", "2026-02-20", "2026-03-07"), every("Comcast", "a.example", "2026-02-20", "2026-03-07")), byDomain, noon9, []string{"a.example/0"}},
		{"a mode that came back is no drop", holding(append(dropped, every("Google", "a.example", "2026-03-08", "2026-03-08")...)), byDomain, noon9, []string{"a.example/0"}},
		{"enforce of longer ago than the baseline is forgotten", holding(dropped, every("Google", "a.example", "2026-03-08", "2026-04-20", from("2026-01-01", nil, inMode("testing", "a.example", 5)))), byDomain, "2026-04-20 2026-04-21", []string{"a.example/0"}},
		{"during a first synchronisation nothing is dropped", with(holding(dropped), synchronising), byDomain, noon9, []string{"a.example/0"}},
		{"literal names have their rows", with(holding(), expecting("silent.example")), byDomain, noon9, []string{"silent.example/0"}},
		{"an empty store is no data", holding(), byDomain, noon9, nil},
	} {
		c.run(t)
	}
}

func TestProtectionLost(t *testing.T) {
	lost := func(before, after []tlsrpt.Policy) func(t *testing.T) *board {
		return holding(every("Google", "a.example", "2026-02-10", "2026-03-07", from("2026-03-07", before, after)))
	}
	enforce := inMode("enforce", "a.example", 50)
	// What was stored from 8 March 00:00 is the report for the 7th, six hours after its end.
	const byDomain = `"metric":"protectionLost","groupBy":["policyDomain"],"timeField":"stored","maxLateness":"7d"`
	const alert = "2026-03-08 2026-03-09T12:00"
	for _, c := range []asOfCase{
		{"the share without a policy of a domain that had one for two weeks", lost(enforce, append(inMode("enforce", "a.example", 10), unprotected("a.example", 30)...)), byDomain, alert, []string{"a.example/0.75"}},
		{"less than a fifth is no loss", lost(enforce, append(inMode("enforce", "a.example", 90), unprotected("a.example", 10)...)), byDomain, alert, []string{"a.example/0"}},
		{"fewer than 20 sessions are no loss", lost(enforce, unprotected("a.example", 19)), byDomain, alert, []string{"a.example/0"}},
		{"a domain that never had a policy loses none", lost(unprotected("a.example", 50), unprotected("a.example", 50)), byDomain, alert, []string{"a.example/0"}},
		{"a domain with a week of history is not judged", holding(every("Google", "a.example", "2026-03-01", "2026-03-07", from("2026-03-07", enforce, unprotected("a.example", 30)))), byDomain, alert, []string{"a.example/0"}},
		{"late reports are left out", holding(every("Google", "a.example", "2026-02-10", "2026-03-07"),
			[]sent{{day: "2026-02-20", stored: "2026-03-09T06:00", reporter: "Mail.ru", policies: unprotected("a.example", 300)}}), byDomain, alert, []string{"a.example/0"}},
		{"what a first synchronisation brings at once is no loss", holding(storedAt("2026-03-09T06:00", every("Google", "a.example", "2026-02-10", "2026-03-07", from("2026-03-05", enforce, unprotected("a.example", 50))))), byDomain, alert,
			[]string{"a.example/0"}},
		{"literal names have their rows", with(holding(), expecting("silent.example")), byDomain, alert, []string{"silent.example/0"}},
		{"an empty store is no data", holding(), byDomain, alert, nil},
	} {
		c.run(t)
	}
}

// storedAt has all reports stored at once.
func storedAt(when string, reports []sent) []sent {
	for i := range reports {
		reports[i].stored = when
	}
	return reports
}

func TestEventsTellOfAPolicyNoLongerFoundAndFoundAgain(t *testing.T) {
	enforce := inMode("enforce", "a.example", 50)
	b := newBoard(t, append(every("Google", "a.example", "2026-02-10", "2026-03-03", from("2026-03-01", enforce, unprotected("a.example", 50))),
		every("Google", "a.example", "2026-03-04", "2026-03-07")...)...)
	var got []string
	for _, row := range rows(t, b.ask(t, `{"queryType":"events"}`, march), "title") {
		if strings.Contains(row, "found") {
			got = append(got, row)
		}
	}
	if want := []string{"a.example: sts policy no longer found", "a.example: sts policy found again"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
