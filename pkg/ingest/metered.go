package ingest

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A meteredStore counts what its writers do.
type meteredStore struct {
	store.Store
	metrics *storeMetrics
}

var _ store.Store = meteredStore{}

// Commit measures the transaction.
func (s meteredStore) Commit(ctx context.Context, deliveries []store.Delivery) ([]store.Result, error) {
	started := time.Now()
	results, err := s.Store.Commit(ctx, deliveries)
	s.metrics.commits.Observe(time.Since(started).Seconds())
	s.metrics.batches.Observe(float64(len(deliveries)))
	s.metrics.refused(err)
	return results, err
}

// Acknowledge counts where it is refused.
func (s meteredStore) Acknowledge(ctx context.Context, sourceID string, refs []string) error {
	err := s.Store.Acknowledge(ctx, sourceID, refs)
	s.metrics.refused(err)
	return err
}

// SaveSourceState counts where it is refused.
func (s meteredStore) SaveSourceState(ctx context.Context, state store.SourceState) error {
	err := s.Store.SaveSourceState(ctx, state)
	s.metrics.refused(err)
	return err
}

// Retain counts what was removed.
func (s meteredStore) Retain(ctx context.Context, first tlsrpt.Day) (int64, error) {
	dropped, err := s.Store.Retain(ctx, first)
	s.metrics.removed.Add(float64(dropped))
	s.metrics.refused(err)
	return dropped, err
}

// Rejudge counts where it is refused.
func (s meteredStore) Rejudge(ctx context.Context, id int64, judgement store.Judgement) error {
	err := s.Store.Rejudge(ctx, id, judgement)
	s.metrics.refused(err)
	return err
}

// Reread counts where it is refused.
func (s meteredStore) Reread(ctx context.Context, reportID int64, document store.Document) (store.Outcome, error) {
	outcome, err := s.Store.Reread(ctx, reportID, document)
	s.metrics.refused(err)
	return outcome, err
}

// Resolve counts where it is refused.
func (s meteredStore) Resolve(ctx context.Context, quarantineID int64, document store.Document) (store.Outcome, error) {
	outcome, err := s.Store.Resolve(ctx, quarantineID, document)
	s.metrics.refused(err)
	return outcome, err
}

// SaveReadWith counts where it is refused.
func (s meteredStore) SaveReadWith(ctx context.Context, readWith string) error {
	err := s.Store.SaveReadWith(ctx, readWith)
	s.metrics.refused(err)
	return err
}

// refused counts a write that failed, other than by being called off or since
// there is nothing left to change.
func (m *storeMetrics) refused(err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !hasLeft(err) {
		m.refusals.WithLabelValues(storeFailure(err)).Inc()
	}
}

// A meteredJudge counts verdicts.
type meteredJudge struct {
	*mailreport.Authenticator
	judged *prometheus.CounterVec
}

// Judge counts the verdict by its trust.
func (j meteredJudge) Judge(ctx context.Context, mail []byte) mailreport.Verdict {
	verdict := j.Authenticator.Judge(ctx, mail)
	j.judged.WithLabelValues(verdict.Trust).Inc()
	return verdict
}

// A meteredResolver measures the questions that DNS is asked.
type meteredResolver struct {
	mailreport.Resolver
	lookups prometheus.ObserverVec
}

// LookupTXT measures the answer by what came of it.
func (r meteredResolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	started := time.Now()
	records, err := r.Resolver.LookupTXT(ctx, name)
	r.lookups.WithLabelValues(lookupOutcome(err)).Observe(time.Since(started).Seconds())
	return records, err
}

func lookupOutcome(err error) string {
	var dns *net.DNSError
	isDNS := errors.As(err, &dns)
	switch {
	case err == nil:
		return "found"
	case isDNS && dns.IsNotFound:
		return "missing"
	case isDNS && dns.IsTimeout || errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "failed"
}

// failed counts a poll that err ended.
func (m *sourceMetrics) failed(err error) { m.failures.WithLabelValues(pollFailure(err)).Inc() }

// CacheUsed tells the metrics how a query came by what it needed: whether that
// was kept from one before, or had to be made.
func (c *Collector) CacheUsed(outcome string) {
	c.metrics.cacheUses.WithLabelValues(outcome).Inc()
}

// Answered tells the metrics that a query of a type was answered, or why not,
// and how long that took. Where the query itself was at fault, refused is true.
func (c *Collector) Answered(queryType string, took time.Duration, err error, refused bool) {
	switch {
	case refused:
		c.metrics.unanswered.WithLabelValues("refused").Inc()
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		c.metrics.unanswered.WithLabelValues("canceled").Inc()
	case err != nil:
		c.metrics.unanswered.WithLabelValues("failed").Inc()
	default:
		c.metrics.queries.WithLabelValues(queryType).Observe(took.Seconds())
	}
}
