package query

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const (
	// cacheBytes bounds what a [Cache] holds, keptBytes each thing in it.
	cacheBytes = 32 << 20
	keptBytes  = 16 << 20
)

// A Cache keeps what was made of the reports for those who ask the same again:
// the panels of a dashboard and a dozen alert rules do within moments. What it
// holds is true of one revision of one store; a newer one empties it. Of many
// who ask the same at once one does the work. The zero Cache is ready to use,
// and belongs to one instance of the data source.
type Cache struct {
	// Used, where it is not nil, is told of each use, and whether what was asked
	// for was kept, or just being made. It is set before the first.
	Used func(kept bool)

	mu       sync.Mutex
	reports  store.Reader
	revision int64
	kept     map[cacheKey]*kept
	bytes    int64
	uses     int64
	// wide is held while a judgement of many domains is made.
	wide sync.Mutex
}

type cacheKey [sha256.Size]byte

// kept is one thing that was made, or is being made until made is closed. The
// other fields are set before.
type kept struct {
	made  chan struct{}
	value any
	err   error
	bytes int64
	used  int64
}

// keyOf is equal for equal words and arguments.
func keyOf(what string, args ...any) (cacheKey, error) {
	said, err := json.Marshal(append([]any{what}, args...))
	if err != nil {
		return cacheKey{}, fmt.Errorf("name what is kept: %w", err)
	}
	return sha256.Sum256(said), nil
}

// turnTo lets go of what was made of another store, or of an older revision.
// Whoever read the revision before another did sees the newer reports too.
func (c *Cache) turnTo(reports store.Reader, revision int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept != nil && c.reports == reports && revision <= c.revision {
		return
	}
	c.reports, c.revision = reports, revision
	c.kept, c.bytes = map[cacheKey]*kept{}, 0
}

// get returns what is kept under the key, or makes it. One who gives up does
// not take it from others who wait.
func (c *Cache) get(ctx context.Context, key cacheKey, make func() (any, error)) (any, error) {
	for {
		k, mine := c.at(key)
		if c.Used != nil {
			c.Used(!mine)
		}
		if mine {
			return c.fill(key, k, make)
		}
		select {
		case <-k.made:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if gaveUp(k.err) && ctx.Err() == nil {
			continue
		}
		return k.value, k.err
	}
}

func gaveUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// at returns what stands under the key; mine says that the caller is to make it.
func (c *Cache) at(key cacheKey) (k *kept, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k = c.kept[key]
	if k == nil {
		k, mine = &kept{made: make(chan struct{}), err: errNotMade}, true
		c.kept[key] = k
	}
	c.uses++
	k.used = c.uses
	return k, mine
}

// errNotMade is what those who wait get where the one who made it panicked.
var errNotMade = errors.New("it could not be made")

func (c *Cache) fill(key cacheKey, k *kept, make func() (any, error)) (any, error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(k.made)
		if c.kept[key] != k {
			return // It is of an older revision by now.
		}
		if k.err != nil || k.bytes > keptBytes {
			delete(c.kept, key)
			return
		}
		c.bytes += k.bytes
		c.trim()
	}()
	k.value, k.err = make()
	if k.err == nil {
		k.bytes = bytesOf(k.value, keptBytes)
	}
	return k.value, k.err
}

// trim lets go of what was not used for the longest time.
func (c *Cache) trim() {
	for c.bytes > cacheBytes {
		var oldest cacheKey
		var found *kept
		for key, k := range c.kept {
			if k.bytes > 0 && (found == nil || k.used < found.used) {
				oldest, found = key, k
			}
		}
		delete(c.kept, oldest)
		c.bytes -= found.bytes
	}
}

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
		of.wide = &r.Cache.wide
	}
	return of
}

// alone is the request as it is, of which nothing is kept.
func (r *request) alone() *request {
	alone := *r
	alone.Cache, alone.sums, alone.cost, alone.latest = nil, r.Environment.Store, store.Cost{}, time.Time{}
	if r.Cache != nil {
		alone.wide = &r.Cache.wide
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
}

// judged returns what make makes of a request of [request.ofDay], of others who
// asked the same where there are any.
func judged[T any](ctx context.Context, r, of *request, what string, make func(context.Context, *request) (T, error)) (T, error) {
	judge := func(of *request) (j judgement[T], err error) {
		j.Value, err = make(ctx, of)
		j.Cost, j.Latest = of.cost, of.latest
		return j, err
	}
	note := func(j judgement[T], err error) (T, error) {
		r.cost.Rows = r.cost.Rows || j.Cost.Rows
		return j.Value, err
	}
	if r.Cache == nil {
		return note(judge(r.alone()))
	}
	kept := func(what string, from, to time.Time, at moment, as *request) (j judgement[T], err error) {
		key, err := keyOf(what, of.Model, of.Domains, from, to, at)
		if err != nil {
			return j, err
		}
		value, err := r.Cache.get(ctx, key, func() (any, error) { return judge(as) })
		if err != nil {
			return j, err
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
