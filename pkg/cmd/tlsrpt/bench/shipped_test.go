package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
)

// queryTypesIn counts what has a query type anywhere in a file.
func queryTypesIn(t *testing.T, file string) (n int) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = yaml.YAMLToJSON(raw); err != nil { // JSON is YAML
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var look func(any)
	look = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if kind, ok := v["queryType"].(string); ok && kind != "" {
				n++
			}
			for _, inner := range v {
				look(inner)
			}
		case []any:
			for _, inner := range v {
				look(inner)
			}
		}
	}
	look(all)
	return n
}

func TestEveryQueryOfEveryDashboardAndRuleIsAsked(t *testing.T) {
	fromRoot(t)
	all, err := shippedQueries()
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]bool{}
	for _, q := range all {
		if models[q.name+string(q.model)] {
			t.Errorf("%s is asked twice", q.name)
		}
		models[q.name+string(q.model)] = true
		if q.span < time.Hour {
			t.Errorf("%s is asked of %v", q.name, q.span)
		}
		if _, err := query.Parse(q.model); err != nil {
			t.Errorf("%s: %v", q.name, err)
		}
		if strings.Contains(strings.ReplaceAll(string(q.model), `"uid":"${datasource}"`, ""), `"$`) {
			t.Errorf("%s has a variable in it: %s", q.name, q.model)
		}
	}
	dashboards, err := filepath.Glob("dashboards/*.json")
	if err != nil || len(dashboards) < 6 {
		t.Fatalf("%d dashboards, %v", len(dashboards), err)
	}
	for _, file := range dashboards {
		found, err := dashboardQueries(file)
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for _, q := range found {
			if !strings.HasSuffix(q.name, ", of one domain") {
				whole++
			}
		}
		// Panels may ask the same: then it is asked once.
		if there := queryTypesIn(t, file); whole == 0 || whole > there || there-whole > there/4 {
			t.Errorf("%s: %d queries are asked of %d that stand there", file, whole, there)
		}
	}
	rules, err := alertQueries()
	if err != nil {
		t.Fatal(err)
	}
	if there := queryTypesIn(t, "provisioning/alerting/tlsrpt.yaml"); len(rules) != there {
		t.Errorf("%d queries of rules are asked of %d that stand there", len(rules), there)
	}
}

func TestARangeIsRead(t *testing.T) {
	for from, want := range map[string]time.Duration{"now-30d": 720 * time.Hour, "now-6h": 6 * time.Hour, "now-1y": 365 * 24 * time.Hour} {
		if got, err := spanOf(from); err != nil || got != want {
			t.Errorf("%s is %v, %v", from, got, err)
		}
	}
	for _, from := range []string{"", "now", "now-", "now-d", "now-3w", "2026-01-01"} {
		if got, err := spanOf(from); err == nil {
			t.Errorf("%q is %v", from, got)
		}
	}
}

// cells are what rollups are kept of: who reported on whom, when, and what failed.
func cells(t *testing.T, rows int) map[string]bool {
	t.Helper()
	f := newFiller(filling{rows: rows, domains: 5, reporters: 2})
	found := map[string]bool{}
	for n := range 30 {
		day := time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC)
		for range rows / 30 {
			r := f.report(day)
			result := ""
			if d := r.Policies[0].Details; len(d) > 0 {
				result = d[0].ResultType
			}
			found[strings.Join([]string{day.Format(time.DateOnly), r.Policies[0].Domain, r.Reporter, result}, " ")] = true
		}
	}
	return found
}

func TestAStoreOfMoreReportsTellsOfTheSame(t *testing.T) {
	few, many := cells(t, 30*10), cells(t, 30*1000)
	if len(few) != 30*5*2 || len(many) != len(few) {
		t.Fatalf("%d and %d", len(few), len(many))
	}
	failing := 0
	for cell := range few {
		if !many[cell] {
			t.Errorf("only the small one has %s", cell)
		}
		if !strings.HasSuffix(cell, " ") {
			failing++
		}
	}
	if failing < 5 || failing > 40 { // 15 of 300
		t.Errorf("%d of %d fail", failing, len(few))
	}
	if got := evenReporters(100_000, 100); got != 2 {
		t.Errorf("%d reporters report on each of 100 domains each day, want 2", got)
	}
	if got := evenReporters(1000, 10_000); got != 1 {
		t.Errorf("%d reporters, want 1", got)
	}
}
