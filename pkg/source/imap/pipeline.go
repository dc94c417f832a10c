package imap

import (
	"context"
	"errors"
	"io"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// A pipeline keeps the server busy: while one FETCH is handed over, the next
// is under way. A server may answer two at a time, in turns, as Dovecot does
// when we are slower than it; so messages are taken as they come.
type pipeline struct {
	*poll
	arrivals chan arrival
	underWay []*chunk // the oldest first
}

// A chunk is one FETCH that is under way.
type chunk struct {
	cmd   *imapclient.FetchCommand
	uids  []goimap.UID
	open  map[goimap.UID]bool // those that are not handed over yet
	taken chan struct{}       // the last message was dealt with
	// broken says that the connection ended within a body that was being
	// read. go-imap would read it once more to pass over it, while it already
	// goes on in another goroutine: it must not be asked for more.
	broken bool
}

// An arrival is a message of a chunk, or, when that is nil, its end.
type arrival struct {
	chunk *chunk
	msg   *imapclient.FetchMessageData
}

func newPipeline(p *poll) *pipeline {
	return &pipeline{poll: p, arrivals: make(chan arrival)}
}

// start asks for mails.
func (pl *pipeline) start(uids []goimap.UID, options *goimap.FetchOptions) *chunk {
	c := &chunk{uids: uids, open: make(map[goimap.UID]bool, len(uids)), taken: make(chan struct{})}
	for _, uid := range uids {
		c.open[uid] = true
	}
	pl.session.begin()
	defer pl.session.stream.rest()
	c.cmd = pl.session.client.Fetch(goimap.UIDSetNum(uids...), options)
	pl.underWay = append(pl.underWay, c)
	go func() {
		for {
			msg := c.cmd.Next()
			pl.arrivals <- arrival{c, msg}
			if msg == nil {
				return
			}
			<-c.taken
			if c.broken {
				pl.arrivals <- arrival{c, nil}
				return
			}
		}
	}()
	return c
}

// step hands over messages until a chunk came to its end, which it returns.
// An error ends the poll; that the connection ended is not one.
func (pl *pipeline) step(ctx context.Context, f *folder) (*chunk, error) {
	defer pl.session.stream.rest()
	for {
		pl.session.begin()
		a := <-pl.arrivals
		if a.msg == nil {
			return a.chunk, pl.finish(f, a.chunk)
		}
		err := pl.deliver(ctx, f, a.chunk, a.msg)
		if errors.Is(err, errBroken) {
			a.chunk.broken, err = true, nil
		}
		if err != nil {
			// Before taken: what is left of the message is not waited for.
			pl.session.stream.abort(err)
		}
		a.chunk.taken <- struct{}{}
		if err != nil {
			return nil, err
		}
	}
}

// finish looks at how a chunk ended.
func (pl *pipeline) finish(f *folder, c *chunk) error {
	for i, other := range pl.underWay {
		if other == c {
			pl.underWay = append(pl.underWay[:i:i], pl.underWay[i+1:]...)
			break
		}
	}
	if c.broken {
		return nil
	}
	err := c.cmd.Close()
	var refused *goimap.Error
	if !errors.As(err, &refused) {
		return nil // all is well, or the connection ended
	}
	if isTemporary(refused) {
		return pl.config.commandError(pl.session.stream, "host", "to give out mail of "+f.name, err)
	}
	pl.log.Warn("not all mail was given out", "folder", f.name, "missing", len(c.missing()), "said", pl.config.redact(refused.Text))
	return nil
}

// abandon ends the connection and whatever is under way, and returns the
// mails that were not handed over, by chunk, the oldest first.
func (pl *pipeline) abandon(reason error) [][]goimap.UID {
	pl.session.stream.abort(reason)
	var left [][]goimap.UID
	for _, c := range pl.underWay {
		left = append(left, c.missing())
	}
	for range pl.underWay {
		for a := range pl.arrivals {
			if a.msg == nil {
				break
			}
			a.chunk.taken <- struct{}{}
		}
	}
	pl.underWay = nil
	return left
}

// missing returns the mails that the server did not give out.
func (c *chunk) missing() []goimap.UID {
	var missing []goimap.UID
	for _, uid := range c.uids {
		if c.open[uid] {
			missing = append(missing, uid)
		}
	}
	return missing
}

// fetch hands over mails, newest chunk first, and what the server left out at
// last, one by one. Where the server is changed in between, only one chunk is
// under way at a time.
func (p *poll) fetch(ctx context.Context, f *folder, uids []goimap.UID) error {
	ahead := 1
	if p.config.AfterProcessing == Keep {
		ahead = 2
	}
	pl := newPipeline(p)
	var missing []goimap.UID
	for {
		for len(uids) > 0 && len(pl.underWay) < ahead {
			n := min(len(uids), fetchChunk)
			pl.start(uids[:n:n], whole())
			uids = uids[n:]
		}
		if len(pl.underWay) == 0 {
			break
		}
		oldest := pl.underWay[0]
		c, err := pl.step(ctx, f)
		if err != nil {
			pl.abandon(err)
			return err
		}
		if p.session.dead() {
			// The oldest chunk holds what ended the connection; the others
			// are asked for again.
			missing = append(missing, oldest.missing()...)
			if c != oldest {
				uids = append(c.missing(), uids...)
			}
			for i, left := range pl.abandon(io.EOF) {
				if c != oldest && i == 0 {
					continue // it is the oldest
				}
				uids = append(left, uids...)
			}
			if err := p.recover(ctx, f); err != nil {
				return err
			}
		} else {
			missing = append(missing, c.missing()...)
		}
		if err := p.settle(ctx, f); err != nil {
			return err
		}
	}
	var suspects []goimap.UID
	for _, uid := range missing {
		suspect, err := p.fetchAlone(ctx, f, uid)
		if err != nil {
			return err
		}
		if suspect {
			suspects = append(suspects, uid)
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	return p.condemn(ctx, f, suspects)
}

// recover goes on after a mail ended the connection. Where the network did,
// the poll is over.
func (p *poll) recover(ctx context.Context, f *folder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	st := p.session.stream
	if isLost(st.err()) || suggestedBackoff(st.goodbye()) > 0 {
		return p.config.connectionError(st, "reading "+f.name, io.ErrUnexpectedEOF)
	}
	p.log.Warn("a mail ended the connection", "folder", f.name)
	return p.reconnect(ctx, f)
}
