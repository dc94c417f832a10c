package query

import "testing"

func TestDetailRepeats(t *testing.T) {
	saw := func(reporter, day string) sent { return seen(reporter, day, expired("a.example", "mx1", 10, 2)) }
	late := func(reporter, day string) sent {
		return sent{reporter: reporter, day: day, stored: "2026-03-09T06:00", policies: expired("a.example", "mx1", 10, 2)}
	}
	const byStored = `"metric":"detailRepeats","groupBy":["policyDomain","resultType"]` + alertSettings
	const byPeriod = `"metric":"detailRepeats","groupBy":["policyDomain","resultType"]`
	const window = "2026-03-06T12:00 2026-03-09T12:00"
	for _, c := range []asOfCase{
		{"one reporter on one day", holding([]sent{saw("Google", "2026-03-08")}), byStored, window, []string{"a.example/certificate-expired/1"}},
		{"one reporter on two days", holding([]sent{saw("Google", "2026-03-07"), saw("Google", "2026-03-08")}), byStored, window, []string{"a.example/certificate-expired/2"}},
		{"two reporters on one day", holding([]sent{saw("Google", "2026-03-08"), saw("Comcast", "2026-03-08")}), byStored, window, []string{"a.example/certificate-expired/2"}},
		{"two reporters, each on a day of its own", holding([]sent{saw("Google", "2026-03-07"), saw("Comcast", "2026-03-08")}), byStored, window, []string{"a.example/certificate-expired/1"}},
		{"the same by period", holding([]sent{saw("Google", "2026-03-07"), saw("Comcast", "2026-03-08")}), byPeriod, "2026-03-01 2026-03-09", []string{"a.example/certificate-expired/1"}},
		{"two late reports of days before the range count as of one", holding([]sent{late("Google", "2026-03-04"), late("Comcast", "2026-03-04")}), byStored, window, []string{"a.example/certificate-expired/2"}},
		{"by domain every domain has its row", with(holding([]sent{saw("Google", "2026-03-08")}), expecting("silent.example")), `"metric":"detailRepeats","groupBy":["policyDomain"]` + alertSettings, window,
			[]string{"a.example/1", "silent.example/0"}},
	} {
		c.run(t)
	}
}
