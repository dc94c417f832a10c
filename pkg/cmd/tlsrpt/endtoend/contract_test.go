package endtoend

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// answerOf asks a query over the time up to now, and holds its frames to the data
// plane contract.
func answerOf(t *testing.T, plugin *withoutGrafana, model map[string]any, span time.Duration) data.Frames {
	t.Helper()
	raw, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	answers, err := plugin.plugin.Query(t.Context(), backend.DataQuery{
		RefID: "A", JSON: raw, MaxDataPoints: 500, Interval: time.Hour, TimeRange: backend.TimeRange{From: now.Add(-span), To: now},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := answers["A"].Error; err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if len(answers["A"].Frames) == 0 {
		t.Fatalf("%s has no frame, where no data is one without fields", raw)
	}
	for _, frame := range answers["A"].Frames {
		if err := contract(frame, model); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	return answers["A"].Frames
}

// contract holds a frame to Grafana's data plane contract, version 0.1, and to
// the type that the query has.
func contract(frame *data.Frame, model map[string]any) error {
	if frame.Meta == nil || frame.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
		return fmt.Errorf("the frame says no type and version: %+v", frame.Meta)
	}
	want := data.FrameTypeTable
	switch model["queryType"] {
	case "trend":
		want = data.FrameTypeTimeSeriesMulti
	case "summary":
		if metrics, _ := model["metrics"].([]any); len(metrics) < 2 {
			want = data.FrameTypeNumericLong
		}
	}
	if frame.Meta.Type != want {
		return fmt.Errorf("the frame is %q, want %q", frame.Meta.Type, want)
	}
	if len(frame.Fields) == 0 {
		return nil // no data
	}
	if _, err := frame.RowLen(); err != nil {
		return err
	}
	switch want {
	case data.FrameTypeTimeSeriesMulti:
		return oneSeries(frame, model)
	case data.FrameTypeNumericLong:
		return numericLong(frame)
	}
	return distinctNames(frame)
}

// oneSeries wants a time field that ascends, and one number with the groups as labels.
func oneSeries(frame *data.Frame, model map[string]any) error {
	if len(frame.Fields) != 2 || frame.Fields[0].Type() != data.FieldTypeTime || frame.Fields[1].Type() != data.FieldTypeFloat64 {
		return fmt.Errorf("a series is of %d fields, want a time and a number", len(frame.Fields))
	}
	groupBy, _ := model["groupBy"].([]any)
	if len(frame.Fields[1].Labels) != len(groupBy) {
		return fmt.Errorf("the labels are %v, want one for each of %v", frame.Fields[1].Labels, groupBy)
	}
	times := frame.Fields[0]
	for i := 1; i < times.Len(); i++ {
		if !times.At(i - 1).(time.Time).Before(times.At(i).(time.Time)) {
			return fmt.Errorf("the times don't ascend at %v", times.At(i))
		}
	}
	return nil
}

// numericLong wants texts without labels and one number.
func numericLong(frame *data.Frame) error {
	numbers := 0
	for _, f := range frame.Fields {
		switch {
		case len(f.Labels) > 0:
			return fmt.Errorf("the field %q has labels", f.Name)
		case f.Type().Numeric():
			numbers++
		case f.Type() != data.FieldTypeString:
			return fmt.Errorf("the field %q is of type %s", f.Name, f.Type())
		}
	}
	if numbers != 1 {
		return fmt.Errorf("there are %d numbers, want one", numbers)
	}
	return distinctNames(frame)
}

func distinctNames(frame *data.Frame) error {
	seen := map[string]bool{}
	for _, f := range frame.Fields {
		if f.Name == "" || seen[f.Name] {
			return fmt.Errorf("two fields are named %q", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}
