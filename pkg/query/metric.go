package query

import (
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

var (
	sessionMetrics = []analytics.Metric{
		analytics.FailedSessions, analytics.SuccessfulSessions, analytics.TotalSessions, analytics.FailureRate, analytics.Reports, analytics.ProtectedShare, analytics.ReportersFailing,
	}
	summaryMetrics = append(slices.Clone(sessionMetrics), analytics.ReportAge, analytics.PollAge, analytics.Quarantined, analytics.NewFailedSessions)
	laterMetrics   = []analytics.Metric{"completeness", "overdue"}

	// asOfGroups are the dimensions of the metrics that tell how things stand
	// at the end of the range.
	asOfGroups = map[analytics.Metric][]store.Dimension{
		analytics.ReportAge:         {store.PolicyDomain, store.Reporter},
		analytics.PollAge:           {store.Source},
		analytics.Quarantined:       {store.Source, store.QuarantineReason},
		analytics.NewFailedSessions: {store.PolicyDomain, store.ResultType},
	}
)

// asOf says whether the metric tells how things stand at the end of the range.
func asOf(metric analytics.Metric) bool { return asOfGroups[metric] != nil }

func (m *Model) checkMetric(metric analytics.Metric) error {
	allowed := sessionMetrics
	if m.QueryType == "summary" {
		allowed = summaryMetrics
	}
	if slices.Contains(laterMetrics, metric) {
		return refuse("metric %q is not available yet; available are %s", string(metric), list(allowed))
	}
	if asOf(metric) && m.QueryType == "trend" {
		return refuse("metric %q tells how things stand at the end of the range: it is for the query type \"summary\", not for a trend; allowed are %s", string(metric), list(allowed))
	}
	if err := oneOf("metric", metric, allowed); err != nil {
		return err
	}
	if asOf(metric) {
		return m.checkAsOf(metric)
	}
	for _, d := range m.GroupBy {
		if err := oneOf("dimension", d, dimensions); err != nil {
			return err
		}
	}
	return m.checkDetail(metric)
}

func (m *Model) checkAsOf(metric analytics.Metric) error {
	if len(m.Metrics) > 1 {
		return refuse("metric %q has groups of its own and can't stand beside others in metrics", string(metric))
	}
	for _, d := range m.GroupBy {
		if !slices.Contains(asOfGroups[metric], d) {
			return refuse("metric %q can't be grouped by %q; allowed are %s", string(metric), string(d), list(asOfGroups[metric]))
		}
	}
	return nil
}

func (m *Model) checkDetail(metric analytics.Metric) error {
	if metric == analytics.FailedSessions {
		return nil
	}
	for _, d := range m.GroupBy {
		if d.Detail() {
			return refuseDetail(metric, d)
		}
	}
	for _, f := range m.filters() {
		if f.Dimension.Detail() {
			return refuseDetail(metric, f.Dimension)
		}
	}
	return nil
}

func refuseDetail(metric analytics.Metric, d store.Dimension) error {
	return refuse("%q comes from failure details, and only failed sessions have those: metric %q can't be grouped or filtered by it; use %s",
		string(d), string(metric), analytics.FailedSessions)
}
