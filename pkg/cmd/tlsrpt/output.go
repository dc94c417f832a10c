package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// printTables prints every frame as one table, the series of a trend in one.
func printTables(std streams, answer data.Frames) error {
	for _, notice := range noticesOf(answer) {
		fmt.Fprintln(std.err, "note:", notice)
	}
	header, rows := flatten(answer)
	if len(rows) == 0 {
		fmt.Fprintln(std.out, "no data")
		return nil
	}
	t := table.NewWriter()
	t.SetOutputMirror(std.out)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(tableRow(header))
	for _, r := range rows {
		t.AppendRow(tableRow(r))
	}
	t.Render()
	return nil
}

func tableRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}

// printCSV prints comma-separated values with a header line. What a
// spreadsheet would take for a formula is put behind an apostrophe.
func printCSV(std streams, answer data.Frames) error {
	for _, notice := range noticesOf(answer) {
		fmt.Fprintln(std.err, "note:", notice)
	}
	header, rows := flatten(answer)
	w := csv.NewWriter(std.out)
	err := w.Write(header)
	for _, r := range rows {
		for i, c := range r {
			r[i] = disarm(c)
		}
		err = errors.Join(err, w.Write(r))
	}
	w.Flush()
	return errors.Join(err, w.Error())
}

func disarm(cell string) string {
	if _, err := strconv.ParseFloat(cell, 64); err == nil || cell == "" {
		return cell
	}
	if strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// flatten puts frames to one table: labels become columns before the values.
func flatten(answer data.Frames) (header []string, rows [][]string) {
	for _, frame := range answer {
		if len(frame.Fields) == 0 {
			continue
		}
		labels := frame.Fields[len(frame.Fields)-1].Labels
		names := slices.Sorted(maps.Keys(labels))
		if header == nil {
			header = append(header, names...)
			for _, f := range frame.Fields {
				header = append(header, f.Name)
			}
		}
		for i := range frame.Fields[0].Len() {
			var row []string
			for _, n := range names {
				row = append(row, labels[n])
			}
			for _, f := range frame.Fields {
				row = append(row, cell(f, i))
			}
			rows = append(rows, row)
		}
	}
	return header, rows
}

func cell(f *data.Field, i int) string {
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

func noticesOf(answer data.Frames) []string {
	var texts []string
	for _, f := range answer {
		if f.Meta == nil {
			continue
		}
		for _, n := range f.Meta.Notices {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

// sortedKeys returns the keys of both maps, each once, in order.
func sortedKeys[A, B any](a map[string]A, b map[string]B) []string {
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	return slices.Sorted(maps.Keys(keys))
}
