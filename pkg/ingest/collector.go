package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// openWait is how long [Collector.Store] waits for a store that is being opened.
const openWait = 500 * time.Millisecond

// ErrOpening is returned while the store is being opened.
var ErrOpening = errors.New("the report store is being opened; try again in a moment")

// ErrUnknownSource is returned for a source id that the settings do not have.
var ErrUnknownSource = errors.New("the settings have no such source")

// A Collector collects the reports of one data source. Its methods may be
// called from many goroutines; each counts as a use of the data source, and
// wakes a collector that stopped since nobody used it.
type Collector struct {
	engine *Engine
	key    Key
	// metrics are those of the data source.
	metrics *storeMetrics
	// changed gets a value when there are new settings.
	changed chan struct{}

	mu         sync.Mutex
	config     Config
	configured bool
	used       time.Time
	running    bool
	// opened is closed when store or storeErr is set.
	opened   chan struct{}
	store    store.Store
	storeErr error
	warning  string
	// holder is the owner of the lease where that is another process.
	holder string
	// inherited says that the lease of a process that has ended was taken over.
	inherited bool
	// fault is why the open store can't be used.
	fault error
	// shift and pollers are those at work while the lease is held.
	shift   *shift
	pollers map[string]*poller
	states  map[string]store.SourceState
	ledger  ledger
	// retrying holds the quarantine reasons that are being tried again.
	retrying map[string]bool
}

// A ledger is what the metrics tell of the store.
type ledger struct {
	accounts       map[string]store.Account
	bytes, reports int64
	// quarantineBytes are the raw bytes in quarantine.
	quarantineBytes int64
}

func newCollector(e *Engine, key Key) *Collector {
	return &Collector{
		engine: e, key: key, metrics: e.metrics.store(key),
		changed:  make(chan struct{}, 1),
		opened:   make(chan struct{}),
		retrying: make(map[string]bool),
	}
}

// configure takes settings, unless they are older than those in use.
func (c *Collector) configure(config Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.configured && config.Updated.Before(c.config.Updated) {
		return
	}
	same := c.configured && config.Fingerprint == c.config.Fingerprint
	if same {
		c.config.Updated = config.Updated
		return
	}
	c.config, c.configured = config, true
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// touch notes a use, and starts the collector where it is not running.
func (c *Collector) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = time.Now()
	c.startLocked()
}

func (c *Collector) startLocked() {
	if !c.running {
		c.running = c.engine.launch(c.run)
	}
}

// idle says whether nobody used the data source for long.
func (c *Collector) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.used) >= c.engine.options.IdleStop
}

// current returns the settings in use.
func (c *Collector) current() Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

// Store returns the open store. It is quick: while the store is being opened
// the error is [ErrOpening]; where it can't be opened the error says why. It
// also works while another process holds the lease.
func (c *Collector) Store() (store.Store, error) {
	c.touch()
	c.mu.Lock()
	opened := c.opened
	c.mu.Unlock()
	timer := time.NewTimer(openWait)
	defer timer.Stop()
	select {
	case <-opened:
	case <-timer.C:
	case <-c.engine.ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.engine.ctx.Err() != nil:
		return nil, ErrClosed
	case c.store != nil:
		return c.store, nil
	case c.storeErr != nil:
		return nil, c.storeErr
	}
	return nil, ErrOpening
}

// PollNow asks for a poll of a source at once, also where it is misconfigured
// or backing off.
func (c *Collector) PollNow(sourceID string) error {
	if _, err := c.sourceConfig(sourceID); err != nil {
		return err
	}
	c.touch()
	c.mu.Lock()
	p := c.pollers[sourceID]
	c.mu.Unlock()
	if p == nil {
		return c.notPolling()
	}
	p.askNow()
	return nil
}

// notPolling says why this process does not poll.
func (c *Collector) notPolling() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.holder != "":
		return fmt.Errorf("another process (%s) polls this data source", process(c.holder))
	case c.storeErr != nil:
		return c.storeErr
	case c.fault != nil:
		return c.fault
	}
	return ErrOpening
}

func (c *Collector) sourceConfig(sourceID string) (SourceConfig, error) {
	for _, config := range c.current().Sources {
		if config.ID == sourceID {
			return config, nil
		}
	}
	return SourceConfig{}, fmt.Errorf("source %q: %w", sourceID, ErrUnknownSource)
}

// Check tries what polls of a source need, on a connection of its own, and
// returns a sentence that says what was found. The error is a [*source.Error]
// where a setting is to blame.
func (c *Collector) Check(ctx context.Context, sourceID string) (found string, err error) {
	config, err := c.sourceConfig(sourceID)
	if err != nil {
		return "", err
	}
	c.touch()
	p := &poller{config: config, metrics: c.engine.metrics.source(c.key, sourceID), logger: c.logger(sourceID)}
	if err := p.open(); err != nil {
		return "", err
	}
	defer p.drop()
	err = p.guard("checking", func() (err error) {
		found, err = p.source.Check(ctx)
		return err
	})
	return found, err
}
