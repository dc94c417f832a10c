package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

const (
	// aloneFor is how long a query is asked again alone, at least aloneTimes.
	aloneFor   = 10 * time.Second
	aloneTimes = 3
)

// An answered is how long a query's answers took.
type answered struct {
	Name string
	// P50 and P95 are alone, with nothing kept.
	P50, P95 time.Duration
	// First is in turn, one query after the other, with nothing kept before the
	// first, and Coming the p95 of rounds after that with reports between them.
	First, Coming time.Duration
	coming        []time.Duration
	// Values is how many values the answer has.
	Values int
	model  query.Model
	span   time.Duration
}

// askInRole asks each shipped query of one store, in this process: alone, in
// turn, and in turn while reports come. What comes stays in the store.
func askInRole(ctx context.Context, o options) (err error) {
	s, env, err := openStore(ctx, o.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	all, err := questions()
	if err != nil {
		return err
	}
	p := (&lab{talk: os.Stderr}).progress("ask all queries", (o.times+2)*len(all))
	for i := range all {
		if err := askAlone(ctx, o.times, side{env, &all[i]}); err != nil {
			return err
		}
		p.at(i)
	}
	env.Cache = &query.Cache{}
	defer env.Cache.Close()
	more := newFiller(filling{rows: o.large, domains: o.domains, reporters: o.reporters})
	more.series = fmt.Sprintf("of %d, ", time.Now().Unix())
	for round := range o.times + 1 {
		for i := range all {
			took, err := ask(ctx, env, &all[i])
			if err != nil {
				return err
			}
			if round == 0 {
				all[i].First = took
			} else {
				all[i].coming = append(all[i].coming, took)
			}
		}
		p.at((round + 1) * len(all))
		batch, err := more.deliveries(time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1), fillBatch)
		if err == nil {
			_, err = s.Commit(ctx, batch)
		}
		if err != nil {
			return err
		}
	}
	for i := range all {
		all[i].Coming = percentile(all[i].coming, 0.95)
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// questions are the shipped queries.
func questions() ([]answered, error) {
	queries, err := shippedQueries()
	if err != nil {
		return nil, err
	}
	all := make([]answered, len(queries))
	for i, q := range queries {
		all[i].Name, all[i].span = q.name, q.span
		if all[i].model, err = query.Parse(q.model); err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
	}
	return all, nil
}

// compareInRole asks each shipped query of two stores, in turns, so that what
// else the machine does is the same for both.
func compareInRole(ctx context.Context, o options) (err error) {
	var envs [2]query.Environment
	var all [2][]answered
	for i, file := range []string{o.in, o.store} {
		s, env, err := openStore(ctx, file)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		envs[i] = env
		if all[i], err = questions(); err != nil {
			return err
		}
	}
	p := (&lab{talk: os.Stderr}).progress("ask all queries of two stores", len(all[0]))
	for i := range all[0] {
		if err := askAlone(ctx, o.times, side{envs[0], &all[0][i]}, side{envs[1], &all[1][i]}); err != nil {
			return err
		}
		p.at(i)
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// A side is a query asked of one store.
type side struct {
	env query.Environment
	*answered
}

// askAlone asks all sides in turns, up to so many times, fewer of what takes long,
// after a first that finds its part of the store's file.
func askAlone(ctx context.Context, times int, sides ...side) error {
	took := make([][]time.Duration, len(sides))
	began := time.Now()
	for n := 0; n <= times && (n <= aloneTimes || time.Since(began) < aloneFor); n++ {
		for i, s := range sides {
			one, err := ask(ctx, s.env, s.answered)
			if err != nil {
				return err
			}
			if n > 0 {
				took[i] = append(took[i], one)
			}
		}
	}
	for i, s := range sides {
		s.P50, s.P95 = percentile(took[i], 0.5), percentile(took[i], 0.95)
	}
	return nil
}

func openStore(ctx context.Context, file string) (*sqlite.Store, query.Environment, error) {
	s, err := sqlite.Open(ctx, file)
	if err != nil {
		return nil, query.Environment{}, err
	}
	env, err := environmentOf(ctx, s)
	if err != nil {
		return nil, env, errors.Join(err, s.Close())
	}
	return s, env, nil
}

// ask asks once, and returns how long that took.
func ask(ctx context.Context, env query.Environment, a *answered) (time.Duration, error) {
	now := time.Now()
	answer, err := query.Answer(ctx, env, a.model, query.Range{From: now.Add(-a.span), To: now, MaxDataPoints: 400})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", a.Name, err)
	}
	took := time.Since(now)
	a.Values = 0
	for _, frame := range answer {
		a.Values += len(frame.Fields) * frame.Rows()
	}
	return took, nil
}

// environmentOf is what the plugin would ask in, of a mailbox that is well.
func environmentOf(ctx context.Context, s *sqlite.Store) (query.Environment, error) {
	states, err := s.SourceStates(ctx)
	if err != nil {
		return query.Environment{}, err
	}
	accounts, err := s.Accounts(ctx)
	if err != nil {
		return query.Environment{}, err
	}
	return query.Environment{Store: s, Sources: []query.Source{{
		SourceRow: frames.SourceRow{
			ID: "mb1", Name: "Reports", Type: "imap", State: "ok", LastPoll: time.Now(), LastSuccess: states["mb1"].LastSuccess, Account: accounts["mb1"],
		},
		FirstConfigured: states["mb1"].FirstConfigured, FirstSync: states["mb1"].FirstSync, PollInterval: 5 * time.Minute,
	}}}, nil
}
