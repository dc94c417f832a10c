package endtoend

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// A foundAlert is what fires, by Grafana or by our own evaluation.
type foundAlert struct {
	rule                string
	labels, annotations map[string]string
}

// evaluated judges every rule over a store at a moment.
func evaluated(t *testing.T, a alertStore, now time.Time) []foundAlert {
	t.Helper()
	s := a.fill(t, func(clock sqlite.Option) (*sqlite.Store, error) { return sqlite.OpenMemory(t.Context(), clock) }, now)
	t.Cleanup(func() { _ = s.Close() })
	env := query.Environment{Store: s}
	for _, id := range slices.Sorted(maps.Keys(a.success)) {
		state := "ok"
		if a.success[id] > time.Hour {
			state = "failing"
		}
		env.Sources = append(env.Sources, query.Source{
			SourceRow:       frames.SourceRow{ID: id, Name: id, State: state, LastPoll: now, LastSuccess: now.Add(-a.success[id])},
			FirstConfigured: now.Add(-longAgo), FirstSync: now.Add(-max(a.firstSync, a.success[id])), PollInterval: 5 * time.Minute,
		})
	}
	rules, err := alertrules.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var found []foundAlert
	for _, r := range rules.Rules() {
		result := r.Evaluate(t.Context(), now, func(ctx context.Context, model json.RawMessage, from, to time.Time) (data.Frames, error) {
			m, err := query.Parse(model)
			if err != nil {
				return nil, err
			}
			return query.Answer(ctx, env, m, query.Range{From: from, To: to})
		})
		if result.Err != nil {
			t.Fatalf("%s: %v", r.UID, result.Err)
		}
		for _, i := range result.Instances {
			if i.State != alertrules.Alerting {
				continue
			}
			text, err := r.Text(i.Labels, i.Values, "http://grafana.example/")
			if err != nil {
				t.Fatal(err)
			}
			labels := maps.Clone(map[string]string(i.Labels))
			maps.Copy(labels, text.Labels)
			found = append(found, foundAlert{rule: r.UID, labels: labels, annotations: text.Annotations})
		}
	}
	return found
}

// missing says what of the expected is not among the found.
func (e expectedAlert) missing(found []foundAlert) string {
	why := "it does not fire"
	for _, f := range found {
		if f.rule != e.rule || !holds(f.labels, e.labels) {
			continue
		}
		if f.labels["severity"] != e.severity {
			return "its severity is " + f.labels["severity"]
		}
		text := f.annotations["summary"] + " " + f.annotations["description"]
		for _, said := range e.said {
			if !strings.Contains(text, said) {
				return "it does not say «" + said + "»: " + text
			}
		}
		for _, wrong := range []string{"[no value]", "{{", "1970", "NaN", "DOMAIN"} {
			if strings.Contains(text, wrong) {
				return "it says «" + wrong + "»: " + text
			}
		}
		return ""
	}
	return why
}

func holds(labels, some map[string]string) bool {
	for name, text := range some {
		if labels[name] != text {
			return false
		}
	}
	return true
}

func TestEveryRuleFiresOnTheRealThing(t *testing.T) {
	stored, expected := firing()
	for name, now := range map[string]time.Time{
		"at noon":                time.Date(2026, 5, 20, 12, 30, 0, 0, time.UTC),
		"just before midnight":   time.Date(2026, 5, 20, 23, 55, 0, 0, time.UTC),
		"in the small hours":     time.Date(2026, 5, 20, 2, 5, 0, 0, time.UTC),
		"on a Monday at the end": time.Date(2026, 6, 1, 9, 59, 59, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			found := evaluated(t, stored, now)
			for _, e := range expected {
				if why := e.missing(found); why != "" {
					t.Errorf("%s %v: %s", e.rule, e.labels, why)
				}
			}
			for _, f := range found {
				if f.labels["policyDomain"] == "healthy.example" || f.labels["reporter"] == google || f.labels["reporter"] == comcast {
					t.Errorf("%s fires for %v", f.rule, f.labels)
				}
			}
		})
	}
}

func TestEveryRuleStaysQuietOnWhatIsNone(t *testing.T) {
	for name, q := range quietStores() {
		for _, now := range []time.Time{time.Date(2026, 5, 20, 12, 30, 0, 0, time.UTC), time.Date(2026, 5, 24, 2, 5, 0, 0, time.UTC)} {
			t.Run(name+" at "+now.Format("15:04"), func(t *testing.T) {
				fired := false
				for _, f := range evaluated(t, q.store, now) {
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
	}
}
