package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

const queryNotes = `QUERY is what a panel asks, for example:
  {"queryType":"summary","metric":"failedSessions","groupBy":["policyDomain"]}
  {"queryType":"trend","metric":"failureRate","groupBy":["reporter"],"interval":"1d"}
  {"queryType":"failures","limit":20}`

// runQuery answers one query from a store's file.
func runQuery(ctx context.Context, args []string, std streams) (err error) {
	flags := newFlags("query", queryNotes, std)
	file := flags.String("store", "", "`file` of the report store, which Grafana's data source may be using")
	from := flags.String("from", "", "start of the range, `YYYY-MM-DD` or RFC 3339; 30 days before the end if empty")
	to := flags.String("to", "", "end of the range, `YYYY-MM-DD` (that day included) or RFC 3339; now if empty")
	format := flags.String("format", "table", "`form` of the answer: table, csv or json")
	points := flags.Int64("points", 0, "the largest `number` of points of a trend with the interval auto")
	if err := parse(flags, args); err != nil {
		return err
	}
	switch {
	case *file == "":
		return misuse(flags, "--store is missing: it names the file of the report store")
	case flags.NArg() == 0:
		return misuse(flags, "the query is missing")
	case flags.NArg() > 1:
		return misuse(flags, "there must be one query, behind all flags, in quotation marks of the shell")
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
	info, err := os.Stat(*file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() == 0) {
		err = errors.New("it is no report store")
	}
	if err != nil {
		return fmt.Errorf("--store %s can't be read: %w", *file, reason(err))
	}
	reports, err := sqlite.Open(ctx, *file)
	if err != nil {
		return fmt.Errorf("--store %s can't be read: %w", *file, err)
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
	env := query.Environment{Store: reports, Now: time.Now().UTC()}
	known := map[string]store.Account{}
	maps.Copy(known, accounts)
	for id := range states {
		known[id] = accounts[id]
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		src := sourceOf(id, states[id], known[id])
		if id == importSource && len(known) > 1 {
			// Files are not polled: that none came since says nothing of the others.
			src.LastSuccess = time.Time{}
		}
		env.Sources = append(env.Sources, src)
	}
	return env, nil
}

// sourceOf tells of a source what the store knows: names and types stand in
// the settings. No source is polled from here.
func sourceOf(id string, s store.SourceState, account store.Account) query.Source {
	row := frames.SourceRow{
		ID: id, Name: id, State: string(ingest.Idle), LastPoll: s.LastPoll, LastSuccess: s.LastSuccess, LastError: s.LastError, Account: account,
	}
	if id == importSource {
		row.Name, row.Type = "Imported files", "import"
		if s.FirstSync.IsZero() { // imported before this was noted, or broken off
			s.FirstSync = time.Unix(0, 0).UTC()
		}
	}
	if s.LastError != "" {
		row.State = string(ingest.Failing)
	}
	return query.Source{SourceRow: row, FirstConfigured: s.FirstConfigured, FirstSync: s.FirstSync}
}

func readRange(from, to string, now time.Time) (query.Range, error) {
	r := query.Range{To: now}
	var err error
	if to != "" {
		if r.To, err = readTime(to, day-time.Millisecond); err != nil {
			return r, fmt.Errorf("--to: %w", err)
		}
	}
	r.From = r.To.AddDate(0, 0, -30)
	if from != "" {
		if r.From, err = readTime(from, 0); err != nil {
			return r, fmt.Errorf("--from: %w", err)
		}
	}
	if !r.From.Before(r.To) {
		return r, errors.New("the range must start before it ends: look at --from and --to")
	}
	return r, nil
}

const day = 24 * time.Hour

// readTime reads a time, or a day, and then the time so long after its start.
func readTime(s string, intoDay time.Duration) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Add(intoDay), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: write it as 2026-01-31 or 2026-01-31T15:00:00Z", s)
	}
	return t.UTC(), nil
}
