package frames

import (
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
)

// Status returns the table that says whether all is well.
func Status(rows []analytics.Finding) *data.Frame {
	type row = analytics.Finding
	return table(len(rows),
		column(rows, "severity", "Severity", "ok, info, warning or critical", func(r row) string { return string(r.Severity) }),
		column(rows, "sentence", "What there is to say", "What is not well, or that all is", func(r row) string { return Text(r.Sentence) }),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain; empty for what concerns none or several", func(r row) string { return Clean(r.PolicyDomain) })),
		withUnit(column(rows, "count", "Count", "How many failed sessions, domains, sessions or documents it is about", func(r row) int64 { return r.Count }), "short"),
		column(rows, "kind", "Kind", "What it concerns: source, incident, mode, protection, domain, reporter, quarantine, synchronisation, setup, or well", func(r row) string { return r.Kind }),
	)
}
