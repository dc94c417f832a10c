package endtoend

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/programs"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// alertSetup is one Grafana with a data source for each store, and the rules
// for each data source, evaluated as often as Grafana can.
type alertSetup struct {
	grafana *loopback.Grafana
	// uids are those of the data sources, by what their store proves.
	uids map[string]string
	// started is when Grafana had read everything.
	started time.Time
}

// posted is a data source without rules, for those that are posted.
const posted = "posted"

const theRealThing = "the real thing"

// startAlerts starts one Grafana for all stores: its first start takes long.
func startAlerts(t *testing.T, stores map[string]alertStore) *alertSetup {
	t.Helper()
	_, err := programs.GrafanaHome()
	loopbacktest.Need(t, err) // before all the stores are filled
	drop, err := loopback.StartMemoryDrop(t.Context(), loopback.MemoryDropOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = drop.Close() })
	s := &alertSetup{uids: map[string]string{}}
	data := t.TempDir()
	provisioning := map[string][]byte{}
	var sources []any
	for i, name := range slices.Sorted(maps.Keys(stores)) {
		uid := fmt.Sprintf("alerts%d", i)
		s.uids[name] = uid
		file := filepath.Join(data, "org1-"+uid+".sqlite")
		filled := stores[name].fill(t, func(clock sqlite.Option) (*sqlite.Store, error) { return sqlite.Open(t.Context(), file, clock) }, time.Now())
		if err := filled.Close(); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, alertSource(uid, stores[name], drop))
		rules, err := alertrules.Target{DatasourceUID: uid, Folder: "Rules of " + uid}.File()
		if err != nil {
			t.Fatal(err)
		}
		provisioning["alerting/"+uid+".yaml"] = []byte(strings.Replace(string(rules), "interval: 5m", "interval: 10s", 1))
	}
	sources = append(sources, alertSource(posted, alertStore{}, drop))
	raw, err := json.Marshal(map[string]any{"apiVersion": 1, "datasources": sources})
	if err != nil {
		t.Fatal(err)
	}
	provisioning["datasources/tlsrpt.yaml"] = []byte(strings.ReplaceAll(string(raw), "$", "$$"))
	s.grafana = loopbacktest.Grafana(t, loopback.GrafanaOptions{
		PluginDir: pluginDir, PluginID: "tlsrpt-reports-datasource", PluginData: data, Provisioning: provisioning,
	})
	s.started = time.Now()
	return s
}

// alertSource is a data source whose drop is empty, since everything has been
// read; a source that was not polled for long is one that does not answer.
func alertSource(uid string, a alertStore, drop *loopback.MemoryDrop) map[string]any {
	sources := []any{}
	for _, id := range slices.Sorted(maps.Keys(a.success)) {
		source := map[string]any{
			"id": id, "type": "https", "name": id, "url": drop.URL, "listing": "auto", "auth": "none", "afterProcessing": "keep",
			"pollInterval": "5m", "tlsCaCert": drop.CA, "trust": "assume",
		}
		if a.success[id] > time.Hour {
			source["url"] = "https://127.0.0.1:1/"
		}
		sources = append(sources, source)
	}
	return map[string]any{
		"name": "TLS-RPT " + uid, "type": "tlsrpt-reports-datasource", "uid": uid, "access": "proxy",
		"jsonData": map[string]any{"sources": sources, "domains": []string{}, "retentionDays": 400, "authentication": "off"},
	}
}

// found waits until Grafana has evaluated every rule of a data source twice,
// and returns what fires.
func (s *alertSetup) found(t *testing.T, name string) []foundAlert {
	t.Helper()
	uid := s.uids[name]
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		groups, body := s.rules(t)
		found, done := groups.alertsOf(uid, s.started.Add(10*time.Second))
		if done {
			return found
		}
		last = body
	}
	t.Fatalf("not every rule was evaluated:\n%s\n%s", last, s.grafana.Log())
	return nil
}

// evaluatedGroups is the answer of Grafana's own API of rules, in the form of Prometheus.
type evaluatedGroups struct {
	Data struct {
		Groups []struct {
			File  string
			Rules []struct {
				UID, Name, Health, LastError string
				LastEvaluation               time.Time
				Alerts                       []struct {
					State               string
					Labels, Annotations map[string]string
				}
			}
		}
	}
}

func (s *alertSetup) rules(t *testing.T) (evaluatedGroups, string) {
	t.Helper()
	var groups evaluatedGroups
	status, body, err := s.grafana.Call(t.Context(), http.MethodGet, "/api/prometheus/grafana/api/v1/rules", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("read the rules: %d %s %v", status, body, err)
	}
	if err := json.Unmarshal(body, &groups); err != nil {
		t.Fatal(err)
	}
	return groups, string(body)
}

// alertsOf returns what fires of a data source's rules. It is done where all
// twelve were evaluated after a moment, without an error.
func (g evaluatedGroups) alertsOf(uid string, after time.Time) (found []foundAlert, done bool) {
	evaluated := 0
	for _, group := range g.Data.Groups {
		if group.File != "Rules of "+uid {
			continue
		}
		for _, r := range group.Rules {
			if r.LastEvaluation.After(after) && r.Health != "error" {
				evaluated++
			}
			for _, a := range r.Alerts {
				if !strings.HasPrefix(a.State, "Alerting") {
					continue
				}
				name := r.UID
				if at := strings.LastIndexByte(name, '-'); at > 0 {
					name = name[:at] // what tells data sources apart
				}
				found = append(found, foundAlert{rule: name, labels: a.Labels, annotations: a.Annotations})
			}
		}
	}
	return found, evaluated == 12
}

// In a real Grafana every rule fires on what must fire it, says what it should,
// and stays quiet on what is none.
func TestAlertRulesInGrafana(t *testing.T) {
	stored, expected := firing()
	stores := map[string]alertStore{theRealThing: stored}
	for name, q := range quietStores() {
		stores[name] = q.store
	}
	s := startAlerts(t, stores)
	t.Run("rules are posted for a data source of the user interface", s.post)
	for name, q := range quietStores() {
		t.Run(name, func(t *testing.T) {
			fired := false
			for _, f := range s.found(t, name) {
				if f.rule == q.only {
					fired = true
					continue
				}
				t.Errorf("%s fires for %v: %s", f.rule, f.labels, f.annotations["description"])
			}
			if q.only != "" && !fired {
				t.Errorf("%s does not fire", q.only)
			}
		})
	}
	t.Run(theRealThing, func(t *testing.T) {
		found := s.found(t, theRealThing)
		for _, e := range expected {
			if why := e.missing(found); why != "" {
				t.Errorf("%s %v: %s", e.rule, e.labels, why)
			}
		}
		for _, f := range found {
			link := f.annotations["link"]
			if !strings.HasPrefix(link, s.grafana.URL+"/d/tlsrpt-") && !strings.HasPrefix(link, "http://localhost:") || !strings.Contains(link, "var-datasource="+s.uids[theRealThing]) {
				t.Errorf("%s links to %s", f.rule, link)
			}
			if f.annotations["__dashboardUid__"] == "" || f.annotations["__panelId__"] == "" {
				t.Errorf("%s names no panel: %v", f.rule, f.annotations)
			}
		}
		t.Run("and our own evaluation says the same", func(t *testing.T) { compareEvaluations(t, found, evaluated(t, stored, time.Now())) })
	})
}

// post does what the button on the settings page does: it makes the folder and
// puts the group that the data source gives out.
func (s *alertSetup) post(t *testing.T) {
	t.Helper()
	status, body, err := s.grafana.Call(t.Context(), http.MethodGet, "/api/datasources/uid/"+posted+"/resources/alerts", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("get the rules: %d %s %v", status, body, err)
	}
	var rules struct {
		Folder json.RawMessage
		Groups []json.RawMessage
	}
	var named alertrules.Provisioning
	if err := errors.Join(json.Unmarshal(body, &rules), json.Unmarshal(body, &named)); err != nil {
		t.Fatal(err)
	}
	if status, body, err = s.grafana.Call(t.Context(), http.MethodPost, "/api/folders", rules.Folder); err != nil || status != http.StatusOK {
		t.Fatalf("make the folder: %d %s %v", status, body, err)
	}
	for i, g := range named.Groups {
		path := "/api/v1/provisioning/folder/" + g.FolderUID + "/rule-groups/" + url.PathEscape(g.Title)
		// A second time replaces the group.
		for range 2 {
			if status, body, err = s.grafana.Call(t.Context(), http.MethodPut, path, rules.Groups[i]); err != nil || status != http.StatusOK {
				t.Fatalf("put the group: %d %s %v", status, body, err)
			}
		}
	}
	status, body, err = s.grafana.Call(t.Context(), http.MethodGet, "/api/v1/provisioning/alert-rules", nil)
	var got []alertrules.ProvisionedRule
	if err := errors.Join(err, json.Unmarshal(body, &got)); err != nil || status != http.StatusOK {
		t.Fatalf("read the rules: %d %s %v", status, body, err)
	}
	for _, want := range named.Groups[0].Rules {
		at := slices.IndexFunc(got, func(r alertrules.ProvisionedRule) bool { return r.UID == want.UID })
		if at < 0 {
			t.Errorf("Grafana has no rule %s", want.UID)
			continue
		}
		if diff := cmp.Diff(want.Labels, got[at].Labels) + cmp.Diff(want.Annotations, got[at].Annotations); diff != "" || got[at].NoDataState != want.NoDataState || len(got[at].Data) != len(want.Data) {
			t.Errorf("%s (-sent +kept):\n%s", want.UID, diff)
		}
	}
}

// compareEvaluations compares Grafana's evaluation with ours, by rule and labels.
func compareEvaluations(t *testing.T, grafana, ours []foundAlert) {
	t.Helper()
	key := func(f foundAlert) string {
		labels := maps.Clone(f.labels)
		maps.DeleteFunc(labels, func(name, value string) bool {
			return value == "" || name == "alertname" || strings.HasPrefix(name, "grafana_") || strings.HasPrefix(name, "__")
		})
		return fmt.Sprint(f.rule, labels)
	}
	keys := func(all []foundAlert) map[string]foundAlert {
		set := map[string]foundAlert{}
		for _, f := range all {
			set[key(f)] = f
		}
		return set
	}
	theirs, own := keys(grafana), keys(ours)
	for k, f := range theirs {
		o, ok := own[k]
		switch {
		case !ok:
			t.Errorf("Grafana alone fires %s", k)
		case f.annotations["summary"] != o.annotations["summary"]:
			t.Errorf("%s is told as\n%s\nand by us as\n%s", k, f.annotations["summary"], o.annotations["summary"])
		// Ages differ by the seconds between the two.
		case f.rule != "tlsrpt-not-polled" && f.rule != "tlsrpt-reporter-silent" && f.annotations["description"] != o.annotations["description"]:
			t.Errorf("%s is told as\n%s\nand by us as\n%s", k, f.annotations["description"], o.annotations["description"])
		}
	}
	for k := range own {
		if _, ok := theirs[k]; !ok {
			t.Errorf("we alone fire %s", k)
		}
	}
}
