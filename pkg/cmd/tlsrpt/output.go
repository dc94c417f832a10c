package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/show"
)

// printer chooses how an answer is printed.
func printer(format string) (func(streams, data.Frames) error, error) {
	switch format {
	case "table":
		return printTable, nil
	case "csv":
		return printCSV, nil
	case "json":
		return printJSON, nil
	}
	return nil, fmt.Errorf("--format: %q is unknown: allowed are table, csv, json", format)
}

// printTable prints an answer as one table, the series of a trend in one.
func printTable(std streams, answer data.Frames) error {
	printNotices(std, answer)
	if !show.HasRows(answer) {
		fmt.Fprintln(std.out, "no data")
		return nil
	}
	show.TableOf(answer, show.Readable).Print(std.out, 0)
	return nil
}

// printCSV prints comma-separated values with a header line (RFC 4180), or
// nothing where there is no data. What a spreadsheet would take for a formula
// is put behind an apostrophe.
func printCSV(std streams, answer data.Frames) error {
	printNotices(std, answer)
	t := show.TableOf(answer, show.Exact)
	if t.Header == nil {
		return nil
	}
	w := csv.NewWriter(std.out)
	err := w.Write(t.Header)
	for _, row := range t.Rows {
		for i, c := range row {
			row[i] = disarm(c)
		}
		err = errors.Join(err, w.Write(row))
	}
	w.Flush()
	return errors.Join(err, w.Error())
}

func disarm(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

// printJSON prints the frames as Grafana's HTTP API does.
func printJSON(std streams, answer data.Frames) error {
	encoder := json.NewEncoder(std.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

func printNotices(std streams, answer data.Frames) {
	for _, notice := range show.Notices(answer) {
		fmt.Fprintln(std.err, "note:", notice)
	}
}
