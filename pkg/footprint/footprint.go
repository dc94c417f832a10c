// Package footprint keeps a process of the data source below 256 MiB, and gives
// what it no longer needs back when it has nothing to do.
package footprint

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"time"
)

const (
	// limit is what the garbage collector keeps its own memory within: with
	// SQLite's memory and the program the process stays below 256 MiB. Items of
	// the largest size come rarely, and should not leave it at its peak.
	limit = 160 << 20
	// percent is how much garbage there may be for what is in use. Queries of ten
	// thousand domains leave much of it: at Go's 100 the collector took a quarter
	// of their time.
	percent = 150
)

const (
	// rests is how long next to nothing was done before memory is given back.
	rests = 3 * time.Second
	// little is how much a process at rest allocates meanwhile, in bytes: answers to
	// health checks, and polls that bring nothing new.
	little = 4 << 20
	// worthwhile is after how much work there is something to give back.
	worthwhile = 64 << 20
)

// Bound sets the bounds of this process, unless GOMEMLIMIT or GOGC do.
func Bound() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// Environment bounds a Go program that does not do so itself, in the form of
// [os.Environ].
func Environment() []string {
	return []string{"GOMEMLIMIT=" + strconv.Itoa(limit), "GOGC=" + strconv.Itoa(percent)}
}

// GiveBack gives free memory back to the system whenever the process has come to
// rest after work, until the context ends. By itself Go keeps what the last
// collection left room for: of a synchronisation or a wide query several times
// what is needed then.
func GiveBack(ctx context.Context) {
	giveBack(ctx, allocated, debug.FreeOSMemory)
}

func giveBack(ctx context.Context, allocated func() uint64, free func()) {
	tick := time.NewTicker(rests)
	defer tick.Stop()
	last := allocated()
	freed := last
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := allocated()
		if now-last < little && now-freed >= worthwhile {
			free()
			freed = now
		}
		last = now
	}
}

// allocated is how many bytes this process has allocated since it began.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
