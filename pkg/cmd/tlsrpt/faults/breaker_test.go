package faults

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// An action is what happens to a connection.
type action string

const (
	cut    action = "cut"    // it ends
	stall  action = "stall"  // nothing comes any more, and it does not end
	slice  action = "slice"  // every byte comes by itself from here on
	slowed action = "slowed" // the next bytes take a millisecond each
)

// A breakage is one fault of a connection: an action at a kind of byte.
type breakage struct {
	action action
	stream string // downstream or upstream
	// at is what the bytes in front of the place look like, and skip how far
	// into it, or behind it, the place is. Without at, skip counts from the
	// first byte of the connection.
	at   string
	skip int
	// again breaks every connection that comes to the place; else the first.
	again bool
}

// A breaker breaks the connections of one link, one way.
type breaker struct {
	mu    sync.Mutex
	now   breakage
	set   bool
	fired int
	// healed is closed when the breakage is over.
	healed chan struct{}
}

// breakers are found by the toxics that a proxy makes of their names.
var breakers sync.Map

func (b *breaker) arm(f breakage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now, b.set, b.fired, b.healed = f, true, 0, make(chan struct{})
}

// heal ends the breakage and tells whether its place was ever reached.
func (b *breaker) heal() (fired bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.set {
		close(b.healed)
	}
	b.set = false
	return b.fired > 0
}

func (b *breaker) current() (f breakage, healed <-chan struct{}, armed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.healed, b.set && (b.fired == 0 || b.now.again)
}

// fire says whether a connection that came to the place is to be broken.
func (b *breaker) fire() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.set || b.fired > 0 && !b.now.again {
		return false
	}
	b.fired++
	return true
}

// A breakerToxic is a breaker as toxiproxy knows it.
type breakerToxic struct {
	Breaker string `json:"breaker"`
	Stream  string `json:"stream"`
}

func init() { toxics.Register("breaker", new(breakerToxic)) }

// wire is what a breaker remembers of one connection.
type wire struct {
	passed int
	tail   []byte
}

// Pipe hands bytes on until the breakage's place is reached.
func (t *breakerToxic) Pipe(stub *toxics.ToxicStub) {
	found, _ := breakers.Load(t.Breaker)
	b := found.(*breaker)
	var w wire
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			f, healed, armed := b.current()
			place, here := -1, false
			if armed && f.stream == t.Stream {
				place, here = w.find(f, chunk.Data)
			}
			w.pass(chunk.Data)
			if !here || !b.fire() {
				hand(stub, chunk.Data)
				continue
			}
			hand(stub, chunk.Data[:place])
			if !f.act(stub, chunk.Data[place:], healed) {
				stub.Close()
				return
			}
		}
	}
}

// find says where in the data the place is, if it is in it.
func (w *wire) find(f breakage, data []byte) (place int, here bool) {
	before := len(w.tail)
	switch {
	case f.at == "":
		place = f.skip - w.passed
	default:
		i := bytes.Index(append(slices.Clone(w.tail), data...), []byte(f.at))
		if i < 0 {
			return 0, false
		}
		place = i + f.skip - before
	}
	return max(place, 0), place < len(data) && place >= -before
}

func (w *wire) pass(data []byte) {
	w.passed += len(data)
	w.tail = append(w.tail, data...)
	w.tail = slices.Clone(w.tail[max(0, len(w.tail)-256):])
}

// act does what the breakage says with the bytes behind the place, and says
// whether the connection lives on.
func (f breakage) act(stub *toxics.ToxicStub, rest []byte, healed <-chan struct{}) bool {
	switch f.action {
	case cut:
		return false
	case stall:
		select {
		case <-healed:
		case <-stub.Interrupt:
		}
		return false
	case slice, slowed:
		for i := range rest {
			if f.action == slowed && i < 200 {
				time.Sleep(time.Millisecond)
			}
			hand(stub, rest[i:i+1])
		}
	}
	return true
}

// hand passes data on, unless nobody takes it any more.
func hand(stub *toxics.ToxicStub, data []byte) {
	if len(data) > 0 {
		_ = stub.WriteOutput(&stream.StreamChunk{Data: slices.Clone(data), Timestamp: time.Now()}, 5*time.Second)
	}
}

// breakable puts a breaker into both ways of a link.
func (l *link) breakable(t *testing.T) *breaker {
	t.Helper()
	b := new(breaker)
	breakers.Store(t.Name(), b)
	for _, way := range []string{"downstream", "upstream"} {
		l.add(t, "breaker", way, breakerToxic{Breaker: t.Name(), Stream: way})
	}
	return b
}

// restart ends all connections; the next ones begin anew.
func (l *link) restart(t *testing.T) {
	t.Helper()
	l.proxy.Stop()
	// A connection of another test may have got the port meanwhile.
	err := l.proxy.Start()
	for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); err = l.proxy.Start() {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
}
