package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A Model is a query as it stands in dashboards and alert rules. Zero values
// of its fields mean the defaults of [Parse].
type Model struct {
	QueryType    string             `json:"queryType"`
	Metric       analytics.Metric   `json:"metric"`
	Metrics      []analytics.Metric `json:"metrics,omitempty"`
	GroupBy      []store.Dimension  `json:"groupBy"`
	Filters      []Filter           `json:"filters"`
	Interval     string             `json:"interval"`
	TimeField    store.TimeField    `json:"timeField"`
	Counting     analytics.Counting `json:"counting"`
	Trust        string             `json:"trust"`
	MinSessions  int64              `json:"minSessions"`
	MaxLateness  string             `json:"maxLateness"`
	Limit        int                `json:"limit"`
	BaselineDays int                `json:"baselineDays"`
}

// An Error is a query that can't be answered as it is written. Its text names
// the word and what is allowed.
type Error struct{ Text string }

// Error returns the text.
func (e *Error) Error() string { return e.Text }

func refuse(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// The words that a query may hold, in the order in which they are offered.
var (
	queryTypes = []string{
		"trend", "summary", "status", "incidents", "failures", "reports", "policies", "readiness", "reporters", "sources", "counters", "quarantine", "events",
	}

	dimensions = []store.Dimension{
		store.PolicyDomain, store.PolicyType, store.PolicyMode, store.Reporter, store.TrustDimension, store.Source,
		store.ResultType, store.ReasonCode, store.ReceivingMX, store.ReceivingIP, store.SendingMTAIP, store.SendingNetwork,
	}
	operators  = []store.Operator{store.Equal, store.NotEqual, store.Match, store.NotMatch}
	timeFields = []store.TimeField{store.Period, store.StoredTime}
	countings  = []analytics.Counting{analytics.Distinct, analytics.Reported}
	trusts     = []string{"any", "authenticated"}
	intervals  = append([]string{"auto"}, analytics.Intervals...)

	// settings are the keys of a query; grafanaKeys are those that Grafana and
	// its editors put beside them.
	settings = []string{
		"queryType", "metric", "metrics", "groupBy", "filters", "interval", "timeField", "counting", "trust",
		"minSessions", "maxLateness", "limit", "baselineDays",
	}
	grafanaKeys = []string{
		"refId", "hide", "key", "datasource", "datasourceId", "datasourceUid", "intervalMs", "maxDataPoints", "timeRange",
		"resultAssertions", "queryCachingTTL", "panelId", "dashboardUID", "dashboardUid", "requestId", "utcOffsetSec", "legendFormat",
		"adhocFilters", "scopes", "groupByKeys", "instant", "range", "exemplar", "format", "type", "from", "to", "annotation",
	}
)

// maxBaselineDays is beyond any retention, and safe to count with.
const maxBaselineDays = 100_000

// maxLimit is how many groups one answer may hold, and maxRows how many single
// rows, so that no query asks for a whole store at once.
const (
	maxLimit = 100_000
	maxRows  = 10_000
)

// Defaults returns the query of an editor that is opened for the first time.
func Defaults() Model {
	return Model{
		QueryType: "trend", Metric: analytics.FailedSessions, Interval: "auto", TimeField: store.Period,
		Counting: analytics.Distinct, Trust: "any",
	}
}

// Parse reads a query's JSON. An unknown word anywhere is an [*Error] that
// names it and the allowed ones.
func Parse(raw []byte) (Model, error) {
	m := Defaults()
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return m, refuse("the query is no JSON object: %v", err)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(settings, key) && !slices.Contains(grafanaKeys, key) {
			return m, refuse("unknown setting %q in the query; allowed are %s", key, list(settings))
		}
		// null means the default.
		if string(keys[key]) == "null" || !slices.Contains(settings, key) {
			delete(keys, key)
		}
	}
	known, err := json.Marshal(keys)
	if err != nil {
		return m, fmt.Errorf("copy the query's settings: %w", err)
	}
	if err := json.Unmarshal(known, &m); err != nil {
		var misread *Error
		if errors.As(err, &misread) {
			return m, err
		}
		return m, refuse("the query has a setting of the wrong kind: %v", err)
	}
	m.fillDefaults()
	return m, m.check()
}

func (m *Model) fillDefaults() {
	d := Defaults()
	setDefault(&m.QueryType, d.QueryType)
	setDefault(&m.Metric, d.Metric)
	setDefault(&m.Interval, d.Interval)
	setDefault(&m.TimeField, d.TimeField)
	setDefault(&m.Counting, d.Counting)
	setDefault(&m.Trust, d.Trust)
	for i := range m.Filters {
		setDefault(&m.Filters[i].Operator, store.Equal)
	}
	if m.Limit == 0 {
		switch m.QueryType {
		case "trend":
			m.Limit = 20
		case "summary":
			m.Limit = 1000
		default:
			m.Limit = 500
		}
	}
	if m.BaselineDays == 0 {
		m.BaselineDays = 30
	}
}

func setDefault[T ~string](field *T, value T) {
	if *field == "" {
		*field = value
	}
}

func (m *Model) check() error {
	for _, err := range []error{
		oneOf("query type", m.QueryType, queryTypes),
		oneOf("interval", m.Interval, intervals),
		oneOf("time field", m.TimeField, timeFields),
		oneOf("counting", m.Counting, countings),
		oneOf("trust", m.Trust, trusts),
		onlyOnce("groupBy", m.GroupBy),
		onlyOnce("metrics", m.Metrics),
	} {
		if err != nil {
			return err
		}
	}
	if m.MinSessions < 0 || m.Limit < 0 || m.BaselineDays < 0 {
		return refuse("minSessions, limit and baselineDays must not be negative")
	}
	if most := m.mostRows(); m.Limit > most {
		return refuse("limit %d is too large for the query type %q; allowed are up to %d", m.Limit, m.QueryType, most)
	}
	if m.BaselineDays > maxBaselineDays {
		return refuse("baselineDays %d is too long; allowed are up to %d", m.BaselineDays, maxBaselineDays)
	}
	if _, err := parseLateness(m.MaxLateness); err != nil {
		return err
	}
	if err := m.checkFilters(); err != nil {
		return err
	}
	return m.checkMetrics()
}

func (m *Model) checkMetrics() error {
	if m.QueryType != "trend" && m.QueryType != "summary" {
		return m.checkIdleWords()
	}
	if m.QueryType == "trend" && len(m.Metrics) > 0 {
		return refuse("metrics (several at once) is for the query type \"summary\"; a trend has one metric")
	}
	for _, metric := range m.metrics() {
		if err := m.checkMetric(metric); err != nil {
			return err
		}
	}
	return nil
}

// checkIdleWords judges what tables do not use: a misspelled word there is told
// too, and so is a filter on failure details where they play no part.
func (m *Model) checkIdleWords() error {
	for _, f := range m.filters() {
		if f.Dimension.Detail() && (m.QueryType == "policies" || m.QueryType == "readiness") {
			return refuse("%q comes from failure details, and the query type %q does not: it can't be filtered by it", string(f.Dimension), m.QueryType)
		}
	}
	for _, metric := range m.metrics() {
		if err := oneOf("metric", metric, summaryMetrics); err != nil {
			return err
		}
	}
	for _, d := range m.GroupBy {
		if err := oneOf("dimension", d, append(slices.Clone(dimensions), store.QuarantineReason, domainsInWords)); err != nil {
			return err
		}
	}
	return nil
}

// mostRows is the largest limit of the query type.
func (m *Model) mostRows() int {
	if m.rowType() {
		return maxRows
	}
	return maxLimit
}

// rowType says whether the answer has single rows rather than groups.
func (m *Model) rowType() bool {
	return m.QueryType == "failures" || m.QueryType == "reports" || m.QueryType == "quarantine"
}

// Rows is how many single rows the answer may hold at most, each of which may
// take some kilobytes of memory; 0 for answers that hold groups.
func (m *Model) Rows() int {
	if m.rowType() {
		return m.Limit
	}
	return 0
}

// metrics are the metrics asked for, in order.
func (m *Model) metrics() []analytics.Metric {
	if len(m.Metrics) > 0 {
		return m.Metrics
	}
	return []analytics.Metric{m.Metric}
}

// selection is the part of the query that says which reports are meant.
func (m *Model) selection(from, to time.Time) store.Selection {
	lateness, _ := parseLateness(m.MaxLateness) // judged by check
	return store.Selection{
		From: from, To: to, TimeField: m.TimeField, Filters: m.filters(),
		AuthenticatedOnly: m.Trust == "authenticated", MaxLateness: lateness,
	}
}

func (m *Model) filters() []store.Filter {
	var filters []store.Filter
	for _, f := range m.Filters {
		if len(f.Values) > 0 {
			filters = append(filters, f.asStored())
		}
	}
	return filters
}

// detail says whether a group or filter needs failure details.
func (m *Model) detail() bool {
	if slices.ContainsFunc(m.GroupBy, store.Dimension.Detail) {
		return true
	}
	return slices.ContainsFunc(m.filters(), func(f store.Filter) bool { return f.Dimension.Detail() })
}

// parseLateness reads a whole number of days, hours or weeks: 7d, 36h, 2w.
func parseLateness(word string) (time.Duration, error) {
	if word == "" {
		return 0, nil
	}
	units := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	unit, ok := units[word[len(word)-1]]
	n, err := strconv.Atoi(word[:len(word)-1])
	if !ok || err != nil || n <= 0 || n > 100_000 {
		return 0, refuse("maxLateness %q is no length of time; allowed are whole hours, days or weeks such as \"36h\", \"7d\", \"2w\", or nothing", word)
	}
	return time.Duration(n) * unit, nil
}

func onlyOnce[T ~string](setting string, words []T) error {
	for i, w := range words {
		if slices.Contains(words[:i], w) {
			return refuse("%s names %q twice", setting, string(w))
		}
	}
	return nil
}

func oneOf[T ~string](what string, word T, allowed []T) error {
	if slices.Contains(allowed, word) {
		return nil
	}
	return refuse("unknown %s %q; allowed are %s", what, string(word), list(allowed))
}

func list[T ~string](words []T) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = string(w)
	}
	return strings.Join(quoted, ", ")
}
