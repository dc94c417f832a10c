package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// acknowledge does to the mails that are durably stored what the settings
// say, and tells the ledger; also to those that an earlier poll left when it
// was ended in between. What is gone from the server needs nothing more.
func (p *poll) acknowledge(ctx context.Context, f *folder) error {
	for {
		refs, err := p.sink.Acknowledgeable(ctx, f.prefix, actChunk)
		if err != nil {
			return fmt.Errorf("ask the ledger what %s still needs: %w", f.name, err)
		}
		if len(refs) == 0 {
			return nil
		}
		if err := p.act(f, refs); err != nil {
			return err
		}
		if err := p.sink.Acknowledged(ctx, refs); err != nil {
			return fmt.Errorf("tell the ledger of %s: %w", f.name, err)
		}
	}
}

// act changes the server for refs.
func (p *poll) act(f *folder, refs []string) error {
	if p.config.AfterProcessing == Keep {
		return nil
	}
	var listed goimap.UIDSet
	for _, ref := range refs {
		uid, err := refUID(f.prefix, ref)
		if err != nil {
			return err
		}
		listed.AddNum(uid)
	}
	present, err := p.session.search(&goimap.SearchCriteria{UID: []goimap.UIDSet{listed}})
	if err != nil {
		return p.config.commandError(p.session.stream, "folders", "to search "+f.name, err)
	}
	var uids goimap.UIDSet
	for _, uid := range present {
		if listed.Contains(uid) {
			uids.AddNum(uid)
		}
	}
	if len(uids) == 0 {
		return nil
	}
	p.session.begin()
	defer p.session.stream.rest()
	switch p.config.AfterProcessing {
	case Seen:
		return p.flag(f, uids, goimap.FlagSeen)
	case Move:
		return p.move(f, uids)
	default:
		return p.remove(f, uids)
	}
}

func (p *poll) flag(f *folder, uids goimap.UIDSet, flag goimap.Flag) error {
	flags := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{flag}}
	err := p.session.client.Store(uids, flags, nil).Close()
	return p.config.commandError(p.session.stream, "afterProcessing", fmt.Sprintf("to mark mail of %s as %s", f.name, strings.TrimPrefix(string(flag), `\`)), err)
}

// move moves mails. go-imap's own way for servers without MOVE sends all its
// commands at once, so that mail would be deleted although it was not copied.
func (p *poll) move(f *folder, uids goimap.UIDSet) error {
	doing := fmt.Sprintf("to move mail of %s to %s", f.name, p.config.MoveTo)
	if p.session.caps.Has(goimap.CapMove) {
		_, err := p.session.client.Move(uids, p.config.MoveTo).Wait()
		return p.config.commandError(p.session.stream, "moveTo", doing, err)
	}
	if _, err := p.session.client.Copy(uids, p.config.MoveTo).Wait(); err != nil {
		return p.config.commandError(p.session.stream, "moveTo", doing, err)
	}
	return p.remove(f, uids)
}

// remove deletes these mails and no other: EXPUNGE alone would also delete
// what somebody else marked (RFC 4315).
func (p *poll) remove(f *folder, uids goimap.UIDSet) error {
	if err := p.flag(f, uids, goimap.FlagDeleted); err != nil {
		return err
	}
	err := p.session.client.UIDExpunge(uids).Close()
	return p.config.commandError(p.session.stream, "afterProcessing", "to delete mail of "+f.name, err)
}

// checkAbilities refuses what the server can't do safely, before a mail is
// read.
func (s *Source) checkAbilities(session *session) error {
	uidPlus := session.caps.Has(goimap.CapUIDPlus)
	switch s.config.AfterProcessing {
	case Delete:
		if !uidPlus {
			return invalid("afterProcessing", "%s can't delete single mails safely (it lacks UIDPLUS); choose keep, seen or move.", s.config.Host)
		}
	case Move:
		if !uidPlus && !session.caps.Has(goimap.CapMove) {
			return invalid("afterProcessing", "%s can't move mail safely (it lacks MOVE and UIDPLUS); choose keep or seen.", s.config.Host)
		}
		return s.checkMoveTo(session)
	}
	return nil
}

// checkMoveTo looks for the folder to move to, which is never made.
func (s *Source) checkMoveTo(session *session) error {
	if session.movable {
		return nil
	}
	session.begin()
	_, err := session.client.Status(s.config.MoveTo, &goimap.StatusOptions{NumMessages: true}).Wait()
	session.stream.rest()
	if err != nil {
		return s.folderError(session, "moveTo", s.config.MoveTo, err)
	}
	session.movable = true
	return nil
}

// folderError says why a folder can't be opened; where it is not there, which
// others are called alike.
func (s *Source) folderError(session *session, setting, name string, err error) error {
	var refused *goimap.Error
	if !errors.As(err, &refused) || isTemporary(refused) {
		return s.config.commandError(session.stream, setting, "to open "+name, err)
	}
	folders, listErr := session.list(2000)
	if listErr != nil {
		return s.config.commandError(session.stream, setting, "to open "+name, err)
	}
	var names []string
	for _, folder := range folders {
		if slices.Contains(folder.Attrs, goimap.MailboxAttrNoSelect) || slices.Contains(folder.Attrs, goimap.MailboxAttrNonExistent) {
			continue
		}
		if folder.Mailbox == name {
			return s.config.commandError(session.stream, setting, "to open "+name, err)
		}
		names = append(names, folder.Mailbox)
	}
	hint := "look the name up in a mail program, or create it there"
	if alike := similar(name, names); len(alike) > 0 {
		hint = "similar ones are " + clean(strings.Join(alike, ", "))
	}
	return &source.Error{
		Setting:  setting,
		Sentence: fmt.Sprintf("There is no folder %s in the mailbox of %s; %s.", name, s.config.Username, hint),
	}
}
