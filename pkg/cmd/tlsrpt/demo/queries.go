package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
)

// A shown query is one of a shipped dashboard or alert rule.
type shown struct {
	// Where says which dashboard or rule it is from, Title which panel.
	Where, Title string
	Query        backend.DataQuery
}

// dashboardQueries reads every query of a dashboard, with «All» chosen in
// every variable, over the dashboard's default range up to now.
func dashboardQueries(file string, now time.Time) ([]shown, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var d struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []map[string]any
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	var list []shown
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			model, err := json.Marshal(chooseAll(t))
			if err != nil {
				return nil, err
			}
			list = append(list, shown{Where: d.Title, Title: p.Title, Query: backend.DataQuery{
				RefID: "A", JSON: model, MaxDataPoints: 500, Interval: time.Hour,
				TimeRange: backend.TimeRange{From: now.AddDate(0, 0, -30), To: now},
			}})
		}
	}
	return list, nil
}

// chooseAll does what the front end does with «All» in every variable:
// filters on a variable fall away, and the first word of a choice is taken.
func chooseAll(target map[string]any) map[string]any {
	chosen := map[string]any{}
	for k, v := range target {
		chosen[k] = v
	}
	if chosen["trust"] == "$trust" {
		chosen["trust"] = "any"
	}
	var kept []any
	filters, _ := target["filters"].([]any)
	for _, f := range filters {
		if raw, err := json.Marshal(f); err != nil || !strings.Contains(string(raw), `"$`) {
			kept = append(kept, f)
		}
	}
	chosen["filters"] = kept
	return chosen
}

// alertQueries are the queries of the alert rules that go to the plugin.
func alertQueries(now time.Time) ([]shown, error) {
	file, err := alertrules.Shipped()
	if err != nil {
		return nil, err
	}
	ago := func(seconds int64) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	var list []shown
	for _, rule := range file.Rules() {
		for _, q := range rule.Data {
			if q.DatasourceUID != alertrules.UID {
				continue
			}
			list = append(list, shown{Where: "Alert rule: " + rule.Title, Title: "query " + q.RefID, Query: backend.DataQuery{
				RefID: q.RefID, JSON: q.Model, MaxDataPoints: 500, Interval: time.Minute,
				TimeRange: backend.TimeRange{From: ago(q.RelativeTimeRange.From), To: ago(q.RelativeTimeRange.To)},
			}})
		}
	}
	return list, nil
}

// shippedQueries are those of every dashboard in the tree and of every alert rule.
func shippedQueries(root string, now time.Time) ([]shown, error) {
	var list []shown
	dashboards, err := filepath.Glob(filepath.Join(root, "dashboards", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range dashboards {
		queries, err := dashboardQueries(file, now)
		if err != nil {
			return nil, err
		}
		list = append(list, queries...)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no dashboards are found below %q: run this from the project's root", root)
	}
	alerts, err := alertQueries(now)
	return append(list, alerts...), err
}
