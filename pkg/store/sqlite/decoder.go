package sqlite

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// batchBytes is how much is read before it is decoded.
const batchBytes = 64 << 10

// A decoder hands the rows of packed rollups on in batches, from the second on to
// a goroutine beside the one that reads them: reading and decoding take about
// as long. Small answers are of one batch, and of one goroutine.
type decoder struct {
	decode      func(id int64, cells []byte) error
	batch       *rowBatch // that is being filled
	full, empty chan *rowBatch
	done        chan struct{}
	closed      bool
	failed      atomic.Bool
	err         error
	panicked    any
}

// A rowBatch holds the cells of rows one after the other.
type rowBatch struct {
	ids   []int64
	ends  []int
	bytes []byte
}

// batches are those that nothing is read into. Each grows to its size once, and
// a larger one than usual, of a row that is, is left to the garbage collector.
var batches = sync.Pool{New: func() any { return &rowBatch{} }}

func takeBatch() *rowBatch { return batches.Get().(*rowBatch) }

func (b *rowBatch) clear() { b.ids, b.ends, b.bytes = b.ids[:0], b.ends[:0], b.bytes[:0] }

func (b *rowBatch) leave() {
	if cap(b.bytes) <= 4*batchBytes {
		b.clear()
		batches.Put(b)
	}
}

// errNoMore is for a reader whose rows can't be decoded; close tells why.
var errNoMore = errors.New("rows can't be decoded")

func newDecoder(decode func(id int64, cells []byte) error) *decoder {
	return &decoder{decode: decode, batch: takeBatch()}
}

// add takes a row, unless one before failed; cells are valid until it returns.
func (d *decoder) add(id int64, cells []byte) error {
	if d.failed.Load() {
		return errNoMore
	}
	b := d.batch
	if len(b.bytes) >= batchBytes {
		d.send()
		b = d.batch
	}
	b.ids, b.bytes = append(b.ids, id), append(b.bytes, cells...)
	b.ends = append(b.ends, len(b.bytes))
	return nil
}

// send gives the batch away for another.
func (d *decoder) send() {
	if d.full == nil {
		d.full, d.empty, d.done = make(chan *rowBatch, 1), make(chan *rowBatch, 3), make(chan struct{})
		d.empty <- takeBatch()
		d.empty <- takeBatch()
		go d.work()
	}
	d.full <- d.batch
	d.batch = <-d.empty
}

func (d *decoder) work() {
	defer close(d.done)
	for b := range d.full {
		d.run(b)
		b.clear()
		d.empty <- b
	}
}

// run decodes a batch, unless one before failed.
func (d *decoder) run(b *rowBatch) {
	defer func() {
		if what := recover(); what != nil {
			d.panicked = fmt.Sprintf("%v\n%s", what, debug.Stack())
			d.failed.Store(true)
		}
	}()
	start := 0
	for i, end := range b.ends {
		if d.failed.Load() {
			return
		}
		if d.err = d.decode(b.ids[i], b.bytes[start:end]); d.err != nil {
			d.failed.Store(true)
		}
		start = end
	}
}

// close decodes what is left, and returns when all is decoded. A panic goes on
// in the goroutine that asked.
func (d *decoder) close() error {
	if d.full == nil {
		d.run(d.batch)
	} else {
		d.full <- d.batch
		d.batch = nil
	}
	d.end()
	if d.panicked != nil {
		panic(d.panicked)
	}
	return d.err
}

// end leaves no goroutine, also where the reader panicked.
func (d *decoder) end() {
	if d.closed {
		return
	}
	d.closed = true
	if d.full != nil {
		close(d.full)
		<-d.done
		for range len(d.empty) {
			(<-d.empty).leave()
		}
	}
	if d.batch != nil {
		d.batch.leave()
	}
}
