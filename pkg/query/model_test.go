package query

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// full is the example of the public contract.
const full = `{"queryType": "trend", "metric": "failedSessions", "groupBy": ["policyDomain"],
 "filters": [{"dimension": "policyDomain", "operator": "=", "values": ["example.com"]}],
 "interval": "auto", "timeField": "period", "counting": "distinct", "trust": "any", "minSessions": 0, "maxLateness": "", "limit": 20}`

func TestParse(t *testing.T) {
	t.Run("the contract's example reads as it stands", func(t *testing.T) {
		m, err := Parse([]byte(full))
		if err != nil {
			t.Fatal(err)
		}
		want := Defaults()
		want.GroupBy = []store.Dimension{store.PolicyDomain}
		want.Filters = []Filter{{Dimension: store.PolicyDomain, Operator: store.Equal, Values: []string{"example.com"}}}
		want.Limit, want.BaselineDays = 20, 30
		if diff := cmp.Diff(want, m); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what Grafana adds is let through, and null is the default", func(t *testing.T) {
		m, err := Parse([]byte(`{"refId":"A","datasource":{"uid":"x"},"intervalMs":1000,"maxDataPoints":100,"hide":false,"metric":null,"groupBy":null}`))
		if err != nil || m.Metric != "failedSessions" || m.QueryType != "trend" {
			t.Errorf("got %+v, %v", m, err)
		}
	})
	t.Run("a filter without values is ignored", func(t *testing.T) {
		m, err := Parse([]byte(`{"filters":[{"dimension":"reporter","values":[]},{"dimension":"","operator":"=","values":[]}]}`))
		if err != nil || len(m.filters()) != 0 {
			t.Errorf("got %v, %v", m.filters(), err)
		}
	})
	t.Run("limits default by query type", func(t *testing.T) {
		for queryType, want := range map[string]int{"trend": 20, "summary": 1000, "reports": 500} {
			if m, err := Parse([]byte(`{"queryType":"` + queryType + `"}`)); err != nil || m.Limit != want {
				t.Errorf("%s: got %d, %v, want %d", queryType, m.Limit, err, want)
			}
		}
	})
	t.Run("maxLateness is whole hours, days or weeks", func(t *testing.T) {
		for word, want := range map[string]time.Duration{"": 0, "36h": 36 * time.Hour, "7d": 168 * time.Hour, "2w": 336 * time.Hour} {
			if got, err := parseLateness(word); err != nil || got != want {
				t.Errorf("%q: got %v, %v", word, got, err)
			}
		}
	})
}

func TestParseNamesTheUnknownWordAndTheAllowedOnes(t *testing.T) {
	for name, c := range map[string]struct{ query, word, allowed string }{
		"query type":                        {`{"queryType":"table"}`, `"table"`, "trend, summary, status"},
		"metric":                            {`{"metric":"failures"}`, `"failures"`, "failedSessions, successfulSessions"},
		"metric of a table":                 {`{"queryType":"reports","metric":"failures"}`, `"failures"`, "failedSessions"},
		"one of several metrics":            {`{"queryType":"summary","metrics":["failureRate","x"]}`, `"x"`, "failureRate"},
		"several metrics of a trend":        {`{"metrics":["failureRate"]}`, "metrics", "summary"},
		"a group of completeness":           {`{"metric":"completeness","groupBy":["reporter"]}`, `"reporter"`, "allowed are policyDomain"},
		"completeness beside another":       {`{"queryType":"summary","metrics":["reports","completeness"]}`, `"completeness"`, "can't stand beside others"},
		"completeness by a detail":          {`{"metric":"completeness","filters":[{"dimension":"resultType","values":["x"]}]}`, `"resultType"`, "can't be filtered"},
		"a silence by a detail":             {`{"queryType":"summary","metric":"overdue","filters":[{"dimension":"receivingMx","values":["x"]}]}`, `"receivingMx"`, "can't be filtered"},
		"policies by a detail":              {`{"queryType":"policies","filters":[{"dimension":"resultType","values":["x"]}]}`, `"resultType"`, `query type "policies" does not: it can't be filtered`},
		"readiness by a detail":             {`{"queryType":"readiness","filters":[{"dimension":"receivingMx","values":["x"]}]}`, `"receivingMx"`, "can't be filtered"},
		"domains in words of no reporter":   {`{"queryType":"summary","metric":"overdue","groupBy":["domains"]}`, `"domains"`, "beside reporter"},
		"domains in words beside domains":   {`{"queryType":"summary","metric":"overdue","groupBy":["reporter","policyDomain","domains"]}`, `"domains"`, "not by policyDomain"},
		"domains in words of a trend":       {`{"groupBy":["domains"]}`, `"domains"`, "policyDomain"},
		"a filter on domains in words":      {`{"queryType":"summary","metric":"overdue","filters":[{"dimension":"domains","values":["x"]}]}`, `"domains"`, "policyDomain"},
		"an age over time":                  {`{"metric":"pollAge"}`, `"pollAge"`, "summary"},
		"group":                             {`{"groupBy":["domain"]}`, `"domain"`, "policyDomain, policyType"},
		"group of a table":                  {`{"queryType":"sources","groupBy":["domain"]}`, `"domain"`, "policyDomain"},
		"group of an age":                   {`{"queryType":"summary","metric":"pollAge","groupBy":["reporter"]}`, `"reporter"`, "source"},
		"dimension of a filter":             {`{"filters":[{"dimension":"domain","values":["x"]}]}`, `"domain"`, "policyDomain"},
		"operator":                          {`{"filters":[{"dimension":"reporter","operator":"like","values":["x"]}]}`, `"like"`, "=, !=, =~, !~"},
		"a regular expression that is none": {`{"filters":[{"dimension":"reporter","operator":"=~","values":["("]}]}`, `"("`, "RE2"},
		"interval":                          {`{"interval":"1h"}`, `"1h"`, "auto, 1d, 7d, 30d"},
		"time field":                        {`{"timeField":"received"}`, `"received"`, "period, stored"},
		"counting":                          {`{"counting":"all"}`, `"all"`, "distinct, reported"},
		"trust":                             {`{"trust":"pending"}`, `"pending"`, "any, authenticated"},
		"a value of trust":                  {`{"filters":[{"dimension":"trust","values":["authentic"]}]}`, `"authentic"`, "authenticated, unverifiable, unauthenticated, pending"},
		"a value of trust left out":         {`{"filters":[{"dimension":"trust","operator":"!=","values":["pending",""]}]}`, `""`, "authenticated, unverifiable, unauthenticated, pending"},
		"lateness":                          {`{"maxLateness":"1 week"}`, `"1 week"`, "7d"},
		"a misspelled setting":              {`{"groupby":["reporter"]}`, `"groupby"`, "groupBy"},
		"a list where a word belongs":       {`{"metric":["failureRate"]}`, "wrong kind", "metric"},
		"a rate by what only failures have": {`{"metric":"failureRate","groupBy":["receivingMx"]}`, `"receivingMx"`, "failedSessions"},
		"a total filtered by a detail":      {`{"metric":"totalSessions","filters":[{"dimension":"resultType","values":["x"]}]}`, `"resultType"`, "failedSessions"},
		"a negative limit":                  {`{"limit":-1}`, "limit", "negative"},
		"more rows than memory should hold": {`{"queryType":"failures","limit":10001}`, "failures", "10000"},
		"a limit beyond all use":            {`{"limit":1000000}`, "limit", "100000"},
		"no object":                         {`[]`, "no JSON object", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.query))
			var refused *Error
			if !errors.As(err, &refused) || !strings.Contains(refused.Text, c.word) || !strings.Contains(refused.Text, c.allowed) {
				t.Errorf("got %v, want one that says %s and %s", err, c.word, c.allowed)
			}
		})
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// shippedQueries returns the queries of the dashboards and the alert rules.
func shippedQueries(t testing.TB) (queries []json.RawMessage) {
	t.Helper()
	type panel struct {
		Targets []json.RawMessage
		Panels  []panel // of a row that is folded in
	}
	for _, file := range glob(t, "../../dashboards/*.json") {
		var dashboard panel
		readJSON(t, file, &dashboard)
		for _, p := range dashboard.Panels {
			for _, p := range append(p.Panels, p) {
				queries = append(queries, p.Targets...)
			}
		}
	}
	for _, file := range glob(t, "../../provisioning/alerting/*.yaml") {
		var alerting struct {
			Groups []struct {
				Rules []struct {
					Data []struct {
						DatasourceUID string
						Model         json.RawMessage
					}
				}
			}
		}
		readJSON(t, file, &alerting)
		for _, group := range alerting.Groups {
			for _, rule := range group.Rules {
				for _, q := range rule.Data {
					if q.DatasourceUID == "tlsrpt" {
						queries = append(queries, q.Model)
					}
				}
			}
		}
	}
	return queries
}

// readJSON reads a file of JSON or YAML.
func readJSON(t testing.TB, file string, v any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
}
