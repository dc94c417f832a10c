package frames

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A ReporterRow is what one reporter has said of one domain, and how often it
// does. Without a report ever, all but the names and the cadence is zero.
type ReporterRow struct {
	store.ReporterRow
	Cadence analytics.Cadence
}

// Reporters returns the table of who reports on what.
func Reporters(rows []ReporterRow) *data.Frame {
	type row = ReporterRow
	return table(len(rows),
		column(rows, "reporter", "Reporter", "Who reports", func(r row) string { return Clean(r.Reporter) }),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain", func(r row) string { return Clean(r.PolicyDomain) })),
		column(rows, "firstReport", "First report", "The day of the first report's period; empty for one who never reported although others do", func(r row) *time.Time { return dayOrNull(r.FirstReport) }),
		column(rows, "lastReport", "Last report", "The day of the last report's period", func(r row) *time.Time { return dayOrNull(r.LastReport) }),
		withUnit(column(rows, "reports", "Reports", "Reports in the range", func(r row) int64 { return r.Reports }), "short"),
		withUnit(column(rows, "daysReported", "Days reported", "Days in the range with a report", func(r row) int64 { return r.Days }), "short"),
		column(rows, "cadence", "Cadence", "How often this reporter reports: daily, mailDays (now and then), failuresOnly or unknown", func(r row) string { return string(r.Cadence.Kind) }),
		column(rows, "expectedNext", "Expected next", "When its next report should be here at the latest", func(r row) *time.Time { return timeOrNull(r.Cadence.ExpectedNext) }),
		withUnit(column(rows, "overdue", "Overdue", "Its own cadences missed, up to the last successful poll", func(r row) int64 { return r.Cadence.Overdue }), "short"),
		column(rows, "state", "State", "reporting, quiet (late, or nothing tells when it is due) or silent (3 of its own cadences missed)", func(r row) string { return string(r.Cadence.State) }),
		column(rows, "note", "Note", "What else there is to say", func(r row) string { return Text(r.Cadence.Note) }),
		withUnit(column(rows, "every", "Usual wait", "The longest wait between reports that is usual for it", func(r row) *int64 { return usualWait(r.Cadence) }), "d"),
	)
}

func usualWait(c analytics.Cadence) *int64 {
	if c.Kind != analytics.Daily && c.Kind != analytics.MailDays {
		return nil
	}
	return numberOrNull(int64(c.Every))
}

func dayOrNull(d tlsrpt.Day) *time.Time {
	if d == 0 {
		return nil
	}
	return timeOrNull(d.Time())
}
