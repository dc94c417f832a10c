package ingest

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// MaxItemSize is the largest mail or file whose bytes are read, in bytes.
const MaxItemSize = 15 << 20

// A storeError is a fault of the store, told apart from those of the source
// that met it.
type storeError struct {
	doing string
	err   error
}

func (e *storeError) Error() string {
	return fmt.Sprintf("the report store failed to %s: %v", e.doing, e.err)
}

func (e *storeError) Unwrap() error { return e.err }

// sinkWindow is how many items of one poll are read and not yet decoded.
const sinkWindow = 16

// A sink takes what one poll of one source finds. Items are decoded side by
// side and committed in the order in which they came.
type sink struct {
	sourceID string
	store    store.Store
	pipeline *Pipeline
	limits   limits
	progress *progress
	// received, where it is not nil, counts the bytes that are read.
	received prometheus.Counter
	// undecided, where it is not nil, gets a value when a mail was kept to be
	// judged again.
	undecided chan<- struct{}
	// route and assume are those of the source's items.
	route  store.Route
	assume bool

	// queue holds the items in their order; the committer takes them.
	queue chan *entry
	// done is closed when the committer has ended.
	done chan struct{}
	// stop ends the committer without what is not decoded yet.
	stop context.CancelCauseFunc
	ctx  context.Context

	mu  sync.Mutex
	err error
}

var _ source.Sink = (*sink)(nil)

// An entry is an item on its way through a sink, or a mark of Flush.
type entry struct {
	// head is closed when the entry is the next to be committed.
	head chan struct{}
	// ready is closed when delivery or err is set.
	ready    chan struct{}
	delivery store.Delivery
	// weight is how many bytes the entry holds of the limits.
	weight int64
	// heavy says that the entry holds the lane of heavy items.
	heavy bool
	err   error
	// flushed is not nil in a mark: it is closed when all before it is committed.
	flushed chan struct{}
}

// start makes the sink work until close is called or ctx ends.
func (k *sink) start(ctx context.Context) {
	k.queue = make(chan *entry, sinkWindow)
	k.done = make(chan struct{})
	k.ctx, k.stop = context.WithCancelCause(ctx)
	go k.commitAll()
}

// close waits for the commit of what was put, or where the context has ended,
// of what was decoded by then. It returns the fault of the store, if any.
func (k *sink) close() error {
	close(k.queue)
	<-k.done
	k.stop(context.Canceled)
	return k.failure()
}

// failure returns why the sink takes nothing more.
func (k *sink) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// fail makes every later call return err.
func (k *sink) fail(err error) {
	k.mu.Lock()
	if k.err == nil {
		k.err = err
	}
	k.mu.Unlock()
	k.stop(err)
}

// States tells what the ledger knows of refs.
func (k *sink) States(ctx context.Context, refs []string) ([]source.State, error) {
	states, err := k.store.States(ctx, k.sourceID, refs)
	if err != nil {
		return nil, k.storeFailed(ctx, "look up what is known", err)
	}
	return states, nil
}

// Total tells how many new items this poll has found so far.
func (k *sink) Total(n int) { k.progress.setTotal(n) }

// Put reads the item's body and hands it to a worker.
func (k *sink) Put(ctx context.Context, item source.Item) error {
	if err := k.failure(); err != nil {
		return err
	}
	if item.Size > MaxItemSize {
		return k.Skip(ctx, item, source.SkipTooLarge, "")
	}
	body, weight, err := k.read(ctx, item)
	if err != nil {
		return fmt.Errorf("read the item: %w", err)
	}
	if k.received != nil {
		k.received.Add(float64(len(body)))
	}
	if len(body) > MaxItemSize {
		k.limits.bytes.Release(weight)
		item.Size = max(item.Size, int64(len(body)))
		return k.Skip(ctx, item, source.SkipTooLarge, "")
	}
	item.Body = nil
	e := &entry{head: make(chan struct{}), ready: make(chan struct{}), weight: weight}
	if err := k.enqueue(ctx, e); err != nil {
		k.limits.bytes.Release(weight)
		return err
	}
	// Workers are taken in the order of the items, so that the next item to be
	// committed never waits for a worker that a later one holds; and by those
	// alone that have their place in the queue, lest all workers wait for room in
	// it while what has to leave it waits for a worker.
	if err := k.acquire(ctx, k.limits.workers, 1); err != nil {
		e.err = err
		close(e.ready)
		return err
	}
	go k.work(e, item, body)
	return nil
}

// Skip records an item without its bytes.
func (k *sink) Skip(ctx context.Context, item source.Item, reason source.SkipReason, detail string) error {
	if err := k.failure(); err != nil {
		return err
	}
	e := &entry{head: make(chan struct{}), ready: make(chan struct{}), delivery: skipped(k.sourceID, item, reason, detail)}
	close(e.ready)
	return k.enqueue(ctx, e)
}

// Flush waits until every item put so far is durably committed.
func (k *sink) Flush(ctx context.Context) error {
	e := &entry{flushed: make(chan struct{})}
	if err := k.enqueue(ctx, e); err != nil {
		return err
	}
	select {
	case <-e.flushed:
		return k.failure()
	case <-k.ctx.Done():
		return k.ended(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Acknowledgeable returns refs that may be changed on the server: none where
// the store is in memory, since the only other copy would be lost with it.
func (k *sink) Acknowledgeable(ctx context.Context, prefix string, limit int) ([]string, error) {
	if !k.store.Durable() {
		return nil, nil
	}
	refs, err := k.store.Acknowledgeable(ctx, k.sourceID, prefix, limit)
	if err != nil {
		return nil, k.storeFailed(ctx, "list what may be acknowledged", err)
	}
	return refs, nil
}

// Acknowledged records that the server was changed for refs.
func (k *sink) Acknowledged(ctx context.Context, refs []string) error {
	if err := k.store.Acknowledge(ctx, k.sourceID, refs); err != nil {
		return k.storeFailed(ctx, "note what was acknowledged", err)
	}
	return nil
}

// storeFailed makes err the fault of the sink, unless the poll was ended.
func (k *sink) storeFailed(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fault := &storeError{doing: doing, err: err}
	k.fail(fault)
	return fault
}

// ended returns why the sink or the caller's ctx ended.
func (k *sink) ended(ctx context.Context) error {
	if err := k.failure(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.Cause(k.ctx)
}

func (k *sink) enqueue(ctx context.Context, e *entry) error {
	select {
	case k.queue <- e:
		return nil
	case <-k.ctx.Done():
		return k.ended(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// acquire waits for a share of a limit, until ctx or the sink ends.
func (k *sink) acquire(ctx context.Context, limit *semaphore.Weighted, n int64) error {
	bound, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(k.ctx, cancel)()
	if err := limit.Acquire(bound, n); err != nil {
		return k.ended(ctx)
	}
	return nil
}
