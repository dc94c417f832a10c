package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/plugin"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
)

const root = "../../.."

func readme(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// section returns the text below a heading of the second level.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(readme(t), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("README.md has no section %q", heading)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

func jsonBlocks(text string) []string {
	var blocks []string
	for _, found := range regexp.MustCompile("(?s)\n```json\n(.*?)\n```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

func TestTheReadmesQueriesAreValid(t *testing.T) {
	queries := jsonBlocks(section(t, "Queries"))
	for _, line := range strings.Split(section(t, "Command line"), "\n") {
		if _, rest, found := strings.Cut(line, "'{"); found {
			queries = append(queries, "{"+strings.TrimSuffix(rest, "'"))
		}
	}
	if len(queries) < 5 {
		t.Fatalf("README.md shows %d queries", len(queries))
	}
	for _, q := range queries {
		if _, err := query.Parse([]byte(q)); err != nil {
			t.Errorf("%v in the README's query %s", err, q)
		}
	}
}

func TestTheReadmeNamesEveryKeyOfAQuery(t *testing.T) {
	wantKeys(t, section(t, "Queries"), reflect.TypeFor[query.Model]())
}

func TestTheReadmesSettingsAreThoseOfThePlugin(t *testing.T) {
	text := section(t, "Settings")
	wantKeys(t, text, reflect.TypeFor[plugin.Settings]())
	blocks := jsonBlocks(text)
	if len(blocks) != 1 {
		t.Fatalf("the section shows %d JSON blocks, want 1", len(blocks))
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(blocks[0])))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(new(plugin.Settings)); err != nil {
		t.Errorf("the README's settings can't be read: %v", err)
	}
}

// wantKeys looks for every JSON key of a struct, and of those within it.
func wantKeys(t *testing.T, text string, of reflect.Type) {
	t.Helper()
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		key, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if key == "" {
			continue
		}
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("README.md does not name the key %s", key)
		}
		wantKeys(t, text, of.Field(i).Type)
	}
}

func TestTheReadmeSaysWhatEveryPanelMeans(t *testing.T) {
	text := section(t, "The dashboards")
	for _, file := range []string{"overview.json", "failures.json", "domain.json", "reporters.json", "policies.json", "collection.json"} {
		raw, err := os.ReadFile(filepath.Join(root, "dashboards", file))
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Title  string
			Panels []struct{ Type, Title string }
		}
		if err := json.Unmarshal(raw, &dashboard); err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(text, "\n### "+dashboard.Title+"\n")
		rows, _, _ := strings.Cut(rest, "\n### ")
		for _, panel := range dashboard.Panels {
			if panel.Type != "row" && !strings.Contains(rows, "\n| **"+panel.Title+"** |") {
				t.Errorf("README.md does not say what the panel %q of %q means", panel.Title, dashboard.Title)
			}
		}
	}
}

// describing is a registry that keeps what is registered, so that it can be
// asked to describe itself: gathering tells only metrics that have values.
type describing struct {
	*prometheus.Registry
	collectors []prometheus.Collector
}

func (d *describing) Register(c prometheus.Collector) error {
	d.collectors = append(d.collectors, c)
	return d.Registry.Register(c)
}

func TestTheReadmeNamesTheMetricsThatThereAre(t *testing.T) {
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(section(t, "Prometheus metrics"), -1) {
		named = append(named, row[1])
	}
	d := &describing{Registry: prometheus.NewRegistry()}
	engine := ingest.NewEngine(ingest.Options{Registerer: d})
	t.Cleanup(func() { _ = engine.Close(t.Context()) })
	descs := make(chan *prometheus.Desc, 100)
	for _, c := range d.collectors {
		c.Describe(descs)
	}
	close(descs)
	var exported []string
	for desc := range descs {
		_, rest, _ := strings.Cut(desc.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		exported = append(exported, name)
	}
	slices.Sort(named)
	slices.Sort(exported)
	if diff := cmp.Diff(exported, named); diff != "" || len(named) == 0 {
		t.Errorf("the metrics that are exported, and those in README.md: %s", diff)
	}
}
