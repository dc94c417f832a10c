package tlsrpt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	aPolicy := policy(`"policy-type":"sts","policy-domain":"example.com"`)
	aDetail := `{"result-type":"certificate-expired","failed-session-count":1}`
	nested := func(depth int) string {
		// The outermost object is the first level.
		return report(`"x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `,"policies":[` + aPolicy + `]`)
	}
	withDetails := func(n int) string { return details("[" + strings.Repeat(aDetail+",", n-1) + aDetail + "]") }
	lines := func(n int) string {
		return policies(policy(`"policy-type":"sts","policy-domain":"example.com","mx-host":[` + strings.Repeat(`"a",`, n-1) + `"a"]`))
	}
	for _, c := range []struct {
		name     string
		document string
		fails    string
	}{
		{"32 levels are read", nested(MaxDepth), ""},
		{"33 levels are too deep", nested(MaxDepth + 1), ReasonTooDeep},
		{"a million levels are too deep", nested(1_000_000), ReasonTooDeep},
		{"10,000 policies are read", policies(strings.Repeat(aPolicy+",", MaxPolicies-1) + aPolicy), ""},
		{"10,001 policies are too many", policies(strings.Repeat(aPolicy+",", MaxPolicies) + aPolicy), ReasonTooMany},
		{"50,000 failure details are read", withDetails(MaxDetails), ""},
		{"50,001 failure details are too many", withDetails(MaxDetails + 1), ReasonTooMany},
		{"200,000 lines are read", lines(MaxLines), ""},
		{"200,001 lines are too many", lines(MaxLines + 1), ReasonTooMany},
		{"20 MiB are read", counts(`1`) + strings.Repeat(" ", MaxDocument-len(counts(`1`))), ""},
		{"a byte more is too large", counts(`1`) + strings.Repeat(" ", MaxDocument-len(counts(`1`))+1), ReasonTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(strings.NewReader(c.document), Hints{})
			var typed *Error
			if got := errors.As(err, &typed); got != (c.fails != "") || got && typed.Reason != c.fails {
				t.Errorf("error %v, want reason %q", err, c.fails)
			}
		})
	}
}

func TestFailureDetailsAreCountedOverAllPolicies(t *testing.T) {
	half := `{"policy":{"policy-type":"sts","policy-domain":"example.com"},"failure-details":[` +
		strings.Repeat(`{"failed-session-count":1},`, MaxDetails/2) + `{"failed-session-count":1}]}`
	_, err := Decode(strings.NewReader(policies(half+","+half)), Hints{})
	var typed *Error
	if !errors.As(err, &typed) || typed.Reason != ReasonTooMany {
		t.Errorf("error %v, want reason %q", err, ReasonTooMany)
	}
}

func TestLongStringsAreTruncatedWithAWarning(t *testing.T) {
	long := strings.Repeat("é", 40_000)
	document := `{"organization-name":"` + long + `","contact-info":"` + long + `","report-id":"` + long + `",` +
		`"date-range":{"start-datetime":"2026-03-01T00:00:00Z","end-datetime":"2026-03-02T00:00:00Z"},` +
		`"policies":[{"policy":{"policy-type":"` + long + `","policy-domain":"example.com","policy-string":["` + long + `"],"mx-host":"` + long + `"},` +
		`"summary":{"total-failure-session-count":1},"failure-details":[{"result-type":"` + long + `","failed-session-count":1,` +
		`"receiving-mx-hostname":"` + long + `","receiving-mx-helo":"` + long + `","additional-information":"` + long + `","failure-reason-code":"` + long + `"}]}]}`
	r, err := Decode(strings.NewReader(document), Hints{})
	if err != nil {
		t.Fatal(err)
	}
	p, d := r.Policies[0], r.Policies[0].Details[0]
	for _, c := range []struct {
		name  string
		got   string
		limit int
	}{
		{"organization-name", r.OrganizationName, MaxID},
		{"contact-info", r.ContactInfo, MaxText},
		{"report-id", r.ReportID, MaxID},
		{"policy-type", p.Type, MaxID},
		{"policy-string", p.Strings[0], MaxText},
		{"mx-host", p.MXHosts[0], MaxText},
		{"result-type", d.ResultType, MaxID},
		{"receiving-mx-hostname", d.ReceivingMXHostname, MaxHost},
		{"receiving-mx-helo", d.ReceivingMXHelo, MaxHost},
		{"additional-information", d.AdditionalInformation, MaxText},
		{"failure-reason-code", d.ReasonCode, MaxText},
		{"reason", d.Reason, maxReason},
	} {
		if len(c.got) == 0 || len(c.got) > c.limit || strings.ContainsRune(c.got, '\ufffd') {
			t.Errorf("%s has %d bytes, want 1 to %d of whole characters", c.name, len(c.got), c.limit)
		}
	}
	if !hasWarning(r, WarnTruncated) {
		t.Errorf("no warning of truncation in %v", r.Warnings)
	}
}

func TestStringsOfTheLargestLengthAreWhole(t *testing.T) {
	detail := func(key string) func(string) string {
		return func(value string) string {
			return details(`[{"result-type":"validation-failure","failed-session-count":2,"` + key + `":"` + value + `"}]`)
		}
	}
	inPolicy := func(key string) func(string) string {
		return func(value string) string {
			return policies(policy(`"policy-type":"sts","policy-domain":"example.com","` + key + `":"` + value + `"`))
		}
	}
	top := func(key string) func(string) string {
		return func(value string) string {
			return report(`"` + key + `":"` + value + `","policies":[` + policy(`"policy-type":"sts","policy-domain":"example.com"`) + `]`)
		}
	}
	firstDetail := func(r *Report) FailureDetail { return r.Policies[0].Details[0] }
	for _, c := range []struct {
		name     string
		limit    int
		document func(value string) string
		got      func(*Report) string
	}{
		{"report-id of 512 bytes", MaxID, top("report-id"), func(r *Report) string { return r.ReportID }},
		{"organization-name of 512 bytes", MaxID, top("organization-name"), func(r *Report) string { return r.Reporter }},
		{"contact-info of 2 KiB", MaxText, top("contact-info"), func(r *Report) string { return r.ContactInfo }},
		{"policy-string of 2 KiB", MaxText, inPolicy("policy-string"), func(r *Report) string { return r.Policies[0].Strings[0] }},
		{"mx-host of 2 KiB", MaxText, inPolicy("mx-host"), func(r *Report) string { return r.Policies[0].MXHosts[0] }},
		{"result-type of 512 bytes", MaxID, detail("result-type"), func(r *Report) string { return firstDetail(r).ResultType }},
		{"receiving-mx-hostname of 255 bytes", MaxHost, detail("receiving-mx-hostname"), func(r *Report) string { return firstDetail(r).ReceivingMXHostname }},
		{"receiving-mx-helo of 255 bytes", MaxHost, detail("receiving-mx-helo"), func(r *Report) string { return firstDetail(r).ReceivingMXHelo }},
		{"additional-information of 2 KiB", MaxText, detail("additional-information"), func(r *Report) string { return firstDetail(r).AdditionalInformation }},
		{"failure-reason-code of 2 KiB", MaxText, detail("failure-reason-code"), func(r *Report) string { return firstDetail(r).ReasonCode }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for over := range 2 {
				value := strings.Repeat("x", c.limit+over)
				r, err := Decode(strings.NewReader(c.document(value)), Hints{})
				if err != nil {
					t.Fatal(err)
				}
				if got := c.got(r); got != value[:c.limit] || hasWarning(r, WarnTruncated) != (over > 0) {
					t.Errorf("of %d bytes %d are kept, with the warnings %v", len(value), len(got), r.Warnings)
				}
			}
		})
	}
}

func TestAStringCutInAnEscapeIsStillAString(t *testing.T) {
	for shift := range 16 {
		for escape, text := range map[string]string{`\\`: `\`, `\u00e9`: "é", `\ud83d\ude00`: "😀", `\"`: `"`} {
			quoted := `"` + strings.Repeat("x", shift) + strings.Repeat(escape, maxQuoted) + `"`
			var d decoder
			got := strings.TrimLeft(string(d.unquote([]byte(quoted))), "x")
			want := strings.Repeat(text, (maxQuoted-40)/len(escape))
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s cut at %d leaves %d bytes, want at least %d", escape, shift, len(got), len(want))
			}
		}
	}
}

func TestWarningsAreOneACode(t *testing.T) {
	r, err := Decode(strings.NewReader(details("["+strings.Repeat(`{"failed-session-count":"0"},`, 1000)+`{"failed-session-count":"2"}]`)), Hints{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings) != 1 || !strings.HasSuffix(r.Warnings[0].Detail, "(and 1000 more like it)") {
		t.Errorf("warnings are %v", r.Warnings)
	}
}

func TestReasonsThatNeverRepeatAreNormalizedCoarsely(t *testing.T) {
	var b strings.Builder
	for i := range MaxDetails {
		fmt.Fprintf(&b, `{"failed-session-count":0,"failure-reason-code":"dial tcp 192.0.2.%d:%d: timeout after %s"},`, i%256, i, strings.Repeat("x ", 100))
	}
	r, err := Decode(strings.NewReader(details("["+strings.TrimSuffix(b.String(), ",")+"]")), Hints{})
	if err != nil {
		t.Fatal(err)
	}
	reasons := make(map[string]int)
	for _, d := range r.Policies[0].Details {
		reasons[d.Reason]++
	}
	if len(reasons) > 2 {
		t.Errorf("%d different reasons are left, want one of each kind", len(reasons))
	}
}

func hasWarning(r *Report, code string) bool { return hasCode(r.Warnings, code) }

func hasCode(warnings []Warning, code string) bool {
	for _, w := range warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}
