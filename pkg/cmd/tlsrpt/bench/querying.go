package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// manyReporters is how many reporters a domain is heard from unless that is told.
const manyReporters = 20

// benchQueries asks every shipped query of the store of a hoster with many
// domains, and starts the plugin on it.
func benchQueries(ctx context.Context, l *lab) error {
	what := filling{rows: l.large, domains: l.domains, reporters: manyReporters}
	if l.reporters > 0 {
		what.reporters = l.reporters
	}
	found, err := l.examine(ctx, what)
	if err != nil {
		return err
	}
	s := l.sheet(fmt.Sprintf("Every query of the dashboards and alert rules, in ms: %d policy rows, %s; alone with nothing kept, in turn after a start, and in turn in %d rounds with %d new reports before each",
		what.rows, what, l.times, fillBatch), "Query", "Median alone", "p95 alone", "First in turn", "p95 as reports come", "p95 at most 50 ms")
	alone, first, coming := 0, 0, 0
	for _, a := range found.answers {
		s.row(a.Name, milliseconds(a.P50), milliseconds(a.P95), milliseconds(a.First), milliseconds(a.Coming), verdictAt(what.rows, a.Coming <= goalQuery))
		alone, first, coming = alone+slow(a.P95), first+slow(a.First), coming+slow(a.Coming)
	}
	s.print()
	fmt.Fprintf(l.out, "Of %d queries %d are slower than 50 ms as reports come, %d the first time after a start, and %d alone with nothing kept, of %d policy rows.\n",
		len(found.answers), coming, first, alone, what.rows)
	return nil
}

// slow is 1 for what takes longer than queries are to.
func slow(took time.Duration) int {
	if took > goalQuery {
		return 1
	}
	return 0
}

// benchGrowth asks every shipped query of a small and a large store that
// differ in the number of reports alone.
func benchGrowth(ctx context.Context, l *lab) error {
	what := filling{rows: l.small, domains: l.growthDomains, reporters: l.reporters}
	if what.reporters == 0 {
		what.reporters = evenReporters(l.small, l.growthDomains)
	}
	few, err := l.examine(ctx, what)
	if err != nil {
		return err
	}
	what.rows = l.large
	many, err := l.examine(ctx, what)
	if err != nil {
		return err
	}
	compared, err := l.runRole(ctx, "both", "-in", few.file, "-store", many.file, "-times", fmt.Sprint(l.times))
	if err != nil {
		return err
	}
	var answers [2][]answered
	if err := json.Unmarshal(compared.said, &answers); err != nil {
		return fmt.Errorf("read what was compared: %w", err)
	}
	even := l.small >= l.growthDomains*filledDays*what.reporters
	difference := "which differ in the number of reports alone"
	if !even {
		difference = "of which the small one has not a report of each domain, reporter and day, so that growth shows more than that of reports"
	}
	s := l.sheet(fmt.Sprintf("Growth of the queries, in ms, from %d to %d policy rows: two stores, %s", l.small, l.large, what),
		"Query", fmt.Sprintf("Median of %d", l.small), fmt.Sprintf("Median of %d", l.large), "p95 of it", "Growth of the median", "at most 1.5×", "Values in the answers")
	grown, larger := 0, 0
	for i, a := range answers[1] {
		before := answers[0][i]
		// Below a millisecond a ratio tells of the clock.
		flat := float64(a.P50) <= goalGrowth*float64(before.P50) || a.P50 < time.Millisecond
		if !flat {
			grown++
			if float64(a.Values) > goalGrowth*float64(before.Values) {
				larger++
			}
		}
		word := verdictAt(l.large, flat)
		if !even && !flat {
			word = "–"
		}
		s.row(a.Name, milliseconds(before.P50), milliseconds(a.P50), milliseconds(a.P95), ratio(float64(a.P50), float64(before.P50)), word, fmt.Sprintf("%d, %d", before.Values, a.Values))
	}
	s.print()
	fmt.Fprintf(l.out, "Of %d queries %d take more than 1.5 times as long, and at least 1 ms, at %d policy rows as at %d, %d of them for an answer that is more than 1.5 times as large too. The stores, %s, were asked in turns.\n",
		len(answers[1]), grown, l.large, l.small, larger, difference)
	return nil
}

// evenReporters is how many reporters can report on every domain each day in a
// store of so many rows.
func evenReporters(rows, domains int) int {
	return min(max(rows/(domains*filledDays), 1), manyReporters)
}

func (f filling) String() string {
	return fmt.Sprintf("%d domains, each heard of by %d reporters in turn, over %d days", f.domains, f.reporters, filledDays)
}

// An examined is what was measured of a store.
type examined struct {
	filled
	answers []answered
}

// examine fills a store, starts the plugin on it, asks every query of it, and
// prints what all that needed.
func (l *lab) examine(ctx context.Context, what filling) (e examined, err error) {
	if e.filled, err = l.fill(ctx, what); err != nil {
		return e, err
	}
	size := sizeOf(e.file)
	start, idle, err := l.measureStart(ctx, e.file)
	if err != nil {
		return e, err
	}
	asker, err := l.runRole(ctx, "asker", "-store", e.file, "-times", fmt.Sprint(l.times),
		"-large", fmt.Sprint(what.rows), "-domains", fmt.Sprint(what.domains), "-reporters", fmt.Sprint(what.reporters))
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(asker.said, &e.answers); err != nil {
		return e, fmt.Errorf("read what was measured: %w", err)
	}
	s := l.sheet(fmt.Sprintf("A store of %d policy rows: %s", what.rows, what), "What", "Figure", "Number to reach")
	if e.took > 0 {
		s.row("filled", fmt.Sprintf("in %v", e.took.Round(time.Second)), "")
	} else {
		s.row("filled", "earlier today", "")
	}
	s.row("the store", mib(size)+" MiB", goalOfStore(size, e.compressed, what.rows))
	s.row("of it a row", fmt.Sprintf("%d B", size/int64(what.rows)), "")
	s.row("gzip of one in a hundred documents, a row", fmt.Sprintf("%d B", e.compressed/int64(what.rows)), "")
	s.row("instance start up to a first answer, the median of five", milliseconds(start)+" ms", verdictAt(what.rows, start <= goalStart)+": under 300 ms at 10,000,000 rows")
	s.row(fmt.Sprintf("the plugin's memory %v after it, idle", l.quiet), whole(idle)+" MiB", goalOfIdleMemory(idle))
	s.row("memory at most, of a process that asks every query", whole(asker.memory)+" MiB", goalOfMemory(asker.memory))
	s.print()
	return e, nil
}

// measureStart starts the plugin on a store and measures until it has answered
// a first query, and what it has resident when all is quiet.
func (l *lab) measureStart(ctx context.Context, file string) (start time.Duration, idle float64, err error) {
	const tries = 5
	var took []time.Duration
	for try := range tries {
		began := time.Now()
		plugin, err := l.startPlugin(filepath.Dir(file), map[string]any{"sources": []any{}}, "")
		if err != nil {
			return 0, 0, err
		}
		answers, err := plugin.Query(ctx, backend.DataQuery{
			RefID: "A", JSON: []byte(`{"queryType":"summary","metric":"failureRate"}`), TimeRange: backend.TimeRange{From: began.AddDate(0, 0, -30), To: began},
		})
		took = append(took, time.Since(began))
		if err == nil {
			err = answers["A"].Error
		}
		if try == tries-1 {
			time.Sleep(l.quiet)
			idle, _ = memoryOf(plugin.Pid())
		}
		plugin.Stop()
		if err != nil {
			return 0, 0, err
		}
	}
	return percentile(took, 0.5), idle, nil
}
