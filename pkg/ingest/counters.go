package ingest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// A Counter is one of the metrics of a data source, for those who look at them
// without a Prometheus.
type Counter struct {
	// Name is the metric's, Help what it counts.
	Name, Help string
	// Source is the id of the source; empty where it belongs to no single one.
	Source string
	// Kind is the value of the one label beside these, such as the query type;
	// empty where there is none.
	Kind string
	// Value is that of a counter or gauge; of a histogram how often it was observed.
	Value float64
	// Spread is nil but for histograms that have observed something.
	Spread *Spread
}

// A Spread is what a histogram tells of what it has observed, as far as its
// buckets tell it apart.
type Spread struct {
	// Median and P95 are estimates within a bucket. What is above the last
	// bound counts as that.
	Median, P95 float64
	// Most is the bound below which all lie; +Inf where some are above the last.
	Most float64
}

// Counters returns the metrics of the data source and of no other one, by name,
// source and kind. Those of the ledger are there where this process polls.
func (c *Collector) Counters() ([]Counter, error) {
	c.touch()
	families, err := c.engine.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather the metrics: %w", err)
	}
	labels := c.key.labels()
	var counters []Counter
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			counter := Counter{Name: family.GetName(), Help: family.GetHelp()}
			if org, uid := counter.read(metric); org == labels[0] && uid == labels[1] {
				counters = append(counters, counter)
			}
		}
	}
	slices.SortStableFunc(counters, func(a, b Counter) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Source, b.Source), strings.Compare(a.Kind, b.Kind))
	})
	return counters, nil
}

// read takes the values of a metric, and returns whose they are.
func (c *Counter) read(metric *dto.Metric) (org, uid string) {
	for _, label := range metric.GetLabel() {
		switch label.GetName() {
		case "org":
			org = label.GetValue()
		case "uid":
			uid = label.GetValue()
		case "source":
			c.Source = label.GetValue()
		default:
			c.Kind = label.GetValue()
		}
	}
	switch {
	case metric.GetHistogram() != nil:
		c.Value, c.Spread = float64(metric.GetHistogram().GetSampleCount()), spreadOf(metric.GetHistogram())
	case metric.GetCounter() != nil:
		c.Value = metric.GetCounter().GetValue()
	default:
		c.Value = metric.GetGauge().GetValue()
	}
	return org, uid
}

func spreadOf(h *dto.Histogram) *Spread {
	all := h.GetSampleCount()
	if all == 0 {
		return nil
	}
	s := &Spread{Median: quantile(h, .5), P95: quantile(h, .95), Most: math.Inf(1)}
	for _, bucket := range h.GetBucket() {
		if bucket.GetCumulativeCount() == all {
			s.Most = bucket.GetUpperBound()
			break
		}
	}
	return s
}

// quantile estimates as Prometheus does: what is in a bucket lies evenly
// between its bounds.
func quantile(h *dto.Histogram, q float64) float64 {
	rank := q * float64(h.GetSampleCount())
	var bound, below float64
	for _, bucket := range h.GetBucket() {
		upper, cumulative := bucket.GetUpperBound(), float64(bucket.GetCumulativeCount())
		if cumulative >= rank && cumulative > below {
			return bound + (upper-bound)*(rank-below)/(cumulative-below)
		}
		bound, below = upper, cumulative
	}
	return bound
}
