package endtoend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// policyOf returns the first policy as it was read.
func (w *wild) policyOf(name string) tlsrpt.Policy {
	w.Helper()
	r := w.decoded[name]
	if r == nil {
		w.Fatalf("%s holds no report", name)
	}
	return r.Policies[0]
}

// wildFields are the rows about the fields of a report.
var wildFields = []wildRow{
	{11, "No policy-domain: that of the mail's header, else the file name's, else the report id's, with a warning", func(w *wild) {
		w.take("11-header.eml", "11-file-name.eml", "11-report-id.json", "11-nothing-names-it.json")
		w.wantReports("header.example 10 0 inferred-domain", "file.example 10 0 inferred-domain", "foo-bar.example 10 0 inferred-domain")
		w.wantQuarantine("11-nothing-names-it.json invalid-domain")
	}},
	{12, "contact-info null or missing, organization-name missing: accepted, the reporter from the header or the From domain, with a warning", func(w *wild) {
		w.take("12-contact-null.json", "12-contact-missing.json", "12-organization-missing.eml", "12-organization-missing-no-header.eml")
		w.want(w.ask(`{"queryType":"reports"}`, "policyDomain", "reporter", "contactInfo", "warnings"),
			"null.example Example Mail Inc.  missing-contact-info", "missing.example Example Mail Inc.  missing-contact-info",
			"header.example submitter.example tls-reports@sender.example inferred-reporter",
			"from.example from.example tls-reports@sender.example inferred-reporter")
	}},
	{13, "No sending IP and no MX host, since the policy could not be fetched: accepted", func(w *wild) {
		w.take("13-policy-not-fetched.json")
		w.wantReports("example.com 3 3")
		w.want(w.ask(`{"queryType":"failures"}`, "resultType", "receivingMx", "receivingIp", "sendingMtaIp", "failedSessions"),
			"sts-policy-fetch-error    3")
	}},
	{14, "A report-id with an empty suffix, brackets, spaces: an opaque string", func(w *wild) {
		w.take("14-id-1.json", "14-id-2.json", "14-id-3.json", "14-id-4.json")
		w.want(w.ask(`{"queryType":"reports"}`, "reportId", "warnings"), "1234567890+", "<2026 03 01>", "[a b] c", `9bd0/../"quoted"`)
	}},
	{15, "Times without a zone: UTC, with a warning", func(w *wild) {
		w.take("15-no-zone.json", "15-dates.json")
		w.want(w.ask(`{"queryType":"reports"}`, "policyDomain", "start", "end", "warnings"),
			"example.com 2026-03-01 2026-03-02 time-without-zone", "example.org 2026-03-01 2026-03-02 time-without-zone")
	}},
	{16, "Local time labelled Z can't be seen: a period that doesn't start at midnight has a warning", func(w *wild) {
		w.take("16-local-labelled-z.json")
		w.want(w.ask(`{"queryType":"reports"}`, "time", "start", "end", "warnings"),
			"2026-03-01 2026-03-01T01:00 2026-03-02T01:00 period-not-midnight")
	}},
	{17, "A TLSA policy-string that is a JSON array inside a string, 13 records long: unwrapped", func(w *wild) {
		w.take("17-thirteen-records.eml")
		w.wantReports("example.com 13 0")
		lines := w.policyOf("17-thirteen-records.eml").Strings
		if len(lines) != 13 || !strings.HasPrefix(lines[0], "3 1 1 ") || strings.ContainsAny(strings.Join(lines, ""), `[]",`) {
			w.Errorf("the policy is %q", lines)
		}
	}},
	{18, "A policy-string that is missing, empty, a bare string or an empty string: accepted", func(w *wild) {
		w.take("18-missing.json", "18-empty-array.json", "18-bare-string.json", "18-empty-string.json", "18-array-of-empty.json")
		w.wantReports("missing.example 12 2", "array.example 12 2", "bare.example 12 2", "empty.example 12 2", "blank.example 12 2")
		w.want(w.ask(`{"queryType":"summary","metric":"reports","groupBy":["policyMode"]}`, "policyMode", "reports"), " 4", "enforce 1")
		if lines := w.policyOf("18-bare-string.json").Strings; len(lines) != 4 {
			w.Errorf("the bare string is %q", lines)
		}
	}},
	{19, "mx-host is a string or an array, in brackets or behind mx: all accepted, bare", func(w *wild) {
		w.take("19-string.json", "19-array.json", "19-brackets.json", "19-policy-line.json")
		w.wantReports("string.example 12 2", "array.example 12 2", "brackets.example 12 2", "line.example 12 2")
		for name, want := range map[string]string{
			"19-string.json": "*.mail.example.com", "19-array.json": "mx1.example.com mx2.example.com",
			"19-brackets.json": "mx1.example.com", "19-policy-line.json": "mx1.example.com",
		} {
			if got := strings.Join(w.policyOf(name).MXHosts, " "); got != want {
				w.Errorf("the MX hosts of %s are %s", name, got)
			}
		}
	}},
	{20, "The keys of drafts, mx-host-pattern, additional-info-uri, failure-error-code, and those of the RFC: the same fields", func(w *wild) {
		w.take("20-drafts.json")
		w.want(w.ask(`{"queryType":"failures"}`, "resultType", "reasonCodeRaw", "additionalInformation", "failedSessions"),
			"validation-failure E_BAD_CERT https://sender.example/help#1 3", "starttls-not-supported 500 5.5.1 no STARTTLS 1")
		if got := w.policyOf("20-drafts.json").MXHosts; !slices.Equal(got, []string{"*.example.com"}) {
			w.Errorf("the MX hosts are %q", got)
		}
	}},
	{21, "An mx-host that is the MX itself, a policy-domain that is the MX host: kept as said, and domainMap shows the domain it serves", func(w *wild) {
		w.take("21-dane-host.json")
		w.wantReports("mx1.example.net 36 6")
		if got := w.policyOf("21-dane-host.json").MXHosts; !slices.Equal(got, []string{"mx1.example.net"}) {
			w.Errorf("the MX hosts are %q", got)
		}
		mapped := newWild(w.T, w.row, w.used)
		mapped.pipeline.Rules = ingest.NewRules([]string{"example.com"}, map[string]string{"MX1.example.net.": "example.com"})
		mapped.take("21-dane-host.json")
		mapped.wantReports("example.com 36 6")
	}},
	{22, "Policy lines in another order, with trailing spaces and CRLF: alike when compared, kept as said", func(w *wild) {
		names := []string{"22-usual.json", "22-other-order.json", "22-spaces-crlf.json", "22-one-line.json"}
		w.take(append(names, "22-another-policy.json")...)
		w.want(w.ask(`{"queryType":"summary","metric":"reports","groupBy":["policyMode"]}`, "policyMode", "reports"), "enforce 4", "testing 1")
		var seen []store.PolicySeen
		for _, name := range append(names, "22-another-policy.json") {
			p, day := w.policyOf(name), w.decoded[name].Day()
			seen = append(seen, store.PolicySeen{
				Domain: "example.com", Type: p.Type, Mode: p.Mode, Strings: p.Strings, MXHosts: p.MXHosts, Reporter: name, First: day, Last: day, Reports: 1,
			})
		}
		var policies []string
		for _, row := range analytics.PolicyRows(seen) {
			policies = append(policies, fmt.Sprint(row.Mode, " of ", len(row.Reporters)))
		}
		slices.Sort(policies)
		w.want(policies, "enforce of 4", "testing of 1")
		if got := w.policyOf("22-other-order.json").Strings[0]; got != "mx: *.Example.com" {
			w.Errorf("the first line as said is %q", got)
		}
	}},
	{23, "Reason codes in free form: kept raw, and grouped by a form without the volatile parts", func(w *wild) {
		w.take("23-reason-codes.eml")
		w.want(w.ask(`{"queryType":"summary","metric":"failedSessions","groupBy":["reasonCode"]}`, "reasonCode", "failedSessions"),
			"MX_HOSTS_MISMATCH 2", "tls-remote-alert-70 1", "dns-extended-error-9 1", "STARTTLS_NOT_ADVERTISED 1",
			"x509: certificate is valid for *, not * 2",
			"x509: certificate has expired or is not yet valid: current time * is after * 2",
			"dial tcp *: connect: connection refused 2", "certificate with serial * was revoked 2")
		raw := w.ask(`{"queryType":"failures","filters":[{"dimension":"reasonCode","values":["dial tcp *: connect: connection refused"]}]}`, "reasonCodeRaw")
		w.want(raw, "dial tcp 198.51.100.25:25: connect: connection refused", "dial tcp [2001:db8::25]:25: connect: connection refused")
	}},
	{24, "Policy and result types that no one has specified: kept raw, class other", func(w *wild) {
		w.take("24-unknown-types.json")
		w.want(w.ask(`{"queryType":"failures"}`, "policyType", "resultType", "category", "failedSessions"),
			"dane-ta-2 quantum-downgrade Other 2", "dane-ta-2 certificate-expired Certificate 1")
		w.want(w.ask(`{"queryType":"summary","metric":"totalSessions","groupBy":["policyType"]}`, "policyType", "totalSessions"), "dane-ta-2 4")
	}},
	{25, "A multi-line EHLO in receiving-mx-helo: its first line, without control characters", func(w *wild) {
		w.take("25-ehlo.json")
		w.want(w.ask(`{"queryType":"failures"}`, "receivingMxHelo"), "mx1.example.com ESMTP ready")
	}},
	{26, "A-labels, U-labels, mixed case, trailing dots: stored as lower-case A-labels without the dot, shown as U-labels", func(w *wild) {
		w.take("26-u-label.json", "26-a-label.json")
		w.wantReports("xn--bcher-kva.example 2 1", "xn--bcher-kva.example 3 1")
		w.wantSums([]string{"xn--bcher-kva.example 5 2"}, []string{"xn--bcher-kva.example 5 2"})
		w.want(w.ask(`{"queryType":"summary","metric":"failedSessions","groupBy":["receivingMx"]}`, "receivingMx", "failedSessions"), "post.xn--bcher-kva.example 2")
		w.want(w.ask(`{"queryType":"summary","metric":"failedSessions","groupBy":["policyDomain"],"filters":[{"dimension":"policyDomain","values":["xn--bcher-kva.example"]}]}`,
			"failedSessions"), "2")
		shown := w.shown(`{"queryType":"reports"}`, "policyDomain")
		w.want(shown, "bücher.example", "bücher.example")
	}},
	{27, "IPv6 in brackets, mapped IPv4, an empty string, a hyphen: the canonical address or none", func(w *wild) {
		w.take("27-addresses.json")
		w.want(w.ask(`{"queryType":"failures"}`, "failedSessions", "sendingMtaIp", "receivingIp"),
			"1 2001:db8::17 198.51.100.25", "2", "4 2001:db8::17 198.51.100.25", "8 fe80::1 2001:db8::25", "16  198.51.100.25")
		w.wantReports("example.com 31 31 invalid-address")
	}},
	{28, "Extra keys, duplicate keys, trailing data, a BOM, UTF-16: ignored, the last one counts with a warning, tolerated, quarantined", func(w *wild) {
		w.take("28-extra-keys.json", "28-duplicate-keys.json", "28-trailing.json", "28-bom.json", "28-utf-16.json", "28-utf-16-no-bom.json.gz")
		w.wantReports("extra.example 12 2", "duplicate.example 12 2 duplicate-key", "trailing.example 12 2 trailing-data", "bom.example 12 2 byte-order-mark")
		w.wantQuarantine("28-utf-16.json unsupported-encoding", "28-utf-16-no-bom.json.gz unsupported-encoding")
		w.wantAccount("drop1", store.Account{Stored: 4, Quarantined: 2})
	}},
	{29, "A policy domain that is no host name at all: quarantined as invalid-domain", func(w *wild) {
		w.take("29-no-host-name.json", "29-address.json", "29-one-of-two.json")
		w.wantReports("example.com 12 2 invalid-domain")
		w.wantQuarantine("29-no-host-name.json invalid-domain", "29-address.json invalid-domain")
	}},
	{30, "failure-details that are null, an empty object, or one object instead of an array: accepted", func(w *wild) {
		w.take("30-null.json", "30-empty-object.json", "30-one-object.json", "30-empty-in-array.json")
		w.wantReports("null.example 10 0", "empty.example 10 0", "object.example 12 2", "array.example 12 2")
		w.want(w.ask(`{"queryType":"failures"}`, "policyDomain", "resultType", "failedSessions"),
			"object.example certificate-expired 2", "array.example certificate-expired 2")
	}},
	{40, "JSON that is no RFC 8460 report, as one tutorial shows it: quarantined as not-rfc8460, naming the keys found", func(w *wild) {
		w.take("40-tutorial.json", "40-tutorial.eml", "40-array.json")
		w.wantReports()
		const keys = "Its keys are: report-id, domain, email-server, date-range, failed-connections."
		details := w.ask(`{"queryType":"quarantine"}`, "reference", "reason", "detail")
		if len(details) != 3 || !strings.HasPrefix(details[0], "40-array.json ") {
			w.Fatalf("in quarantine are %q", details)
		}
		for _, line := range details[1:] {
			if !strings.Contains(line, "not-rfc8460") || !strings.HasSuffix(line, keys) {
				w.Errorf("%s\nis without %s", line, keys)
			}
		}
	}},
}
