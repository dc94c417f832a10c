package ingest

import (
	"context"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// The bounds of one commit.
const (
	batchDeliveries = 200
	batchBytes      = 8 << 20
	batchAge        = 250 * time.Millisecond
	// lastCommit is the time for the last batch of a poll that was ended.
	lastCommit = time.Second
)

// A batch is what one transaction will hold.
type batch struct {
	entries []*entry
	bytes   int64
	full    bool
}

func (b *batch) add(e *entry) {
	b.entries = append(b.entries, e)
	b.bytes += deliverySize(e.delivery)
	if e.heavy || b.bytes >= batchBytes || len(b.entries) >= batchDeliveries {
		b.full = true
	}
}

func deliverySize(d store.Delivery) int64 {
	var size int64
	for _, document := range d.Documents {
		size += int64(len(document.Raw) + len(document.Mail))
	}
	return size
}

// commitAll commits what workers have made ready, in the order of the queue,
// until the queue is closed or the sink ends.
func (k *sink) commitAll() {
	defer close(k.done)
	var b batch
	timer := time.NewTimer(batchAge)
	defer timer.Stop()
	for {
		select {
		case e, more := <-k.queue:
			if !more {
				k.commit(&b)
				return
			}
			if !k.take(e, &b, timer) {
				k.commit(&b)
				k.discard(e)
				return
			}
		case <-timer.C:
			k.commit(&b)
		case <-k.ctx.Done():
			k.commit(&b)
			k.discard()
			return
		}
	}
}

// take waits for an entry and adds it to the batch, which it commits when it is
// full or old. It returns false when the sink has ended.
func (k *sink) take(e *entry, b *batch, timer *time.Timer) bool {
	if e.flushed != nil {
		k.commit(b)
		close(e.flushed)
		return true
	}
	close(e.head)
	for {
		select {
		case <-e.ready:
			if e.err != nil {
				return false
			}
			if len(b.entries) == 0 {
				timer.Reset(batchAge)
			}
			if b.add(e); b.full {
				k.commit(b)
			}
			return true
		case <-timer.C:
			k.commit(b)
		case <-k.ctx.Done():
			return false
		}
	}
}

// commit writes the batch and empties it. After a fault of the store it only
// gives back what the entries hold.
func (k *sink) commit(b *batch) {
	if len(b.entries) == 0 {
		return
	}
	if k.failure() == nil {
		if err := k.write(b.entries); err != nil {
			k.fail(&storeError{doing: "take new reports", err: err})
		} else {
			k.progress.add(len(b.entries))
		}
	}
	for _, e := range b.entries {
		k.release(e)
	}
	*b = batch{}
}

// write commits entries. A transaction that is under way when the poll is
// ended, or whose deliveries are decoded by then, still has a moment.
func (k *sink) write(entries []*entry) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(k.ctx))
	defer cancel()
	defer context.AfterFunc(k.ctx, func() { time.AfterFunc(lastCommit, cancel) })()
	deliveries := make([]store.Delivery, len(entries))
	for i, e := range entries {
		deliveries[i] = e.delivery
	}
	if _, err := k.store.Commit(ctx, deliveries); err != nil {
		return err
	}
	if slices.ContainsFunc(deliveries, keepsMail) {
		select {
		case k.undecided <- struct{}{}:
		default: // it is known already, or nobody asks
		}
	}
	return nil
}

func keepsMail(d store.Delivery) bool {
	return slices.ContainsFunc(d.Documents, func(document store.Document) bool { return document.Mail != nil })
}

// release gives back what an entry holds of the limits.
func (k *sink) release(e *entry) {
	k.limits.bytes.Release(e.weight)
	if e.heavy {
		k.limits.heavy.Release(1)
	}
	e.weight, e.heavy, e.delivery = 0, false, store.Delivery{}
}

// discard waits for the workers of the entry that is in hand, if any, and of
// those still in the queue, and gives back what they hold. The queue is closed
// soon, since nothing more can be put into a sink that has ended.
func (k *sink) discard(inHand ...*entry) {
	for _, e := range inHand {
		k.drop(e)
	}
	for e := range k.queue {
		k.drop(e)
	}
}

func (k *sink) drop(e *entry) {
	if e.flushed != nil {
		return // Flush sees the sink's end
	}
	<-e.ready
	k.release(e)
}
