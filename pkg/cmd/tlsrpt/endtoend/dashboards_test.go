package endtoend

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

// demoValues is one value of each variable, of which the demo's reports tell.
var demoValues = map[string]string{
	"domain": "example.com", "reporter": "Google Inc.", "resultType": "certificate-expired", "source": "mb1", "trust": "authenticated",
}

// TestEveryPanelOfTheDashboardsIsAnswered asks every query of every shipped
// dashboard over the demo's data, through the plugin's own binary, with All and
// with one value in each variable, and looks for what panels name in the frames.
func TestEveryPanelOfTheDashboardsIsAnswered(t *testing.T) {
	plugin := startWithDemoData(t)
	files, err := filepath.Glob(filepath.Join(root, "dashboards", "*.json"))
	if err != nil || len(files) != 6 {
		t.Fatalf("there are %d dashboards (%v), want 6", len(files), err)
	}
	for _, file := range files {
		d := readDashboard(t, file)
		t.Run(d.Title, func(t *testing.T) {
			for _, p := range d.Panels {
				if len(p.Targets) == 0 {
					continue
				}
				t.Run(p.Title, func(t *testing.T) {
					p.check(t, plugin)
				})
			}
			for _, a := range d.Annotations.List {
				if a.Target["queryType"] == nil {
					continue
				}
				frames := answerOf(t, plugin, chosen(a.Target, nil), p30)
				for _, name := range []string{"time", "timeEnd", "title", "text", "tags"} {
					if !hasField(frames, name) {
						t.Errorf("the annotation %q has no field %q", a.Name, name)
					}
				}
			}
		})
	}
}

// TestEveryQueryOfTheAlertRulesIsAnswered does it for the rules: with numeric
// long frames, which server-side expressions take as they are.
func TestEveryQueryOfTheAlertRulesIsAnswered(t *testing.T) {
	plugin := startWithDemoData(t)
	file, err := alertrules.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, rule := range file.Rules() {
		for _, q := range rule.Data {
			if q.DatasourceUID != alertrules.UID {
				continue
			}
			asked++
			t.Run(rule.Title+", "+q.RefID, func(t *testing.T) {
				var model map[string]any
				if err := json.Unmarshal(q.Model, &model); err != nil {
					t.Fatal(err)
				}
				for _, f := range answerOf(t, plugin, model, time.Duration(q.RelativeTimeRange.From)*time.Second) {
					if f.Meta.Type != data.FrameTypeNumericLong {
						t.Errorf("the frame is %s, which expressions don't take as it is", f.Meta.Type)
					}
				}
			})
		}
	}
	if asked == 0 {
		t.Error("there is no rule")
	}
}

const p30 = 30 * 24 * time.Hour

// startWithDemoData starts the plugin on the demo's reports and waits until it has read them.
func startWithDemoData(t *testing.T) *withoutGrafana {
	t.Helper()
	generator, err := generate.New(generate.Options{Days: 90})
	if err != nil {
		t.Fatal(err)
	}
	mailbox, err := loopback.StartMemoryIMAP(t.Context(), loopback.MemoryIMAPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mailbox.Close() })
	files := t.TempDir()
	drop, err := loopback.StartMemoryDrop(t.Context(), loopback.MemoryDropOptions{Dir: files, Username: "reader", Password: "loopback"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = drop.Close() })
	toMailbox := generate.MailTo(func(received time.Time, mail []byte) error { return mailbox.Append(user, "INBOX", received, mail) })
	if _, err := generate.WriteTo(generator.Items(), toMailbox, generate.DropFolder(files, true)); err != nil {
		t.Fatal(err)
	}
	settings := map[string]any{
		"sources": []any{
			map[string]any{
				"id": "mb1", "type": "imap", "name": "Report mailbox", "host": "127.0.0.1", "port": mailbox.TLSPort, "username": user,
				"tlsCaCert": mailbox.CA, "pollInterval": "1m",
			},
			map[string]any{
				"id": "drop1", "type": "https", "name": "Report drop", "url": drop.URL, "auth": "basic", "username": "reader",
				"tlsCaCert": drop.CA, "pollInterval": "1m", "trust": "assume",
			},
		},
		"authentication": "headers", "authservId": generate.AuthservID,
	}
	plugin := startPlugin(t, dataSource(t, settings, map[string]string{"source.mb1.password": mailbox.Password, "source.drop1.password": "loopback"}))
	awaitSources(t, plugin, func(s sourceState) bool { return s.LastSuccess != nil })
	return plugin
}

// A dashboard is what the test reads of one.
type dashboard struct {
	Title       string
	Panels      []dashboardPanel
	Annotations struct {
		List []struct {
			Name   string
			Target map[string]any
		}
	}
}

type dashboardPanel struct {
	Type, Title, TimeFrom string
	Targets               []map[string]any
	FieldConfig           struct {
		Defaults  map[string]any
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
	Transformations []struct {
		ID      string
		Options map[string]any
	}
}

func readDashboard(t *testing.T, file string) (d dashboard) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return d
}

// check asks the panel's queries, and looks in the frames for what it names.
func (p dashboardPanel) check(t *testing.T, plugin *withoutGrafana) {
	t.Helper()
	span := p30
	if p.TimeFrom == "90d" {
		span = 3 * p30
	}
	var frames data.Frames
	for _, target := range p.Targets {
		answer := answerOf(t, plugin, chosen(target, nil), span)
		if !slices.ContainsFunc(answer, func(f *data.Frame) bool { return len(f.Fields) > 0 }) {
			t.Errorf("%v has no answer over the demo's data", target)
		}
		frames = append(frames, answer...)
		answerOf(t, plugin, chosen(target, demoValues), span)
	}
	made := p.made()
	for _, name := range p.named() {
		if !hasField(frames, name) && !made[name] {
			t.Errorf("the panel names the field %q, which no frame has", name)
		}
	}
	if p.Type == "table" {
		p.checkUnits(t, frames)
	}
}

// made are the fields that transformations make.
func (p dashboardPanel) made() map[string]bool {
	names := map[string]bool{}
	for _, tr := range p.Transformations {
		if alias, ok := tr.Options["alias"].(string); ok {
			names[alias] = true
		}
	}
	return names
}

// anyResultType are names of series that come only with such failures.
var anyResultType = regexp.MustCompile(`^(starttls|certificate|validation|tlsa|dnssec|dane|sts)-`)

// linkField is a field that a link takes its value from, by name.
var linkField = regexp.MustCompile(`__data\.fields\["([^"]+)"\]`)

// operand is a field that a transformation counts with, by what is shown.
var operand = regexp.MustCompile(`"matcher":\{"id":"byName","options":"([^"]+)"\}`)

// named are the fields that the panel's overrides, transformations and links name.
func (p dashboardPanel) named() []string {
	names := map[string]bool{}
	for _, o := range p.FieldConfig.Overrides {
		// The series of a result type are named by it, and exist when it happens.
		if o.Matcher.ID == "byName" && !anyResultType.MatchString(o.Matcher.Options) {
			names[o.Matcher.Options] = true
		}
		raw, _ := json.Marshal(o.Properties) // what was read from JSON is JSON
		for _, found := range linkField.FindAllStringSubmatch(strings.ReplaceAll(string(raw), `\"`, `"`), -1) {
			names[found[1]] = true
		}
	}
	for _, tr := range p.Transformations {
		raw, _ := json.Marshal(tr.Options) // as above
		for _, found := range operand.FindAllStringSubmatch(string(raw), -1) {
			names[found[1]] = true
		}
		for _, key := range []string{"includeByName", "excludeByName", "indexByName", "renameByName"} {
			if byName, ok := tr.Options[key].(map[string]any); ok {
				for name := range byName {
					names[name] = true
				}
			}
		}
		if fields, ok := tr.Options["fields"].(map[string]any); ok && tr.ID == "groupBy" {
			for name := range fields {
				names[name] = true
			}
		}
		for _, key := range []string{"sort", "filters"} {
			list, _ := tr.Options[key].([]any)
			for _, entry := range list {
				for _, of := range []string{"field", "fieldName"} {
					if name, ok := entry.(map[string]any)[of].(string); ok {
						names[name] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// checkUnits looks for a unit on every number and time that a table shows:
// identifiers are numbers without one.
func (p dashboardPanel) checkUnits(t *testing.T, frames data.Frames) {
	t.Helper()
	shown, units := map[string]bool{}, map[string]bool{}
	for _, tr := range p.Transformations {
		if include, ok := tr.Options["includeByName"].(map[string]any); ok {
			for name := range include {
				shown[name] = true
			}
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "unit" {
				units[o.Matcher.Options] = true
			}
		}
	}
	for _, f := range frames {
		for _, field := range f.Fields {
			needs := field.Type().Numeric() && field.Name != "id" || field.Type().Time()
			if shown[field.Name] && needs && !units[field.Name] && (field.Config == nil || field.Config.Unit == "") {
				t.Errorf("the column %q has no unit", field.Name)
			}
		}
	}
}

// hasField says whether a frame has a field of the name, or one that is shown
// under it: Grafana's transformations go by what is shown.
func hasField(frames data.Frames, name string) bool {
	for _, frame := range frames {
		for _, field := range frame.Fields {
			c := field.Config
			if field.Name == name || c != nil && (c.DisplayName == name || c.DisplayNameFromDS == name) {
				return true
			}
		}
	}
	return false
}

// chosen puts values into a query in the place of variables; a variable
// without a value is All, whose filters fall away.
func chosen(target map[string]any, values map[string]string) map[string]any {
	query := maps.Clone(target)
	if query["trust"] == "$trust" {
		query["trust"] = "any"
		if v := values["trust"]; v != "" {
			query["trust"] = v
		}
	}
	filters, _ := target["filters"].([]any)
	kept := []any{}
	for _, f := range filters {
		filter := maps.Clone(f.(map[string]any))
		name, isVariable := strings.CutPrefix(filter["values"].([]any)[0].(string), "$")
		if isVariable {
			if values[name] == "" {
				continue
			}
			filter["values"] = []any{values[name]}
		}
		kept = append(kept, filter)
	}
	query["filters"] = kept
	return query
}
