package imap

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// maxWitnesses bounds how many mails are read only to see whether mail can be
// read at all.
const maxWitnesses = 3

// condemn records mails as unreadable that ended the connection each time they
// were asked for, provided that another mail of the folder can be read: else
// it is the server or the network that ends connections, and they are tried
// again with the next poll.
func (p *poll) condemn(ctx context.Context, f *folder, suspects []goimap.UID) error {
	listed, err := p.session.search(&goimap.SearchCriteria{})
	if err != nil {
		return p.config.commandError(p.session.stream, "folders", "to search "+f.name, err)
	}
	others := slices.DeleteFunc(slices.Clone(listed), func(uid goimap.UID) bool { return slices.Contains(suspects, uid) })
	for _, uid := range others[:min(len(others), maxWitnesses)] {
		if p.readable(uid) {
			return p.skipUnreadable(ctx, f, suspects)
		}
		if p.session.dead() {
			if err := p.recover(ctx, f); err != nil {
				return err
			}
		}
	}
	return &source.Error{Setting: "host", Sentence: fmt.Sprintf(
		"%s ended the connection whenever mail of %s was read; this is tried again.", p.config.Host, f.name)}
}

func (p *poll) skipUnreadable(ctx context.Context, f *folder, uids []goimap.UID) error {
	for _, uid := range uids {
		detail := "the server lists the mail but does not give it out"
		if err := p.skipItem(ctx, f.item(uid, time.Now(), -1), source.SkipUnreadable, detail); err != nil {
			return err
		}
	}
	return nil
}

// readable reads one mail to its end and throws it away.
func (p *poll) readable(uid goimap.UID) bool {
	p.session.begin()
	defer p.session.stream.rest()
	cmd := p.session.client.Fetch(goimap.UIDSetNum(uid), bodyOnly())
	whole := false
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			section, ok := item.(imapclient.FetchItemDataBodySection)
			if !ok || section.Literal == nil {
				continue
			}
			if _, err := io.Copy(io.Discard, section.Literal); err != nil {
				p.session.stream.abort(errBroken) // go-imap must not be asked for more: see [chunk]
				return false
			}
			whole = true
		}
	}
	return cmd.Close() == nil && whole
}
