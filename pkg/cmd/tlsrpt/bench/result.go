package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A sheet is a section's table.
type sheet struct {
	writer table.Writer
}

func (l *lab) sheet(title string, columns ...any) sheet {
	w := table.NewWriter()
	w.SetOutputMirror(l.out)
	w.SetTitle(title)
	w.Style().Title.Align = text.AlignLeft
	w.Style().Format.Header = text.FormatDefault
	w.AppendHeader(table.Row(columns))
	fmt.Fprintln(l.out)
	return sheet{w}
}

func (s sheet) row(cells ...any) { s.writer.AppendRow(table.Row(cells)) }
func (s sheet) print()           { s.writer.Render() }

// goal says whether a number to reach is met.
func goal(met bool, words string) string {
	if met {
		return "met: " + words
	}
	return "NOT met: " + words
}

// ratio says how one speed is to another.
func ratio(a, b float64) string {
	if b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", a/b)
}

// percentile returns the value below which a share of the times lies.
func percentile(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

func mib(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }
