// Package show prints data frames for people: as tables, as small charts of
// characters, and as rows of cells for other forms.
package show

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A Table is frames as rows of cells under one header. The labels of a trend's
// series are columns before its time and value.
type Table struct {
	Header []string
	Rows   [][]string
}

// TableOf puts frames into one table: those of a trend, or one alone. Each cell
// is written by format.
func TableOf(frames data.Frames, format Format) Table {
	var t Table
	for _, frame := range frames {
		if len(frame.Fields) == 0 {
			continue
		}
		labels := frame.Fields[len(frame.Fields)-1].Labels
		names := slices.Sorted(maps.Keys(labels))
		if t.Header == nil {
			t.Header = slices.Clone(names)
			for _, f := range frame.Fields {
				t.Header = append(t.Header, f.Name)
			}
		}
		for i := range frame.Fields[0].Len() {
			var row []string
			for _, n := range names {
				row = append(row, labels[n])
			}
			for _, f := range frame.Fields {
				row = append(row, format(f, i))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// Without leaves columns out.
func (t Table) Without(columns ...string) Table {
	var kept []int
	for i, name := range t.Header {
		if !slices.Contains(columns, name) {
			kept = append(kept, i)
		}
	}
	pick := func(cells []string) []string {
		var row []string
		for _, i := range kept {
			row = append(row, cells[i])
		}
		return row
	}
	narrow := Table{Header: pick(t.Header)}
	for _, r := range t.Rows {
		narrow.Rows = append(narrow.Rows, pick(r))
	}
	return narrow
}

// Print prints the table with lines around its cells, which are cut to a width
// where one is given.
func (t Table) Print(out io.Writer, cellWidth int) {
	t.render(lined(out), func(cell string) string {
		if cellWidth > 0 && text.StringWidthWithoutEscSequences(cell) > cellWidth {
			return text.Trim(cell, cellWidth-1) + "…"
		}
		return cell
	})
}

// PrintWrapped prints the table as [Table.Print] does, with longer cells on
// several lines, and a line between its rows.
func (t Table) PrintWrapped(out io.Writer, cellWidth int) {
	w := lined(out)
	w.Style().Options.SeparateRows = true
	var columns []table.ColumnConfig
	for i := range t.Header {
		columns = append(columns, table.ColumnConfig{Number: i + 1, WidthMax: cellWidth, WidthMaxEnforcer: text.WrapSoft})
	}
	w.SetColumnConfigs(columns)
	t.render(w, func(cell string) string { return cell })
}

// lined is a table with lines around its cells.
func lined(out io.Writer) table.Writer {
	w := table.NewWriter()
	w.SetOutputMirror(out)
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	return w
}

func (t Table) render(w table.Writer, cell func(string) string) {
	row := func(cells []string) table.Row {
		r := make(table.Row, len(cells))
		for i, c := range cells {
			r[i] = cell(c)
		}
		return r
	}
	w.AppendHeader(row(t.Header))
	for _, r := range t.Rows {
		w.AppendRow(row(r))
	}
	w.Render()
}

// A Format writes the cell of a field's row.
type Format func(f *data.Field, i int) string

// Exact writes a cell for programs: times by RFC 3339, numbers whole, null and
// empty texts as nothing.
func Exact(f *data.Field, i int) string {
	value, ok := f.ConcreteAt(i)
	if !ok {
		return ""
	}
	switch v := value.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// Readable writes a cell for people: midnights as days, shares as percentages,
// null and empty texts as a dash. Times are UTC.
func Readable(f *data.Field, i int) string {
	value, _ := f.ConcreteAt(i)
	exact := Exact(f, i)
	if exact == "" {
		return "-"
	}
	switch v := value.(type) {
	case time.Time:
		v = v.UTC()
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
		return v.Format("2006-01-02 15:04")
	case float64:
		if f.Config != nil && f.Config.Unit == "percentunit" {
			return strconv.FormatFloat(100*v, 'f', 2, 64) + " %"
		}
	}
	return exact
}

// Notices returns what frames say of themselves, such as what a limit cut.
func Notices(frames data.Frames) []string {
	var texts []string
	for _, f := range frames {
		if f.Meta == nil {
			continue
		}
		for _, n := range f.Meta.Notices {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

// HasRows says whether there is anything in the frames.
func HasRows(frames data.Frames) bool {
	return slices.ContainsFunc(frames, func(f *data.Frame) bool { return len(f.Fields) > 0 && f.Fields[0].Len() > 0 })
}
