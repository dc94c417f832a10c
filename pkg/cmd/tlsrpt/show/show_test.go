package show_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/show"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// series is one of a trend; a NaN is a day without a row.
func series(name string, values ...float64) *data.Frame {
	var times []time.Time
	var kept []float64
	for i, v := range values {
		if !math.IsNaN(v) {
			times, kept = append(times, start.AddDate(0, 0, i)), append(kept, v)
		}
	}
	f := data.NewFrame("", data.NewField("time", nil, times), data.NewField("value", data.Labels{"policyDomain": name}, kept))
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti}
	return f
}

func chart(color bool, frames ...*data.Frame) string {
	var out strings.Builder
	show.Chart(&out, frames, color)
	return out.String()
}

func TestADayWithoutAReportIsAGapInTheChart(t *testing.T) {
	none := math.NaN()
	drawn := chart(false, series("example.com", 4, 4, none, none, 4, none))
	want := "─╴" + strings.Repeat(" ", 2*12-1) + "╶─" // 12 columns a day, and what leads to the next
	if !strings.Contains(drawn, want) {
		t.Errorf("there is no gap of two days in\n%s", drawn)
	}
	if !strings.Contains(drawn, "2026-03-01 to 2026-03-05") {
		t.Errorf("the days are not named in\n%s", drawn)
	}
}

func TestChartsOfAnyDataAreDrawn(t *testing.T) {
	year := make([]float64, 400)
	for i := range year {
		year[i] = float64(i % 7)
	}
	for name, frames := range map[string][]*data.Frame{
		"a single day":                 {series("a", 3)},
		"only zeros":                   {series("a", 0, 0, 0)},
		"a share":                      {series("a", 0.001, 0)},
		"more than a year":             {series("a", year...)},
		"a series without a row":       {series("a"), series("b", 1, 2)},
		"more series than have a mark": {series("a", 1), series("b", 1), series("c", 1), series("d", 1), series("e", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, line := range strings.Split(chart(false, frames...), "\n") {
				if strings.Contains(line, "\x1b") || len([]rune(line)) > 110 {
					t.Errorf("the line has colours or is too long: %q", line)
				}
			}
		})
	}
	if chart(false, series("a")) != "" {
		t.Error("a chart without a row is not empty")
	}
	if !strings.Contains(chart(true, series("a", 1, 2)), "\x1b") {
		t.Error("a chart with colours has none")
	}
}

func TestCellsAreExactForProgramsAndReadableForPeople(t *testing.T) {
	noon := start.Add(12 * time.Hour)
	rate := 0.12345
	f := data.NewFrame("", data.NewField("time", nil, []time.Time{start, noon}), data.NewField("reporter", nil, []string{"a", ""}),
		data.NewField("failureRate", nil, []*float64{&rate, nil}).SetConfig(&data.FieldConfig{Unit: "percentunit"}))
	exact, readable := show.TableOf(data.Frames{f}, show.Exact), show.TableOf(data.Frames{f}, show.Readable)
	if diff := cmp.Diff([][]string{{"2026-03-01T00:00:00Z", "a", "0.12345"}, {"2026-03-01T12:00:00Z", "", ""}}, exact.Rows); diff != "" {
		t.Errorf("exact (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"2026-03-01", "a", "12.35 %"}, {"2026-03-01 12:00", "-", "-"}}, readable.Rows); diff != "" {
		t.Errorf("readable (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(show.Table{Header: []string{"reporter"}, Rows: [][]string{{"a"}, {""}}}, exact.Without("time", "failureRate")); diff != "" {
		t.Errorf("without columns (-want +got):\n%s", diff)
	}
}

func TestTheLabelsOfATrendAreColumns(t *testing.T) {
	got := show.TableOf(data.Frames{series("a", 1), series("b", 2)}, show.Exact)
	want := show.Table{Header: []string{"policyDomain", "time", "value"}, Rows: [][]string{
		{"a", "2026-03-01T00:00:00Z", "1"}, {"b", "2026-03-01T00:00:00Z", "2"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLongCellsAreCutOrWrapped(t *testing.T) {
	long := show.Table{Header: []string{"domain", "what to do"}, Rows: [][]string{{"example.com", "renew the certificate now"}, {"b.example", "wait"}}}
	var cut, wrapped strings.Builder
	long.Print(&cut, 12)
	long.PrintWrapped(&wrapped, 12)
	if got := cut.String(); !strings.Contains(got, "│ renew the c… │") || strings.Contains(got, "certificate") {
		t.Errorf("cut:\n%s", got)
	}
	got := wrapped.String()
	if words := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "example.com", "").Replace(got)), " "); !strings.Contains(words, "renew the certificate now") {
		t.Errorf("wrapped:\n%s", got)
	}
	if strings.Contains(got, "…") || strings.Count(got, "├") != 2 {
		t.Errorf("not parted by a line, or cut:\n%s", got)
	}
}
