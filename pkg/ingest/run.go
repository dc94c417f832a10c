package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const (
	leaseTTL = 15 * time.Second
	// leaseRenewal is the time between renewals, and leaseTry that between
	// tries while another process holds the lease.
	leaseRenewal = 5 * time.Second
	leaseTry     = 3 * time.Second
	// leaseTimeout is how long one renewal may take.
	leaseTimeout = 4 * time.Second
	// releaseTimeout is how long a stop waits for the lease to be given back.
	releaseTimeout = 300 * time.Millisecond
)

// run opens the store and polls while the lease is held, until the engine stops
// or nobody used the data source for long.
func (c *Collector) run() {
	ctx, cancel := context.WithCancel(c.engine.ctx)
	defer c.ended()
	defer cancel()
	s := c.open(ctx)
	if s == nil {
		return
	}
	c.hold(ctx, s)
	c.forget()
	release, done := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer done()
	if err := s.ReleaseLease(release, c.owner()); err != nil {
		c.log().Warn("The lease of the report store can't be given back; it ends by itself", "error", err)
	}
	if err := s.Close(); err != nil {
		c.log().Warn("The report store can't be closed", "error", err)
	}
}

// open opens the store, trying again until it is open. It returns nil when the
// collector is to stop.
func (c *Collector) open(ctx context.Context) store.Store {
	for failures := 1; ; failures++ {
		asked := time.Now()
		s, warning, err := c.engine.options.OpenStore(ctx, c.key)
		c.took(s, warning, err)
		if err == nil {
			c.metrics.opening.Set(time.Since(asked).Seconds())
			return s
		}
		if failures == 1 {
			c.log().Error("The report store can't be opened; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff(failures)):
		}
		if c.idle() {
			return nil
		}
	}
}

// took notes the outcome of opening the store.
func (c *Collector) took(s store.Store, warning string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store, c.warning, c.storeErr = s, warning, nil
	if err != nil {
		c.store, c.storeErr = nil, fmt.Errorf("the report store can't be opened: %w", err)
	}
	select {
	case <-c.opened:
	default:
		close(c.opened)
	}
}

// forget takes the store away from those who ask.
func (c *Collector) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store, c.storeErr, c.warning, c.holder, c.fault = nil, nil, "", "", nil
	c.opened = make(chan struct{})
}

// ended notes that run has ended, and starts it again where the data source was
// used in the meantime.
func (c *Collector) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
	if time.Since(c.used) < c.engine.options.IdleStop {
		c.startLocked()
	}
}

// hold takes and renews the lease, and keeps a shift at work while it has it.
func (c *Collector) hold(ctx context.Context, s store.Store) {
	defer c.endShift()
	// The lease ends by itself at a time that this process can only estimate
	// from before its last renewal.
	renewed := time.Now()
	for ctx.Err() == nil && !c.idle() {
		asked := time.Now()
		got, err := c.lease(ctx, s)
		switch {
		case got:
			renewed = asked
			c.noteFault(c.startShift(ctx, s))
		case err == nil || time.Since(renewed) >= leaseTTL-leaseRenewal:
			c.loseLease()
		}
		wait := leaseRenewal
		if !got {
			wait = leaseTry
		}
		select {
		case <-ctx.Done():
		case <-c.changed:
			c.endShift()
		case <-time.After(wait):
		}
	}
}

// loseLease ends the work that the lease was needed for.
func (c *Collector) loseLease() {
	if c.atWork() != nil {
		c.metrics.leaseLost.Inc()
	}
	c.endShift()
}

// lease takes or renews the lease. It is not got where another process has it.
func (c *Collector) lease(ctx context.Context, s store.Store) (got bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	holder, err := c.acquire(ctx, s)
	if err != nil {
		c.noteFault(err)
		return false, err
	}
	if holder == c.owner() {
		holder = ""
	}
	c.mu.Lock()
	before := c.holder
	c.holder = holder
	c.mu.Unlock()
	if holder == "" {
		return true, nil
	}
	if before == "" {
		c.log().Info("Another process polls this data source", "holder", process(holder))
	}
	// Its pollers leave their states in the store.
	states, err := s.SourceStates(ctx)
	if c.noteFault(err); err == nil {
		c.mu.Lock()
		c.states = states
		c.mu.Unlock()
	}
	return false, nil
}

// acquire takes or renews the lease. The first try also takes it from a process
// of this machine that has ended, as after a crash; later ones do not, lest two
// that can't see each other's process take it back and forth.
func (c *Collector) acquire(ctx context.Context, s store.Store) (holder string, err error) {
	holder, err = s.AcquireLease(ctx, c.owner(), leaseTTL)
	if err != nil || holder == c.owner() || !gone(holder) || c.inherited {
		return holder, err
	}
	c.inherited = true
	c.metrics.inherited.Inc()
	c.log().Info("The process that polled this data source has ended", "holder", process(holder))
	return inherit(ctx, s, holder, c.owner())
}

// inherit takes the lease from a holder that has ended.
func inherit(ctx context.Context, s store.Store, from, owner string) (holder string, err error) {
	if err := s.ReleaseLease(ctx, from); err != nil {
		return from, err
	}
	return s.AcquireLease(ctx, owner, leaseTTL)
}

// noteFault notes why the store can't be used, or with nil that it can.
func (c *Collector) noteFault(err error) {
	c.metrics.refused(err)
	c.mu.Lock()
	before := c.fault
	c.fault = nil
	if err != nil {
		c.fault = &storeError{doing: "be written", err: err}
	}
	c.mu.Unlock()
	if err != nil && before == nil {
		c.log().Warn("The report store can't be used; it is tried again", "error", err)
	}
}

func (c *Collector) owner() string { return c.engine.owner }

func (c *Collector) log() *slog.Logger {
	return c.engine.options.Logger.With("org", c.key.OrgID, "uid", c.key.UID)
}

func (c *Collector) logger(sourceID string) *slog.Logger {
	return c.log().With("source", sourceID)
}
