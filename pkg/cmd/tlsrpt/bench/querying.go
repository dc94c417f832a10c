package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// The numbers to reach.
const (
	goalQuery  = 50 * time.Millisecond
	goalGrowth = 1.5
	goalStart  = 300 * time.Millisecond
)

// benchQueries asks every shipped query of a small and a large store, and
// starts the plugin on both.
func benchQueries(ctx context.Context, l *lab) error {
	queries, err := shippedQueries()
	if err != nil {
		return err
	}
	sizes := []int{l.small, l.large}
	files := make([]string, len(sizes))
	took := make([][]asked, len(sizes))
	starts := l.sheet(fmt.Sprintf("Stores of %d domains over %d days", l.domains, filledDays),
		"Policy rows", "Filled in", "Store, MiB", "Bytes a row", "Instance start, ms", "Number to reach", "Memory idle, MiB", "Number to reach")
	for i, rows := range sizes {
		began := time.Now()
		if files[i], err = l.fill(ctx, rows); err != nil {
			return err
		}
		filled := time.Since(began)
		start, idle, err := l.measureStart(ctx, files[i])
		if err != nil {
			return err
		}
		size := sizeOf(files[i])
		starts.row(rows, filled.Round(time.Second), mib(size), size/int64(rows), milliseconds(start), goal(start <= goalStart, "under 300 ms at 10 million"),
			fmt.Sprintf("%.0f", idle), goal(idle <= goalIdleMemory, "at most 80 MiB"))
		if took[i], err = askAll(ctx, files[i], queries, l.queries); err != nil {
			return err
		}
	}
	starts.print()
	s := l.sheet(fmt.Sprintf("Every query of the dashboards and alert rules, asked %d times each, in ms", l.queries),
		"Query", "First", fmt.Sprintf("p95 of %d rows", l.small), fmt.Sprintf("p95 of %d rows", l.large), "p95 at most 50 ms at 10 million", "Growth", "at most 1.5×")
	slow, grown := 0, 0
	for i, q := range queries {
		few, many := took[0][i], took[1][i]
		if many.err != nil {
			s.row(q.name, "", "", "", "error: "+many.err.Error())
			continue
		}
		quick := many.p95 <= goalQuery
		// Below a millisecond a ratio tells of the clock.
		flat := float64(many.p50) <= goalGrowth*float64(few.p50) || many.p50 < time.Millisecond
		if !quick {
			slow++
		}
		if !flat {
			grown++
		}
		s.row(q.name, milliseconds(many.first), milliseconds(few.p95), milliseconds(many.p95), word(quick), ratio(float64(many.p50), float64(few.p50)), word(flat))
	}
	s.print()
	fmt.Fprintf(l.out, "%d of %d queries are slower than 50 ms at %d rows, %d grow by more than 1.5 from %d rows.\n", slow, len(queries), l.large, grown, l.small)
	return nil
}

func word(met bool) string {
	if met {
		return "met"
	}
	return "NOT met"
}

type asked struct {
	first, p50, p95 time.Duration
	err             error
}

// askAll asks each query so often, in this process, of one store.
func askAll(ctx context.Context, file string, queries []shipped, times int) (results []asked, err error) {
	s, err := sqlite.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	states, err := s.SourceStates(ctx)
	if err != nil {
		return nil, err
	}
	accounts, err := s.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	env := query.Environment{Store: s, Sources: []query.Source{{
		SourceRow: frames.SourceRow{
			ID: "mb1", Name: "Reports", Type: "imap", State: "ok", LastPoll: time.Now(), LastSuccess: states["mb1"].LastSuccess, Account: accounts["mb1"],
		},
		FirstConfigured: states["mb1"].FirstConfigured, FirstSync: states["mb1"].FirstSync, PollInterval: 5 * time.Minute,
	}}}
	for _, q := range queries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		results = append(results, askOften(ctx, env, q, times))
	}
	return results, nil
}

func askOften(ctx context.Context, env query.Environment, q shipped, times int) (a asked) {
	model, err := query.Parse(q.model)
	if err != nil {
		return asked{err: err}
	}
	var took []time.Duration
	for range max(times, 2) {
		now := time.Now()
		_, err := query.Answer(ctx, env, model, query.Range{From: now.Add(-q.span), To: now, MaxDataPoints: 400})
		if err != nil {
			return asked{err: err}
		}
		took = append(took, time.Since(now))
	}
	a.first = took[0]
	took = took[1:]
	a.p50, a.p95 = percentile(took, 0.5), percentile(took, 0.95)
	return a
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
			time.Sleep(2 * time.Second)
			idle, _ = memoryOf(plugin.Pid())
		}
		plugin.Stop()
		if err != nil {
			return 0, 0, err
		}
	}
	return percentile(took, 0.5), idle, nil
}
