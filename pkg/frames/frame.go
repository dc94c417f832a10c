package frames

import (
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// contractVersion is the version of the data plane contract; without one,
// server-side expressions don't take a frame by its type.
var contractVersion = data.FrameTypeVersion{0, 1}

// Empty returns the answer for no data: a frame of the type without fields.
func Empty(kind data.FrameType) *data.Frame {
	frame := data.NewFrame("")
	frame.Meta = &data.FrameMeta{Type: kind, TypeVersion: contractVersion}
	return frame
}

// AddNotice adds a notice that Grafana shows at the corner of a panel.
func AddNotice(frame *data.Frame, severity data.NoticeSeverity, text string) {
	if frame.Meta == nil {
		frame.Meta = &data.FrameMeta{}
	}
	frame.Meta.Notices = append(frame.Meta.Notices, data.Notice{Severity: severity, Text: text})
}

// table makes a table frame of columns, or the empty one without rows.
func table(rows int, columns ...*data.Field) *data.Frame {
	frame := Empty(data.FrameTypeTable)
	if rows == 0 {
		return frame
	}
	frame.Meta.PreferredVisualization = data.VisTypeTable
	frame.Fields = columns
	return frame
}

// column makes a field of a table from rows. Texts are guarded, whoever wrote them.
func column[R, V any](rows []R, name, title, description string, value func(R) V) *data.Field {
	values := make([]V, len(rows))
	for i, r := range rows {
		values[i] = value(r)
	}
	if texts, ok := any(values).([]string); ok {
		for i, text := range texts {
			texts[i] = Guard(text)
		}
	}
	field := data.NewField(name, nil, values)
	field.Config = &data.FieldConfig{DisplayName: title, Description: description}
	return field
}

// withUnit sets the unit of a field, one of Grafana's words.
func withUnit(field *data.Field, unit string) *data.Field {
	field.Config.Unit = unit
	return field
}

// LinkRaw makes the ids of a table lead to the raw bytes, at resources, the
// escaped address of the data source's resources, and kind, such as "reports".
func LinkRaw(frame *data.Frame, resources, kind string) {
	field, _ := frame.FieldByName("id")
	if field == nil || resources == "" {
		return
	}
	// A new tab, since Grafana takes a click on its own addresses for a page of its own.
	field.Config.Links = []data.DataLink{{
		Title: "Download the raw bytes", TargetBlank: true,
		URL: resources + "/" + kind + "/${__value.raw:percentencode}/raw",
	}}
}
