package plugin

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
)

func TestAlertRulesAreForEverySignedInUser(t *testing.T) {
	d := newBench(t).datasource(t, 3, map[string]any{}, "")
	for _, role := range []string{"Viewer", "Editor", "Admin"} {
		got := call(t, d, &backend.User{Role: role}, http.MethodGet, "alerts")
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", role, got.status, got.body)
		}
		var rules alertrules.Provisioning
		if err := json.Unmarshal([]byte(got.body), &rules); err != nil {
			t.Fatal(err)
		}
		want, err := alertrules.Target{DatasourceUID: d.key.UID, Org: 3}.Provisioning()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, rules); diff != "" || len(rules.Groups) != 1 || len(rules.Groups[0].Rules) != 12 {
			t.Errorf("%s (-want +got):\n%s", role, diff)
		}
	}
	if got := call(t, d, nil, http.MethodGet, "alerts"); got.status != http.StatusUnauthorized {
		t.Errorf("nobody gets %d %s", got.status, got.body)
	}
}
