package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
)

func TestAlertRulesArePrintedForADataSource(t *testing.T) {
	out, _, err := run(t.Context(), "alerts", "--datasource-uid", "abc-123", "--folder", "Mail", "--org", "7")
	if err != nil {
		t.Fatal(err)
	}
	file, err := alertrules.Parse([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	if g := file.Groups[0]; len(g.Rules) != 12 || g.Folder != "Mail" || g.OrgID != 7 || g.Rules[0].Data[0].DatasourceUID != "abc-123" {
		t.Errorf("%d rules in %q of %d", len(g.Rules), g.Folder, g.OrgID)
	}
}

func TestAlertsSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no uid":            {nil, "--datasource-uid is missing"},
		"one word too much": {[]string{"--datasource-uid", "x", "y"}, "too much"},
		"no uid at all":     {[]string{"--datasource-uid", "a b"}, "is no uid"},
	} {
		t.Run(name, func(t *testing.T) {
			out, said, err := run(t.Context(), append([]string{"alerts"}, c.args...)...)
			if err == nil || out != "" || !strings.Contains(said+err.Error(), c.want) {
				t.Errorf("%v\n%s%s", err, out, said)
			}
			if c.want != "is no uid" && !errors.Is(err, errUsage) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
