package ingest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestRules(t *testing.T) {
	tests := []struct {
		name      string
		patterns  []string
		domainMap map[string]string
		domains   []string
		kept      []string
		warnings  int
		foreign   string
	}{
		{name: "no patterns accept every domain", domains: []string{"a.example"}, kept: []string{"a.example"}},
		{
			name: "a literal name accepts itself, whatever its case", patterns: []string{"Example.COM."},
			domains: []string{"example.com"}, kept: []string{"example.com"},
		},
		{
			name: "a literal name does not accept what is below it", patterns: []string{"example.com"},
			domains: []string{"mail.example.com"}, foreign: "mail.example.com",
		},
		{
			name: "a wildcard accepts any depth", patterns: []string{"*.example.org"},
			domains: []string{"a.example.org", "b.a.example.org"}, kept: []string{"a.example.org", "b.a.example.org"},
		},
		{
			name: "a wildcard does not accept the domain itself", patterns: []string{"*.example.org"},
			domains: []string{"example.org"}, foreign: "example.org",
		},
		{
			name: "a wildcard does not accept a name that only ends alike", patterns: []string{"*.example.org"},
			domains: []string{"badexample.org"}, foreign: "badexample.org",
		},
		{
			name: "a name in U-labels accepts its A-labels", patterns: []string{"bücher.example", "*.straße.example"},
			domains: []string{"xn--bcher-kva.example", "a.xn--strae-oqa.example"},
			kept:    []string{"xn--bcher-kva.example", "a.xn--strae-oqa.example"},
		},
		{
			name: "a report keeps its accepted policies and warns of the rest", patterns: []string{"example.com"},
			domains: []string{"a.example", "example.com", "a.example"}, kept: []string{"example.com"}, warnings: 1, foreign: "a.example",
		},
		{
			name: "many foreign domains are counted", patterns: []string{"example.com"},
			domains: []string{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"},
			foreign: "a.example, b.example, c.example, d.example, e.example and 2 more",
		},
		{
			name: "a mapped host shows as its domain and is never foreign", patterns: []string{"other.example"},
			domainMap: map[string]string{"MX1.example.net": "Example.com"},
			domains:   []string{"mx1.example.net"}, kept: []string{"example.com"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var report tlsrpt.Report
			for _, domain := range test.domains {
				report.Policies = append(report.Policies, tlsrpt.Policy{Domain: domain})
			}
			foreign, ok := ingest.NewRules(test.patterns, test.domainMap).Apply(&report)
			var kept []string
			for _, policy := range report.Policies {
				kept = append(kept, policy.Domain)
			}
			if diff := cmp.Diff(test.kept, kept); diff != "" || ok != (len(kept) > 0) {
				t.Errorf("accepted: %v; domains (-want +got):\n%s", ok, diff)
			}
			if foreign != test.foreign || len(report.Warnings) != test.warnings {
				t.Errorf("foreign are %q, with %d warnings", foreign, len(report.Warnings))
			}
		})
	}
}
