package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/sync/errgroup"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
)

// A watched is a rule with its state, and with what says when its answer can
// be another one than an hour ago.
type watched struct {
	rule  alertrules.Rule
	watch *alertrules.Watch
	// windows are how far back its queries look.
	windows []time.Duration
	// ages says that it asks how long ago something was, which every hour changes.
	ages   bool
	models map[string]query.Model
}

// newWatched reads a rule's queries once.
func newWatched(rule alertrules.Rule) (*watched, error) {
	w := &watched{rule: rule, models: map[string]query.Model{}}
	w.watch = alertrules.NewWatch(&w.rule)
	for _, q := range rule.Data {
		if q.DatasourceUID != alertrules.UID {
			continue
		}
		m, err := query.Parse(q.Model)
		if err != nil {
			return nil, err
		}
		w.models[string(q.Model)] = m
		w.windows = append(w.windows, time.Duration(q.RelativeTimeRange.From)*time.Second)
		switch m.Metric {
		case "overdue", "silentDays", "pollAge", "pollsMissed", "reportAge":
			w.ages = true
		}
	}
	return w, nil
}

// changed says whether an answer at a moment can differ from that an hour
// before: something was stored since, or left a window, or a day began.
func (w *watched) changed(of *world, at time.Time) bool {
	if w.ages || at.Hour() == 0 || of.stored[hourOf(at)-1] {
		return true
	}
	for _, window := range w.windows {
		if of.stored[hourOf(at.Add(-window))-1] {
			return true
		}
	}
	return false
}

// evaluate asks every rule whose answer can have changed, and returns what has
// fired, in the order of the rules.
func (w *world) evaluate(ctx context.Context, at time.Time) ([]*alertrules.Alert, error) {
	results := make([]*alertrules.Result, len(w.watches))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, rule := range w.watches {
		if !rule.changed(w, at) {
			continue
		}
		group.Go(func() error {
			result := rule.rule.Evaluate(ctx, at, func(ctx context.Context, model json.RawMessage, from, to time.Time) (data.Frames, error) {
				return w.answer(ctx, rule.models[string(model)], from, to)
			})
			results[i] = &result
			if result.Err != nil {
				return fmt.Errorf("evaluate %s at %s: %w", rule.rule.UID, at, result.Err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var fired []*alertrules.Alert
	for i, result := range results {
		if result == nil {
			continue
		}
		now, _ := w.watches[i].watch.Step(at, *result)
		fired = append(fired, now...)
		// Grafana asks every five minutes: what is missing twice is gone within the hour.
		w.watches[i].watch.Step(at, *result)
	}
	return fired, nil
}
