package imap

import (
	"context"
	"errors"
	"time"

	goimap "github.com/emersion/go-imap/v2"
)

// idleRetry is how long after a connection ended that waited for news another
// is tried. The caller polls now and then anyway.
const idleRetry = time.Minute

// errNoIdle says that the server gives no hints.
var errNoIdle = errors.New("the server has no IDLE")

// Wait implements [source.Source] with IDLE (RFC 2177) on the first folder.
// What goes wrong is no error: a poll will tell.
func (s *Source) Wait(ctx context.Context) error {
	for {
		err := s.waitNews(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			return nil
		}
		var delay <-chan time.Time // nil: for ever
		if !errors.Is(err, errNoIdle) {
			s.drop()
			s.log.Debug("not waiting for news", "error", err)
			delay = time.After(idleRetry)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-delay:
		}
	}
}

// waitNews returns nil when mail came since the last poll.
func (s *Source) waitNews(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	if !s.session.caps.Has(goimap.CapIdle) {
		return errNoIdle
	}
	changed, err := s.openToWait(ctx)
	if err != nil || changed {
		return err
	}
	for {
		news, err := s.idle(ctx)
		if err != nil || news || ctx.Err() != nil {
			return err
		}
	}
}

// openToWait opens the first folder, read-only, and tells whether there is
// something in it that no poll saw.
func (s *Source) openToWait(ctx context.Context) (changed bool, err error) {
	defer s.session.watch(ctx)()
	select {
	case <-s.session.news: // from before
	default:
	}
	name := s.config.Folders[0]
	data, err := s.session.open(name, true)
	if err != nil {
		return false, err
	}
	state := s.folders[name]
	if state == nil || state.next == 0 {
		return false, nil // it was never read whole; the next poll will
	}
	return state.uidValidity != data.UIDValidity || data.UIDNext != 0 && uint32(data.UIDNext) > state.next, nil
}

// idle waits until mail comes, ctx ends, or IDLE has to be renewed. The
// connection outlives ctx, so that the next poll need not log in.
func (s *Source) idle(ctx context.Context) (news bool, err error) {
	session := s.session
	stop := session.watch(ctx)
	session.begin()
	idle, err := session.client.Idle()
	session.stream.rest()
	stop()
	if err != nil {
		return false, err
	}
	renew := time.NewTimer(idleInterval)
	defer renew.Stop()
	select {
	case <-session.news:
		news = true
	case <-ctx.Done():
	case <-renew.C:
	case <-session.client.Closed():
	}
	if ctx.Err() != nil {
		// A server that does not even end IDLE must not hold up a stop.
		timer := time.AfterFunc(time.Second, func() { session.stream.abort(context.DeadlineExceeded) })
		defer timer.Stop()
	}
	session.begin()
	defer session.stream.rest()
	if err := idle.Close(); err != nil {
		return news, err
	}
	return news, idle.Wait()
}
