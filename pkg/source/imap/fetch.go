package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// whole asks for a mail and what is known of it; UID comes first, which
// go-imap sees to. ENVELOPE and BODYSTRUCTURE are left out on purpose: servers
// get them wrong, and one mistake ends the connection.
func whole() *goimap.FetchOptions {
	return &goimap.FetchOptions{
		UID:          true,
		InternalDate: true,
		RFC822Size:   true,
		BodySection:  []*goimap.FetchItemBodySection{{Peek: true}},
	}
}

// bodyOnly asks for nothing else that a server could get wrong.
func bodyOnly() *goimap.FetchOptions {
	return &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{{Peek: true}}}
}

// settle brings the server in step after a chunk, where it is to be changed.
func (p *poll) settle(ctx context.Context, f *folder) error {
	if p.config.AfterProcessing == Keep {
		return nil
	}
	if err := p.sink.Flush(ctx); err != nil {
		return fmt.Errorf("flush %s: %w", f.name, err)
	}
	return p.acknowledge(ctx, f)
}

// deliver hands over one message. Where the server told UID and date before
// the body, which nearly all do, the body is streamed; else it is kept in
// memory until they came.
func (p *poll) deliver(ctx context.Context, f *folder, c *chunk, msg *imapclient.FetchMessageData) error {
	l := &letter{}
	for {
		p.session.stream.await()
		item := msg.Next()
		if item == nil {
			break
		}
		body, ok := item.(imapclient.FetchItemDataBodySection)
		if !ok || body.Literal == nil || !c.open[l.uid] || l.received.IsZero() {
			if err := l.add(item); err != nil {
				return err
			}
			continue
		}
		l.size = max(l.size, body.Literal.Size())
		if err := p.stream(ctx, f, c, l, body.Literal); err != nil {
			return err
		}
	}
	if !c.open[l.uid] || !l.complete() {
		return nil
	}
	return p.handOver(ctx, f, c, l)
}

// stream hands over a mail whose body is being received.
func (p *poll) stream(ctx context.Context, f *folder, c *chunk, l *letter, literal goimap.LiteralReader) error {
	skipped, err := p.skip(ctx, f, l)
	if err != nil {
		return err
	}
	if skipped {
		delete(c.open, l.uid)
		if literal.Size() > maxDrain {
			p.session.stream.abort(errFlood)
		}
		return nil
	}
	body := &body{literal: literal, left: literal.Size(), stream: p.session.stream}
	item := f.item(l.uid, l.received, literal.Size())
	item.Body = body
	err = p.sink.Put(ctx, item)
	if body.broken {
		return errBroken // the mail stays open
	}
	if err != nil {
		return fmt.Errorf("take %s: %w", item.Ref, err)
	}
	delete(c.open, l.uid)
	return nil
}

// handOver hands over a mail that is in memory.
func (p *poll) handOver(ctx context.Context, f *folder, c *chunk, l *letter) error {
	p.session.stream.rest()
	if l.received.IsZero() {
		l.received = time.Now() // the server does not tell
	}
	skipped, err := p.skip(ctx, f, l)
	if err != nil {
		return err
	}
	delete(c.open, l.uid)
	if skipped {
		return nil
	}
	item := f.item(l.uid, l.received, int64(len(l.body)))
	item.Body = bytes.NewReader(l.body)
	if err := p.sink.Put(ctx, item); err != nil {
		return fmt.Errorf("take %s: %w", item.Ref, err)
	}
	return nil
}

// skip records a mail whose body is not wanted.
func (p *poll) skip(ctx context.Context, f *folder, l *letter) (bool, error) {
	p.session.stream.rest()
	item := f.item(l.uid, l.received, l.size)
	switch {
	case !p.since.IsZero() && l.received.Before(p.since):
		return true, p.skipItem(ctx, item, source.SkipExpired, "received before the retention's first day")
	case l.size > maxMail:
		return true, p.skipItem(ctx, item, source.SkipTooLarge, fmt.Sprintf("%d bytes, more than the %d that are read", l.size, maxMail))
	}
	return false, nil
}

func (p *poll) skipItem(ctx context.Context, item source.Item, reason source.SkipReason, detail string) error {
	if err := p.sink.Skip(ctx, item, reason, detail); err != nil {
		return fmt.Errorf("skip %s: %w", item.Ref, err)
	}
	return nil
}

// fetchAlone asks for one mail that did not come with the others: first as
// before, then for its body alone. What is still in the folder then, but not
// given out, is recorded as unreadable; where it ended the connection instead,
// it is a suspect (see [poll.condemn]).
func (p *poll) fetchAlone(ctx context.Context, f *folder, uid goimap.UID) (suspect bool, err error) {
	for _, options := range []*goimap.FetchOptions{whole(), bodyOnly()} {
		p.session.strays.want(uid)
		pl := newPipeline(p)
		c := pl.start([]goimap.UID{uid}, options)
		_, err := pl.step(ctx, f)
		stray := p.session.strays.want(0)
		if err != nil {
			pl.abandon(err)
			return false, err
		}
		if c.open[uid] && stray != nil {
			if err := p.handOver(ctx, f, c, stray); err != nil {
				return false, err
			}
		}
		if p.session.dead() {
			suspect = true
			if err := p.recover(ctx, f); err != nil {
				return false, err
			}
		}
		if !c.open[uid] {
			return false, p.settle(ctx, f)
		}
	}
	still, err := p.session.search(&goimap.SearchCriteria{UID: []goimap.UIDSet{goimap.UIDSetNum(uid)}})
	if err != nil {
		return false, p.config.commandError(p.session.stream, "folders", "to search "+f.name, err)
	}
	if len(still) == 0 || suspect {
		return suspect && len(still) > 0, nil
	}
	return false, p.skipUnreadable(ctx, f, []goimap.UID{uid})
}

// skipExpired records the mails that are older than the bound, and returns
// the others. Only those are asked about that the search could not tell.
func (p *poll) skipExpired(ctx context.Context, f *folder, fresh []goimap.UID, aged map[goimap.UID]bool) ([]goimap.UID, error) {
	var wanted, unsure []goimap.UID
	for _, uid := range fresh {
		if aged[uid] {
			unsure = append(unsure, uid)
		}
	}
	expired := make(map[goimap.UID]bool)
	for len(unsure) > 0 {
		n := min(len(unsure), fetchChunk)
		if err := p.findExpired(ctx, f, unsure[:n], expired); err != nil {
			return nil, err
		}
		unsure = unsure[n:]
	}
	for _, uid := range fresh {
		if !expired[uid] {
			wanted = append(wanted, uid)
		}
	}
	return wanted, nil
}

func (p *poll) findExpired(ctx context.Context, f *folder, uids []goimap.UID, expired map[goimap.UID]bool) error {
	set := goimap.UIDSetNum(uids...)
	p.session.begin()
	cmd := p.session.client.Fetch(set, &goimap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true})
	var old []*letter
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		l, err := readLetter(msg)
		if err != nil {
			return p.recover(ctx, f)
		}
		if set.Contains(l.uid) && !l.received.IsZero() && l.received.Before(p.since) {
			old = append(old, l)
		}
	}
	err := cmd.Close()
	p.session.stream.rest()
	var refused *goimap.Error
	if err != nil && !errors.As(err, &refused) {
		if err := p.recover(ctx, f); err != nil {
			return err
		}
	}
	for _, l := range old {
		expired[l.uid] = true
		if _, err := p.skip(ctx, f, l); err != nil {
			return err
		}
	}
	return nil
}
