package frames

import (
	"slices"
	"testing"

	"golang.org/x/net/idna"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestHostNamesAreShownAsPeopleReadThem(t *testing.T) {
	for name, want := range map[string]string{
		"mx1.example.com":         "mx1.example.com",
		"xn--bcher-kva.example":   "bücher.example",
		"mx.xn--mnchen-3ya.de":    "mx.münchen.de",
		"_x.xn--bcher-kva.test":   "_x.bücher.test",
		"xn--e1afmkfd.xn--p1ai":   "пример.рф",
		"xn--r8jz45g.xn--zckzah":  "例え.テスト",
		"xn--fsqu00a.example":     "例子.example",
		"xn--4dbrk0ce.example":    "ישראל.example",
		"xn--3e0b707e":            "한국",
		"xn--o3cw4h.example":      "ไทย.example",
		"mx1.xn--strae-oqa.de":    "mx1.straße.de",
		"no host name: xn--x  ":   "no host name: xn--x  ",
		"xn--.example":            "xn--.example",
		"xn--0000000000000.exa":   "xn--0000000000000.exa",
		"XN--BCHER-KVA.example":   "XN--BCHER-KVA.example",
		"xn--a-ecp.ru.xn--zzz-99": "xn--a-ecp.ru.xn--zzz-99",
	} {
		if got := HostName(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestNamesThatCouldBeTakenForOthersStayALabels(t *testing.T) {
	for what, u := range map[string]string{
		"Cyrillic that reads as apple":               "аррӏе",
		"Latin with one Cyrillic letter":             "pаypal",
		"Greek and Latin together":                   "οpenai",
		"a Latin letter without its dot":             "mıcrosoft",
		"Japanese beside Latin":                      "example日本",
		"a sign that reads as a slash, beside Latin": "exampleノx",
		"a character that IDNA2008 does not have":    "☕",
		"an emoji beside Latin":                      "i❤",
		"a script that is in no everyday use":        "ꭰꭱꭲ",
		"a mark on a letter that has no such form":   "pay\u0335pal",
	} {
		a, err := idna.Punycode.ToASCII(u)
		if err != nil {
			t.Fatal(what, err)
		}
		if got := HostName("mx." + a + ".example"); got != "mx."+a+".example" {
			t.Errorf("%s: %s is shown as %s", what, a, got)
		}
	}
}

func TestAShownNameIsFoundAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.StringMatching(`[a-zäöüß]{1,8}|[а-я]{1,8}|[あ-ん一-丏]{1,4}|[א-ת]{1,5}|[\x{80}-\x{ffff}]{1,4}`).Draw(t, "label")
		a, ok := tlsrpt.NormalizeDomain(u + ".example")
		if !ok {
			return
		}
		if again, ok := tlsrpt.NormalizeDomain(HostName(a)); !ok || again != a {
			t.Fatalf("%s is shown as %s, which is %s", a, HostName(a), again)
		}
	})
}

func TestShownNamesLeaveTheValuesAlone(t *testing.T) {
	const a, u = "xn--bcher-kva.example", "bücher.example"
	domains := []string{a, "a.example"}
	summary := Summary([]SummaryRow{{domains[:1], []float64{1}}, {domains[1:], []float64{2}}}, []store.Dimension{store.PolicyDomain}, []analytics.Metric{analytics.Reports})
	reports := Reports([]store.ReportRow{{PolicyDomain: a}, {PolicyDomain: domains[1]}}, store.Period, analytics.Distinct)
	for _, field := range slices.Concat(summary.Fields[:1], reports.Fields[6:7]) {
		if field.Name != "policyDomain" || field.At(0) != a {
			t.Errorf("%s holds %v", field.Name, field.At(0))
		}
		raw, err := field.Config.Mappings.MarshalJSON()
		if err != nil || string(raw) != `[{"type":"value","options":{"`+a+`":{"text":"`+u+`"}}}]` {
			t.Errorf("%s, %v", raw, err)
		}
	}
	value := Trend([]analytics.Series{{Values: []string{a, "Google"}}}, []store.Dimension{store.PolicyDomain, store.Reporter}, analytics.Reports, analytics.Distinct)[0].Fields[1]
	if value.Labels["policyDomain"] != a || value.Config.DisplayNameFromDS != u+", Google" {
		t.Errorf("a series has the labels %v and the name %s", value.Labels, value.Config.DisplayNameFromDS)
	}
}
