package alertrules

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/provisioning/alerting"
)

// What stands for itself in the file.
const (
	// UID is the data source that the file asks.
	UID = "tlsrpt"
	// Folder is where the rules lie, and Org whose they are.
	Folder = "TLS-RPT"
	Org    = 1
	// expressions is the data source of expressions in Grafana.
	expressions = "__expr__"
)

// A File is a provisioning file of rules.
type File struct {
	Groups []Group `json:"groups"`
}

// A Group holds rules that are evaluated together.
type Group struct {
	OrgID    int64    `json:"orgId"`
	Name     string   `json:"name"`
	Folder   string   `json:"folder"`
	Interval Duration `json:"interval"`
	Rules    []Rule   `json:"rules"`
}

// A Rule is one alert rule. Labels and annotations are templates, as Grafana
// keeps them: what the file doubles for its own sake is single here.
type Rule struct {
	UID          string            `json:"uid"`
	Title        string            `json:"title"`
	Condition    string            `json:"condition"`
	NoDataState  string            `json:"noDataState"`
	ExecErrState string            `json:"execErrState"`
	For          Duration          `json:"for"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	Data         []Query           `json:"data"`
}

// A Query is a question to a data source, or an expression over the answers.
type Query struct {
	RefID             string          `json:"refId"`
	RelativeTimeRange RelativeRange   `json:"relativeTimeRange"`
	DatasourceUID     string          `json:"datasourceUid"`
	Model             json.RawMessage `json:"model"`
}

// A RelativeRange is from so many seconds ago to so many seconds ago.
type RelativeRange struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// A Duration is written like 5m or 0s.
type Duration time.Duration

// UnmarshalJSON reads 5m, 1h30m, 0s.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var word string
	if err := json.Unmarshal(raw, &word); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(word)
	*d = Duration(parsed)
	return err
}

// Shipped returns the rules that ship. A file that can't be read is an error
// of this package's own tests, never of its users.
func Shipped() (File, error) { return Parse(alerting.Rules) }

// Parse reads a provisioning file of rules.
func Parse(raw []byte) (File, error) {
	var file File
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return file, fmt.Errorf("read alert rules: %w", err)
	}
	// Grafana puts variables of the environment into names and labels, and takes
	// two dollars for one; annotations it leaves alone.
	single := func(text string) string { return strings.ReplaceAll(text, "$$", "$") }
	for i := range file.Groups {
		g := &file.Groups[i]
		g.Folder = single(g.Folder)
		for _, r := range g.Rules {
			for name, text := range r.Labels {
				r.Labels[name] = single(text)
			}
		}
	}
	return file, nil
}

// Rules are those of all groups, in order.
func (f File) Rules() []Rule {
	var rules []Rule
	for _, g := range f.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}
