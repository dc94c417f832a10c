package frames

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// Trend returns a frame per series (time series multi): a time field and the
// field "value", labelled with the group.
func Trend(series []analytics.Series, groupBy []store.Dimension, metric analytics.Metric, counting analytics.Counting) data.Frames {
	if len(series) == 0 {
		return data.Frames{Empty(data.FrameTypeTimeSeriesMulti)}
	}
	frames := make(data.Frames, 0, len(series))
	for _, s := range series {
		times := make([]time.Time, len(s.Points))
		values := make([]float64, len(s.Points))
		for i, p := range s.Points {
			times[i] = p.Time
			values[i] = metric.Value(p.Sums, counting)
		}
		value := data.NewField("value", labels(groupBy, s.Values), values)
		value.Config = &data.FieldConfig{
			DisplayNameFromDS: seriesName(groupBy, s.Values, metric), Unit: metric.Unit(), Description: metric.Description(),
		}
		frame := Empty(data.FrameTypeTimeSeriesMulti)
		frame.Fields = []*data.Field{data.NewField("time", nil, times), value}
		frames = append(frames, frame)
	}
	return frames
}

// seriesName is what Grafana shows for a series, unless the user says another
// name: left to itself it would put the word "value" before the labels.
func seriesName(groupBy []store.Dimension, values []string, metric analytics.Metric) string {
	if len(values) == 0 {
		return metricTitle(metric)
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = ValueName(groupBy[i], v)
	}
	return Guard(strings.Join(names, ", "))
}

// ValueName is a dimension's value for people: host names with their own
// letters, and a word for what was not said.
func ValueName(d store.Dimension, value string) string {
	switch {
	case value == "":
		return "(none)"
	case IsHostName(d):
		return Clean(HostName(value))
	}
	return Clean(value)
}

func labels(groupBy []store.Dimension, values []string) data.Labels {
	if len(groupBy) == 0 {
		return nil
	}
	l := data.Labels{}
	for i, d := range groupBy {
		l[string(d)] = Guard(Clean(values[i]))
	}
	return l
}

// A SummaryRow is one group with a number for each metric.
type SummaryRow struct {
	Group   []string
	Numbers []float64
}

// Summary returns one row per group: numeric long for one metric, with the
// number named by it; a table for several.
func Summary(rows []SummaryRow, groupBy []store.Dimension, metrics []analytics.Metric) *data.Frame {
	kind := data.FrameTypeNumericLong
	if len(metrics) > 1 {
		kind = data.FrameTypeTable
	}
	frame := Empty(kind)
	if len(rows) == 0 {
		return frame
	}
	for i, d := range groupBy {
		name, description := dimensionTitle(d)
		field := column(rows, string(d), name, description, func(r SummaryRow) string { return Clean(r.Group[i]) })
		if kind != data.FrameTypeTable {
			field.Config.DisplayName = ""
		}
		if IsHostName(d) {
			showHostNames(field)
		}
		frame.Fields = append(frame.Fields, field)
	}
	for i, m := range metrics {
		field := column(rows, string(m), "", m.Description(), func(r SummaryRow) float64 { return r.Numbers[i] })
		if kind == data.FrameTypeTable {
			field.Config.DisplayName = metricTitle(m)
		}
		frame.Fields = append(frame.Fields, withUnit(field, m.Unit()))
	}
	return frame
}

// metricTitle is a metric's name for people, of those that a trend or a table
// of several may show: the others stand alone, under their own word.
func metricTitle(m analytics.Metric) string {
	titles := map[analytics.Metric]string{
		analytics.FailedSessions: "Failed sessions", analytics.SuccessfulSessions: "Successful sessions",
		analytics.TotalSessions: "Total sessions", analytics.FailureRate: "Failure rate", analytics.Reports: "Reports",
		analytics.ProtectedShare: "Protected share", analytics.ReportersFailing: "Reporters failing",
		analytics.CompletenessShare: "Completeness",
	}
	return titles[m]
}

// dimensionTitle is a dimension's name for people, and what it is.
func dimensionTitle(d store.Dimension) (title, description string) {
	switch d {
	case store.PolicyDomain:
		return "Domain", "The receiving domain that the policy is of"
	case store.PolicyType:
		return "Policy type", "sts (MTA-STS), tlsa (DANE) or no-policy-found"
	case store.PolicyMode:
		return "Mode", "The mode of the MTA-STS policy that the sender applied"
	case store.Reporter:
		return "Reporter", "Who sends the mail and reports how it went"
	case store.TrustDimension:
		return "Trust", "Whether the report is known to come from its reporter"
	case store.Source:
		return "Source", "The mailbox or drop that the report came by first"
	case store.ResultType:
		return "Result type", "What failed (RFC 8460 section 4.3)"
	case store.ReasonCode:
		return "Reason", "The sender's own reason code, without its volatile parts"
	case store.ReceivingMX:
		return "MX", "The receiving mail server's host name"
	case store.ReceivingIP:
		return "MX address", "The receiving mail server's address"
	case store.SendingMTAIP:
		return "Sending address", "The sending mail server's address"
	case store.SendingNetwork:
		return "Sending network", "The sending mail server's network, /24 or /48"
	case store.QuarantineReason:
		return "Reason", "Why a document is in quarantine"
	case "domains":
		return "Domains", "The domains that the reporter reports on"
	}
	return string(d), ""
}
