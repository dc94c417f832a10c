package alertrules

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func shipped(t *testing.T) []Rule {
	t.Helper()
	file, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return file.Rules()
}

// model is a query's model as far as the tests look.
type model struct {
	RefID       string   `json:"refId"`
	QueryType   string   `json:"queryType"`
	Metric      string   `json:"metric"`
	GroupBy     []string `json:"groupBy"`
	TimeField   string   `json:"timeField"`
	MaxLateness string   `json:"maxLateness"`
	Limit       int      `json:"limit"`
	Expression  string   `json:"expression"`
}

func modelOf(t *testing.T, q Query) model {
	t.Helper()
	var m model
	if err := json.Unmarshal(q.Model, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheTwelveRules(t *testing.T) {
	want := []string{
		"tlsrpt-failure-rate 36h0m0s", "tlsrpt-new-failure 36h0m0s", "tlsrpt-certificate 36h0m0s", "tlsrpt-starttls 36h0m0s",
		"tlsrpt-sts-policy 72h0m0s", "tlsrpt-dane 36h0m0s", "tlsrpt-reporter-silent 36h0m0s", "tlsrpt-domain-silent 36h0m0s",
		"tlsrpt-not-polled 1h0m0s", "tlsrpt-quarantine 24h0m0s", "tlsrpt-protection-lost 36h0m0s", "tlsrpt-mode-dropped 36h0m0s",
	}
	var got []string
	titles := map[string]bool{}
	for _, r := range shipped(t) {
		got = append(got, fmt.Sprintf("%s %s", r.UID, time.Duration(r.Data[0].RelativeTimeRange.From)*time.Second))
		if titles[r.Title] || r.Title == "" {
			t.Errorf("%s has the title %q, which another has", r.UID, r.Title)
		}
		titles[r.Title] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryRuleIsComplete(t *testing.T) {
	for _, r := range shipped(t) {
		t.Run(r.UID, func(t *testing.T) {
			noData, failed := "OK", "KeepLast"
			if r.UID == "tlsrpt-not-polled" {
				noData, failed = "Alerting", "Alerting"
			}
			if r.NoDataState != noData || r.ExecErrState != failed {
				t.Errorf("without data it is %s, after an error %s", r.NoDataState, r.ExecErrState)
			}
			if !strings.Contains(r.Labels["severity"], "warning") {
				t.Errorf("the severity is %q", r.Labels["severity"])
			}
			for _, name := range []string{"summary", "description", "link", "__dashboardUid__", "__panelId__"} {
				if r.Annotations[name] == "" {
					t.Errorf("there is no annotation %s", name)
				}
			}
			if !regexp.MustCompile(`^tlsrpt-[a-z]+$`).MatchString(r.Annotations["__dashboardUid__"]) ||
				!strings.HasPrefix(r.Annotations["link"], "{{ externalURL }}d/tlsrpt-") {
				t.Errorf("it links to %q, %q", r.Annotations["__dashboardUid__"], r.Annotations["link"])
			}
			if !strings.Contains(r.Annotations["description"], "What to do:") {
				t.Error("it does not say what to do")
			}
		})
	}
}

// A grouping by a name that the condition lacks would leave a text without its
// number, or with that of another alert.
func TestQueriesAreWellPut(t *testing.T) {
	variable := regexp.MustCompile(`\$values\.(\w+)`)
	for _, r := range shipped(t) {
		t.Run(r.UID, func(t *testing.T) {
			var refs []string
			for _, q := range r.Data {
				m := modelOf(t, q)
				if m.RefID != q.RefID || slices.Contains(refs, q.RefID) {
					t.Errorf("query %s is named %s in its model, or is there twice", q.RefID, m.RefID)
				}
				refs = append(refs, q.RefID)
				if q.DatasourceUID == expressions {
					continue
				}
				if q.DatasourceUID != UID || m.QueryType != "summary" || (q.RelativeTimeRange.To != 0) != (m.Metric == "historyDays") || q.RelativeTimeRange.From == 0 {
					t.Errorf("query %s asks %s for a %s", q.RefID, q.DatasourceUID, m.QueryType)
				}
				if m.TimeField != "" && (m.TimeField != "stored" || m.MaxLateness != "7d") {
					t.Errorf("query %s looks at %s, %s", q.RefID, m.TimeField, m.MaxLateness)
				}
				if slices.Contains([]string{"totalSessions", "failedSessions", "failureRate"}, m.Metric) && m.Limit < 100_000 {
					t.Errorf("query %s is cut to its largest %d groups", q.RefID, m.Limit)
				}
			}
			texts := []string{r.Labels["severity"]}
			for _, text := range r.Annotations {
				texts = append(texts, text)
			}
			for _, text := range texts {
				for _, found := range variable.FindAllStringSubmatch(text, -1) {
					if !slices.Contains(refs, found[1]) {
						t.Errorf("a text shows %s, which no query has", found[1])
					}
				}
			}
		})
	}
}

// sample are labels and numbers with which every text has something to say.
func sample(resultType string, number float64) (data.Labels, map[string]Value) {
	labels := data.Labels{
		"policyDomain": "example.com", "resultType": resultType, "receivingMx": "mx2.example.com",
		"reporter": "Google", "domains": "example.com, example.org", "source": "mb1",
	}
	values := map[string]Value{}
	for _, ref := range []string{"total", "failed", "rate", "newFailed", "atMx", "mxShare", "repeats", "sightings", "all", "overdue", "silentDays", "quarantined", "arrivals", "lost", "dropped"} {
		values[ref] = Value{Value: number}
	}
	values["reporters"], values["reportersHere"] = Value{Value: 2}, Value{Value: 2}
	values["enforced"] = Value{Value: 1}
	values["pollAge"] = Value{Value: 90_000}
	values["reportAge"] = Value{Value: 4 * 86400}
	values["lastFailing"] = Value{Value: float64(time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC).Unix())}
	values["nextReport"] = Value{Value: float64(time.Date(2026, 5, 15, 9, 30, 0, 0, time.UTC).Unix())}
	return labels, values
}

func TestTextsOfEveryResultTypeSayWhatToDo(t *testing.T) {
	for _, r := range shipped(t) {
		for _, resultType := range []string{
			"starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure", "tlsa-invalid",
			"dnssec-invalid", "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid", "something-new",
		} {
			labels, values := sample(resultType, 7)
			text, err := r.Text(labels, values, "https://grafana.example/")
			if err != nil {
				t.Fatal(err)
			}
			for name, said := range text.Annotations {
				for _, wrong := range []string{"DOMAIN", "no value", "{{", "}}", "  ", "%!", "$", " .", " ,"} {
					if strings.Contains(said, wrong) {
						t.Errorf("%s, %s: %s holds %q: %s", r.UID, resultType, name, wrong, said)
					}
				}
			}
		}
	}
}

func TestTextsTellWhenTheyCanClear(t *testing.T) {
	rules := shipped(t)
	for _, r := range rules[:6] {
		before := "This cannot clear before 2026-05-15 09:30 UTC,"
		if r.UID == "tlsrpt-failure-rate" {
			// Any report on the domain changes a rate.
			before = "This cannot clear before further reports bring the rate down,"
		}
		labels, values := sample("certificate-expired", 7)
		text, err := r.Text(labels, values, "https://grafana.example/")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"The last failing period ended 2026-05-14 00:00 UTC.", before} {
			if !strings.Contains(text.Annotations["description"], want) {
				t.Errorf("%s does not say %q: %s", r.UID, want, text.Annotations["description"])
			}
		}
		for _, ref := range []string{"lastFailing", "nextReport"} {
			values[ref] = Value{}
		}
		if text, err = r.Text(labels, values, ""); err != nil || strings.Contains(text.Annotations["description"], "1970") ||
			r.UID != "tlsrpt-failure-rate" && strings.Contains(text.Annotations["description"], "clear before") {
			t.Errorf("%s tells of times that nobody knows: %v %s", r.UID, err, text.Annotations["description"])
		}
	}
}

func TestSeverity(t *testing.T) {
	critical := map[string]bool{}
	for _, r := range shipped(t) {
		for name, change := range map[string]func(map[string]Value){
			"as it is":         func(map[string]Value) {},
			"enforced":         func(v map[string]Value) { v["enforced"] = Value{Value: 1} },
			"alone":            func(v map[string]Value) { v["enforced"] = Value{Value: 1}; v["reporters"] = Value{Value: 1} },
			"a day":            func(v map[string]Value) { v["pollAge"] = Value{Value: 86400} },
			"nothing is known": func(v map[string]Value) { clear(v) },
		} {
			labels, values := sample("", 1)
			values["enforced"], values["pollAge"] = Value{Value: 0}, Value{Value: 86399}
			change(values)
			text, err := r.Text(labels, values, "")
			if err != nil {
				t.Fatal(err)
			}
			switch text.Labels["severity"] {
			case "critical":
				critical[r.UID+" "+name] = true
			case "warning":
			default:
				t.Errorf("%s: the severity is %q", r.UID, text.Labels["severity"])
			}
		}
	}
	want := map[string]bool{
		"tlsrpt-failure-rate enforced": true, "tlsrpt-failure-rate alone": true, "tlsrpt-new-failure enforced": true, "tlsrpt-new-failure alone": true,
		"tlsrpt-certificate enforced": true, "tlsrpt-certificate alone": true, "tlsrpt-starttls enforced": true, "tlsrpt-dane enforced": true, "tlsrpt-dane alone": true,
		"tlsrpt-protection-lost enforced": true, "tlsrpt-protection-lost alone": true, "tlsrpt-not-polled a day": true,
	}
	if diff := cmp.Diff(want, critical); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
