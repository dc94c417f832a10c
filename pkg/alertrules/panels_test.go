package alertrules

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// panelTitles are the panels that the rules lead to.
var panelTitles = map[string]string{
	"tlsrpt-failure-rate": "Failed sessions by domain", "tlsrpt-new-failure": "Failed sessions by result type", "tlsrpt-certificate": "By MX",
	"tlsrpt-starttls": "By sending network", "tlsrpt-sts-policy": "Policies as senders saw them", "tlsrpt-dane": "Failed sessions by result type",
	"tlsrpt-reporter-silent": "Reporters", "tlsrpt-domain-silent": "Reporters", "tlsrpt-not-polled": "Sources", "tlsrpt-quarantine": "Quarantine",
	"tlsrpt-protection-lost": "Sessions by policy type", "tlsrpt-mode-dropped": "Policies day by day",
}

// Every panel that a rule leads to is on the dashboard that it names, and shows
// what the rule is about. Every dashboard that a text links to is there, and
// knows the variables of the link.
func TestEveryNamedPanelIsThere(t *testing.T) {
	panels, variables := map[string]map[int]string{}, map[string][]string{}
	files, err := filepath.Glob("../../dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			UID    string
			Panels []struct {
				ID    int
				Title string
			}
			Templating struct{ List []struct{ Name string } }
		}
		if err := json.Unmarshal(raw, &dashboard); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		panels[dashboard.UID] = map[int]string{}
		for _, p := range dashboard.Panels {
			panels[dashboard.UID][p.ID] = p.Title
		}
		for _, v := range dashboard.Templating.List {
			variables[dashboard.UID] = append(variables[dashboard.UID], v.Name)
		}
	}
	for _, r := range shipped(t) {
		t.Run(r.UID, func(t *testing.T) {
			uid := r.Annotations["__dashboardUid__"]
			on := panels[uid]
			id, err := strconv.Atoi(r.Annotations["__panelId__"])
			if err != nil {
				t.Fatal(err)
			}
			if on[id] != panelTitles[r.UID] {
				t.Errorf("panel %d of %s is %q, want %q", id, uid, on[id], panelTitles[r.UID])
			}
			link := regexp.MustCompile(`d/([a-z-]+)\?`).FindStringSubmatch(r.Annotations["link"])
			for _, variable := range regexp.MustCompile(`var-([a-z]+)=`).FindAllStringSubmatch(r.Annotations["link"], -1) {
				if !slices.Contains(variables[link[1]], variable[1]) {
					t.Errorf("it links to %s with %s, which has %v", link[1], variable[1], variables[link[1]])
				}
			}
		})
	}
}
