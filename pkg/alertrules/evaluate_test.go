package alertrules

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

var noon = time.Date(2026, 5, 14, 12, 0, 0, 0, time.UTC)

// rule reads a rule of two questions, a (by d) and b (by d and r), a math
// expression over both, and a text that needs c.
func rule(t *testing.T, expression string, more ...string) Rule {
	t.Helper()
	raw := `groups: [{interval: 5m, rules: [{uid: r, condition: fires, noDataState: OK, execErrState: KeepLast, for: 0s, data: [
		{refId: a, relativeTimeRange: {from: 3600, to: 60}, datasourceUid: x, model: {ask: a}},
		{refId: b, datasourceUid: x, model: {ask: b}},
		{refId: fires, datasourceUid: __expr__, model: ` + expression + `}`
	for _, m := range more {
		raw += ", " + m
	}
	file, err := Parse([]byte(raw + "]}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	return file.Rules()[0]
}

// long makes an answer in the form numeric long.
func long(values ...value) data.Frames {
	frame := data.NewFrame("")
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeNumericLong, TypeVersion: data.FrameTypeVersion{0, 1}}
	if len(values) == 0 {
		return data.Frames{frame}
	}
	for _, name := range []string{"d", "r"} {
		if _, has := values[0].labels[name]; !has {
			continue
		}
		field := data.NewField(name, nil, []string{})
		for _, v := range values {
			field.Append(v.labels[name])
		}
		frame.Fields = append(frame.Fields, field)
	}
	numbers := data.NewField("n", nil, []float64{})
	for _, v := range values {
		numbers.Append(v.number)
	}
	frame.Fields = append(frame.Fields, numbers)
	return data.Frames{frame}
}

// answers answers the models {ask: x}, and fails where there is no answer.
func answers(of map[string]data.Frames) Ask {
	return func(_ context.Context, model json.RawMessage, _, _ time.Time) (data.Frames, error) {
		var m struct{ Ask string }
		if err := json.Unmarshal(model, &m); err != nil {
			return nil, err
		}
		if frames, ok := of[m.Ask]; ok {
			return frames, nil
		}
		return nil, errors.New("not answered")
	}
}

const both = `{type: math, expression: "$a >= 2 && $b >= 1"}`

func TestARuleIsJudged(t *testing.T) {
	reading := `{refId: c, datasourceUid: x, model: {ask: c}}`
	for name, c := range map[string]struct {
		rule Rule
		ask  map[string]data.Frames
		want State
		// firing are the labels that fire.
		firing []string
	}{
		"one set of labels fires, another does not": {
			rule(t, both), map[string]data.Frames{"a": long(at("d=x", 2), at("d=y", 1)), "b": long(at("d=x,r=1", 1), at("d=y,r=1", 1), at("d=x,r=2", 0))},
			Alerting, []string{"d=x, r=1"}},
		"no number is high enough": {
			rule(t, both), map[string]data.Frames{"a": long(at("d=x", 1)), "b": long(at("d=x,r=1", 1))}, Normal, nil},
		"a query without a row is no data": {
			rule(t, both), map[string]data.Frames{"a": long(at("d=x", 2)), "b": long()}, NoData, nil},
		"nothing that belongs together is no data": {
			rule(t, both), map[string]data.Frames{"a": long(at("d=x", 2), at("d=z", 2)), "b": long(at("d=y,r=1", 1))}, NoData, nil},
		"a query that fails fails the rule": {
			rule(t, both), map[string]data.Frames{"a": long(at("d=x", 2))}, Failed, nil},
		"a query that only a text needs and that fails is no matter": {
			rule(t, both, reading), map[string]data.Frames{"a": long(at("d=x", 2)), "b": long(at("d=x,r=1", 1))}, Alerting, []string{"d=x, r=1"}},
		"a query that only a text needs and that has no row makes it no data": {
			rule(t, both, reading), map[string]data.Frames{"a": long(at("d=x", 2)), "b": long(at("d=x,r=1", 1)), "c": long()}, NoData, nil},
		"what is no number fires, as in Grafana": {
			rule(t, `{type: math, expression: "$a > 1"}`), map[string]data.Frames{"a": long(at("d=x", math.NaN())), "b": long(at("d=x,r=1", 1))}, Alerting, []string{"d=x"}},
		"a threshold does not fire on what is no number": {
			rule(t, `{type: threshold, expression: a, conditions: [{evaluator: {type: gte, params: [2]}}]}`),
			map[string]data.Frames{"a": long(at("d=x", math.NaN()), at("d=y", 2)), "b": long(at("d=x,r=1", 1))}, Alerting, []string{"d=y"}},
		"the same labels twice are an error": {
			rule(t, `{type: math, expression: "$a > 1"}`), map[string]data.Frames{"a": long(at("d=x", 2), at("d=x", 2)), "b": long(at("d=x,r=1", 1))}, Failed, nil},
		"an expression that needs itself is an error": {
			rule(t, `{type: math, expression: "$fires > 1"}`), nil, Failed, nil},
		"an expression of another type is an error": {
			rule(t, `{type: reduce, expression: a}`), map[string]data.Frames{"a": long(at("d=x", 2))}, Failed, nil},
		"a frame of another type is an error": {
			rule(t, both), map[string]data.Frames{"a": {data.NewFrame("", data.NewField("n", nil, []float64{1}))}}, Failed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.rule.Evaluate(t.Context(), noon, answers(c.ask))
			if got.State != c.want || (got.State == Failed) != (got.Err != nil) {
				t.Fatalf("it is %s, want %s: %v", got.State, c.want, got.Err)
			}
			var firing []string
			for _, i := range got.Instances {
				if i.State == Alerting {
					firing = append(firing, i.Labels.String())
				}
			}
			if diff := cmp.Diff(c.firing, firing); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueriesAskOfTheirOwnRange(t *testing.T) {
	var got []time.Time
	rule(t, `{type: math, expression: "$a > 1"}`).Evaluate(t.Context(), noon, func(_ context.Context, _ json.RawMessage, from, to time.Time) (data.Frames, error) {
		got = append(got, from, to)
		return long(at("d=x", 0)), nil
	})
	if diff := cmp.Diff([]time.Time{noon.Add(-time.Hour), noon.Add(-time.Minute)}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNumbersOfTextsAreThoseOfTheLabels(t *testing.T) {
	got := rule(t, both, `{refId: c, datasourceUid: x, model: {ask: c}}`).Evaluate(t.Context(), noon, answers(map[string]data.Frames{
		"a": long(at("d=x", 2), at("d=y", 3)), "b": long(at("d=x,r=1", 4), at("d=y,r=2", 5)), "c": long(at("d=x,r=1", 6), at("d=y,r=2", 7)),
	}))
	want := map[string]map[string]float64{
		"d=x, r=1": {"a": 2, "b": 4, "c": 6, "fires": 1},
		"d=y, r=2": {"a": 3, "b": 5, "c": 7, "fires": 1},
	}
	numbers := map[string]map[string]float64{}
	for _, i := range got.Instances {
		numbers[i.Labels.String()] = map[string]float64{}
		for ref, v := range i.Values {
			numbers[i.Labels.String()][ref] = v.Value
		}
	}
	if diff := cmp.Diff(want, numbers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStatesGoFromOneEvaluationToTheNext(t *testing.T) {
	const fires, not, gone, noData, failed = "fires", "not", "gone", "no data", "failed"
	for name, c := range map[string]struct {
		noData, failed string
		wait           time.Duration
		steps          []string
		// want has one letter a step: f fired, c cleared, - nothing.
		want string
	}{
		"it fires once and clears once":                       {"OK", "KeepLast", 0, []string{not, fires, fires, not, not}, "-f-c-"},
		"labels that are gone clear at the second evaluation": {"OK", "KeepLast", 0, []string{fires, gone, fires, gone, gone}, "f---c"},
		"no data is OK":                                             {"OK", "KeepLast", 0, []string{fires, noData, noData}, "fc-"},
		"an error keeps what fires":                                 {"OK", "KeepLast", 0, []string{fires, failed, failed, not}, "f--c"},
		"an error keeps what does not":                              {"OK", "KeepLast", 0, []string{not, failed, not}, "---"},
		"no data alerts where it must":                              {"Alerting", "Alerting", 0, []string{noData, noData, not}, "f--"},
		"an error alerts where it must, and keeps what fires":       {"Alerting", "Alerting", 0, []string{fires, failed, not}, "f-c"},
		"it waits as long as it is told, from the first time again": {"OK", "KeepLast", 10 * time.Minute, []string{fires, fires, not, fires, fires, fires, not}, "-----fc"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Rule{NoDataState: c.noData, ExecErrState: c.failed, For: Duration(c.wait)}
			w := NewWatch(&r)
			got := ""
			for i, step := range c.steps {
				result := map[string]Result{
					fires:  {State: Alerting, Instances: []Instance{{Labels: data.Labels{"d": "x"}, State: Alerting}}},
					not:    {State: Normal, Instances: []Instance{{Labels: data.Labels{"d": "x"}, State: Normal}}},
					gone:   {State: Normal, Instances: []Instance{{Labels: data.Labels{"d": "y"}, State: Normal}}},
					noData: {State: NoData}, failed: {State: Failed},
				}[step]
				fired, cleared := w.Step(noon.Add(time.Duration(i)*5*time.Minute), result)
				switch {
				case len(fired) == 1 && len(cleared) == 0:
					got += "f"
				case len(fired) == 0 && len(cleared) == 1:
					got += "c"
				case len(fired) == 0 && len(cleared) == 0:
					got += "-"
				default:
					got += "?"
				}
			}
			if got != c.want {
				t.Errorf("%v gives %s, want %s", c.steps, got, c.want)
			}
		})
	}
}
