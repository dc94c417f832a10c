package endtoend

import (
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// wildCounting are the rows about counting.
var wildCounting = []wildRow{
	{1, "Microsoft reports the same sessions under sts and tlsa: counting distinct, the overlap counts once; reported sums", func(w *wild) {
		w.take("01-microsoft-equal.eml", "01-microsoft-differ.json", "01-other-equal.json", "01-other-differ.json")
		w.wantSums(
			[]string{"example.com 15 3", "example.net 10 2", "example.org 5 1", "differ.example 9 1"},
			[]string{"example.com 30 6", "example.net 17 3", "example.org 10 1", "differ.example 9 1"})
		w.want(w.ask(`{"queryType":"summary","metric":"failedSessions","groupBy":["policyDomain","resultType"]}`, "policyDomain", "resultType", "failedSessions"),
			"example.com certificate-expired 3", "example.net certificate-expired 2")
		w.want(w.ask(`{"queryType":"summary","metric":"totalSessions","groupBy":["policyType"]}`, "policyType", "totalSessions"), "sts 35", "tlsa 31")
	}},
	{2, "One report id for many domains, ids that collide: the key is reporter, id, period and domain set; the SHA-256 finds plain duplicates", func(w *wild) {
		w.take("02-run-first-domain.json", "02-run-second-domain.json", "02-same-key-other-bytes.json",
			"02-same-bytes.json.gz", "02-other-reporter.json", "02-other-day.json")
		w.want(w.ask(`{"queryType":"reports"}`, "reporter", "policyDomain", "totalSessions", "status", "deliveries"),
			"Example Mail Inc. example.com 7 counted 2", "Example Mail Inc. example.org 10 counted 1", "Example Mail Inc. example.com 700 superseded 1",
			"Other Mail Ltd. example.com 3 counted 1", "Example Mail Inc. example.com 4 counted 1")
		w.wantSums([]string{"example.com 14 0", "example.org 10 1"}, []string{"example.com 14 0", "example.org 10 1"})
		w.wantAccount("drop1", store.Account{Stored: 5, Duplicate: 1})
	}},
	{3, "Details add up to more or less than the summary: both are kept with a warning, and rates come from the summary", func(w *wild) {
		w.take("03-details-exceed.json", "03-details-short.json", "03-not-exclusive.json")
		w.wantReports("example.com 1 1 details-differ", "example.org 100 10 details-differ", "example.net 20 5 details-differ")
		w.want(w.ask(`{"queryType":"summary","metrics":["failedSessions","failureRate"],"groupBy":["policyDomain"]}`, "policyDomain", "failedSessions", "failureRate"),
			"example.com 1 1", "example.org 10 0.1", "example.net 5 0.25")
		w.want(w.ask(`{"queryType":"summary","metric":"failedSessions","groupBy":["policyDomain","resultType"]}`, "policyDomain", "resultType", "failedSessions"),
			"example.com sts-policy-fetch-error 2", "example.org validation-failure 4",
			"example.net certificate-expired 5", "example.net certificate-host-mismatch 5")
	}},
	{4, "A zero count is left out: it is 0", func(w *wild) {
		w.take("04-no-success-count.json", "04-no-failure-count.json", "04-detail-without-count.json")
		w.wantReports("example.com 3 3", "example.org 3 0", "example.net 3 0")
		w.want(w.ask(`{"queryType":"failures"}`, "policyDomain", "resultType", "failedSessions"), "example.net starttls-not-supported 0")
	}},
	{5, "Counts as strings, negative, fractional, over a billion: coerced, clamped, with a warning", func(w *wild) {
		w.take("05-strings.json", "05-negative.json", "05-fraction.json", "05-huge.json", "05-words.json")
		w.wantReports("strings.example 19 2 coerced-count", "negative.example 8 0 clamped-count", "fraction.example 3 1 coerced-count",
			"huge.example 2000000000 1000000000 clamped-count", "words.example 0 0 invalid-count,unexpected-value")
	}},
	{6, "The end is next day 00:00:00 or 23:59:59, or the period is in local time: a half-open period, counted on the UTC day of its middle", func(w *wild) {
		w.take("06-last-second.json", "06-next-midnight.json", "06-local-day.json", "06-local-offset.json")
		w.want(w.ask(`{"queryType":"reports"}`, "time", "start", "end", "totalSessions", "warnings"),
			"2026-03-01 2026-03-01 2026-03-02 1", "2026-03-01 2026-03-01 2026-03-02 2",
			"2026-03-01 2026-02-28T22:00 2026-03-01T22:00 4 period-not-midnight",
			"2026-03-01 2026-02-28T18:30 2026-03-01T18:30 8 period-not-midnight")
		w.want(w.ask(`{"queryType":"trend","metric":"totalSessions","interval":"1d"}`), "2026-03-01 15")
	}},
	{7, "Periods of an hour, of 7 days, or rolling: one day, that of the middle or the first if over 48 hours; the duration shows, nothing is spread", func(w *wild) {
		w.take("07-hour.json", "07-seven-days.json", "07-rolling.json", "07-two-days.json")
		w.want(w.ask(`{"queryType":"reports"}`, "time", "start", "end", "totalSessions"),
			"2026-03-01 2026-03-01T23:00 2026-03-02 1", "2026-03-02 2026-03-02 2026-03-09 2",
			"2026-03-10 2026-03-10T10:15 2026-03-11T10:15 4", "2026-03-21 2026-03-20 2026-03-22 8")
		w.want(w.ask(`{"queryType":"trend","metric":"totalSessions","interval":"1d"}`), "2026-03-01 1", "2026-03-02 2", "2026-03-10 4", "2026-03-21 8")
	}},
	{8, "Data for 10 January sent on 3 February: the period and the time received are kept apart", func(w *wild) {
		w.now = moment("2026-02-03T09:00:00Z")
		w.take("08-late.eml")
		w.want(w.ask(`{"queryType":"reports"}`, "time", "start", "end", "received", "stored"),
			"2026-01-10 2026-01-10 2026-01-11 2026-02-03T08:59 2026-02-03T09:00")
		w.want(w.ask(`{"queryType":"trend","metric":"failedSessions","interval":"1d"}`), "2026-01-10 1")
		w.want(w.ask(`{"queryType":"trend","metric":"failedSessions","interval":"1d","timeField":"stored"}`), "2026-02-03 1")
		w.want(w.ask(`{"queryType":"trend","metric":"failedSessions","interval":"1d","timeField":"stored","maxLateness":"7d"}`))
	}},
	{9, "The same report through two routes, mail and drop, two mailboxes, a relay: counted once, all deliveries listed", func(w *wild) {
		w.take("09-mailbox.eml")
		w.now = w.now.Add(time.Hour)
		w.takeFrom("mb2", "09-relayed.eml")
		w.now = w.now.Add(time.Hour)
		w.take("09-drop.json.gz")
		w.want(w.ask(`{"queryType":"reports"}`, "policyDomain", "totalSessions", "failedSessions", "deliveries", "source", "delivery"),
			"example.com 24 4 3 mb1 direct")
		w.wantSums([]string{"example.com 24 4"}, []string{"example.com 24 4"})
		w.wantAccount("mb1", store.Account{Stored: 1})
		w.wantAccount("mb2", store.Account{Duplicate: 1})
		w.wantAccount("drop1", store.Account{Duplicate: 1})
	}},
	{10, "A whole report that says 0 and 0 sessions: a report, and no session", func(w *wild) {
		w.take("10-nothing.json")
		w.wantReports("example.com 0 0")
		w.want(w.ask(`{"queryType":"summary","metrics":["reports","totalSessions","failureRate"],"groupBy":["policyDomain"]}`,
			"policyDomain", "reports", "totalSessions"), "example.com 1 0")
		w.want(w.ask(`{"queryType":"trend","metric":"failedSessions","interval":"1d"}`), "2026-03-01 0")
	}},
}
