package tlsrpt

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
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

// Memory has to stay under 256 MiB for the whole process; a document may take
// its own size a few times over.
func TestHostileDocumentsStaySmall(t *testing.T) {
	const allowed = 160 << 20
	for name, document := range map[string][]byte{
		"one string of invalid UTF-8": fill(`{"policies":[],"report-id":"`, "\xff", `"}`),
		"many empty lines":            fill(`{"policies":[{"policy":{"policy-string":[""`, `,""`, `]}}]}`),
		"many keys":                   fill(`{"a":1`, `,"b":1`, `}`),
		"many empty details":          fill(`{"policies":[{"failure-details":[{}`, `,{}`, `]}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := DecodeBytes(document, Hints{})
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("the document was accepted")
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > allowed {
				t.Errorf("took %d MiB, want at most %d", took>>20, allowed>>20)
			}
		})
	}
}

// fill returns a document of the largest size.
func fill(start, middle, end string) []byte {
	n := (MaxDocument - len(start) - len(end)) / len(middle)
	return append(append([]byte(start), bytes.Repeat([]byte(middle), n)...), end...)
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
