package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stopTime is how long [Engine.Close] takes at most; Grafana kills a plugin
// after 2 s.
const stopTime = 1800 * time.Millisecond

// ErrClosed is returned by everything that is asked of a closed engine.
var ErrClosed = errors.New("the engine is stopped")

// An Engine polls the sources of all data sources of the process.
type Engine struct {
	options Options
	limits  limits
	metrics *metrics
	// registry holds the metrics for [Collector.Counters].
	registry *prometheus.Registry
	// owner names this process in leases.
	owner string

	// ctx is that of the process's work: no request's.
	ctx  context.Context
	stop context.CancelFunc
	runs sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	collectors map[Key]*Collector
}

// NewEngine makes an engine that does nothing until [Engine.Use].
func NewEngine(o Options) *Engine {
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.IdleStop <= 0 {
		o.IdleStop = DefaultIdleStop
	}
	e := &Engine{
		options:    o,
		limits:     newLimits(),
		owner:      ownerName(),
		collectors: make(map[Key]*Collector),
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.metrics, e.registry = newMetrics(e.all), prometheus.NewRegistry()
	e.registry.MustRegister(e.metrics)
	if o.Registerer != nil {
		if err := o.Registerer.Register(e.metrics); err != nil {
			o.Logger.Warn("The metrics can't be registered", "error", err)
		}
	}
	return e
}

// Use brings the settings of a data source and returns its collector. It never
// blocks and never fails: the store is opened and pollers are started or
// restarted in the background. Settings that are older than those in use change
// nothing; those with the same fingerprint leave the pollers alone. It counts
// as a use of the data source.
func (e *Engine) Use(key Key, config Config) *Collector {
	e.mu.Lock()
	c := e.collectors[key]
	if c == nil {
		c = newCollector(e, key)
		e.collectors[key] = c
	}
	e.mu.Unlock()
	c.configure(config)
	c.touch()
	return c
}

// Close ends all polls, writes what is decoded, gives leases back and closes
// the stores, within 2 s or until ctx ends. What is not finished then is done
// again after the next start.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		e.runs.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("stop the pollers: %w", ctx.Err())
	}
	if e.options.Registerer != nil {
		e.options.Registerer.Unregister(e.metrics)
	}
	return nil
}

// launch runs work in the background unless the engine is closed.
func (e *Engine) launch(work func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.runs.Go(work)
	return true
}

// all returns the collectors.
func (e *Engine) all() []*Collector {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*Collector, 0, len(e.collectors))
	for _, c := range e.collectors {
		list = append(list, c)
	}
	return list
}
