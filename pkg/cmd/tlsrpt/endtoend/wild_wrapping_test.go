package endtoend

import (
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// wildWrapping are the rows about what reports come in.
var wildWrapping = []wildRow{
	{31, "Every media type of a report, and wrong ones: the content is sniffed, the label never trusted", func(w *wild) {
		kinds := []string{"tlsrpt-gzip", "tlsrpt-json", "tlsrpt-x-gzip", "tlsrpt", "gzip", "octet-stream", "text-plain", "zip", "wrong-image", "wrong-gzip"}
		want := []string{"body.example 12 2"}
		w.take("31-text-plain-whole-body.eml")
		for _, kind := range kinds {
			w.take("31-" + kind + ".eml")
			want = append(want, kind+".example 12 2")
		}
		w.wantReports(want...)
	}},
	{32, "gzip where JSON is announced, zip labelled gzip, JSON named .json.gz: sniffed as well", func(w *wild) {
		w.take("32-gzip-as-json.eml", "32-zip-as-gzip.eml", "32-json-named.json.gz", "32-zip-named.json")
		w.wantReports("json.example 12 2", "zip.example 12 2", "named.example 12 2", "zipfile.example 12 2")
	}},
	{33, "base64 with faults, quoted-printable, 8bit, binary: honoured; a wrong gzip trailer behind whole JSON: accepted with a warning", func(w *wild) {
		w.take("33-base64-faults.eml", "33-quoted-printable.eml", "33-8bit.eml", "33-binary.eml", "33-wrong-trailer.json.gz", "33-cut-trailer.eml")
		w.wantReports("faults.example 12 2", "quoted.example 12 2", "eight.example 12 2", "binary.example 12 2",
			"trailer.example 12 2 gzip-trailer", "cut.example 12 2 gzip-trailer")
		w.want(w.ask(`{"queryType":"summary","metric":"reports","groupBy":["reporter"]}`, "reporter", "reports"), "Bücher Mail 2", "Example Mail Inc. 4")
	}},
	{34, "No name, an odd one, folded or missing subjects, a list's footer: subject, name and body are never relied on", func(w *wild) {
		w.take("34-no-name.eml", "34-odd-name.eml", "34-folded-subject.eml", "34-list-footer.eml", "34-no-subject.eml")
		w.wantReports("unnamed.example 12 2", "odd.example 12 2", "folded.example 12 2", "footer.example 12 2", "subject.example 12 2")
		w.wantAccount("mb1", store.Account{Stored: 5})
	}},
	{35, "The subject's report id differs from the JSON's: the JSON's counts", func(w *wild) {
		w.take("35-subject-differs.eml")
		w.want(w.ask(`{"queryType":"reports"}`, "reportId", "warnings"), "2026-03-01T00:00:00Z_example.com")
	}},
	{36, "Several reports in one mail, a report inside a forwarded message/rfc822: each one", func(w *wild) {
		w.take("36-two-in-one.eml", "36-two-in-zip.zip", "36-forwarded.eml")
		w.want(w.ask(`{"queryType":"reports"}`, "policyDomain", "totalSessions", "delivery", "trust"),
			"first.example 12 direct unauthenticated", "second.example 12 direct unauthenticated", "third.example 12 drop unauthenticated",
			"fourth.example 12 drop unauthenticated", "inner.example 12 forwarded unauthenticated")
		w.wantAccount("mb1", store.Account{Stored: 3})
		w.wantAccount("drop1", store.Account{Stored: 2})
	}},
	{37, "Forwarded mail, SRS, broken DKIM, ARC: kept, unauthenticated unless the configured server's own Authentication-Results says otherwise", func(w *wild) {
		mails := []string{"37-srs-signed.eml", "37-srs-unsigned.eml", "37-broken.eml", "37-arc.eml", "37-own-results.eml", "37-forged-results.eml", "37-forwarders-results.eml"}
		w.take(mails...)
		w.want(w.ask(`{"queryType":"reports"}`, "policyDomain", "trust", "signedBy"),
			"srs-signed.example authenticated sender.example", "srs-unsigned.example unauthenticated", "broken.example unauthenticated",
			"arc.example unauthenticated", "own.example unauthenticated", "forged.example unauthenticated", "theirs.example unauthenticated")
		headers := newWild(w.T, w.row, w.used)
		headers.judge(mailreport.ModeHeaders, "mx.example.com", nil)
		headers.take(mails...)
		headers.want(headers.ask(`{"queryType":"reports"}`, "policyDomain", "trust", "signedBy"),
			"srs-signed.example unauthenticated", "srs-unsigned.example unauthenticated", "broken.example unauthenticated",
			"arc.example unauthenticated", "own.example authenticated sender.example", "forged.example unauthenticated", "theirs.example unauthenticated")
	}},
	{38, "DMARC reports, bounces and people's mail in the same mailbox: ignored and counted, never an error", func(w *wild) {
		w.take("38-dmarc-zip.eml", "38-dmarc-gzip.eml", "38-bounce.eml", "38-person.eml", "38-dmarc.xml")
		w.wantReports()
		w.wantQuarantine()
		w.wantAccount("mb1", store.Account{Ignored: 4})
		w.wantAccount("drop1", store.Account{Ignored: 1})
	}},
	{39, "Reports about report mail, a loop: reports like any other", func(w *wild) {
		w.take("39-about-report-mail.eml")
		w.wantReports("reports.example 2 1")
		w.wantAccount("mb1", store.Account{Stored: 1})
	}},
}
