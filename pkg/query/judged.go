package query

import (
	"context"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A moment is what judgements know of the time.
type moment struct {
	// Now is the moment that things are judged as of.
	Now time.Time
	// HeardUpTo is until when all sources were read, Live since when reports are
	// stored as they come: see the methods of these names.
	HeardUpTo, Live time.Time
	// Syncing: a first synchronisation is going on.
	Syncing bool
	// StoredUpTo is when nothing that was stored after it is known; zero is no bound.
	StoredUpTo time.Time
}

// ofDay is the request as far as judgements by day tell it from others: what it
// is asked for, and its days. All that they compare times with are ends of
// days, so a time within one stands for all others in it. The caller clears
// what the judgement does not need, so that more requests share it.
func (r *request) ofDay() *request {
	of := &request{Environment: Environment{Store: r.Environment.Store, Domains: r.Domains}, Model: r.Model, at: r.at, sums: r.Environment.Store}
	of.From, of.To = startOfDay(r.From), withinDay(r.To)
	of.at.Now, of.at.HeardUpTo, of.at.StoredUpTo = withinDay(r.at.Now), withinDay(r.at.HeardUpTo), time.Time{}
	if r.Cache != nil {
		of.turns = &r.Cache.turns
	}
	return of
}

// alone is the request as it is, of which nothing is kept.
func (r *request) alone() *request {
	alone := *r
	alone.Cache, alone.sums, alone.cost, alone.latest, alone.asOf = nil, r.Environment.Store, store.Cost{}, time.Time{}, time.Time{}
	alone.rows, alone.waited = 0, 0
	if r.Cache != nil {
		alone.turns = &r.Cache.turns
	}
	return &alone
}

// A firstOf holds the first of the rows of an answer, and how many there are.
type firstOf[R any] struct {
	Rows  []R
	Found int
}

func first[R any](rows []R, limit int) firstOf[R] {
	// What is kept must not hold on to the others.
	return firstOf[R]{slices.Clone(rows[:min(limit, len(rows))]), len(rows)}
}

// withinDay is one time for all within a UTC day but its first moment.
func withinDay(t time.Time) time.Time {
	start := startOfDay(t)
	if start.Equal(t) {
		return start
	}
	return start.Add(12 * time.Hour)
}

// A judgement is what was made of the reports for one day.
type judgement[T any] struct {
	Value T
	Cost  store.Cost
	// Latest is when the last report was stored that has a part in it: it is
	// not what was known before.
	Latest time.Time
	// Rows is how many sums it was made of, and Took how long that took.
	Rows int
	Took time.Duration
}

func (j judgement[T]) work() (rows int, took time.Duration) { return j.Rows, j.Took }

// judged returns what make makes of a request of [request.ofDay], of others who
// asked the same where there are any: what takes long also as it was for them a
// while ago.
func judged[T any](ctx context.Context, r, of *request, what string, make func(context.Context, *request) (T, error)) (T, error) {
	judge := func(ctx context.Context, of *request) (j judgement[T], err error) {
		began := time.Now()
		j.Value, err = make(ctx, of)
		j.Cost, j.Latest = of.cost, of.latest
		j.Rows, j.Took = of.rows, time.Since(began)-of.waited
		return j, err
	}
	note := func(j judgement[T], err error) (T, error) {
		r.cost.Rows = r.cost.Rows || j.Cost.Rows
		return j.Value, err
	}
	if r.Cache == nil {
		return note(judge(ctx, r.alone()))
	}
	kept := func(what string, from, to time.Time, at moment, as *request) (j judgement[T], err error) {
		key, err := keyOf(what, of.Model, of.Domains, from, to, at)
		if err != nil {
			return j, err
		}
		value, asOf, err := r.Cache.get(ctx, key, func(ctx context.Context, inBackground bool) (any, error) {
			if as.patient = inBackground; inBackground {
				as.turns.giveWay(ctx, false)
			}
			return judge(ctx, as)
		})
		if err != nil {
			return j, err
		}
		if r.asOf.IsZero() || !asOf.IsZero() && asOf.Before(r.asOf) {
			r.asOf = asOf
		}
		return value.(judgement[T]), nil
	}
	j, err := kept(what, of.From, of.To, of.at, of)
	if err == nil && j.Latest.After(r.at.Now) {
		// What was stored since was not known at the moment asked about.
		j, err = kept(what+" as of then", r.From, r.To, r.at, r.alone())
	}
	return note(j, err)
}
