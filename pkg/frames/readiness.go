package frames

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
)

// Readiness returns the table that says which domains may go to enforce.
func Readiness(rows []analytics.ReadinessRow) *data.Frame {
	type row = analytics.ReadinessRow
	return table(len(rows),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain", func(r row) string { return Clean(r.Domain) })),
		column(rows, "policyMode", "Mode", "The mode that most reporters last saw", func(r row) string { return Clean(r.Mode) }),
		column(rows, "verdict", "Verdict", "go, wait or no", func(r row) string { return r.Verdict }),
		withUnit(column(rows, "days", "Days", "Days with a report of sessions under this mode", func(r row) int64 { return int64(r.Days) }), "short"),
		withUnit(column(rows, "reporters", "Reporters", "How many told of them", func(r row) int64 { return int64(len(r.Reporters)) }), "short"),
		withUnit(column(rows, "totalSessions", "Total sessions", "Under this mode", func(r row) int64 { return r.TotalSessions }), "short"),
		withUnit(column(rows, "wouldFail", "Would fail", "Sessions that enforce refuses, or would", func(r row) int64 { return r.WouldFail }), "short"),
		withUnit(column(rows, "policyTrouble", "Policy trouble", "Sessions whose sender could not get a valid policy: their mail is delivered all the same", func(r row) int64 { return r.PolicyTrouble }), "short"),
		column(rows, "reasons", "Why", "The reasons for the verdict, the most important first", func(r row) string { return Text(strings.Join(r.Reasons, " ")) }),
		column(rows, "reporterNames", "Told by", "The reporters that told of sessions under this mode", func(r row) string { return names(r.Reporters) }),
		column(rows, "goOn", "Go on", "The day from which on the verdict is go if nothing fails until then", func(r row) *time.Time { return timeOrNull(r.GoOn) }),
	)
}
