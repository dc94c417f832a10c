package query

import (
	"context"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

var (
	sessionMetrics = []analytics.Metric{
		analytics.FailedSessions, analytics.SuccessfulSessions, analytics.TotalSessions, analytics.FailureRate, analytics.Reports, analytics.ProtectedShare, analytics.ReportersFailing,
	}
	trendMetrics   = append(slices.Clone(sessionMetrics), analytics.CompletenessShare)
	summaryMetrics = append(slices.Clone(trendMetrics),
		analytics.ReportAge, analytics.Overdue, analytics.PollAge, analytics.Quarantined, analytics.NewFailedSessions,
		analytics.HistoryDays, analytics.SilentDays, analytics.Enforced, analytics.ModeDropped, analytics.ProtectionLost,
		analytics.DetailReporters, analytics.DetailSightings, analytics.DetailRepeats, analytics.MXFailureShare, analytics.CleanReports, analytics.LastFailing, analytics.NextReport,
		analytics.DANEFailedSessions, analytics.PollsMissed, analytics.Arrivals,
	)
)

// domainsInWords is a pseudo-dimension of the metric overdue: the domains of a
// reporter as one text, for the one alert on it.
const domainsInWords store.Dimension = "domains"

// An asOfMetric tells how things stand at the end of the range.
type asOfMetric struct {
	values func(*request, context.Context) ([]asOfValue, error)
	// fold makes one number of those of several groups.
	fold func(a, b float64) float64
	// groups are the dimensions it can be grouped by.
	groups []store.Dimension
	// detailed: filters on failure details narrow it.
	detailed bool
}

// asOfMetrics are the metrics as of the end of the range: counts add up; of
// the ages of reports the youngest counts, of those of polls the oldest; and so
// what lets an alert fire when one of several groups wants it to.
func asOfMetrics() map[analytics.Metric]asOfMetric {
	add := func(a, b float64) float64 { return a + b }
	largest := func(a, b float64) float64 { return max(a, b) }
	smallest := func(a, b float64) float64 { return min(a, b) }
	domain := []store.Dimension{store.PolicyDomain}
	source := []store.Dimension{store.Source}
	failure := []store.Dimension{store.PolicyDomain, store.ResultType}
	failureAt := []store.Dimension{store.PolicyDomain, store.ResultType, store.ReceivingMX}
	return map[analytics.Metric]asOfMetric{
		analytics.ReportAge:          {(*request).reportAges, smallest, []store.Dimension{store.PolicyDomain, store.Reporter}, true},
		analytics.Overdue:            {(*request).overdue, largest, []store.Dimension{store.PolicyDomain, store.Reporter, domainsInWords}, false},
		analytics.HistoryDays:        {(*request).historyDays, largest, domain, false},
		analytics.SilentDays:         {(*request).silentDays, largest, domain, false},
		analytics.Enforced:           {(*request).enforced, largest, domain, false},
		analytics.ModeDropped:        {(*request).modeDropped, largest, domain, false},
		analytics.ProtectionLost:     {(*request).protectionLost, largest, domain, false},
		analytics.NewFailedSessions:  {(*request).newFailures, add, failure, true},
		analytics.DANEFailedSessions: {(*request).daneFailures, add, failure, true},
		analytics.DetailReporters:    {(*request).detailReporters, largest, failureAt, true},
		analytics.DetailSightings:    {(*request).detailSightings, largest, failureAt, true},
		analytics.DetailRepeats:      {(*request).detailRepeats, largest, failureAt, true},
		analytics.MXFailureShare:     {(*request).mxFailureShares, largest, failureAt, true},
		analytics.CleanReports:       {(*request).cleanReports, smallest, failure, true},
		analytics.LastFailing:        {(*request).lastFailing, largest, failure, true},
		analytics.NextReport:         {(*request).nextReports, soonest, failure, true},
		analytics.PollAge:            {(*request).pollAges, largest, source, true},
		analytics.PollsMissed:        {(*request).pollsMissed, largest, source, false},
		analytics.Quarantined:        {(*request).quarantineCounts, add, []store.Dimension{store.Source, store.QuarantineReason}, true},
		analytics.Arrivals:           {(*request).arrivals, add, source, false},
	}
}

// soonest is the sooner of two points in time, of which 0 is none.
func soonest(a, b float64) float64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// asOf says whether the metric tells how things stand at the end of the range.
func asOf(metric analytics.Metric) bool {
	_, ok := asOfMetrics()[metric]
	return ok
}

func (m *Model) checkMetric(metric analytics.Metric) error {
	allowed := trendMetrics
	if m.QueryType == "summary" {
		allowed = summaryMetrics
	}
	of, isAsOf := asOfMetrics()[metric]
	if isAsOf && m.QueryType == "trend" {
		return refuse("metric %q tells how things stand at the end of the range: it is for the query type \"summary\", not for a trend; allowed are %s", string(metric), list(allowed))
	}
	if err := oneOf("metric", metric, allowed); err != nil {
		return err
	}
	if metric == analytics.CompletenessShare {
		of, isAsOf = asOfMetric{groups: completenessGroups}, true
	}
	if isAsOf {
		return m.checkAsOf(metric, of)
	}
	for _, d := range m.GroupBy {
		if err := oneOf("dimension", d, dimensions); err != nil {
			return err
		}
	}
	return m.checkDetail(metric)
}

// checkAsOf judges what goes with a metric that has groups of its own.
func (m *Model) checkAsOf(metric analytics.Metric, of asOfMetric) error {
	if len(m.Metrics) > 1 {
		return refuse("metric %q has groups of its own and can't stand beside others in metrics", string(metric))
	}
	for _, d := range m.GroupBy {
		if !slices.Contains(of.groups, d) {
			return refuse("metric %q can't be grouped by %q; allowed are %s", string(metric), string(d), list(of.groups))
		}
	}
	if slices.Contains(m.GroupBy, domainsInWords) && (!slices.Contains(m.GroupBy, store.Reporter) || slices.Contains(m.GroupBy, store.PolicyDomain)) {
		return refuse("%q are those of one reporter: metric %q can be grouped by it beside %s, and not by %s", string(domainsInWords), string(metric), store.Reporter, store.PolicyDomain)
	}
	for _, f := range m.filters() {
		if f.Dimension.Detail() && !of.detailed {
			return refuse("%q comes from failure details, and metric %q does not: it can't be filtered by it", string(f.Dimension), string(metric))
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
