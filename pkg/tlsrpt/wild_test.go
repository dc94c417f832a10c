package tlsrpt

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A fixture is a report as one really comes, and what is to become of it.
type fixture struct {
	name     string
	document string
	hints    Hints
	// want is compared with what pick returns of the report.
	pick func(*Report) any
	want any
	// warns are the codes of all warnings, in order.
	warns []string
	// fails is the reason of the error; then nothing else counts.
	fails string
}

// report returns a document with the given members beside the usual ones.
func report(members string) string {
	return `{"organization-name":"Example Inc.","contact-info":"tls@example.com","report-id":"id-1",` +
		`"date-range":{"start-datetime":"2026-03-01T00:00:00Z","end-datetime":"2026-03-01T23:59:59Z"},` + members + `}`
}

// policies returns a document with the given elements of policies.
func policies(elements string) string { return report(`"policies":[` + elements + `]`) }

// policy returns an element of policies with the given policy, 10 and 2 sessions.
func policy(members string) string {
	return `{"policy":{` + members + `},"summary":{"total-successful-session-count":10,"total-failure-session-count":2}}`
}

// details returns a document of one sts policy with 2 failed sessions.
func details(failureDetails string) string {
	return policies(`{"policy":{"policy-type":"sts","policy-domain":"example.com"},` +
		`"summary":{"total-successful-session-count":10,"total-failure-session-count":2},"failure-details":` + failureDetails + `}`)
}

// counts returns a document whose successful sessions are as written.
func counts(number string) string {
	return policies(`{"policy":{"policy-type":"sts","policy-domain":"example.com"},` +
		`"summary":{"total-successful-session-count":` + number + `,"total-failure-session-count":0}}`)
}

// period returns a document with the given members of date-range.
func period(members string) string {
	return `{"organization-name":"Example Inc.","contact-info":"tls@example.com","report-id":"id-1",` +
		`"date-range":{` + members + `},"policies":[` + policy(`"policy-type":"sts","policy-domain":"example.com"`) + `]}`
}

func domain(r *Report) any      { return r.Policies[0].Domain }
func successful(r *Report) any  { return r.Policies[0].Successful }
func strs(r *Report) any        { return r.Policies[0].Strings }
func mxHosts(r *Report) any     { return r.Policies[0].MXHosts }
func mode(r *Report) any        { return r.Policies[0].Mode }
func policyCount(r *Report) any { return len(r.Policies) }
func detail(r *Report) any      { return r.Policies[0].Details[0] }
func noDetails(r *Report) any   { return len(r.Policies[0].Details) == 0 }
func periodOf(r *Report) any {
	return r.Start.Format(time.RFC3339) + " to " + r.End.Format(time.RFC3339) + " on " + r.Day().String()
}

const oneDay = "2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z on 2026-03-01"

// wild are the rows of the table of reports as they really come, by number.
var wild = []fixture{
	// Counting.
	{name: "row 1: sts and tlsa of one domain are both kept",
		document: policies(policy(`"policy-type":"sts","policy-domain":"example.com"`) + "," + policy(`"policy-type":"tlsa","policy-domain":"example.com"`)),
		pick:     policyCount, want: 2},
	{name: "row 3: details that exceed the summary are kept with a warning",
		document: details(`[{"result-type":"certificate-expired","failed-session-count":3}]`),
		pick:     func(r *Report) any { return r.Policies[0].Failed }, want: int64(2), warns: []string{WarnDetailsDiffer}},
	{name: "row 3: details below the summary are kept with a warning",
		document: details(`[{"result-type":"certificate-expired","failed-session-count":1}]`),
		pick:     func(r *Report) any { return r.Policies[0].Details[0].FailedSessions }, want: int64(1), warns: []string{WarnDetailsDiffer}},
	{name: "row 4: a count that is left out is 0",
		document: policies(`{"policy":{"policy-type":"sts","policy-domain":"example.com"},"summary":{"total-failure-session-count":0}}`),
		pick:     successful, want: int64(0)},
	{name: "row 4: a summary that is left out is 0 with a warning",
		document: policies(`{"policy":{"policy-type":"sts","policy-domain":"example.com"}}`),
		pick:     successful, want: int64(0), warns: []string{WarnMissingSummary}},
	{name: "row 5: a count as a string is read", document: counts(`" 17 "`), pick: successful, want: int64(17), warns: []string{WarnCoercedCount}},
	{name: "row 5: a negative count is 0", document: counts(`-3`), pick: successful, want: int64(0), warns: []string{WarnClampedCount}},
	{name: "row 5: a fraction is cut off", document: counts(`2.75`), pick: successful, want: int64(2), warns: []string{WarnCoercedCount}},
	{name: "row 5: a whole number with an exponent is a whole number", document: counts(`1e3`), pick: successful, want: int64(1000)},
	{name: "row 5: a count over a billion is clamped", document: counts(`1000000001`), pick: successful, want: int64(MaxCount), warns: []string{WarnClampedCount}},
	{name: "row 5: a billion is not clamped", document: counts(`1000000000`), pick: successful, want: int64(MaxCount)},
	{name: "row 5: a count beyond every number is clamped", document: counts(`1e999`), pick: successful, want: int64(MaxCount), warns: []string{WarnClampedCount}},
	{name: "row 5: a count that is a word is 0", document: counts(`"many"`), pick: successful, want: int64(0), warns: []string{WarnInvalidCount}},
	{name: "row 5: a count that is NaN is 0", document: counts(`"NaN"`), pick: successful, want: int64(0), warns: []string{WarnInvalidCount}},
	{name: "row 5: a count with a sign for thousands is 0, not 1", document: counts(`"1,000"`), pick: successful, want: int64(0), warns: []string{WarnInvalidCount}},
	{name: "row 5: a count as programmers write it is 0, not 1,000", document: counts(`"1_000"`), pick: successful, want: int64(0), warns: []string{WarnInvalidCount}},
	{name: "row 5: a count in hexadecimal is 0, not 16", document: counts(`"0x10"`), pick: successful, want: int64(0), warns: []string{WarnInvalidCount}},
	{name: "row 5: a count without end is 0, not a billion", document: counts(`"inf"`), pick: successful, want: int64(0), warns: []string{WarnInvalidCount}},
	{name: "row 5: a count that is lost is told beside those that are not",
		document: strings.Replace(counts(`"1,000"`), `"total-failure-session-count":`, `"total-failure-session-count":"7","ignored":`, 1),
		pick:     successful, want: int64(0), warns: []string{WarnInvalidCount, WarnCoercedCount}},
	{name: "row 5: a count that is an object is 0", document: counts(`{"n":1}`), pick: successful, want: int64(0), warns: []string{WarnUnexpectedValue}},
	{name: "row 6: an end of 23:59:59 is the next midnight",
		document: period(`"start-datetime":"2026-03-01T00:00:00Z","end-datetime":"2026-03-01T23:59:59Z"`), pick: periodOf, want: oneDay},
	{name: "row 6: an end at the next midnight stays",
		document: period(`"start-datetime":"2026-03-01T00:00:00Z","end-datetime":"2026-03-02T00:00:00Z"`), pick: periodOf, want: oneDay},
	{name: "row 6: a day in local time counts for the day of its middle",
		document: period(`"start-datetime":"2026-02-28T22:00:00Z","end-datetime":"2026-03-01T21:59:59Z"`), pick: periodOf,
		want: "2026-02-28T22:00:00Z to 2026-03-01T22:00:00Z on 2026-03-01", warns: []string{WarnNotMidnight}},
	{name: "row 6: a day with an offset counts for the day of its middle",
		document: period(`"start-datetime":"2026-03-01T00:00:00+01:00","end-datetime":"2026-03-02T00:00:00+01:00"`), pick: periodOf,
		want: "2026-02-28T23:00:00Z to 2026-03-01T23:00:00Z on 2026-03-01", warns: []string{WarnNotMidnight}},
	{name: "row 7: an hour counts for its day",
		document: period(`"start-datetime":"2026-03-01T23:00:00Z","end-datetime":"2026-03-01T23:59:59Z"`), pick: periodOf,
		want: "2026-03-01T23:00:00Z to 2026-03-02T00:00:00Z on 2026-03-01", warns: []string{WarnNotMidnight}},
	{name: "row 7: seven days count for the first",
		document: period(`"start-datetime":"2026-03-01T00:00:00Z","end-datetime":"2026-03-07T23:59:59Z"`), pick: periodOf,
		want: "2026-03-01T00:00:00Z to 2026-03-08T00:00:00Z on 2026-03-01"},
	{name: "row 10: a report of 0 and 0 sessions is a report",
		document: counts(`0`), pick: policyCount, want: 1},

	// Fields.
	{name: "row 11: a missing policy-domain is that of the TLS-Report-Domain header",
		document: policies(policy(`"policy-type":"no-policy-found"`)),
		hints:    Hints{ReportDomain: "Example.ORG.", FileName: "reporter.example!file.example!1772323200!1772409599.json"},
		pick:     domain, want: "example.org", warns: []string{WarnInferredDomain}},
	{name: "row 11: a missing policy-domain is that of the file name where no header names it",
		document: policies(policy(`"policy-type":"no-policy-found","policy-domain":null`)),
		hints:    Hints{FileName: "reporter.example!file.example!1772323200!1772409599!001.json.gz"},
		pick:     domain, want: "file.example", warns: []string{WarnInferredDomain}},
	{name: "row 11: a missing policy-domain is that of the report-id where nothing else names it",
		document: strings.Replace(policies(policy(`"policy-type":"no-policy-found","policy-domain":""`)), `"id-1"`, `"2026-03-01T00:00:00Z_foo-bar.example"`, 1),
		pick:     domain, want: "foo-bar.example", warns: []string{WarnInferredDomain}},
	{name: "row 11: a report-id with an at sign names the domain before it",
		document: strings.Replace(policies(policy(`"policy-type":"no-policy-found"`)), `"id-1"`, `"<2026.03.01T00.00.00Z+foo.example@reporter.example>"`, 1),
		pick:     domain, want: "foo.example", warns: []string{WarnInferredDomain}},
	{name: "row 11: a missing policy-domain that nothing names is an error",
		document: policies(policy(`"policy-type":"no-policy-found"`)), fails: ReasonInvalidDomain},
	{name: "row 12: contact-info may be null",
		document: strings.Replace(counts(`1`), `"tls@example.com"`, `null`, 1),
		pick:     func(r *Report) any { return r.ContactInfo }, want: "", warns: []string{WarnMissingContact}},
	{name: "row 12: a missing organization-name is the TLS-Report-Submitter header",
		document: strings.Replace(counts(`1`), `"organization-name":"Example Inc.",`, ``, 1),
		hints:    Hints{Submitter: "submitter.example", FromDomain: "from.example"},
		pick:     func(r *Report) any { return r.Reporter + "/" + r.OrganizationName }, want: "submitter.example/", warns: []string{WarnInferredReporter}},
	{name: "row 12: a missing organization-name is the From domain where no header names it",
		document: strings.Replace(counts(`1`), `"Example Inc."`, `" "`, 1), hints: Hints{FromDomain: "from.example"},
		pick: func(r *Report) any { return r.Reporter }, want: "from.example", warns: []string{WarnInferredReporter}},
	{name: "row 12: a report that names no reporter is of an unknown one",
		document: strings.Replace(counts(`1`), `"Example Inc."`, `null`, 1),
		pick:     func(r *Report) any { return r.Reporter }, want: "unknown", warns: []string{WarnInferredReporter}},
	{name: "row 13: a detail without addresses and MX host is accepted",
		document: details(`[{"result-type":"sts-policy-fetch-error","failed-session-count":2}]`),
		pick:     detail, want: FailureDetail{ResultType: "sts-policy-fetch-error", FailedSessions: 2}},
	{name: "row 14: a report-id with an empty suffix and brackets stays as it is",
		document: strings.Replace(counts(`1`), `"id-1"`, `"<12 34+>"`, 1),
		pick:     func(r *Report) any { return r.ReportID }, want: "<12 34+>"},
	{name: "row 14: a report-id that is a number is its digits",
		document: strings.Replace(counts(`1`), `"id-1"`, `133925885310113267`, 1),
		pick:     func(r *Report) any { return r.ReportID }, want: "133925885310113267"},
	{name: "row 15: times without a zone are UTC",
		document: period(`"start-datetime":"2026-03-01T00:00:00","end-datetime":"2026-03-01 23:59:59"`), pick: periodOf, want: oneDay, warns: []string{WarnTimeZone}},
	{name: "row 15: dates without a time are UTC midnights",
		document: period(`"start-datetime":"2026-03-01","end-datetime":"2026-03-02"`), pick: periodOf, want: oneDay, warns: []string{WarnTimeZone}},
	{name: "row 15: offsets without a colon and seconds since 1970 are times",
		document: period(`"start-datetime":"2026-03-01T00:00:00+0000","end-datetime":1772409599`), pick: periodOf, want: oneDay, warns: []string{WarnTimeFormat}},
	{name: "row 16: a period that doesn't start at midnight warns",
		document: period(`"start-datetime":"2026-03-01T01:00:00Z","end-datetime":"2026-03-02T01:00:00Z"`), pick: periodOf,
		want: "2026-03-01T01:00:00Z to 2026-03-02T01:00:00Z on 2026-03-01", warns: []string{WarnNotMidnight}},
	{name: "row 17: a TLSA set as an array inside a string is unwrapped",
		document: policies(policy(`"policy-type":"tlsa","policy-domain":"example.com","policy-string":["[\"3 1 1 AA\",\"3 1 1 BB\"]"]`)),
		pick:     strs, want: []string{"3 1 1 AA", "3 1 1 BB"}},
	{name: "row 17: thirteen TLSA records in one string are thirteen lines",
		document: policies(policy(`"policy-type":"tlsa","policy-domain":"example.com","policy-string":["[` +
			strings.Repeat(`\"3 1 1 `+strings.Repeat("A", 200)+`\",`, 12) + `\"3 1 1 BB\"]"]`)),
		pick: func(r *Report) any { return len(r.Policies[0].Strings) }, want: 13},
	{name: "row 17: what only starts like an array stays as it is",
		document: policies(policy(`"policy-type":"tlsa","policy-domain":"example.com","policy-string":["[3 1 1 AA"]`)),
		pick:     strs, want: []string{"[3 1 1 AA"}},
	{name: "row 18: an empty policy-string is accepted",
		document: policies(policy(`"policy-type":"sts","policy-domain":"example.com","policy-string":[]`)), pick: strs, want: []string(nil)},
	{name: "row 18: a policy-string that is an empty string is accepted",
		document: policies(policy(`"policy-type":"sts","policy-domain":"example.com","policy-string":""`)), pick: strs, want: []string(nil)},
	{name: "row 18: a policy-string that is a bare string is its lines",
		document: policies(policy(`"policy-type":"sts","policy-domain":"example.com","policy-string":"version: STSv1\r\nmode: testing\r\n"`)),
		pick:     func(r *Report) any { return append([]string{r.Policies[0].Mode}, r.Policies[0].Strings...) }, want: []string{"testing", "version: STSv1", "mode: testing"}},
	{name: "row 18: a null policy-string is accepted",
		document: policies(policy(`"policy-type":"sts","policy-domain":"example.com","policy-string":null`)), pick: strs, want: []string(nil)},
	{name: "row 19: mx-host may be a string",
		document: policies(policy(`"policy-type":"sts","policy-domain":"example.com","mx-host":"*.Mail.example.com"`)), pick: mxHosts, want: []string{"*.mail.example.com"}},
	{name: "row 19: mx-host loses mx: and brackets",
		document: policies(policy(`"policy-type":"sts","policy-domain":"example.com","mx-host":["mx: mx1.example.com","[mx2.example.com]","[\"mx3.example.com\"]"]`)),
		pick:     mxHosts, want: []string{"mx1.example.com", "mx2.example.com", "mx3.example.com"}},
	{name: "row 20: the keys of drafts are the same fields",
		document: policies(`{"policy":{"policy-type":"sts","policy-domain":"example.com","mx-host-pattern":["*.example.com"]},` +
			`"summary":{"total-successful-session-count":0,"total-failure-session-count":2},` +
			`"failure-details":[{"result-type":"validation-failure","failed-session-count":2,"additional-info-uri":"https://example.com/x","failure-error-code":"E_FAIL"}]}`),
		pick: func(r *Report) any { return []any{r.Policies[0].MXHosts, r.Policies[0].Details} },
		want: []any{[]string{"*.example.com"}, []FailureDetail{{ResultType: "validation-failure", FailedSessions: 2,
			AdditionalInformation: "https://example.com/x", ReasonCode: "E_FAIL", Reason: "E_FAIL"}}}},
	{name: "row 21: a policy-domain that is the MX host stays",
		document: policies(policy(`"policy-type":"tlsa","policy-domain":"mx1.example.net","mx-host":["mx1.example.net"]`)), pick: domain, want: "mx1.example.net"},
	{name: "row 22: the mode is found in any order, with spaces and CRLF",
		document: policies(policy(`"policy-type":"STS","policy-domain":"example.com","policy-string":["mx: a.example.com \r\n"," Mode :  Enforce \r","version: STSv1  "]`)),
		pick:     mode, want: "enforce"},
	{name: "row 22: a tlsa policy has no mode",
		document: policies(policy(`"policy-type":"tlsa","policy-domain":"example.com","policy-string":["mode: enforce"]`)), pick: mode, want: ""},
	{name: "row 23: a reason code is kept, and told without its addresses",
		document: details(`[{"result-type":"sts-policy-fetch-error","failed-session-count":2,"failure-reason-code":"dial tcp 192.0.2.7:443: i/o timeout"}]`),
		pick: func(r *Report) any {
			return []string{r.Policies[0].Details[0].ReasonCode, r.Policies[0].Details[0].Reason}
		},
		want: []string{"dial tcp 192.0.2.7:443: i/o timeout", "dial tcp *: i/o timeout"}},
	{name: "row 24: types that no one has specified are kept",
		document: policies(`{"policy":{"policy-type":"Quantum","policy-domain":"example.com"},"summary":{"total-failure-session-count":1},` +
			`"failure-details":[{"result-type":"Flux-Lost","failed-session-count":1}]}`),
		pick: func(r *Report) any { return r.Policies[0].Type + " " + r.Policies[0].Details[0].ResultType }, want: "quantum flux-lost"},
	{name: "row 25: of an EHLO of many lines the first is kept",
		document: details(`[{"result-type":"starttls-not-supported","failed-session-count":2,"receiving-mx-helo":"mx.exam\u0000ple.com says hi\r\nSIZE 1000\r\nSTARTTLS"}]`),
		pick:     func(r *Report) any { return r.Policies[0].Details[0].ReceivingMXHelo }, want: "mx.example.com says hi"},
	{name: "row 26: an IDN in U-labels becomes lower-case A-labels",
		document: policies(policy(`"policy-type":"sts","policy-domain":"BÜCHER.Example."`)), pick: domain, want: "xn--bcher-kva.example"},
	{name: "row 26: an IDN in A-labels becomes lower case",
		document: policies(policy(`"policy-type":"sts","policy-domain":"XN--BCHER-KVA.example"`)), pick: domain, want: "xn--bcher-kva.example"},
	{name: "row 26: MX hosts and patterns become lower-case A-labels",
		document: policies(`{"policy":{"policy-type":"sts","policy-domain":"example.com","mx-host":["*.BÜCHER.example."]},"summary":{"total-failure-session-count":1},` +
			`"failure-details":[{"result-type":"certificate-expired","failed-session-count":1,"receiving-mx-hostname":"MX.Bücher.example."}]}`),
		pick: func(r *Report) any {
			return r.Policies[0].MXHosts[0] + " " + r.Policies[0].Details[0].ReceivingMXHostname
		},
		want: "*.xn--bcher-kva.example mx.xn--bcher-kva.example"},
	{name: "row 27: addresses become canonical",
		document: details(`[{"result-type":"certificate-expired","failed-session-count":2,"sending-mta-ip":"[2001:DB8:0:0::1]","receiving-ip":"::ffff:192.0.2.1"}]`),
		pick:     detail, want: FailureDetail{ResultType: "certificate-expired", FailedSessions: 2, SendingMTAIP: "2001:db8::1", ReceivingIP: "192.0.2.1"}},
	{name: "row 27: an empty address and a hyphen are none",
		document: details(`[{"result-type":"certificate-expired","failed-session-count":2,"sending-mta-ip":"","receiving-ip":"-"}]`),
		pick:     detail, want: FailureDetail{ResultType: "certificate-expired", FailedSessions: 2}},
	{name: "row 27: what is no address is none, with a warning",
		document: details(`[{"result-type":"certificate-expired","failed-session-count":2,"sending-mta-ip":"somewhere"}]`),
		pick:     detail, want: FailureDetail{ResultType: "certificate-expired", FailedSessions: 2}, warns: []string{WarnInvalidAddress}},
	{name: "row 28: unknown keys are passed over",
		document: report(`"extra":{"a":[1,{"b":null}]},"policies":[` + policy(`"policy-type":"sts","policy-domain":"example.com","x":[[]]`) + `]`), pick: domain, want: "example.com"},
	{name: "row 28: of a duplicate key the last one counts",
		document: policies(policy(`"policy-type":"sts","policy-domain":"first.example","policy-domain":"last.example"`)), pick: domain, want: "last.example", warns: []string{WarnDuplicateKey}},
	{name: "row 28: of duplicate policies the last ones count",
		document: report(`"policies":[` + policy(`"policy-type":"sts","policy-domain":"a.example"`) + `,` + policy(`"policy-type":"sts","policy-domain":"b.example"`) +
			`],"policies":[` + policy(`"policy-type":"sts","policy-domain":"c.example"`) + `]`),
		pick: func(r *Report) any { return []string{r.Policies[0].Domain, string(rune('0' + len(r.Policies)))} }, want: []string{"c.example", "1"}, warns: []string{WarnDuplicateKey}},
	{name: "row 28: trailing data is ignored", document: counts(`1`) + "\n-- \nlist footer", pick: domain, want: "example.com", warns: []string{WarnTrailingData}},
	{name: "row 28: a byte order mark is tolerated", document: "\ufeff" + counts(`1`), pick: domain, want: "example.com", warns: []string{WarnByteOrderMark}},
	{name: "row 28: UTF-16 with a byte order mark is an error", document: "\xff\xfe{\x00}\x00", fails: ReasonEncoding},
	{name: "row 28: UTF-16 without a byte order mark is an error", document: "\x00{\x00}", fails: ReasonEncoding},
	{name: "row 28: bytes that are no UTF-8 are replaced",
		document: strings.Replace(counts(`1`), `Example Inc.`, "Caf\xe9", 1), pick: func(r *Report) any { return r.Reporter }, want: "Caf\ufffd", warns: []string{WarnInvalidUTF8}},
	{name: "row 29: a policy-domain that is no host name is an error",
		document: policies(policy(`"policy-type":"sts","policy-domain":"not a domain!"`)), hints: Hints{ReportDomain: "example.com"}, fails: ReasonInvalidDomain},
	{name: "row 29: a policy-domain that is an address is an error",
		document: policies(policy(`"policy-type":"sts","policy-domain":"192.0.2.1"`)), fails: ReasonInvalidDomain},
	{name: "row 29: other policies of the report stay",
		document: policies(policy(`"policy-type":"sts","policy-domain":"-"`) + "," + policy(`"policy-type":"sts","policy-domain":"example.com"`)),
		pick:     policyCount, want: 1, warns: []string{WarnInvalidDomain}},
	{name: "row 30: failure-details may be null", document: details(`null`), pick: noDetails, want: true},
	{name: "row 30: failure-details may be an empty object", document: details(`{}`), pick: noDetails, want: true},
	{name: "row 30: failure-details may be one object",
		document: details(`{"result-type":"certificate-expired","failed-session-count":2}`), pick: detail, want: FailureDetail{ResultType: "certificate-expired", FailedSessions: 2}},
	{name: "row 40: JSON of another kind is an error",
		document: `{"organization-name":"x","failed-connections":[],"email-server":"mx.example.com"}`, fails: ReasonNotRFC8460},

	// Beyond the table.
	{name: "policies may be one object", document: report(`"policies":` + policy(`"policy-type":"sts","policy-domain":"example.com"`)), pick: domain, want: "example.com"},
	{name: "an empty list of policies is an error", document: policies(``), fails: ReasonNoPolicies},
	{name: "a JSON array is no report", document: `[{}]`, fails: ReasonNotRFC8460},
	{name: "an empty document is an error", document: ``, fails: ReasonInvalidJSON},
	{name: "a document cut short is an error", document: counts(`1`)[:200], fails: ReasonInvalidJSON},
	{name: "a missing policy-type is told by the policy",
		document: policies(policy(`"policy-domain":"example.com","policy-string":["version: STSv1","mode: none"]`)),
		pick:     func(r *Report) any { return r.Policies[0].Type + " " + r.Policies[0].Mode }, want: "sts none", warns: []string{WarnMissingPolicyType}},
	{name: "control and bidirectional characters are removed",
		document: strings.Replace(counts(`1`), `Example Inc.`, `\u202eEvil\u0007\u0085 \u2066Corp\u2069\u200f\n`, 1), pick: func(r *Report) any { return r.Reporter }, want: "Evil Corp"},
	{name: "a missing date-range is that of the file name",
		document: strings.Replace(counts(`1`), `"date-range":{`, `"no-range":{`, 1),
		hints:    Hints{FileName: "reporter.example!example.com!1772323200!1772409599!001.json"}, pick: periodOf, want: oneDay,
		warns: []string{WarnInferredPeriod}},
	{name: "a date-range that null overwrites is missing",
		document: report(`"date-range":null,"policies":[` + policy(`"policy-type":"sts","policy-domain":"example.com"`) + `]`), fails: ReasonInvalidPeriod},
	{name: "an unreadable date-range is that of the file name",
		document: period(`"start-datetime":"yesterday","end-datetime":"today"`),
		hints:    Hints{FileName: "reporter.example!example.com!1772323200!1772409599.json"}, pick: periodOf, want: oneDay, warns: []string{WarnInferredPeriod}},
	{name: "an unreadable date-range is an error where the file name has none", document: period(`"start-datetime":"yesterday"`), fails: ReasonInvalidPeriod},
	{name: "a period that ends before it starts is an error",
		document: period(`"start-datetime":"2026-03-02T00:00:00Z","end-datetime":"2026-03-01T00:00:00Z"`), fails: ReasonInvalidPeriod},
	{name: "a period of another age is an error",
		document: period(`"start-datetime":"0001-01-01T00:00:00Z","end-datetime":"0001-01-02T00:00:00Z"`), fails: ReasonInvalidPeriod},
}

func TestReportsAsTheyReallyCome(t *testing.T) {
	for _, c := range wild {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode(strings.NewReader(c.document), c.hints)
			if c.fails != "" {
				var typed *Error
				if !errors.As(err, &typed) || typed.Reason != c.fails {
					t.Fatalf("error %v, want reason %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, c.pick(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var codes []string
			for _, w := range got.Warnings {
				codes = append(codes, w.Code)
			}
			if diff := cmp.Diff(c.warns, codes); diff != "" {
				t.Errorf("warnings, -want +got\n%s%v", diff, got.Warnings)
			}
		})
	}
}

func TestRow40NamesTheKeysFound(t *testing.T) {
	_, err := Decode(strings.NewReader(`{"failed-connections":[],"email\u0000-server":1}`), Hints{})
	if err == nil || !strings.Contains(err.Error(), "failed-connections, email-server") {
		t.Errorf("error %q doesn't name the keys", err)
	}
}
