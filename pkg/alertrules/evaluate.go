package alertrules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// An Ask answers a query's model over a range, as the data source does.
type Ask func(ctx context.Context, model json.RawMessage, from, to time.Time) (data.Frames, error)

// A State is what an evaluation says of a rule, or of one set of labels.
type State string

// The states.
const (
	Normal   State = "Normal"
	Alerting State = "Alerting"
	NoData   State = "NoData"
	Failed   State = "Error"
)

// A Result is one evaluation of a rule.
type Result struct {
	// State is Alerting where an instance is.
	State State
	// Instances has one entry a set of labels; none with NoData and Failed.
	Instances []Instance
	// Err is why it failed.
	Err error
}

// An Instance is what the condition says of one set of labels.
type Instance struct {
	Labels data.Labels
	State  State
	// Values are the numbers that belong to the labels, by refId.
	Values map[string]Value
}

// A Value is one number with its own labels.
type Value struct {
	Labels map[string]string
	Value  float64
}

// Evaluate judges the rule at a moment. What only texts need is asked for when
// something fires: the answer is the one that Grafana, which asks for all, has.
func (r Rule) Evaluate(ctx context.Context, at time.Time, ask Ask) Result {
	e := evaluation{rule: r, at: at, ask: ask, values: map[string]results{}}
	if err := e.work(ctx, r.Condition, nil); err != nil {
		return Result{State: Failed, Err: err}
	}
	result := e.judge()
	if result.State != Alerting {
		return result
	}
	for _, q := range r.Data {
		// What fails here fails no condition: its number is missing in texts.
		_ = e.work(ctx, q.RefID, nil)
	}
	if ctx.Err() != nil {
		return Result{State: Failed, Err: ctx.Err()}
	}
	return e.judge()
}

// An evaluation holds what is known so far.
type evaluation struct {
	rule   Rule
	at     time.Time
	ask    Ask
	values map[string]results
}

// work finds out the values of a refId and of all that it needs.
func (e *evaluation) work(ctx context.Context, refID string, below []string) error {
	if _, known := e.values[refID]; known {
		return nil
	}
	if slices.Contains(below, refID) {
		return fmt.Errorf("%q needs itself", refID)
	}
	at := slices.IndexFunc(e.rule.Data, func(q Query) bool { return q.RefID == refID })
	if at < 0 {
		return fmt.Errorf("there is no query or expression %q", refID)
	}
	q := e.rule.Data[at]
	var found results
	var err error
	if q.DatasourceUID == expressions {
		found, err = e.express(ctx, q, append(below, refID))
	} else {
		found, err = e.query(ctx, q)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", refID, err)
	}
	e.values[refID] = found
	return nil
}

func (e *evaluation) query(ctx context.Context, q Query) (results, error) {
	ago := func(seconds int64) time.Time { return e.at.Add(-time.Duration(seconds) * time.Second) }
	frames, err := e.ask(ctx, q.Model, ago(q.RelativeTimeRange.From), ago(q.RelativeTimeRange.To))
	if err != nil {
		return nil, err
	}
	return numbers(frames)
}

// A command is the model of an expression.
type command struct {
	Type       string `json:"type"`
	Expression string `json:"expression"`
	Conditions []struct {
		Evaluator struct {
			Type   string    `json:"type"`
			Params []float64 `json:"params"`
		} `json:"evaluator"`
	} `json:"conditions"`
}

func (e *evaluation) express(ctx context.Context, q Query, below []string) (results, error) {
	var c command
	if err := json.Unmarshal(q.Model, &c); err != nil {
		return nil, err
	}
	switch c.Type {
	case "math":
		parsed, err := parseMath(c.Expression)
		if err != nil {
			return nil, err
		}
		for _, name := range parsed.variables(nil) {
			if err := e.work(ctx, name, below); err != nil {
				return nil, err
			}
		}
		return parsed.eval(e.values)
	case "threshold":
		if err := e.work(ctx, c.Expression, below); err != nil {
			return nil, err
		}
		return c.threshold(e.values[c.Expression])
	default:
		return nil, fmt.Errorf("expressions of the type %q are not known", c.Type)
	}
}

// threshold compares every value with a number.
func (c command) threshold(of results) (results, error) {
	if len(c.Conditions) != 1 || len(c.Conditions[0].Evaluator.Params) == 0 {
		return nil, errors.New("a threshold has one condition with a number")
	}
	evaluator := c.Conditions[0].Evaluator
	operator, known := map[string]string{"gt": ">", "lt": "<", "gte": ">=", "lte": "<=", "eq": "==", "ne": "!="}[evaluator.Type]
	if !known {
		return nil, fmt.Errorf("the threshold %q is not known", evaluator.Type)
	}
	made := make(results, len(of))
	for i, v := range of {
		made[i] = v
		if math.IsNaN(v.number) {
			made[i].number = truth(operator == "!=")
			continue
		}
		made[i].number = operate(operator, v.number, evaluator.Params[0])
	}
	return made, nil
}

// judge makes the result of what is known. A query without any row makes the
// whole rule no data, also one that only texts need.
func (e *evaluation) judge() Result {
	condition := e.values[e.rule.Condition]
	for _, q := range e.rule.Data {
		if q.DatasourceUID != expressions && e.values[q.RefID].empty() {
			return Result{State: NoData}
		}
	}
	if len(condition) == 0 || condition.empty() {
		return Result{State: NoData}
	}
	result := Result{State: Normal}
	seen := map[string]bool{}
	for _, v := range condition {
		if key := v.labels.String(); seen[key] {
			return Result{State: Failed, Err: fmt.Errorf("two results have the labels {%s}", key)}
		} else {
			seen[key] = true
		}
		instance := Instance{Labels: v.labels, State: Normal}
		if v.number != 0 {
			instance.State, result.State = Alerting, Alerting
			instance.Values = e.captures(v.labels)
		}
		result.Instances = append(result.Instances, instance)
	}
	return result
}

// captures are the values whose labels are those of an instance, or else some
// of them, or more.
func (e *evaluation) captures(labels data.Labels) map[string]Value {
	found := map[string]Value{}
	for refID, all := range e.values {
		best := -1
		for i, v := range all {
			if v.noData {
				continue
			}
			if v.labels.Equals(labels) {
				best = i
				break
			}
			if _, fits := common(v.labels, labels); fits {
				best = i
			}
		}
		if best >= 0 {
			found[refID] = Value{Labels: all[best].labels, Value: all[best].number}
		}
	}
	return found
}
