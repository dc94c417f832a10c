package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// runQuery answers one query from a store's file.
func runQuery(ctx context.Context, args []string, std streams) (err error) {
	flags := newFlags("query", std)
	file := flags.String("store", "", "`file` of the report store")
	from := flags.String("from", "", "start of the range, `YYYY-MM-DD` or RFC 3339; 30 days before the end if empty")
	to := flags.String("to", "", "end of the range, `YYYY-MM-DD` or RFC 3339; now if empty")
	format := flags.String("format", "table", "table, csv or json")
	points := flags.Int64("points", 0, "the largest `number` of points of a trend with the interval auto")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" || flags.NArg() != 1 {
		flags.Usage()
		return errUsage
	}
	print, err := printer(*format)
	if err != nil {
		return err
	}
	span, err := readRange(*from, *to, time.Now().UTC())
	if err != nil {
		return err
	}
	span.MaxDataPoints = *points
	model, err := query.Parse([]byte(flags.Arg(0)))
	if err != nil {
		return err
	}
	// Opening would make the file: a slip in the name must not.
	if _, err := os.Stat(*file); err != nil {
		return fmt.Errorf("open the report store: %w", err)
	}
	reports, err := sqlite.Open(ctx, *file)
	if err != nil {
		return fmt.Errorf("open the report store: %w", err)
	}
	defer func() { err = errors.Join(err, reports.Close()) }()
	env, err := environment(ctx, reports)
	if err != nil {
		return err
	}
	answer, err := query.Answer(ctx, env, model, span)
	if err != nil {
		return err
	}
	return print(std, answer)
}

// environment takes for sources what the store has heard of.
func environment(ctx context.Context, reports store.Store) (query.Environment, error) {
	states, err := reports.SourceStates(ctx)
	if err != nil {
		return query.Environment{}, err
	}
	accounts, err := reports.Accounts(ctx)
	if err != nil {
		return query.Environment{}, err
	}
	env := query.Environment{Store: reports}
	for _, id := range sortedKeys(accounts, states) {
		s := states[id]
		env.Sources = append(env.Sources, query.Source{
			SourceRow: frames.SourceRow{
				ID: id, Name: id, State: "idle", LastPoll: s.LastPoll, LastSuccess: s.LastSuccess, LastError: s.LastError, Account: accounts[id],
			},
			FirstConfigured: s.FirstConfigured, Synchronised: !s.FirstSync.IsZero(),
		})
	}
	return env, nil
}

func readRange(from, to string, now time.Time) (query.Range, error) {
	r := query.Range{To: now}
	var err error
	if to != "" {
		if r.To, err = readTime(to); err != nil {
			return r, err
		}
	}
	r.From = r.To.AddDate(0, 0, -30)
	if from != "" {
		if r.From, err = readTime(from); err != nil {
			return r, err
		}
	}
	if !r.From.Before(r.To) {
		return r, errors.New("the range ends before it starts: look at --from and --to")
	}
	return r, nil
}

func readTime(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write it as 2026-01-31 or 2026-01-31T15:00:00Z", s)
}

// printer chooses how an answer is printed.
func printer(format string) (func(streams, data.Frames) error, error) {
	switch format {
	case "table":
		return printTables, nil
	case "csv":
		return printCSV, nil
	case "json":
		return func(std streams, answer data.Frames) error {
			encoder := json.NewEncoder(std.out)
			encoder.SetIndent("", "  ")
			return encoder.Encode(answer)
		}, nil
	}
	return nil, fmt.Errorf("unknown format %q: allowed are table, csv, json", format)
}
