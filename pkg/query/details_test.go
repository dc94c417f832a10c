package query

import (
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const alertSettings = `,"timeField":"stored","maxLateness":"7d"`

func expired(domain, mx string, total, failed int64) []tlsrpt.Policy {
	return sts(domain, total-failed, failed, detail("certificate-expired", mx, "192.0.2.1", failed))
}

// seen is a report a day; reports of the days before 9 March come six hours after
// the day's end.
func seen(reporter, day string, policies []tlsrpt.Policy) sent {
	return sent{reporter: reporter, day: day, policies: policies}
}

func TestDetailReportersAndSightings(t *testing.T) {
	b := holding([]sent{
		seen("Google", "2026-03-07", expired("a.example", "mx1", 10, 2)), seen("Google", "2026-03-08", expired("a.example", "mx2", 10, 2)),
		seen("Mail.ru", "2026-03-08", expired("a.example", "mx1", 10, 1)), seen("Mail.ru", "2026-03-08", sts("b.example", 5, 0)),
		{reporter: "Comcast", day: "2026-02-20", stored: "2026-03-09T06:00", policies: expired("a.example", "mx1", 10, 9)}, // too late
	})
	const window = "2026-03-08 2026-03-09T12:00"
	for _, c := range []asOfCase{
		{"reporters that saw a failure, without those whose report is late", b, `"metric":"detailReporters","groupBy":["policyDomain","resultType"]` + alertSettings, window, []string{"a.example/certificate-expired/2"}},
		{"reporters by MX", b, `"metric":"detailReporters","groupBy":["policyDomain","receivingMx"]` + alertSettings, window, []string{"a.example/mx1/2", "a.example/mx2/1"}},
		{"by domain alone every domain has its row", with(b, expecting("silent.example")), `"metric":"detailReporters","groupBy":["policyDomain"]` + alertSettings, window, []string{"a.example/2", "b.example/0", "silent.example/0"}},
		{"a reporter that saw two things is one", b, `"metric":"detailReporters"` + alertSettings, window, []string{"2"}},
		{"filters on details narrow them", b, `"metric":"detailReporters","groupBy":["policyDomain"],"filters":[{"dimension":"receivingMx","values":["mx2"]}]` + alertSettings, window, []string{"a.example/1", "b.example/0"}},
		{"by period all reporters of its days count", b, `"metric":"detailReporters","groupBy":["policyDomain"]`, "2026-02-01 2026-03-09", []string{"a.example/3", "b.example/0"}},
		{"an empty store is no data", holding(), `"metric":"detailReporters","groupBy":["policyDomain"]` + alertSettings, window, nil},
		{"sightings are pairs of reporter and day", b, `"metric":"detailSightings","groupBy":["policyDomain","resultType"]`, "2026-03-01 2026-03-09", []string{"a.example/certificate-expired/3"}},
		{"by stored time each reporter has one, and one for every day that ended in the range", b, `"metric":"detailSightings","groupBy":["policyDomain","resultType"]` + alertSettings, "2026-03-06T12:00 2026-03-09T12:00",
			[]string{"a.example/certificate-expired/3"}},
		{"one report of one day is one sighting", holding([]sent{seen("Google", "2026-03-07", expired("a.example", "mx1", 10, 2))}), `"metric":"detailSightings","groupBy":["policyDomain","resultType"]` + alertSettings, "2026-03-06T12:00 2026-03-09T12:00",
			[]string{"a.example/certificate-expired/1"}},
		{"a report of one day, told in two, is one sighting", holding([]sent{seen("Google", "2026-03-07", expired("a.example", "mx1", 10, 2)), seen("Google", "2026-03-07", expired("a.example", "mx2", 10, 2))}),
			`"metric":"detailSightings","groupBy":["policyDomain","resultType"]` + alertSettings, "2026-03-06T12:00 2026-03-09T12:00", []string{"a.example/certificate-expired/1"}},
		{"reports of days that our outage held up are a sighting each day", holding([]sent{
			{reporter: "Google", day: "2026-03-07", stored: "2026-03-09T10:00", policies: expired("a.example", "mx1", 10, 2)}, {reporter: "Google", day: "2026-03-08", stored: "2026-03-09T10:00", policies: expired("a.example", "mx1", 10, 2)}}),
			`"metric":"detailSightings","groupBy":["policyDomain"]` + alertSettings, "2026-03-06T12:00 2026-03-09T12:00", []string{"a.example/2"}},
	} {
		c.run(t)
	}
}

func TestMXFailureShare(t *testing.T) {
	b := holding([]sent{
		seen("Google", "2026-03-07", expired("a.example", "mx1", 10, 6)), seen("Google", "2026-03-08", sts("a.example", 10, 0)),
		seen("Mail.ru", "2026-03-08", sts("a.example", 1000, 0)), seen("Mail.ru", "2026-03-08", expired("b.example", "", 4, 2)),
	})
	const window = "2026-03-07T12:00 2026-03-09T12:00"
	for _, c := range []asOfCase{
		{"failed at the MX by all sessions of the reporters that named it; where no MX is named there is none", b, `"metric":"mxFailureShare","groupBy":["policyDomain","receivingMx"]` + alertSettings, window, []string{"a.example/mx1/0.3"}},
		{"by result type", b, `"metric":"mxFailureShare","groupBy":["policyDomain","resultType"]` + alertSettings, window, []string{"a.example/certificate-expired/0.3"}},
		{"by domain the worst MX counts, and every domain has its row", b, `"metric":"mxFailureShare","groupBy":["policyDomain"]` + alertSettings, window, []string{"a.example/0.3", "b.example/0"}},
		{"more details than sessions are all of them", holding([]sent{seen("Google", "2026-03-08", sts("a.example", 1, 1, detail("certificate-expired", "mx1", "192.0.2.1", 9)))}),
			`"metric":"mxFailureShare","groupBy":["policyDomain","receivingMx"]` + alertSettings, window, []string{"a.example/mx1/1"}},
		{"what was said twice counts once", holding([]sent{seen("Microsoft Corporation", "2026-03-08", twice("a.example", 6, 4, detail("validation-failure", "mx1", "192.0.2.1", 4)))}),
			`"metric":"mxFailureShare","groupBy":["policyDomain","receivingMx"]` + alertSettings, window, []string{"a.example/mx1/0.4"}},
		{"an empty store is no data", holding(), `"metric":"mxFailureShare","groupBy":["policyDomain","receivingMx"]` + alertSettings, window, nil},
	} {
		c.run(t)
	}
}

func TestCleanReportsLastFailingAndNextReport(t *testing.T) {
	failing := func(reporter string) []sent {
		return every(reporter, "a.example", "2026-02-10", "2026-03-06", from("2026-03-06", sts("a.example", 10, 0), expired("a.example", "mx1", 10, 5)))
	}
	clean := func(reporter, day string) []sent { return []sent{seen(reporter, day, sts("a.example", 10, 0))} }
	yesterday := []sent{seen("Google", "2026-03-08", expired("a.example", "mx1", 10, 5))}
	const window = "2026-03-07 2026-03-09T12:00"
	const both = `,"groupBy":["policyDomain","resultType"]` + alertSettings
	ended := at("2026-03-07").Unix()
	for _, c := range []asOfCase{
		{"without a later report none is clean", holding(failing("Google")), `"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/0"}},
		{"a later report of a reporter that saw it is clean", holding(failing("Google"), clean("Google", "2026-03-07")), `"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/1"}},
		{"a later report without a session says nothing", holding(failing("Google"), []sent{seen("Google", "2026-03-07", sts("a.example", 0, 0))}), `"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/0"}},
		{"a later report of one that did not see it says nothing", holding(failing("Google"), clean("Mail.ru", "2026-03-07")), `"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/0"}},
		{"one that stopped seeing it before others did can't tell", holding(failing("Google"), clean("Google", "2026-03-07"), clean("Google", "2026-03-08"), []sent{seen("Mail.ru", "2026-03-07", expired("a.example", "mx1", 10, 5))}),
			`"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/0"}},
		{"one clean session of a small reporter is not the end of what a large one sees", holding(failing("Google"), []sent{seen("Tiny", "2026-03-06", expired("a.example", "mx1", 1, 1))}, []sent{seen("Tiny", "2026-03-07", sts("a.example", 1, 0))}),
			`"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/0"}},
		{"clean reports of those that told of most failed sessions are", holding(failing("Google"), clean("Google", "2026-03-07"), []sent{seen("Tiny", "2026-03-06", expired("a.example", "mx1", 1, 1))}),
			`"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/1"}},
		{"of what failed more than seven days ago those that fell silent are not awaited", with(holding(failing("Google"), []sent{seen("Tiny", "2026-03-06", expired("a.example", "mx1", 1, 1))}, []sent{seen("Tiny", "2026-03-07", sts("a.example", 1, 0))}),
			func(b *board) { b.sources = []Source{polled("mb1", "2026-03-14T11:00")} }),
			`"metric":"cleanReports"` + both, "2026-03-06 2026-03-14T12:00", []string{"a.example/certificate-expired/1"}},
		{"a late report of an earlier day does not make it last longer", holding(failing("Google"), clean("Google", "2026-03-07"), []sent{{reporter: "Mail.ru", day: "2026-03-04", stored: "2026-03-08T20:00", policies: expired("a.example", "mx1", 10, 2)}}),
			`"metric":"cleanReports"` + both, window, []string{"a.example/certificate-expired/1"}},
		{"the end of the last failing period", holding(failing("Google"), clean("Google", "2026-03-07")), `"metric":"lastFailing"` + both, window, []string{"a.example/certificate-expired/" + number(float64(ended))}},
		{"of a reporter that told of it late, and of no session since, the next is long past", holding(yesterday, []sent{{reporter: "Mail.ru", day: "2026-02-18", stored: "2026-03-08T06:00", policies: sts("a.example", 0, 0, detail("certificate-expired", "mx1", "192.0.2.1", 2))}}),
			`"metric":"nextReport","groupBy":["policyDomain","resultType"],"timeField":"stored"`, window, []string{"a.example/certificate-expired/0"}},
		{"by domain every domain has its row", with(holding(failing("Google")), expecting("silent.example")), `"metric":"lastFailing","groupBy":["policyDomain"]` + alertSettings, window, []string{"a.example/" + number(float64(ended)), "silent.example/0"}},
		{"also of a report that came weeks late", holding(clean("Google", "2026-03-07"), []sent{{day: "2026-02-18", stored: "2026-03-08T06:00", policies: expired("a.example", "mx1", 10, 2)}}),
			`"metric":"lastFailing","groupBy":["policyDomain","resultType"],"timeField":"stored"`, window, []string{"a.example/certificate-expired/" + unix("2026-02-19")}},
		{"before the next period ends nobody can tell that it is over", holding(yesterday), `"metric":"nextReport"` + both, window, []string{"a.example/certificate-expired/" + unix("2026-03-10")}},
		{"or before it leaves the range", holding(yesterday), `"metric":"nextReport"` + both, "2026-03-09 2026-03-09T12:00", []string{"a.example/certificate-expired/" + unix("2026-03-09T18:00")}},
		{"the first of those who saw it decides", holding(yesterday, []sent{seen("Mail.ru", "2026-03-07", expired("a.example", "mx1", 10, 5))}), `"metric":"nextReport"` + both, window, []string{"a.example/certificate-expired/0"}},
		{"one that did not see it has no part", holding(yesterday, clean("Mail.ru", "2026-03-06")), `"metric":"nextReport"` + both, window, []string{"a.example/certificate-expired/" + unix("2026-03-10")}},
		{"by domain a failure that can be over at any time makes it unknown", holding(yesterday, []sent{seen("Mail.ru", "2026-03-07", sts("a.example", 5, 5, detail("validation-failure", "mx1", "192.0.2.1", 5)))}),
			`"metric":"nextReport","groupBy":["policyDomain"]` + alertSettings, window, []string{"a.example/0"}},
		{"by domain every domain has its row of it", with(holding(yesterday), expecting("silent.example")), `"metric":"nextReport","groupBy":["policyDomain"]` + alertSettings, window, []string{"a.example/" + unix("2026-03-10"), "silent.example/0"}},
		{"a report that is outstanding may come at any time", holding(failing("Google")), `"metric":"nextReport"` + both, window, []string{"a.example/certificate-expired/0"}},
		{"what does not fail has no row", holding(clean("Google", "2026-03-07")), `"metric":"cleanReports"` + both, window, nil},
		{"an empty store is no data", holding(), `"metric":"nextReport"` + both, window, nil},
	} {
		c.run(t)
	}
}

func unix(day string) string { return number(float64(at(day).Unix())) }

func TestFailuresThatAreNotNew(t *testing.T) {
	years := storedAt("2026-03-09T06:00", every("Google", "a.example", "2026-01-10", "2026-03-07", from("2026-01-20", sts("a.example", 10, 0), expired("a.example", "mx1", 10, 3))))
	const byBoth = `"metric":"newFailedSessions","groupBy":["policyDomain","resultType"]` + alertSettings
	const window = "2026-03-08 2026-03-09T12:00"
	for _, c := range []asOfCase{
		{"what a first synchronisation of years brings is known from its periods", holding(years), byBoth, window, []string{"a.example/certificate-expired/0"}},
		{"what began in the last days is new, also by a first synchronisation", holding(storedAt("2026-03-09T06:00", every("Google", "a.example", "2026-01-10", "2026-03-07", from("2026-03-06", sts("a.example", 10, 0), expired("a.example", "mx1", 10, 3))))),
			byBoth, window, []string{"a.example/certificate-expired/6"}},
		{"an incident that goes on for a week stays new", holding(every("Google", "a.example", "2026-01-10", "2026-03-08", from("2026-03-02", sts("a.example", 10, 0), expired("a.example", "mx1", 10, 3)))),
			byBoth, window, []string{"a.example/certificate-expired/6"}},
		{"one that is over does not", holding(every("Google", "a.example", "2026-01-10", "2026-03-07", from("2026-03-02", sts("a.example", 10, 0), expired("a.example", "mx1", 10, 3))), []sent{seen("Google", "2026-03-08", sts("a.example", 10, 0))}),
			byBoth, window, []string{"a.example/certificate-expired/0"}},
		{"while a first synchronisation goes on nothing is new", with(holding(years[len(years)-3:]), synchronising), byBoth, window, []string{"a.example/certificate-expired/0"}},
		{"a late report is not news", holding(every("Google", "a.example", "2026-02-10", "2026-03-07"), []sent{{day: "2026-02-20", stored: "2026-03-09T06:00", policies: expired("a.example", "mx1", 10, 3)}}), byBoth, window, []string{"a.example//0"}},
	} {
		c.run(t)
	}
}
