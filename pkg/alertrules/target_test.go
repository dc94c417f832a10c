package alertrules

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/provisioning/alerting"
)

func TestRulesForAnotherDataSource(t *testing.T) {
	for name, target := range map[string]Target{
		"an uid of Grafana's making":         {DatasourceUID: "bf5z_-Ab3", Folder: "Mail", Org: 3},
		"an uid that looks like a number":    {DatasourceUID: "0123"},
		"an uid that looks like a truth":     {DatasourceUID: "true", Folder: `"quoted": #1`},
		"a folder with a dollar":             {DatasourceUID: "x", Folder: "Costs $HOME $$"},
		"the file's own uid, another folder": {Folder: "Other"},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := target.File()
			if err != nil {
				t.Fatal(err)
			}
			file, err := Parse(raw)
			if err != nil {
				t.Fatalf("%v\n%s", err, raw)
			}
			target, err = target.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range file.Rules() {
				own := shipped(t)[i]
				if (r.UID == own.UID) != (target.DatasourceUID == UID) || !strings.HasPrefix(r.UID, own.UID) || len(r.UID) > 40 {
					t.Errorf("the rule %s is named %s", own.UID, r.UID)
				}
				for _, q := range r.Data {
					if q.DatasourceUID != expressions && q.DatasourceUID != target.DatasourceUID {
						t.Errorf("%s asks %s", r.UID, q.DatasourceUID)
					}
				}
				if !strings.Contains(r.Annotations["link"], "var-datasource="+target.DatasourceUID+"&") && !strings.HasSuffix(r.Annotations["link"], "var-datasource="+target.DatasourceUID) {
					t.Errorf("%s links to %s", r.UID, r.Annotations["link"])
				}
			}
			if g := file.Groups[0]; g.Folder != target.Folder || g.OrgID != target.Org {
				t.Errorf("they lie in %q of the organisation %d", g.Folder, g.OrgID)
			}
			if bytes.Count(raw, []byte("\n#")) != bytes.Count(alerting.Rules, []byte("\n#")) {
				t.Error("comments are lost")
			}
		})
	}
}

func TestTheFileForItsOwnUIDIsTheFile(t *testing.T) {
	raw, err := Target{DatasourceUID: UID}.File()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-file +printed):\n%s", diff)
	}
}

func TestWhatIsNoTargetIsRefused(t *testing.T) {
	for name, target := range map[string]Target{
		"an uid with a line break": {DatasourceUID: "x\ny"}, "an uid with a quote": {DatasourceUID: `x"`}, "an uid that is too long": {DatasourceUID: strings.Repeat("x", 41)},
		"a folder of two lines": {Folder: "a\nb"}, "an organisation below zero": {Org: -1},
	} {
		if raw, err := target.File(); err == nil {
			t.Errorf("%s is taken: %s", name, raw[:40])
		}
	}
}

// The file that tlsrpt alerts prints and what the button posts are the same rules.
func TestTheFileAndTheAPIHaveTheSameRules(t *testing.T) {
	target := Target{DatasourceUID: "abc", Org: 2}
	raw, err := target.File()
	if err != nil {
		t.Fatal(err)
	}
	file, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	provisioning, err := target.Provisioning()
	if err != nil {
		t.Fatal(err)
	}
	sent, err := json.Marshal(provisioning)
	if err != nil {
		t.Fatal(err)
	}
	var posted struct {
		Folder struct{ Title, UID string }
		Groups []struct {
			Title     string
			FolderUID string
			Interval  float64
			Rules     []Rule
		}
	}
	if err := json.Unmarshal(sent, &posted); err != nil {
		t.Fatal(err)
	}
	if posted.Folder.Title != "TLS-RPT" || len(posted.Groups) != 1 || posted.Groups[0].Interval != 300 || posted.Groups[0].FolderUID != posted.Folder.UID {
		t.Errorf("the folder is %v, the groups are %d", posted.Folder, len(posted.Groups))
	}
	if diff := cmp.Diff(file.Groups[0].Rules, posted.Groups[0].Rules); diff != "" {
		t.Errorf("(-file +api):\n%s", diff)
	}
	if bytes.Contains(sent, []byte("$$")) {
		t.Error("the API does not take two dollars for one")
	}
}
