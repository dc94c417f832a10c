package frames

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
)

// Events returns the table that Grafana makes annotations of: a row with a
// timeEnd is a region. Tags are parted by commas, as it wants them.
func Events(rows []analytics.Event) *data.Frame {
	type row = analytics.Event
	return table(len(rows),
		column(rows, "time", "Time", "When it began, UTC", func(r row) time.Time { return r.Time }),
		column(rows, "timeEnd", "End", "When it ended, UTC; empty for what has no length", func(r row) *time.Time { return timeOrNull(r.TimeEnd) }),
		column(rows, "title", "Title", "What happened", func(r row) string { return Text(r.Title) }),
		column(rows, "text", "Text", "What else there is to say", func(r row) string { return Text(r.Text) }),
		column(rows, "tags", "Tags", "The kind, and what it is about, parted by commas", func(r row) string { return tags(r.Tags) }),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain", func(r row) string { return Clean(r.PolicyDomain) })),
		column(rows, "kind", "Kind", "incident, firstFailure, policyChange or newReporter", func(r row) string { return r.Kind }),
	)
}

func tags(list []string) string {
	cleaned := make([]string, len(list))
	for i, tag := range list {
		// A stranger's result type may hold a comma.
		cleaned[i] = strings.ReplaceAll(Text(tag), ",", " ")
	}
	return strings.Join(cleaned, ",")
}
