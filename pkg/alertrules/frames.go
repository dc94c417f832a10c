package alertrules

import (
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// numbers reads an answer in the form numeric long: one number field, and text
// fields that are its labels. An answer without fields is no data.
func numbers(frames data.Frames) (results, error) {
	if len(frames) == 0 || len(frames) == 1 && len(frames[0].Fields) == 0 {
		return results{{noData: true}}, nil
	}
	if len(frames) > 1 || frames[0].Meta == nil || frames[0].Meta.Type != data.FrameTypeNumericLong {
		return nil, fmt.Errorf("the answer is not one frame of the type %s", data.FrameTypeNumericLong)
	}
	frame := frames[0]
	number := -1
	for i, field := range frame.Fields {
		if !field.Type().Numeric() {
			continue
		}
		if number >= 0 {
			return nil, fmt.Errorf("the answer has two numbers, %s and %s", frame.Fields[number].Name, field.Name)
		}
		number = i
	}
	if number < 0 {
		return nil, fmt.Errorf("the answer has no number")
	}
	made := make(results, frame.Rows())
	for row := range made {
		f, err := frame.FloatAt(number, row)
		if err != nil {
			return nil, err
		}
		made[row] = value{number: f, labels: data.Labels{}}
		for i, field := range frame.Fields {
			if i == number {
				continue
			}
			text, ok := field.ConcreteAt(row)
			if !ok {
				continue
			}
			label, ok := text.(string)
			if !ok {
				return nil, fmt.Errorf("the field %s is neither a number nor text", field.Name)
			}
			made[row].labels[field.Name] = label
		}
	}
	return made, nil
}
