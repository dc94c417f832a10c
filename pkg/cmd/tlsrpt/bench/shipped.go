package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
)

// A shipped is a query of a dashboard or an alert rule, as it is asked where no
// variable is chosen, or one domain.
type shipped struct {
	name  string
	model []byte
	span  time.Duration // up to now
}

// chosenDomain is what the queries of the dashboards are asked for as well.
var chosenDomain = domainName(42)

// shippedQueries reads every query that comes with the plugin.
func shippedQueries() ([]shipped, error) {
	files, err := filepath.Glob("dashboards/*.json")
	if err != nil {
		return nil, err
	}
	var all []shipped
	for _, file := range files {
		found, err := dashboardQueries(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no query in dashboards: run from the repository's root")
	}
	rules, err := alertQueries()
	return append(all, rules...), err
}

type panel struct {
	Title   string
	Targets []map[string]any
	Panels  []panel // of a row that is folded
}

func dashboardQueries(file string) ([]shipped, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var dashboard struct {
		Title       string
		Time        struct{ From string }
		Panels      []panel
		Annotations struct{ List []map[string]any }
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		return nil, err
	}
	span, err := spanOf(dashboard.Time.From)
	if err != nil {
		return nil, err
	}
	panels := dashboard.Panels
	for _, a := range dashboard.Annotations.List {
		if target, ok := a["target"].(map[string]any); ok {
			panels = append(panels, panel{Title: fmt.Sprint("annotation ", a["name"]), Targets: []map[string]any{target}})
		}
	}
	var all []shipped
	for i := 0; i < len(panels); i++ {
		panels = append(panels, panels[i].Panels...)
		for _, target := range panels[i].Targets {
			if target["queryType"] == nil {
				continue // of another data source, such as Grafana's own
			}
			for _, domain := range []string{"", chosenDomain} {
				model, err := json.Marshal(chosen(target, domain))
				if err != nil {
					return nil, err
				}
				name := strings.TrimPrefix(dashboard.Title, "TLS-RPT: ") + ": " + panels[i].Title
				if domain != "" {
					name += ", of one domain"
				}
				if !slices.ContainsFunc(all, func(s shipped) bool { return string(s.model) == string(model) }) {
					all = append(all, shipped{name, model, span})
				}
			}
		}
	}
	return all, nil
}

// chosen puts values in the place of variables as Grafana does; a variable of
// which nothing is chosen has none.
func chosen(target map[string]any, domain string) map[string]any {
	copied := map[string]any{}
	for key, value := range target {
		copied[key] = value
	}
	if text, _ := copied["trust"].(string); strings.HasPrefix(text, "$") {
		copied["trust"] = "any"
	}
	for key, value := range copied {
		if text, ok := value.(string); ok && strings.HasPrefix(text, "$") {
			delete(copied, key)
		}
	}
	filters, _ := copied["filters"].([]any)
	var kept []any
	for _, f := range filters {
		filter, _ := f.(map[string]any)
		values, _ := filter["values"].([]any)
		switch variable, _ := first(values).(string); {
		case !strings.Contains(variable, "$"):
			kept = append(kept, filter)
		case filter["dimension"] == "policyDomain" && domain != "":
			kept = append(kept, map[string]any{"dimension": "policyDomain", "operator": "=", "values": []string{domain}})
		}
	}
	copied["filters"] = kept
	return copied
}

func first(values []any) any {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}

// spanOf reads the start of a dashboard's range, such as now-30d.
func spanOf(from string) (time.Duration, error) {
	back, ok := strings.CutPrefix(from, "now-")
	if !ok || len(back) < 2 {
		return 0, fmt.Errorf("the range begins at %q", from)
	}
	n, err := strconv.Atoi(back[:len(back)-1])
	unit, known := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'M': 30 * 24 * time.Hour, 'y': 365 * 24 * time.Hour}[back[len(back)-1]]
	if err != nil || !known {
		return 0, fmt.Errorf("the range begins at %q", from)
	}
	return time.Duration(n) * unit, nil
}

// alertQueries are those of the rules that are for the plugin.
func alertQueries() ([]shipped, error) {
	file, err := alertrules.Shipped()
	if err != nil {
		return nil, fmt.Errorf("read the alert rules: %w", err)
	}
	var all []shipped
	for _, rule := range file.Rules() {
		for _, q := range rule.Data {
			if q.DatasourceUID == alertrules.UID {
				all = append(all, shipped{"alert: " + rule.Title + ", " + q.RefID, q.Model, time.Duration(q.RelativeTimeRange.From) * time.Second})
			}
		}
	}
	return all, nil
}
