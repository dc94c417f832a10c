package query

import (
	"context"
	"time"
)

const (
	// slowFrom and manyRows are how long something must take to be made, and of
	// how many sums, to be given as it was a while ago.
	slowFrom = 25 * time.Millisecond
	manyRows = 5_000
	// lastsFor is how long it may be since that was begun to be made.
	lastsFor = 15 * time.Minute
	// restFor is how many times as long as making it takes nothing is done about
	// it then, lest a store that grows all the time keeps a core busy.
	restFor = 4
)

// laborious is what is told of the work that was done for it: how many sums it
// was made of, and how long that took.
type laborious interface {
	work() (rows int, took time.Duration)
}

// work is none where it is not told.
func (k *kept) work() (rows int, took time.Duration) {
	if of, ok := k.value.(laborious); ok {
		return of.work()
	}
	return 0, 0
}

// lasts says whether what is done may be given although there are newer reports.
func (k *kept) lasts() bool {
	rows, took := k.work()
	return k.err == nil && rows >= manyRows && took >= slowFrom && time.Since(k.begun) < lastsFor
}

// again makes in the background anew what there are newer reports for. Judging
// ten thousand domains takes seconds, and reports come all the time, so that
// hardly anybody would find such a judgement made.
func (c *Cache) again(key cacheKey, earlier *kept, make maker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, took := earlier.work()
	if c.closed || earlier.again || time.Since(earlier.begun) < (1+restFor)*took {
		return
	}
	if c.ending == nil {
		c.ending, c.end = context.WithCancel(context.Background())
	}
	earlier.again = true
	ctx := c.ending
	c.remade.Go(func() {
		// One at a time: others ask meanwhile, and what they ask for comes first.
		c.background.Lock()
		defer c.background.Unlock()
		c.mu.Lock()
		next := c.begin()
		c.mu.Unlock()
		c.fill(key, next, func() (value any, err error) {
			// Whoever asks when it no longer lasts will see what is wrong.
			defer func() {
				if recover() != nil {
					err = errNotMade
				}
			}()
			return make(ctx, true)
		})
		c.replace(key, earlier, next)
	})
}

// replace puts what was made anew in the place of what was there, if it still is.
func (c *Cache) replace(key cacheKey, earlier, next *kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	earlier.again = false
	if c.kept[key] != earlier || next.err != nil {
		return
	}
	c.forget(key, earlier)
	if next.bytes > keptBytes {
		return
	}
	next.used = earlier.used
	c.kept[key] = next
	c.bytes += next.bytes
	c.trim()
}

// Close ends what goes on in the background.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	if c.end != nil {
		c.end()
	}
	c.mu.Unlock()
	c.remade.Wait()
}
