package alertrules

import (
	"maps"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// missedToClear is in how many evaluations labels must be missing until Grafana
// takes their alert back.
const missedToClear = 2

// An Alert is a rule that fires for one set of labels.
type Alert struct {
	Rule *Rule
	// Labels are those of the numbers, without the rule's own.
	Labels data.Labels
	// Since is the evaluation at which the condition first held, Fired the one
	// at which it had held for as long as the rule wants; zero while it has not.
	// Cleared is zero while it fires.
	Since, Fired, Cleared time.Time
	// Values are the numbers of the last evaluation that fired, by refId.
	Values map[string]Value

	missed int
}

// A Watch keeps the state of a rule from one evaluation to the next, as
// Grafana's scheduler does.
type Watch struct {
	rule   *Rule
	alerts map[string]*Alert
}

// NewWatch starts with nothing firing.
func NewWatch(rule *Rule) *Watch { return &Watch{rule: rule, alerts: map[string]*Alert{}} }

// Step takes the evaluation at a moment, and returns what has fired and what
// has cleared by it.
func (w *Watch) Step(at time.Time, result Result) (fired, cleared []*Alert) {
	switch result.State {
	case NoData:
		return w.all(at, w.rule.NoDataState)
	case Failed:
		return w.all(at, w.rule.ExecErrState)
	}
	present := map[string]bool{}
	for _, i := range result.Instances {
		key := i.Labels.String()
		present[key] = true
		if i.State == Alerting {
			fired = append(fired, w.hold(at, i.Labels, i.Values)...)
		} else {
			cleared = append(cleared, w.clear(at, key)...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.alerts)) {
		a := w.alerts[key]
		if present[key] {
			a.missed = 0
			continue
		}
		if a.missed++; a.missed >= missedToClear {
			cleared = append(cleared, w.clear(at, key)...)
		}
	}
	return fired, cleared
}

// all puts every alert into the state that the rule wants where nothing can be
// said: Alerting, OK (and Normal), or, with KeepLast, as it is.
func (w *Watch) all(at time.Time, state string) (fired, cleared []*Alert) {
	keys := slices.Sorted(maps.Keys(w.alerts))
	switch state {
	case "Alerting":
		if len(keys) == 0 {
			return w.hold(at, data.Labels{}, nil), nil
		}
		for _, key := range keys {
			fired = append(fired, w.hold(at, w.alerts[key].Labels, w.alerts[key].Values)...)
		}
	case "OK":
		for _, key := range keys {
			cleared = append(cleared, w.clear(at, key)...)
		}
	}
	return fired, cleared
}

// hold notes that the condition holds for labels.
func (w *Watch) hold(at time.Time, labels data.Labels, values map[string]Value) []*Alert {
	key := labels.String()
	a := w.alerts[key]
	if a == nil {
		a = &Alert{Rule: w.rule, Labels: labels, Since: at}
		w.alerts[key] = a
	}
	a.Values, a.missed = values, 0
	if a.Fired.IsZero() && at.Sub(a.Since) >= time.Duration(w.rule.For) {
		a.Fired = at
		return []*Alert{a}
	}
	return nil
}

func (w *Watch) clear(at time.Time, key string) []*Alert {
	a := w.alerts[key]
	if a == nil {
		return nil
	}
	delete(w.alerts, key)
	if a.Fired.IsZero() {
		return nil
	}
	a.Cleared = at
	return []*Alert{a}
}
