package demo

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/guptarohit/asciigraph"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	chartWidth  = 60
	chartHeight = 7
	chartSeries = 4
	tableRows   = 8
	cellWidth   = 28
)

// printFrames prints an answer as a chart with a table of its series, or as a table.
func printFrames(out io.Writer, frames data.Frames) {
	if len(frames) == 0 || len(frames[0].Fields) == 0 {
		fmt.Fprintln(out, "  no data")
		return
	}
	for _, notice := range notices(frames) {
		fmt.Fprintf(out, "  note: %s\n", notice)
	}
	if frames[0].Meta != nil && frames[0].Meta.Type == data.FrameTypeTimeSeriesMulti {
		printTrend(out, frames)
		return
	}
	for _, frame := range frames {
		printTable(out, frame)
	}
}

func notices(frames data.Frames) []string {
	var texts []string
	for _, f := range frames {
		if f.Meta != nil {
			for _, n := range f.Meta.Notices {
				texts = append(texts, n.Text)
			}
		}
	}
	return texts
}

// printTrend draws the largest series; a day without a report is a gap.
func printTrend(out io.Writer, frames data.Frames) {
	shown := frames[:min(len(frames), chartSeries)]
	first, last := timeBounds(shown)
	days := int(last.Sub(first)/(24*time.Hour)) + 1
	var lines [][]float64
	var legends []string
	for _, f := range shown {
		line := slices.Repeat([]float64{math.NaN()}, days)
		for i := range f.Fields[0].Len() {
			at := f.Fields[0].At(i).(time.Time)
			line[int(at.Sub(first)/(24*time.Hour))] = f.Fields[1].At(i).(float64)
		}
		lines = append(lines, line)
		legends = append(legends, seriesName(f))
	}
	colors := []asciigraph.AnsiColor{asciigraph.Blue, asciigraph.Red, asciigraph.Green, asciigraph.Yellow}[:len(lines)]
	fmt.Fprintln(out, asciigraph.PlotMany(lines, asciigraph.Height(chartHeight), asciigraph.Width(chartWidth), asciigraph.LowerBound(0),
		asciigraph.Precision(precision(lines)), asciigraph.SeriesColors(colors...), asciigraph.SeriesLegends(legends...),
		asciigraph.Caption(fmt.Sprintf("%s to %s", first.Format(time.DateOnly), last.Format(time.DateOnly)))))
	if more := len(frames) - len(shown); more > 0 {
		fmt.Fprintf(out, "  … and %d more series\n", more)
	}
}

func precision(lines [][]float64) uint {
	for _, line := range lines {
		for _, v := range line {
			if v > 1 {
				return 0
			}
		}
	}
	return 3
}

func timeBounds(frames data.Frames) (first, last time.Time) {
	for _, f := range frames {
		n := f.Fields[0].Len()
		a, b := f.Fields[0].At(0).(time.Time), f.Fields[0].At(n-1).(time.Time)
		if first.IsZero() || a.Before(first) {
			first = a
		}
		if b.After(last) {
			last = b
		}
	}
	return first, last
}

func seriesName(f *data.Frame) string {
	labels := f.Fields[1].Labels
	if len(labels) == 0 {
		return "all"
	}
	var values []string
	for _, k := range slices.Sorted(keys(labels)) {
		values = append(values, orDash(labels[k]))
	}
	return strings.Join(values, ", ")
}

func keys(labels data.Labels) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range labels {
			if !yield(k) {
				return
			}
		}
	}
}

func printTable(out io.Writer, frame *data.Frame) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	var header table.Row
	var fields []*data.Field
	for _, f := range frame.Fields {
		// Long texts belong on a screen with room for them.
		if slices.Contains([]string{"meaning", "fix", "additionalInformation", "contactInfo", "trustReason", "reasonCodeRaw", "receivingMxHelo"}, f.Name) {
			continue
		}
		fields = append(fields, f)
		header = append(header, f.Name)
	}
	t.AppendHeader(header)
	rows := fields[0].Len()
	for i := range min(rows, tableRows) {
		var row table.Row
		for _, f := range fields {
			row = append(row, cell(f, i))
		}
		t.AppendRow(row)
	}
	t.SetAllowedRowLength(180)
	t.Render()
	if rows > tableRows {
		fmt.Fprintf(out, "  … and %d more rows\n", rows-tableRows)
	}
}

func cell(f *data.Field, i int) string {
	value, ok := f.ConcreteAt(i)
	if !ok {
		return "-"
	}
	switch v := value.(type) {
	case time.Time:
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
		return v.Format("2006-01-02 15:04")
	case float64:
		if f.Config != nil && f.Config.Unit == "percentunit" {
			return strconv.FormatFloat(100*v, 'f', 2, 64) + " %"
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return text.Trim(orDash(v), cellWidth)
	default:
		return fmt.Sprint(v)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
