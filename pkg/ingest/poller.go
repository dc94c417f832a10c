package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A poller polls one source for as long as its settings and the lease hold. All
// calls to the source are made one after the other.
type poller struct {
	config    SourceConfig
	retention int
	store     store.Store
	pipeline  *Pipeline
	limits    limits
	undecided chan<- struct{}
	metrics   *sourceMetrics
	logger    *slog.Logger
	// asked gets a value when a person wants a poll now.
	asked    chan struct{}
	progress progress

	// source is nil until it is opened, and again after an error.
	source   source.Source
	failures int

	mu     sync.Mutex
	status pollerStatus
}

// A pollerStatus is what others see of a poller.
type pollerStatus struct {
	saved   store.SourceState
	polling bool
	next    time.Time
	err     error
}

// run polls at once, then whenever it is time, until ctx ends.
func (p *poller) run(ctx context.Context) {
	defer p.drop()
	for ctx.Err() == nil {
		started := time.Now()
		err := p.poll(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := p.record(ctx, started, err)
		p.sleep(ctx, started, wait)
	}
}

// poll polls the source once.
func (p *poller) poll(ctx context.Context) error {
	p.set(func(s *pollerStatus) {
		s.polling, s.next = true, time.Time{}
		s.saved.LastPoll = time.Now().UTC()
	})
	defer p.set(func(s *pollerStatus) { s.polling = false })
	p.progress.reset()
	// A store that takes nothing is found before anything is fetched in vain.
	if err := p.store.SaveSourceState(ctx, p.snapshot().saved); err != nil {
		return &storeError{doing: "be written", err: err}
	}
	if err := p.open(); err != nil {
		return err
	}
	k := &sink{
		sourceID: p.config.ID, store: p.store, pipeline: p.pipeline, limits: p.limits,
		undecided: p.undecided, progress: &p.progress, route: route(p.config.Type), assume: p.config.Assume,
		received: p.metrics.received,
	}
	k.start(ctx)
	since := firstDay(time.Now(), p.retention).Time()
	err := p.guard("polling", func() error { return p.source.Poll(ctx, since, k) })
	if fault := k.close(); fault != nil {
		err = fault
	}
	if err != nil {
		p.drop()
	}
	return err
}

func route(sourceType string) store.Route {
	if sourceType == "https" {
		return store.Drop
	}
	return store.Direct
}

// open makes the source where there is none.
func (p *poller) open() error {
	if p.source != nil {
		return nil
	}
	err := p.guard("opening", func() (err error) {
		p.source, err = p.config.Open()
		return err
	})
	if err != nil {
		p.source = nil
		return misconfigured(err)
	}
	return nil
}

// misconfigured makes err permanent: opening a source does no I/O, so that only
// other settings can mend it.
func misconfigured(err error) error {
	var fault *source.Error
	if !errors.As(err, &fault) {
		return &source.Error{Sentence: err.Error(), Permanent: true, Err: err}
	}
	wrong := *fault
	wrong.Permanent = true
	return &wrong
}

// drop closes the source; the next poll opens it anew.
func (p *poller) drop() {
	if p.source == nil {
		return
	}
	closing := p.source
	p.source = nil
	_ = p.guard("closing", closing.Close) // nothing is lost with a connection
}

// guard makes a panic of the source an error of it.
func (p *poller) guard(doing string, call func() error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			p.metrics.panics.Inc()
			p.logger.Error("A source failed in an unforeseen way", "doing", doing, "panic", fmt.Sprint(what), "stack", string(debug.Stack()))
			err = fmt.Errorf("%s the source failed in an unforeseen way; the log has the details", doing)
		}
	}()
	return call()
}

// record notes how a poll ended, and returns how long to wait for the next.
func (p *poller) record(ctx context.Context, started time.Time, err error) time.Duration {
	now := time.Now().UTC()
	p.metrics.duration.Observe(now.Sub(started).Seconds())
	before := p.snapshot().err
	wait := jittered(p.config.pollInterval())
	p.set(func(s *pollerStatus) {
		s.err = err
		if err != nil {
			s.saved.LastError = err.Error()
			return
		}
		s.saved.LastError = ""
		s.saved.LastSuccess = now
		if s.saved.FirstSync.IsZero() {
			s.saved.FirstSync = now
		}
	})
	if err == nil {
		p.failures = 0
		if before != nil {
			p.metrics.recoveries.Inc()
			p.logger.Info("The source is polled again")
		}
	} else {
		p.failures++
		p.metrics.failed(err)
		wait = afterFailure(err, p.failures, p.config.pollInterval())
		if before == nil || before.Error() != err.Error() {
			p.logger.Warn("A poll failed", "error", err, "retryIn", wait.Round(time.Second).String())
		}
	}
	if saveErr := p.store.SaveSourceState(ctx, p.snapshot().saved); saveErr != nil && err == nil {
		p.set(func(s *pollerStatus) { s.err = &storeError{doing: "be written", err: saveErr} })
	}
	return wait
}

// sleep waits until it is time for the next poll: after wait, when asked for,
// or on a hint of the server, which counts at most once in [hintGap].
func (p *poller) sleep(ctx context.Context, started time.Time, wait time.Duration) {
	p.set(func(s *pollerStatus) { s.next = time.Now().Add(wait).UTC() })
	ctx, cancel := context.WithTimeout(ctx, wait)
	hint := p.listen(ctx)
	defer func(listening <-chan bool) {
		cancel()
		for range listening { // the source is used by one goroutine at a time
		}
	}(hint)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.asked:
			return
		case news, open := <-hint:
			if !open {
				hint = nil
			} else if news {
				p.pause(ctx, time.Until(started.Add(hintGap)))
				return
			}
		}
	}
}

// pause waits, unless a poll is asked for before.
func (p *poller) pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.asked:
	case <-timer.C:
	}
}

// listen waits for a hint of the source in the background. The channel gets
// true for news, and is closed when the source is free again.
func (p *poller) listen(ctx context.Context) <-chan bool {
	hint := make(chan bool, 1)
	if p.source == nil {
		close(hint)
		return hint
	}
	go func() {
		defer close(hint)
		err := p.guard("waiting for", func() error { return p.source.Wait(ctx) })
		switch {
		case ctx.Err() != nil:
		case err == nil:
			hint <- true
		default:
			p.drop() // the next poll connects anew, and says what is wrong
		}
	}()
	return hint
}

// askNow asks for a poll at once; one that is under way is enough for all who
// ask while it has not ended.
func (p *poller) askNow() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

func (p *poller) set(change func(*pollerStatus)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}

func (p *poller) snapshot() pollerStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}
