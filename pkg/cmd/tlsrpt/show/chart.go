package show

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/guptarohit/asciigraph"
)

const (
	day         = 24 * time.Hour
	chartWidth  = 60 // columns, where there are fewer days
	chartDays   = 90 // columns at most
	chartHeight = 7
	// chartSeries is how many series one chart can show legibly.
	chartSeries = 4
)

var (
	colors = []asciigraph.AnsiColor{asciigraph.Blue, asciigraph.Red, asciigraph.Green, asciigraph.Yellow}
	// marks tell series apart where there are no colours.
	marks = []string{"", "*", "+", "o"}
)

// IsTrend says whether frames are the series of a trend, with rows.
func IsTrend(frames data.Frames) bool {
	return len(frames) > 0 && frames[0].Meta != nil && frames[0].Meta.Type == data.FrameTypeTimeSeriesMulti && HasRows(frames)
}

// Chart draws the first, largest series of a trend over their days. A day
// without a row is a gap. Without color it is plain text.
func Chart(out io.Writer, frames data.Frames, color bool) {
	var series []*data.Frame
	for _, f := range frames {
		if len(f.Fields) == 2 && f.Fields[0].Len() > 0 {
			series = append(series, f)
		}
	}
	drawn := series[:min(len(series), chartSeries)]
	if len(drawn) == 0 {
		return
	}
	first, last := bounds(drawn)
	options := []asciigraph.Option{asciigraph.Height(chartHeight), asciigraph.LowerBound(0)}
	var lines [][]float64
	var sets []asciigraph.CharSet
	var inks []asciigraph.AnsiColor
	var legend []string
	for i, f := range drawn {
		legend = append(legend, mark(i, color)+" "+seriesName(f))
	}
	// What is drawn later covers what was drawn: the largest is on top.
	for i, f := range slices.Backward(drawn) {
		lines, inks = append(lines, line(f, first, last)), append(inks, colors[i])
		if i > 0 && !color {
			sets = append(sets, asciigraph.CreateCharSet(marks[i]))
		} else {
			sets = append(sets, asciigraph.DefaultCharSet)
		}
	}
	options = append(options, asciigraph.Precision(precision(lines)))
	if options = append(options, asciigraph.SeriesChars(sets...)); color {
		options = append(options, asciigraph.SeriesColors(inks...))
	}
	fmt.Fprintln(out, asciigraph.PlotMany(lines, options...))
	fmt.Fprintf(out, "  %s to %s   %s\n", first.Format(time.DateOnly), last.Format(time.DateOnly), strings.Join(legend, "   "))
	if more := len(series) - len(drawn); more > 0 {
		fmt.Fprintf(out, "  … and %d more series\n", more)
	}
}

// line has a value a column; each day has the same number of columns. Where the
// days are too many, a column is the largest value of several.
func line(f *data.Frame, first, last time.Time) []float64 {
	days := int(last.Sub(first)/day) + 1
	perColumn := (days + chartDays - 1) / chartDays
	columns := (days + perColumn - 1) / perColumn
	values := slices.Repeat([]float64{math.NaN()}, columns)
	for i := range f.Fields[0].Len() {
		v, err := f.Fields[1].FloatAt(i)
		if err != nil {
			continue
		}
		at := int(f.Fields[0].At(i).(time.Time).Sub(first)/day) / perColumn
		if math.IsNaN(values[at]) || v > values[at] {
			values[at] = v
		}
	}
	repeat := max(chartWidth/columns, 1)
	var wide []float64
	for _, v := range values {
		wide = append(wide, slices.Repeat([]float64{v}, repeat)...)
	}
	return wide
}

func bounds(frames []*data.Frame) (first, last time.Time) {
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

// precision is for the axis: shares are small, counts whole.
func precision(lines [][]float64) uint {
	for _, line := range lines {
		if slices.ContainsFunc(line, func(v float64) bool { return v > 1 }) {
			return 0
		}
	}
	return 3
}

func mark(i int, color bool) string {
	switch {
	case color:
		return colors[i].String() + "■" + asciigraph.Default.String()
	case i == 0:
		return "─"
	}
	return marks[i]
}

func seriesName(f *data.Frame) string {
	labels := f.Fields[1].Labels
	if len(labels) == 0 {
		return "all"
	}
	var values []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if labels[k] == "" {
			values = append(values, "(none)")
			continue
		}
		values = append(values, labels[k])
	}
	return strings.Join(values, ", ")
}
