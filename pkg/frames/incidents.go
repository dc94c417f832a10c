package frames

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
)

// Incidents returns the table of failures put together. Days are midnights in UTC.
func Incidents(rows []analytics.Incident) *data.Frame {
	type row = analytics.Incident
	return table(len(rows),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain", func(r row) string { return Clean(r.PolicyDomain) })),
		column(rows, "resultType", "Result type", "What failed (RFC 8460 section 4.3)", func(r row) string { return Clean(r.ResultType) }),
		column(rows, "policyMode", "Mode", "What the policy demanded as of the last bad day: tlsa, enforce, testing or none", func(r row) string { return Clean(r.PolicyMode) }),
		column(rows, "state", "State", "open, or ended: a reporter that saw it has reported a later day without it", func(r row) string { return r.State }),
		column(rows, "firstDay", "First day", "The first bad day, UTC", func(r row) time.Time { return r.FirstDay }),
		column(rows, "lastDay", "Last day", "The last bad day, UTC", func(r row) time.Time { return r.LastDay }),
		withUnit(column(rows, "failedSessions", "Failed sessions", "Of this result type, from the first day to the last", func(r row) int64 { return r.FailedSessions }), "short"),
		withUnit(column(rows, "share", "Share", "Of all sessions of the domain from the first day to the last, 0 to 1", func(r row) float64 { return r.Share }), "percentunit"),
		withUnit(column(rows, "reporters", "Reporters", "How many saw it", func(r row) int64 { return int64(len(r.Reporters)) }), "short"),
		withUnit(column(rows, "reportersHeard", "Reporters heard", "How many reported on the domain from the first day to the last", func(r row) int64 { return int64(r.ReportersHeard) }), "short"),
		column(rows, "mxs", "MX hosts", "The receiving hosts named, most failures first", func(r row) string { return hostNames(r.MXs) }),
		column(rows, "networks", "Sending networks", "The sending networks named, most failures first", func(r row) string { return names(r.Networks) }),
		column(rows, "verdict", "Verdict", "Who saw what, where and since when", func(r row) string { return Text(r.Verdict) }),
		column(rows, "fix", "What to do", "Where to start", func(r row) string { return Clean(r.Fix) }),
		column(rows, "lastCleanDay", "Last clean day", "The last day before it with a session and without this failure, UTC", func(r row) *time.Time { return timeOrNull(r.LastCleanDay) }),
		column(rows, "nextReport", "Next report", "When the next report that can end it is due at the latest; empty where that is not known or overdue", func(r row) *time.Time { return timeOrNull(r.NextReport) }),
		column(rows, "severity", "Severity", "info, warning or critical", func(r row) string { return string(r.Severity) }),
		column(rows, "reporterNames", "Seen by", "The reporters that saw it, most failures first", func(r row) string { return names(r.Reporters) }),
		column(rows, "fault", "Likely fault of", "Whose doing it likely is", func(r row) string { return string(r.Fault) }),
		column(rows, "command", "Command", "A line for a shell that shows the trouble from outside", func(r row) string { return r.Command }),
		column(rows, "senderSees", "Senders see", "What people who send mail to the domain notice of it", func(r row) string { return r.SenderSees }),
		column(rows, "reason", "Reason", "The most frequent reason code, without its volatile parts", func(r row) string { return Text(r.Reason) }),
		column(rows, "cleanSince", "Clean since", "The first clean day after it, UTC", func(r row) *time.Time { return timeOrNull(r.CleanSince) }),
	)
}
