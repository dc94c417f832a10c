package query

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// pollAges tells for every source how long ago its last successful poll was,
// or, where there was none, when it was first configured. During a first
// synchronisation its age is 0.
func (r *request) pollAges(context.Context) ([]asOfValue, error) {
	var values []asOfValue
	for _, s := range r.Sources {
		if !r.passes(store.Source, s.ID) {
			continue
		}
		since := s.LastSuccess
		if since.IsZero() {
			since = s.FirstConfigured
		}
		age := 0.0
		if !s.firstSync() && !since.IsZero() {
			age = max(r.To.Sub(since).Seconds(), 0)
		}
		values = append(values, asOfValue{at: []label{{store.Source, s.ID}}, value: age})
	}
	return values, nil
}

// quarantineCounts tells how many documents went to quarantine in the range.
func (r *request) quarantineCounts(ctx context.Context) ([]asOfValue, error) {
	counts, err := r.Store.QuarantineCounts(ctx, r.From, r.To)
	if err != nil {
		return nil, fmt.Errorf("count quarantine: %w", err)
	}
	var values []asOfValue
	heard := map[string]bool{}
	for _, c := range counts {
		if r.passes(store.Source, c.Source) && r.passes(store.QuarantineReason, c.Reason) {
			heard[c.Source] = true
			values = append(values, asOfValue{
				at: []label{{store.Source, c.Source}, {store.QuarantineReason, c.Reason}}, value: float64(c.Count),
			})
		}
	}
	for _, s := range r.Sources {
		if !heard[s.ID] && r.passes(store.Source, s.ID) {
			values = append(values, asOfValue{at: []label{{store.Source, s.ID}, {store.QuarantineReason, ""}}})
		}
	}
	return values, nil
}

// pollsMissed tells how many polls of its own interval each source has missed.
func (r *request) pollsMissed(ctx context.Context) ([]asOfValue, error) {
	values, err := r.pollAges(ctx)
	for i := range values {
		for _, s := range r.Sources {
			if s.ID == values[i].of(store.Source) {
				values[i].value = missed(values[i].value, s.PollInterval.Seconds())
			}
		}
	}
	return values, err
}

func missed(age, interval float64) float64 {
	if interval <= 0 {
		return 0
	}
	return age / interval
}

// arrivals tells how many documents each source has brought in the range.
func (r *request) arrivals(ctx context.Context) ([]asOfValue, error) {
	counts, err := r.Store.Arrivals(ctx, r.From, r.To)
	if err != nil {
		return nil, fmt.Errorf("count arrivals: %w", err)
	}
	for _, s := range r.Sources {
		counts[s.ID] += 0 // has its row also when nothing came
	}
	var values []asOfValue
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		if r.passes(store.Source, id) {
			values = append(values, asOfValue{at: []label{{store.Source, id}}, value: float64(counts[id])})
		}
	}
	return values, nil
}
