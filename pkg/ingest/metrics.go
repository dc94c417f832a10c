package ingest

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an engine exports. The account comes from the ledgers, as
// gauges, so that it goes on where it was after a restart.
type metrics struct {
	collectors func() []*Collector

	durations *prometheus.HistogramVec
	panics    *prometheus.CounterVec

	seen, stored, duplicate, quarantined, ignored *prometheus.Desc
	pending, backlog                              *prometheus.Desc
	lastSuccess                                   *prometheus.Desc
	storeBytes, storeReports                      *prometheus.Desc
}

// sourceMetrics are the metrics that one source's poller keeps itself.
type sourceMetrics struct {
	duration prometheus.Observer
	panics   prometheus.Counter
}

func newMetrics(collectors func() []*Collector) *metrics {
	labels := []string{"org", "uid", "source"}
	perSource := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("tlsrpt_"+name, help, labels, nil)
	}
	perStore := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("tlsrpt_"+name, help, labels[:2], nil)
	}
	return &metrics{
		collectors: collectors,
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tlsrpt_poll_duration_seconds",
			Help:    "How long polls of the source took, failed ones too.",
			Buckets: []float64{.1, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}, labels),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tlsrpt_panics_total",
			Help: "Unforeseen failures of a source or a parser that the process survived.",
		}, labels),
		seen:         perSource("items_seen", "Report documents, and items without one, that the source has shown: the sum of stored, duplicate, quarantined and ignored."),
		stored:       perSource("items_stored", "Report documents of the source that were stored."),
		duplicate:    perSource("items_duplicate", "Report documents of the source that were in the store already."),
		quarantined:  perSource("items_quarantined", "Report documents and items of the source that could not be used."),
		ignored:      perSource("items_ignored", "Items of the source that hold no TLS report, or one older than the retention."),
		pending:      perSource("items_pending_acknowledgement", "Items of the source that are stored and not yet acknowledged on its server."),
		backlog:      perSource("poll_backlog_items", "New items that the poll under way has found and not yet committed."),
		lastSuccess:  perSource("last_success_timestamp_seconds", "When a poll last saw the whole source, in seconds since 1970; 0 if never."),
		storeBytes:   perStore("store_size_bytes", "Bytes that the report store takes."),
		storeReports: perStore("store_reports", "Reports in the store."),
	}
}

// source returns the metrics of one source; an empty id is for what belongs to
// no single one.
func (m *metrics) source(key Key, sourceID string) *sourceMetrics {
	labels := []string{strconv.FormatInt(key.OrgID, 10), key.UID, sourceID}
	return &sourceMetrics{
		duration: m.durations.WithLabelValues(labels...),
		panics:   m.panics.WithLabelValues(labels...),
	}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.durations.Describe(ch)
	m.panics.Describe(ch)
	for _, desc := range []*prometheus.Desc{
		m.seen, m.stored, m.duplicate, m.quarantined, m.ignored, m.pending,
		m.backlog, m.lastSuccess, m.storeBytes, m.storeReports,
	} {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.durations.Collect(ch)
	m.panics.Collect(ch)
	for _, c := range m.collectors() {
		m.collect(c, ch)
	}
}

// collect tells what one collector knows; it is no use of the data source.
func (m *metrics) collect(c *Collector, ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shift == nil || c.ledger.accounts == nil {
		return // the process that polls tells, once it has read the ledger
	}
	labels := []string{strconv.FormatInt(c.key.OrgID, 10), c.key.UID}
	gauge := func(desc *prometheus.Desc, value int64, more ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), append(labels[:2:2], more...)...)
	}
	gauge(m.storeBytes, c.ledger.bytes)
	gauge(m.storeReports, c.ledger.reports)
	for id, p := range c.pollers {
		account := c.ledger.accounts[id]
		gauge(m.seen, account.Seen(), id)
		gauge(m.stored, account.Stored, id)
		gauge(m.duplicate, account.Duplicate, id)
		gauge(m.quarantined, account.Quarantined, id)
		gauge(m.ignored, account.Ignored, id)
		gauge(m.pending, account.Pending, id)
		progress := p.progress.get()
		gauge(m.backlog, int64(progress.Total-progress.Done), id)
		var success int64
		if last := p.snapshot().saved.LastSuccess; !last.IsZero() {
			success = last.Unix()
		}
		gauge(m.lastSuccess, success, id)
	}
}
