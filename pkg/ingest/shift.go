package ingest

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const (
	// shiftEnd and shiftEndAtStop are how long is waited for pollers to end:
	// with a change of settings, and where the process ends.
	shiftEnd       = 5 * time.Second
	shiftEndAtStop = 1200 * time.Millisecond

	retainEvery = 24 * time.Hour
	ledgerEvery = 15 * time.Second
)

// A shift is everything that works with one set of settings while the lease is
// held: a poller a source, the retention, and what is judged, read or tried again.
type shift struct {
	store    store.Store
	pipeline *Pipeline
	limits   limits
	ctx      context.Context
	cancel   context.CancelFunc
	// undecided gets a value when a mail was kept to be judged again.
	undecided chan struct{}
	// reread says how far the reading again of stored reports is; nil where
	// none is going on.
	reread atomic.Pointer[Rereading]

	mu    sync.Mutex
	ended bool
	group sync.WaitGroup
}

// spawn runs work in the background, unless the shift has ended.
func (s *shift) spawn(work func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.group.Go(work)
	return true
}

// end ends the work and waits for it, at most for the given time.
func (s *shift) end(wait time.Duration) (clean bool) {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.cancel()
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(wait):
		return false
	}
}

// startShift starts work with the settings in use, where none is going on. What
// the store refuses here is counted once, by who notes the error.
func (c *Collector) startShift(ctx context.Context, s store.Store) error {
	c.mu.Lock()
	working := c.shift != nil
	if !working {
		select {
		case <-c.changed: // taken into account right here
		default:
		}
	}
	config := c.config
	c.mu.Unlock()
	if working {
		return nil
	}
	states, err := firstStates(ctx, s, config.Sources)
	if err != nil {
		return err
	}
	work := &shift{store: meteredStore{s, c.metrics}, pipeline: c.pipeline(config), limits: c.engine.limits, undecided: make(chan struct{}, 1)}
	// It is noted before the first poll: what that reads is found as well where
	// settings are changed again before this is through.
	again, err := newRereader(ctx, s, work)
	if err != nil {
		return err
	}
	work.ctx, work.cancel = context.WithCancel(ctx)
	pollers := make(map[string]*poller)
	for _, sc := range config.Sources {
		if pollers[sc.ID] == nil {
			pollers[sc.ID] = c.newPoller(config, sc, work, states[sc.ID])
		}
	}
	c.mu.Lock()
	c.shift, c.pollers, c.states = work, pollers, states
	c.mu.Unlock()
	for _, p := range pollers {
		work.spawn(func() { p.run(work.ctx) })
	}
	work.spawn(func() { c.retain(work, config.retentionDays()) })
	work.spawn(func() { c.watchLedger(work) })
	work.spawn(func() { c.judgePending(work) })
	work.spawn(func() { c.catchUp(work, again) })
	c.retryReason(work, ReasonExpired, onlyBetter) // the retention may be longer now
	return nil
}

// firstStates returns the saved states, after noting the sources that the store
// has not heard of.
func firstStates(ctx context.Context, s store.Store, sources []SourceConfig) (map[string]store.SourceState, error) {
	saved, err := s.SourceStates(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the states of the sources: %w", err)
	}
	states := make(map[string]store.SourceState)
	for _, sc := range sources {
		state := saved[sc.ID]
		if state.FirstConfigured.IsZero() {
			state.Source, state.FirstConfigured = sc.ID, time.Now().UTC()
			if err := s.SaveSourceState(ctx, state); err != nil {
				return nil, fmt.Errorf("note a new source: %w", err)
			}
		}
		states[sc.ID] = state
	}
	return states, nil
}

func (c *Collector) newPoller(config Config, sc SourceConfig, work *shift, state store.SourceState) *poller {
	return &poller{
		config: sc, retention: config.retentionDays(),
		store: work.store, pipeline: work.pipeline, limits: work.limits,
		undecided: work.undecided,
		metrics:   c.engine.metrics.source(c.key, sc.ID),
		logger:    c.logger(sc.ID),
		asked:     make(chan struct{}, 1),
		status:    pollerStatus{saved: state},
	}
}

// pipeline makes the pipeline of the settings.
func (c *Collector) pipeline(config Config) *Pipeline {
	mode := mailreport.Mode(cmp.Or(config.Authentication, string(mailreport.ModeDKIM)))
	return &Pipeline{
		Rules: NewRules(config.Domains, config.DomainMap),
		Judge: meteredJudge{
			mailreport.NewAuthenticator(mode, config.AuthservID, meteredResolver{c.engine.options.Resolver, c.metrics.lookups}),
			c.metrics.judged,
		},
		RetentionDays: config.retentionDays(),
		Panicked: func(what any, stack []byte) {
			c.metrics.panics.Inc()
			c.log().Error("A parser failed in an unforeseen way", "panic", fmt.Sprint(what), "stack", string(stack))
		},
	}
}

// endShift ends the work that is going on, if any.
func (c *Collector) endShift() {
	c.mu.Lock()
	work, pollers := c.shift, c.pollers
	c.mu.Unlock()
	if work == nil {
		return
	}
	wait := shiftEnd
	if c.engine.ctx.Err() != nil {
		wait = shiftEndAtStop
	}
	if !work.end(wait) {
		c.log().Warn("A source does not end its poll; it is left behind")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift, c.pollers = nil, nil
	for id, p := range pollers {
		c.states[id] = p.snapshot().saved
	}
}

// retain drops what is older than the retention, now and once a day.
func (c *Collector) retain(work *shift, days int) {
	for work.ctx.Err() == nil {
		dropped, err := work.store.Retain(work.ctx, firstDay(time.Now(), days))
		switch {
		case work.ctx.Err() != nil:
			return
		case err != nil:
			c.log().Warn("Reports older than the retention can't be dropped; it is tried again in a day", "error", err)
		case dropped > 0:
			c.log().Info("Dropped reports older than the retention", "reports", dropped)
		}
		pause(work.ctx, retainEvery)
	}
}

// watchLedger keeps what the metrics tell of the store up to date.
func (c *Collector) watchLedger(work *shift) {
	for work.ctx.Err() == nil {
		if l, err := readLedger(work.ctx, work.store); err == nil {
			c.mu.Lock()
			c.ledger = l
			c.mu.Unlock()
		}
		pause(work.ctx, ledgerEvery)
	}
}

func readLedger(ctx context.Context, s store.Store) (l ledger, err error) {
	if l.accounts, err = s.Accounts(ctx); err != nil {
		return l, err
	}
	if l.bytes, l.reports, err = s.Size(ctx); err != nil {
		return l, err
	}
	l.quarantineBytes, err = s.QuarantineSize(ctx)
	return l, err
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
