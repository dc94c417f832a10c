package query

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
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
// gives is true of the newest revision of one store, but for what takes long to
// make: that is given as it was a while ago while it is made anew, see
// [Cache.again]. Of many who ask the same at once one does the work. The zero
// Cache is ready to use, and belongs to one instance of the data source.
type Cache struct {
	// Used, where it is not nil, is told of each use once, when it ends; of one
	// who gave up waiting, that it was kept. It is set before the first, and
	// called from many goroutines.
	Used func(Outcome)

	mu       sync.Mutex
	reports  store.Reader
	revision int64
	kept     map[cacheKey]*kept
	bytes    int64
	uses     int64
	turns    turns

	// What is made anew in the background: see cache_again.go.
	ending context.Context
	end    context.CancelFunc
	closed bool
	remade sync.WaitGroup
	// background is held while something is made anew.
	background sync.Mutex
}

// An Outcome says how a [Cache] came by what a query needed.
type Outcome string

// What was not made for the query was kept from another one: from one that saw
// the same reports, or fewer.
const (
	Made        Outcome = "made"
	Kept        Outcome = "kept"
	KeptEarlier Outcome = "earlier"
)

type cacheKey [sha256.Size]byte

// kept is one thing that was made, or is being made until made is closed. Value
// and err are set before.
type kept struct {
	made  chan struct{}
	value any
	err   error
	// revision and begun are those of when its making began.
	revision int64
	begun    time.Time
	// The others are guarded by the cache.
	done  bool
	bytes int64
	used  int64
	again bool // It is being made anew.
}

// keyOf is equal for equal words and arguments.
func keyOf(what string, args ...any) (cacheKey, error) {
	said, err := json.Marshal(append([]any{what}, args...))
	if err != nil {
		return cacheKey{}, fmt.Errorf("name what is kept: %w", err)
	}
	return sha256.Sum256(said), nil
}

// turnTo lets go of what was made of another store, and of an older revision
// unless it lasts. Whoever read the revision before another did sees the newer
// reports too.
func (c *Cache) turnTo(reports store.Reader, revision int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || c.reports != reports {
		c.kept, c.bytes = map[cacheKey]*kept{}, 0
	} else if revision <= c.revision {
		return
	}
	c.reports, c.revision = reports, revision
	for key, k := range c.kept {
		if k.done && !k.lasts() {
			c.forget(key, k)
		}
	}
}

func (c *Cache) forget(key cacheKey, k *kept) {
	delete(c.kept, key)
	c.bytes -= k.bytes
}

// A maker makes what is to be kept; in the background nobody waits for it.
type maker func(ctx context.Context, inBackground bool) (any, error)

// get returns what is kept under the key, or makes it; asOf is when it was begun
// to be made where there are newer reports since, else zero. One who gives up
// does not take it from others who wait.
func (c *Cache) get(ctx context.Context, key cacheKey, make maker) (value any, asOf time.Time, err error) {
	var outcome Outcome
	if c.Used != nil {
		// One who waits in vain goes on otherwise: what that came to counts.
		defer func() { c.Used(outcome) }()
	}
	for {
		var k *kept
		var current bool
		k, outcome, current = c.at(key)
		switch outcome {
		case Made:
			c.fill(key, k, func() (any, error) { return make(ctx, false) })
			return k.value, time.Time{}, k.err
		case KeptEarlier:
			c.again(key, k, make)
			return k.value, k.begun, nil
		}
		select {
		case <-k.made:
		case <-ctx.Done():
			return nil, time.Time{}, ctx.Err()
		}
		if !current || gaveUp(k.err) && ctx.Err() == nil {
			continue
		}
		return k.value, time.Time{}, k.err
	}
}

func gaveUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// at returns what stands under the key, which the caller is to make if it is
// told so. What is not current has been begun at an older revision.
func (c *Cache) at(key cacheKey) (k *kept, outcome Outcome, current bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, outcome = c.kept[key], Kept
	switch {
	case k == nil:
		outcome = Made
	case k.done && k.revision < c.revision && k.lasts():
		outcome = KeptEarlier
	case k.done && k.revision < c.revision:
		c.forget(key, k)
		outcome = Made
	}
	if outcome == Made {
		k = c.begin()
		c.kept[key] = k
	}
	c.uses++
	k.used = c.uses
	return k, outcome, k.revision == c.revision
}

func (c *Cache) begin() *kept {
	return &kept{made: make(chan struct{}), err: errNotMade, revision: c.revision, begun: time.Now()}
}

// errNotMade is what those who wait get where the one who made it panicked.
var errNotMade = errors.New("it could not be made")

// fill makes what was begun, and keeps it if it can be.
func (c *Cache) fill(key cacheKey, k *kept, make func() (any, error)) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		k.done = true
		close(k.made)
		if c.kept[key] != k {
			return // It is of another store by now.
		}
		c.bytes += k.bytes
		if k.err != nil || k.bytes > keptBytes || k.revision < c.revision && !k.lasts() {
			c.forget(key, k)
			return
		}
		c.trim()
	}()
	k.value, k.err = make()
	if k.err == nil {
		k.bytes = bytesOf(k.value, keptBytes)
	}
}

// trim lets go of what was not used for the longest time.
func (c *Cache) trim() {
	for c.bytes > cacheBytes {
		var oldest cacheKey
		var found *kept
		for key, k := range c.kept {
			if k.bytes > 0 && k.done && (found == nil || k.used < found.used) {
				oldest, found = key, k
			}
		}
		c.forget(oldest, found)
	}
}
