package ingest

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an engine exports. The account comes from the ledgers, as
// gauges, so that it goes on where it was after a restart; the counters and
// histograms begin with the process.
type metrics struct {
	collectors func() []*Collector

	// Of a source.
	durations              *prometheus.HistogramVec
	failures               *prometheus.CounterVec
	recoveries, received   *prometheus.CounterVec
	panics                 *prometheus.CounterVec
	seen, stored           *prometheus.Desc
	duplicate, quarantined *prometheus.Desc
	ignored, pending       *prometheus.Desc
	backlog, lastSuccess   *prometheus.Desc

	// Of a data source.
	commits, batches               *prometheus.HistogramVec
	lookups, queries               *prometheus.HistogramVec
	refusals, judged, unanswered   *prometheus.CounterVec
	cacheUses                      *prometheus.CounterVec
	removed, leasesLost, inherited *prometheus.CounterVec
	opening                        *prometheus.GaugeVec
	storeBytes, storeReports       *prometheus.Desc
	quarantineBytes                *prometheus.Desc
}

// The labels of the metrics. Beside these stand only words of this program, so
// that no report and no server can make new series.
var (
	ofStore  = []string{"org", "uid"}
	ofSource = []string{"org", "uid", "source"}
)

func newMetrics(collectors func() []*Collector) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tlsrpt_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tlsrpt_" + name, Help: help, Buckets: buckets}, labels)
	}
	desc := func(name, help string, labels []string) *prometheus.Desc {
		return prometheus.NewDesc("tlsrpt_"+name, help, labels, nil)
	}
	return &metrics{
		collectors: collectors,

		durations: histogram("poll_duration_seconds", "How long polls of the source took, failed ones too.",
			[]float64{.1, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}, ofSource...),
		failures:    counter("poll_failures_total", "Polls of the source that failed, by what failed them. They are tried again.", append(ofSource, "kind")...),
		recoveries:  counter("poll_recoveries_total", "Polls of the source that succeeded after one that failed.", ofSource...),
		received:    counter("source_received_bytes_total", "Bytes of mails and files that were read from the source.", ofSource...),
		panics:      counter("panics_total", "Unforeseen failures of a source or a parser that the process survived.", ofSource...),
		seen:        desc("items_seen", "Report documents, and items without one, that the source has shown: the sum of stored, duplicate, quarantined and ignored.", ofSource),
		stored:      desc("items_stored", "Report documents of the source that were stored.", ofSource),
		duplicate:   desc("items_duplicate", "Report documents of the source that were in the store already.", ofSource),
		quarantined: desc("items_quarantined", "Report documents and items of the source that could not be used.", ofSource),
		ignored:     desc("items_ignored", "Items of the source that hold no TLS report, or one older than the retention.", ofSource),
		pending:     desc("items_pending_acknowledgement", "Items of the source that are stored and not yet acknowledged on its server.", ofSource),
		backlog:     desc("poll_backlog_items", "New items that the poll under way has found and not yet committed.", ofSource),
		lastSuccess: desc("last_success_timestamp_seconds", "When a poll last saw the whole source, in seconds since 1970; 0 if never.", ofSource),

		commits: histogram("commit_duration_seconds", "How long it took to commit new reports, a transaction each, failed ones too.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}, ofStore...),
		batches: histogram("commit_items", "How many items one transaction held.",
			[]float64{1, 2, 5, 10, 20, 50, 100, 200}, ofStore...),
		lookups: histogram("dns_lookup_duration_seconds", "How long DNS took to answer for DKIM keys, by what came of it. Answers that are still known are not asked for.",
			[]float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 3}, append(ofStore, "outcome")...),
		queries: histogram("query_duration_seconds", "How long queries took, from the question to the answer, by query type.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}, append(ofStore, "type")...),
		unanswered:      counter("query_failures_total", "Queries that were not answered, by why.", append(ofStore, "kind")...),
		cacheUses:       counter("query_cache_uses_total", "What queries needed of reports, by whether it was kept from a query before, had to be made, or was kept from earlier while it is made anew.", append(ofStore, "outcome")...),
		refusals:        counter("store_failures_total", "Writes that the report store refused, by why. Nothing of them is kept, and they are tried again.", append(ofStore, "kind")...),
		judged:          counter("judged_mails_total", "Mails whose sender was judged, by how far it is known. One that DNS left pending counts with each try.", append(ofStore, "trust")...),
		removed:         counter("retention_removed_reports_total", "Reports that were removed since they were older than the retention.", ofStore...),
		leasesLost:      counter("lease_losses_total", "How often this process had to stop polling, since another one had taken over or the lease could not be renewed.", ofStore...),
		inherited:       counter("leases_inherited_total", "How often this process took over from one that had ended without a word, as after a kill.", ofStore...),
		opening:         prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tlsrpt_store_open_duration_seconds", Help: "How long it took to open the report store, the last time."}, ofStore),
		storeBytes:      desc("store_size_bytes", "Bytes that the report store takes.", ofStore),
		storeReports:    desc("store_reports", "Reports in the store.", ofStore),
		quarantineBytes: desc("quarantine_bytes", "Raw bytes that are kept in quarantine.", ofStore),
	}
}

// vectors are the metrics that are counted as things happen, and gauges those
// that are asked for.
func (m *metrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.durations, m.failures, m.recoveries, m.received, m.panics, m.commits, m.batches, m.lookups, m.queries,
		m.unanswered, m.cacheUses, m.refusals, m.judged, m.removed, m.leasesLost, m.inherited, m.opening,
	}
}

func (m *metrics) gauges() []*prometheus.Desc {
	return []*prometheus.Desc{
		m.seen, m.stored, m.duplicate, m.quarantined, m.ignored, m.pending,
		m.backlog, m.lastSuccess, m.storeBytes, m.storeReports, m.quarantineBytes,
	}
}

// labels are those of a data source.
func (k Key) labels() []string { return []string{strconv.FormatInt(k.OrgID, 10), k.UID} }

// sourceMetrics are the metrics that one source's poller keeps itself.
type sourceMetrics struct {
	duration                     prometheus.Observer
	failures                     *prometheus.CounterVec
	recoveries, received, panics prometheus.Counter
}

// source returns the metrics of one source.
func (m *metrics) source(key Key, sourceID string) *sourceMetrics {
	labels := append(key.labels(), sourceID)
	s := &sourceMetrics{
		duration:   m.durations.WithLabelValues(labels...),
		failures:   m.failures.MustCurryWith(prometheus.Labels{"org": labels[0], "uid": labels[1], "source": sourceID}),
		recoveries: m.recoveries.WithLabelValues(labels...),
		received:   m.received.WithLabelValues(labels...),
		panics:     m.panics.WithLabelValues(labels...),
	}
	known(s.failures, pollFailures)
	return s
}

// known makes the series of a counter exist before the first of their kind: a
// rate is over a series that begins at zero.
func known(counter *prometheus.CounterVec, kinds []string) {
	for _, kind := range kinds {
		counter.WithLabelValues(kind)
	}
}

// storeMetrics are those of one data source that belong to no single source.
type storeMetrics struct {
	commits, batches             prometheus.Observer
	lookups, queries             prometheus.ObserverVec
	refusals, judged, unanswered *prometheus.CounterVec
	cacheUses                    *prometheus.CounterVec
	removed, leaseLost           prometheus.Counter
	inherited, panics            prometheus.Counter
	opening                      prometheus.Gauge
}

// store returns the metrics of one data source.
func (m *metrics) store(key Key) *storeMetrics {
	labels := key.labels()
	fixed := prometheus.Labels{"org": labels[0], "uid": labels[1]}
	s := &storeMetrics{
		commits:    m.commits.WithLabelValues(labels...),
		batches:    m.batches.WithLabelValues(labels...),
		lookups:    m.lookups.MustCurryWith(fixed),
		queries:    m.queries.MustCurryWith(fixed),
		unanswered: m.unanswered.MustCurryWith(fixed),
		cacheUses:  m.cacheUses.MustCurryWith(fixed),
		refusals:   m.refusals.MustCurryWith(fixed),
		judged:     m.judged.MustCurryWith(fixed),
		removed:    m.removed.WithLabelValues(labels...),
		leaseLost:  m.leasesLost.WithLabelValues(labels...),
		inherited:  m.inherited.WithLabelValues(labels...),
		panics:     m.panics.WithLabelValues(append(labels, "")...),
		opening:    m.opening.WithLabelValues(labels...),
	}
	known(s.refusals, storeFailures)
	known(s.unanswered, queryFailures)
	return s
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, vector := range m.vectors() {
		vector.Describe(ch)
	}
	for _, desc := range m.gauges() {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, vector := range m.vectors() {
		vector.Collect(ch)
	}
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
	labels := c.key.labels()
	gauge := func(desc *prometheus.Desc, value int64, more ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), append(labels[:2:2], more...)...)
	}
	gauge(m.storeBytes, c.ledger.bytes)
	gauge(m.storeReports, c.ledger.reports)
	gauge(m.quarantineBytes, c.ledger.quarantineBytes)
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
