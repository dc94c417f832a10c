package frames

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
)

// Policies returns the table of policies as senders saw them.
func Policies(rows []analytics.PolicyRow) *data.Frame {
	type row = analytics.PolicyRow
	return table(len(rows),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain", func(r row) string { return Clean(r.Domain) })),
		column(rows, "policyType", "Policy type", "sts (MTA-STS), tlsa (DANE) or no-policy-found", func(r row) string { return Clean(r.Type) }),
		column(rows, "policyMode", "Mode", "The mode of an MTA-STS policy", func(r row) string { return Clean(r.Mode) }),
		column(rows, "mx", "MX", "The MX patterns of an MTA-STS policy, or the hosts of TLSA records", func(r row) string { return hostNames(r.MX) }),
		withUnit(column(rows, "maxAge", "Max age", "How long senders may keep an MTA-STS policy", func(r row) *int64 { return numberOrNull(r.MaxAge) }), "s"),
		column(rows, "policyString", "Policy", "The policy in the words of a report", func(r row) string { return Text(r.Text) }),
		column(rows, "policyHash", "Hash", "Equal for equal policies, however senders wrote them", func(r row) string { return r.Hash }),
		column(rows, "firstSeen", "First seen", "The first day on which a report names it, UTC", func(r row) time.Time { return r.FirstSeen.Time() }),
		column(rows, "lastSeen", "Last seen", "The last day on which a report names it, UTC", func(r row) time.Time { return r.LastSeen.Time() }),
		withUnit(column(rows, "reporters", "Reporters", "How many told of it", func(r row) int64 { return int64(len(r.Reporters)) }), "short"),
		column(rows, "state", "State", "current, older: still held by someone although a newer one is seen, or gone", func(r row) string { return r.State }),
		column(rows, "reporterNames", "Seen by", "The reporters that told of it", func(r row) string { return names(r.Reporters) }),
		column(rows, "heldBy", "Held by", "The reporters whose last report names it", func(r row) string { return names(r.HeldBy) }),
		column(rows, "normalized", "Normal form", "The policy in an order and spelling of our own, to compare by", func(r row) string { return Text(strings.Join(r.Lines, "; ")) }),
		withUnit(column(rows, "reports", "Reports", "How many name it", func(r row) int64 { return r.Reports }), "short"),
	)
}
