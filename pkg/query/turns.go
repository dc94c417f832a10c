package query

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// givesWayFor is how long what nobody waits for waits, at most, for others to be
	// answered, each time before it reads of the reports.
	givesWayFor = time.Second
	looksEvery  = 5 * time.Millisecond
)

// turns keep those who ask out of each other's way. The zero value is ready.
type turns struct {
	// wide is held while a judgement of many domains is made, so that they don't
	// fill the memory together.
	wide sync.Mutex
	// waiting is how many wait for wide, asking how many queries are being answered.
	waiting, asking atomic.Int64
}

// ask begins a query, and returns what ends it.
func (t *turns) ask() (end func()) {
	t.asking.Add(1)
	return func() { t.asking.Add(-1) }
}

// widely waits until no judgement of many domains is being made, and returns
// what ends this one.
func (t *turns) widely() (end func()) {
	t.waiting.Add(1)
	t.wide.Lock()
	t.waiting.Add(-1)
	return t.wide.Unlock
}

// giveWay waits as long as queries are being answered; one who holds wide, as
// long as nobody waits for that.
func (t *turns) giveWay(ctx context.Context, holding bool) {
	began := time.Now()
	for t.asking.Load() > 0 && !(holding && t.awaited()) && time.Since(began) < givesWayFor && ctx.Err() == nil {
		time.Sleep(looksEvery)
	}
}

// awaited says whether somebody waits for a judgement of many domains to end.
func (t *turns) awaited() bool { return t.waiting.Load() > 0 }
