package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A HeldError says that another process polls and writes a store.
type HeldError struct {
	// Holder names it, as host/pid.
	Holder string
}

// Error says who holds the store.
func (e *HeldError) Error() string { return "the store is in use by " + e.Holder }

// An Import is how files get into a store without an engine and its sources.
type Import struct {
	Store    store.Store
	Pipeline *Pipeline
	// Source is the id that the items are kept under.
	Source string
	// Assume takes its reports as authenticated.
	Assume bool
}

// Run holds the store's lease while put hands items over, and returns when they
// are committed: in their order, within the bounds of memory of an [Engine].
// The error is a [*HeldError] where another process has the lease. Where ctx
// ends, or put fails, what was decoded by then is committed still.
func (i Import) Run(ctx context.Context, put func(context.Context, source.Sink) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	release, err := i.hold(ctx, cancel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	// A data source of other settings reads again what it would read otherwise.
	if _, _, err := begin(ctx, i.Store, i.Pipeline.Rules.readWith()); err != nil {
		return err
	}
	started := time.Now().UTC()
	k := &sink{
		sourceID: i.Source, store: i.Store, pipeline: i.Pipeline, limits: newLimits(), progress: new(progress),
		route: store.Import, assume: i.Assume,
	}
	k.start(ctx)
	failed := put(ctx, k)
	fault := k.close()
	if ended := context.Cause(ctx); ended != nil {
		return ended
	}
	if fault != nil {
		return fault
	}
	if failed != nil {
		return failed
	}
	return i.note(ctx, started)
}

// note leaves what a poller would: that all there was has been read. Without it
// silence could not be told from a first synchronisation.
func (i Import) note(ctx context.Context, started time.Time) error {
	states, err := i.Store.SourceStates(ctx)
	if err != nil {
		return fmt.Errorf("read the state of the source: %w", err)
	}
	now := time.Now().UTC()
	state := store.SourceState{Source: i.Source, LastPoll: started, LastSuccess: now}
	if known := states[i.Source]; known.FirstSync.IsZero() {
		state.FirstConfigured, state.FirstSync = started, now
	}
	if err := i.Store.SaveSourceState(ctx, state); err != nil {
		return fmt.Errorf("note the import: %w", err)
	}
	return nil
}

// hold takes the lease, also from a process of this machine that has ended, and
// renews it until release. Where it is lost, stop is called.
func (i Import) hold(ctx context.Context, stop context.CancelCauseFunc) (release func() error, err error) {
	owner := ownerName()
	holder, err := i.Store.AcquireLease(ctx, owner, leaseTTL)
	if err == nil && holder != owner && gone(holder) {
		holder, err = inherit(ctx, i.Store, holder, owner)
	}
	if err != nil {
		return nil, err
	}
	if holder != owner {
		return nil, &HeldError{Holder: process(holder)}
	}
	renewing, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.renew(renewing, owner, stop)
	}()
	return func() error {
		end()
		<-done
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
		defer cancel()
		return i.Store.ReleaseLease(release, owner)
	}, nil
}

// renew renews the lease until ctx ends, or until it is lost, as after a sleep
// of the machine.
func (i Import) renew(ctx context.Context, owner string, stop context.CancelCauseFunc) {
	renewed := time.Now()
	for pause(ctx, leaseRenewal); ctx.Err() == nil; pause(ctx, leaseRenewal) {
		asked := time.Now()
		holder, err := i.Store.AcquireLease(ctx, owner, leaseTTL)
		switch {
		case err == nil && holder == owner:
			renewed = asked
		case err == nil:
			stop(&HeldError{Holder: process(holder)})
			return
		case ctx.Err() == nil && time.Since(renewed) >= leaseTTL:
			stop(fmt.Errorf("keep the store for this process: %w", err))
			return
		}
	}
}
