package alertrules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/provisioning/alerting"
)

// A Target is where the rules are to lie, and which data source they ask.
type Target struct {
	// DatasourceUID is the data source's uid; empty is the file's own, [UID].
	DatasourceUID string
	// Folder is the title of their folder; empty is [Folder].
	Folder string
	// Org is the organisation's id; 0 is 1.
	Org int64
}

// validUID is what Grafana takes for a uid.
var validUID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

func (t Target) withDefaults() (Target, error) {
	if t.DatasourceUID == "" {
		t.DatasourceUID = UID
	}
	if t.Folder == "" {
		t.Folder = Folder
	}
	if t.Org == 0 {
		t.Org = Org
	}
	switch {
	case !validUID.MatchString(t.DatasourceUID):
		return t, fmt.Errorf("%q is no uid of a data source: it has up to 40 letters, digits, - and _", t.DatasourceUID)
	case strings.ContainsAny(t.Folder, "\n\r"):
		return t, fmt.Errorf("the folder %q must be one line", t.Folder)
	case t.Org < 0:
		return t, fmt.Errorf("the organisation %d is none: they count from 1", t.Org)
	}
	return t, nil
}

// File returns the provisioning file for the target, with its comments. The
// rules and their group have names of their own for each data source, so that
// those of two can stand side by side.
func (t Target) File() ([]byte, error) {
	t, err := t.withDefaults()
	if err != nil {
		return nil, err
	}
	group, suffix := Folder, ""
	if t.DatasourceUID != UID {
		sum := sha256.Sum256([]byte(t.DatasourceUID))
		group, suffix = Folder+" "+t.DatasourceUID, "-"+hex.EncodeToString(sum[:4])
	}
	quoted := strconv.Quote
	lines := strings.SplitAfter(string(alerting.Rules), "\n")
	for i, line := range lines {
		key, text, _ := strings.Cut(strings.TrimSpace(strings.TrimSuffix(line, "\n")), ": ")
		replace := func(with string) { lines[i] = strings.Replace(line, key+": "+text, key+": "+with, 1) }
		switch key {
		case "datasourceUid":
			if text == UID {
				replace(quoted(t.DatasourceUID))
			}
		case "- uid":
			replace(text + suffix)
		case "- orgId":
			replace(strconv.FormatInt(t.Org, 10))
		case "name":
			replace(quoted(group))
		case "folder":
			// Grafana puts variables of the environment into the name.
			replace(quoted(strings.ReplaceAll(t.Folder, "$", "$$")))
		default:
			lines[i] = strings.ReplaceAll(line, "var-datasource="+UID, "var-datasource="+t.DatasourceUID)
		}
	}
	return []byte(strings.Join(lines, "")), nil
}

// Provisioning is what Grafana's provisioning API takes to make the rules.
type Provisioning struct {
	// Folder is to be made where it is not there.
	Folder ProvisionedFolder `json:"folder"`
	// Groups are for PUT /api/v1/provisioning/folder/{folderUid}/rule-groups/{title}.
	Groups []ProvisionedGroup `json:"groups"`
}

// A ProvisionedFolder is for POST /api/folders.
type ProvisionedFolder struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
}

// A ProvisionedGroup replaces the group of its name.
type ProvisionedGroup struct {
	Title     string `json:"title"`
	FolderUID string `json:"folderUid"`
	// Interval is how often the rules are evaluated, in seconds.
	Interval int64             `json:"interval"`
	Rules    []ProvisionedRule `json:"rules"`
}

// A ProvisionedRule is a rule as the API has it.
type ProvisionedRule struct {
	UID          string             `json:"uid"`
	OrgID        int64              `json:"orgID"`
	FolderUID    string             `json:"folderUID"`
	RuleGroup    string             `json:"ruleGroup"`
	Title        string             `json:"title"`
	Condition    string             `json:"condition"`
	NoDataState  string             `json:"noDataState"`
	ExecErrState string             `json:"execErrState"`
	For          string             `json:"for"`
	IsPaused     bool               `json:"isPaused"`
	Labels       map[string]string  `json:"labels"`
	Annotations  map[string]string  `json:"annotations"`
	Data         []ProvisionedQuery `json:"data"`
}

// A ProvisionedQuery is a query or an expression of a rule.
type ProvisionedQuery struct {
	RefID             string          `json:"refId"`
	QueryType         string          `json:"queryType"`
	RelativeTimeRange RelativeRange   `json:"relativeTimeRange"`
	DatasourceUID     string          `json:"datasourceUid"`
	Model             json.RawMessage `json:"model"`
}

// folderUID is the uid of the folder that the API makes.
const folderUID = "tlsrpt"

// Provisioning returns the rules of [Target.File] for the provisioning API.
func (t Target) Provisioning() (Provisioning, error) {
	raw, err := t.File()
	if err != nil {
		return Provisioning{}, err
	}
	file, err := Parse(raw)
	if err != nil {
		return Provisioning{}, err
	}
	p := Provisioning{Groups: []ProvisionedGroup{}}
	for _, g := range file.Groups {
		p.Folder = ProvisionedFolder{UID: folderUID, Title: g.Folder}
		group := ProvisionedGroup{Title: g.Name, FolderUID: folderUID, Interval: int64(time.Duration(g.Interval).Seconds())}
		for _, r := range g.Rules {
			group.Rules = append(group.Rules, r.provisioned(g))
		}
		p.Groups = append(p.Groups, group)
	}
	return p, nil
}

func (r Rule) provisioned(g Group) ProvisionedRule {
	made := ProvisionedRule{
		UID: r.UID, OrgID: g.OrgID, FolderUID: folderUID, RuleGroup: g.Name, Title: r.Title, Condition: r.Condition,
		NoDataState: r.NoDataState, ExecErrState: r.ExecErrState, For: time.Duration(r.For).String(),
		Labels: r.Labels, Annotations: r.Annotations,
	}
	for _, q := range r.Data {
		made.Data = append(made.Data, ProvisionedQuery{
			RefID: q.RefID, RelativeTimeRange: q.RelativeTimeRange, DatasourceUID: q.DatasourceUID, Model: q.Model,
		})
	}
	return made
}
