package query

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// domainsAtOnce and partsAtOnce bound the rows that are in memory at a time.
	domainsAtOnce = 300
	partsAtOnce   = 2
	// wideFrom is from how many domains, or pairs of domain and reporter, on
	// judgements wait for each other, lest they fill the memory together.
	wideFrom = 50
)

// begin waits until no other judgement of many domains is being made, and
// returns what ends this one.
func (r *request) begin(rows int) (end func()) {
	if r.turns == nil || rows < wideFrom {
		return func() {}
	}
	began := time.Now()
	release := r.turns.widely()
	r.waited += time.Since(began)
	r.wide = true
	return func() {
		r.wide = false
		release()
	}
}

// parts are domains, as many together as are read at once. Together are those
// that stand together in the store, whatever their names.
func (r *request) parts(ctx context.Context, domains []string) ([][]string, error) {
	if len(domains) > domainsAtOnce {
		var err error
		if domains, err = r.Store.Neighbors(ctx, domains); err != nil {
			return nil, fmt.Errorf("order domains: %w", err)
		}
	}
	return slices.Collect(slices.Chunk(domains, domainsAtOnce)), nil
}

// inParts does the work on each part, on some at once where there are processors
// for it and somebody waits, and hands over what came of them in order. Work
// reads by the request that it gets. Whoever has many parts holds the right to
// judge many domains, see [request.begin].
func inParts[P, T any](ctx context.Context, r *request, parts []P, work func(context.Context, *request, P) (T, error), take func(T)) error {
	for len(parts) > 0 {
		atOnce := min(partsAtOnce, runtime.GOMAXPROCS(0), len(parts))
		if r.patient && !r.turns.awaited() {
			atOnce = 1
		}
		some := parts[:atOnce]
		parts = parts[atOnce:]
		readers, made, broken := make([]request, len(some)), make([]T, len(some)), make([]any, len(some))
		all, ctx := errgroup.WithContext(ctx)
		for i, part := range some {
			readers[i] = *r
			all.Go(func() (err error) {
				defer func() { broken[i] = recover() }()
				made[i], err = work(ctx, &readers[i], part)
				return err
			})
		}
		err := all.Wait()
		for _, panicked := range broken {
			if panicked != nil {
				panic(panicked) // where one who asks is told, and nothing else ends
			}
		}
		if err != nil {
			return err
		}
		before := *r
		for i := range some {
			r.note(&readers[i], &before)
			take(made[i])
		}
	}
	return nil
}

// giveWay lets others be answered before the next of the reports is read, where
// nobody waits for this.
func (r *request) giveWay(ctx context.Context) {
	if !r.patient {
		return
	}
	began := time.Now()
	r.turns.giveWay(ctx, r.wide)
	r.waited += time.Since(began)
}

// note adds what a reader did that began as the request before was.
func (r *request) note(reader, before *request) {
	r.cost.Rows = r.cost.Rows || reader.cost.Rows
	r.rows += reader.rows - before.rows
	r.waited += reader.waited - before.waited
	if reader.latest.After(r.latest) {
		r.latest = reader.latest
	}
}

// survey reads who reported when in a selection by period, of all who were heard
// since a day: all of some domains at a time, which each gets too.
func (r *request) survey(ctx context.Context, s store.Selection, since tlsrpt.Day, each func([]analytics.History)) (*analytics.Survey, error) {
	parts, pairs, err := r.domainsSince(ctx, since)
	if err != nil {
		return nil, err
	}
	defer r.begin(pairs)()
	survey := analytics.NewSurvey(r.heardUpTo())
	read := func(ctx context.Context, r *request, domains []string) ([]analytics.History, error) {
		known, err := r.knownSince(ctx, since, domains)
		if err != nil {
			return nil, err
		}
		rows, err := r.sessions(ctx, store.SumQuery{
			Selection: within(s, domains), GroupBy: []store.Dimension{store.PolicyDomain, store.Reporter}, PerBucket: true,
		})
		return analytics.Histories(rows, known, r.Counting, r.live()), err
	}
	err = inParts(ctx, r, parts, read, func(some []analytics.History) {
		survey.Add(some)
		if each != nil {
			each(some)
		}
	})
	return survey, err
}
