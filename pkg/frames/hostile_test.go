package frames

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// hostile is what strangers write to do harm where it is shown.
var hostile = []string{
	`<script>window.hit=1</script>`, `<img src=x onerror="window.hit=1">`, `javascript:window.hit=1`, `[x](javascript:window.hit=1)`,
	"a\u202eb\u2066c\u2069d\u200f", "nul\x00esc\x1b[31mred\u0085", "${__user.login} ${__data.fields.id} $domain [[domain]] {{.}}",
	`=HYPERLINK("https://evil.example","x")`, "+1+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0",
	"\t=1+1", "\r=1+1", " =1+1", "＝1+1", "'=1+1", "+0", "ask root@mx.example", strings.Repeat("long ", 1000),
}

// everywhere returns every frame with s wherever a stranger can write.
func everywhere(s string) data.Frames {
	dimensions := []store.Dimension{store.PolicyDomain, store.Reporter, store.ReasonCode}
	values := []string{s, s, s}
	all := Trend([]analytics.Series{{Values: values}}, dimensions, analytics.FailedSessions, analytics.Distinct)
	return append(all,
		Summary([]SummaryRow{{values, []float64{1}}}, dimensions, []analytics.Metric{analytics.FailedSessions}),
		Failures([]store.FailureRow{{
			Policy: tlsrpt.Policy{Domain: s, Type: s, Mode: s}, Reporter: s, ReportID: s,
			Detail: tlsrpt.FailureDetail{ResultType: s, SendingMTAIP: s, ReceivingIP: s, ReceivingMXHostname: s, ReceivingMXHelo: s, AdditionalInformation: s, ReasonCode: s, Reason: s},
		}}, store.Period),
		Reports([]store.ReportRow{{
			Reporter: s, PolicyDomain: s, Judgement: store.Judgement{Reason: s, SignedBy: s}, Warnings: []string{s, s}, ContactInfo: s, ReportID: s, Source: s,
		}}, store.Period, analytics.Distinct),
		Reporters([]ReporterRow{{store.ReporterRow{Reporter: s, PolicyDomain: s}, analytics.Cadence{Note: s}}}),
		Status([]analytics.Finding{{Sentence: s, PolicyDomain: s}}),
		Incidents([]analytics.Incident{{PolicyDomain: s, ResultType: s, PolicyMode: s, Reporters: []string{s, s}, MXs: []string{s, s}, Networks: []string{s}, Reason: s, Verdict: s, Fix: s}}),
		Policies([]analytics.PolicyRow{{Domain: s, Type: s, Mode: s, MX: []string{s, s}, Lines: []string{s, s}, Text: s, Reporters: []string{s}, HeldBy: []string{s}}}),
		Readiness([]analytics.ReadinessRow{{Domain: s, Mode: s, Reporters: []string{s, s}, Reasons: []string{s}}}),
		Events([]analytics.Event{{Title: s, Text: s, Tags: []string{s, s}, PolicyDomain: s}}),
		Sources([]SourceRow{{ID: s, Name: s, LastError: s}}),
		Quarantine([]store.QuarantineRow{{Problem: store.Problem{Reason: s, Detail: s}, Source: s, Ref: s}}),
	)
}

// texts are all that a frame shows of what strangers wrote.
func texts(frame *data.Frame) (all []string) {
	for _, field := range frame.Fields {
		if field.Config != nil {
			all = append(all, field.Config.DisplayNameFromDS)
		}
		for _, v := range field.Labels {
			all = append(all, v)
		}
		for i := range field.Len() {
			if s, ok := field.At(i).(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

func wantHarmless(t interface{ Errorf(string, ...any) }, in string) {
	for i, frame := range everywhere(in) {
		for _, s := range texts(frame) {
			if j := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }); j >= 0 {
				t.Errorf("frame %d shows %q as %q", i, in, s)
			}
			if isFormula(strings.TrimLeft(s, " ")) {
				t.Errorf("frame %d hands %q to a spreadsheet as the formula %q", i, in, s)
			}
		}
		for _, field := range frame.Fields {
			if field.Config != nil && len(field.Config.Links) > 0 {
				t.Errorf("frame %d makes a link of %q", i, in)
			}
		}
	}
}

func TestWhatStrangersWriteIsHarmlessInEveryFrame(t *testing.T) {
	for _, in := range hostile {
		wantHarmless(t, in)
	}
	rapid.Check(t, func(t *rapid.T) {
		wantHarmless(t, rapid.StringMatching(`['=+\-@\t\r ＝]{0,3}[<>a-z0-9${}\x{200b}-\x{206f}\x{0}-\x{1f}]{0,6}`).Draw(t, "text"))
	})
}

func TestGuards(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+cmd": "'+cmd", "-cmd": "'-cmd", "@x": "'@x", " =1": "' =1", "＝1": "'＝1", "'=1": "''=1", "\t=1": "'\t=1",
		"-5": "-5", "+5.25": "+5.25", "-1,000": "-1,000", "1e9": "1e9", "-12%": "-12%",
		"": "", "Google": "Google", "a=b": "a=b", "'quoted'": "'quoted'", "192.0.2.1": "192.0.2.1",
	} {
		if got := Guard(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`['=+\-@ ]{0,4}[a-z0-9]{0,3}`)).Draw(t, "text")
		if plain, _ := Unguard(Guard(s)); plain != s {
			t.Fatalf("%q comes back as %q", s, plain)
		}
	})
}

func TestIDsLeadToTheRawBytes(t *testing.T) {
	frame := Quarantine([]store.QuarantineRow{{ID: 3}})
	LinkRaw(frame, "/api/datasources/uid/x%2Fy/resources", "quarantine")
	field, _ := frame.FieldByName("id")
	raw, err := json.Marshal(field.Config.Links)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"title":"Download the raw bytes","targetBlank":true,"url":"/api/datasources/uid/x%2Fy/resources/quarantine/${__value.raw:percentencode}/raw"}]`
	if string(raw) != want {
		t.Errorf("got %s, want %s", raw, want)
	}
	LinkRaw(Quarantine(nil), "/api", "quarantine") // has no fields
}
