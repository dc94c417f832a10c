package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// The numbers to reach, on two cores.
const (
	goalImportToFloor      = 0.5
	goalImportToParsedmarc = 100.0
	goalIMAPToImport       = 0.7
	goalMemory             = 256.0 // MiB
	goalIdleMemory         = 80.0  // MiB
	goalStoreFactor        = 1.3
	goalStorePerReport     = 500 // bytes
	goalQuery              = 50 * time.Millisecond
	goalGrowth             = 1.5
	goalStart              = 300 * time.Millisecond
	goalStop               = 2 * time.Second
	// goalRows is of how many rows the numbers on queries and starts speak.
	goalRows = 10_000_000
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

// verdict says whether a number to reach is met.
func verdict(met bool) string {
	if met {
		return "met"
	}
	return "NOT met"
}

// verdictAt is the verdict of a number that speaks of [goalRows] rows, of a
// store of so many.
func verdictAt(rows int, met bool) string {
	if met && rows < goalRows {
		return "met at this size"
	}
	return verdict(met)
}

func goal(met bool, words string) string { return verdict(met) + ": " + words }

func goalOfMemory(mib float64) string {
	if mib == 0 {
		return "not measured: this system does not tell"
	}
	return goal(mib <= goalMemory, "at most 256 MiB")
}

func goalOfIdleMemory(mib float64) string {
	if mib == 0 {
		return "not measured: this system does not tell"
	}
	return goal(mib <= goalIdleMemory, "at most 80 MiB")
}

// goalOfStore holds a store's bytes against what the documents need by gzip.
func goalOfStore(bytes, compressed int64, reports int) string {
	room := int64(goalStoreFactor*float64(compressed)) + goalStorePerReport*int64(reports)
	return goal(bytes <= room, fmt.Sprintf("at most %s: 1.3 × gzip of the documents + 500 B a report", mib(room)))
}

// ratio says how one speed is to another.
func ratio(a, b float64) string {
	if b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", a/b)
}

// percentile returns the smallest of the times that a share of them, from 0 to
// 1, does not exceed; 0 of none.
func percentile(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

func mib(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }

func whole(figure float64) string { return fmt.Sprintf("%.0f", figure) }
