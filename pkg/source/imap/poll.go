package imap

import (
	"context"
	"errors"
	"fmt"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// errNewEpoch says that a folder's UIDVALIDITY changed during a poll.
var errNewEpoch = errors.New("UIDVALIDITY changed")

// A poll is one run over all folders.
type poll struct {
	*Source
	since      source.Since
	sink       source.Sink
	total      int // new mails found so far
	reconnects int
	unwatch    func() bool // lets ctx end without ending the session
}

// A folder is one that is open in a poll.
type folder struct {
	name        string
	uidValidity uint32
	prefix      string // of its refs
	exists      uint32
	uidNext     uint32 // 0 when the server did not tell
}

// Poll implements [source.Source]. A folder that can't be opened does not
// keep the others from being read; its error is returned in the end.
func (s *Source) Poll(ctx context.Context, since source.Since, sink source.Sink) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	p := &poll{Source: s, since: since, sink: sink, unwatch: s.session.watch(ctx)}
	defer func() { p.unwatch() }()
	var first error
	for _, name := range s.config.Folders {
		err := p.folder(ctx, name)
		if errors.Is(err, errNewEpoch) {
			err = p.folder(ctx, name)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			s.drop()
			return ctx.Err()
		}
		if s.session == nil || s.session.dead() {
			s.drop()
			return err
		}
		s.log.Warn("folder not read", "folder", name, "error", err)
		if first == nil {
			first = err
		}
		var explained *source.Error
		if !errors.As(err, &explained) {
			return err // the sink's: it would come again
		}
	}
	return first
}

// folder reads one folder, and brings the server in step with the ledger
// before and after.
func (p *poll) folder(ctx context.Context, name string) error {
	if err := p.checkAbilities(p.session); err != nil {
		return err
	}
	f, err := p.openFolder(name)
	if err != nil {
		return err
	}
	state := p.state(f)
	if err := p.acknowledge(ctx, f); err != nil {
		return err
	}
	began := time.Now()
	full := began.Sub(state.swept) >= sweepInterval
	listed, err := p.find(f, state, full)
	if err != nil {
		return err
	}
	fresh, err := p.unknown(ctx, f, listed.all)
	if err != nil {
		return err
	}
	if len(fresh) > 0 {
		p.total += len(fresh)
		p.sink.Total(p.total)
		if err := p.readAll(ctx, f, fresh, listed.aged); err != nil {
			return err
		}
	}
	if len(listed.all) > 0 {
		state.next = max(state.next, uint32(listed.all[0])+1)
	}
	state.next = max(state.next, f.uidNext)
	if full {
		state.swept = began
	}
	return nil
}

// readAll hands over the new mails of a folder.
func (p *poll) readAll(ctx context.Context, f *folder, fresh []goimap.UID, aged map[goimap.UID]bool) error {
	fresh, err := p.skipExpired(ctx, f, fresh, aged)
	if err != nil {
		return err
	}
	if err := p.fetch(ctx, f, fresh); err != nil {
		return err
	}
	if err := p.sink.Flush(ctx); err != nil {
		return fmt.Errorf("flush %s: %w", f.name, err)
	}
	return p.acknowledge(ctx, f)
}

func (p *poll) openFolder(name string) (*folder, error) {
	data, err := p.session.open(name, p.config.AfterProcessing == Keep)
	if err != nil {
		return nil, p.folderError(p.session, "folders", name, err)
	}
	if data.UIDValidity == 0 {
		return nil, &source.Error{Setting: "folders", Sentence: fmt.Sprintf("%s has no lasting numbers (UIDVALIDITY) for the mail in %s, so it can't be told which was read; choose another folder.", p.config.Host, name)}
	}
	return &folder{
		name:        name,
		uidValidity: data.UIDValidity,
		prefix:      refPrefix(p.config.Host, p.config.Username, name, data.UIDValidity),
		exists:      data.NumMessages,
		uidNext:     uint32(data.UIDNext),
	}, nil
}

// state returns what is remembered of a folder, which is nothing in a new
// epoch.
func (s *Source) state(f *folder) *folderState {
	state := s.folders[f.name]
	if state == nil || state.uidValidity != f.uidValidity {
		if state != nil {
			s.log.Info("folder has a new UIDVALIDITY; it is read anew", "folder", f.name)
		}
		state = &folderState{uidValidity: f.uidValidity}
		s.folders[f.name] = state
	}
	return state
}

// listing is what a search found.
type listing struct {
	all []goimap.UID // highest first
	// aged are those that the server's day-wise search can't tell from mail
	// that is older than the bound.
	aged map[goimap.UID]bool
}

// find lists the mails to compare with the ledger: all within the bound, or
// those above the highest that was compared.
func (p *poll) find(f *folder, state *folderState, full bool) (listing, error) {
	if f.exists == 0 || !full && f.uidNext != 0 && f.uidNext <= state.next {
		return listing{}, nil
	}
	criteria := goimap.SearchCriteria{}
	if !full {
		var above goimap.UIDSet
		above.AddRange(goimap.UID(max(state.next, 1)), 0)
		criteria.UID = []goimap.UIDSet{above}
	}
	if !p.since.IsZero() {
		// SINCE compares dates as the server's zone has them (RFC 3501
		// section 6.4.4).
		criteria.Since = p.since.UTC().AddDate(0, 0, -1)
	}
	all, err := p.session.search(&criteria)
	if err != nil {
		return listing{}, p.config.commandError(p.session.stream, "folders", "to search "+f.name, err)
	}
	found := listing{all: all}
	if !full {
		// n:* holds the last mail even if its UID is below n.
		for i, uid := range all {
			if uint32(uid) < state.next {
				found.all = all[:i]
				break
			}
		}
	}
	if len(found.all) == 0 || p.since.IsZero() {
		return found, nil
	}
	criteria.Before = p.since.UTC().AddDate(0, 0, 2)
	aged, err := p.session.search(&criteria)
	if err != nil {
		return listing{}, p.config.commandError(p.session.stream, "folders", "to search "+f.name, err)
	}
	found.aged = make(map[goimap.UID]bool, len(aged))
	for _, uid := range aged {
		found.aged[uid] = true
	}
	return found, nil
}

// unknown returns those that are not in the ledger, in their order.
func (p *poll) unknown(ctx context.Context, f *folder, uids []goimap.UID) ([]goimap.UID, error) {
	var fresh []goimap.UID
	refs := make([]string, 0, min(len(uids), ledgerChunk))
	for len(uids) > 0 {
		chunk := uids[:min(len(uids), ledgerChunk)]
		uids = uids[len(chunk):]
		refs = refs[:0]
		for _, uid := range chunk {
			refs = append(refs, f.ref(uid))
		}
		states, err := p.sink.States(ctx, refs)
		if err != nil {
			return nil, fmt.Errorf("ask the ledger about %s: %w", f.name, err)
		}
		if len(states) != len(chunk) {
			return nil, fmt.Errorf("ask the ledger about %s: %d answers for %d refs", f.name, len(states), len(chunk))
		}
		for i, state := range states {
			if state == source.New {
				fresh = append(fresh, chunk[i])
			}
		}
	}
	return fresh, nil
}

func (f *folder) ref(uid goimap.UID) string { return fmt.Sprintf("%s%d", f.prefix, uid) }

// item is what is known of a mail without its body.
func (f *folder) item(uid goimap.UID, received time.Time, size int64) source.Item {
	return source.Item{Ref: f.ref(uid), Received: received.UTC(), Size: size, Mail: true}
}

// reconnect opens the folder on a fresh connection, after a mail ended the
// last one.
func (p *poll) reconnect(ctx context.Context, f *folder) error {
	if p.reconnects++; p.reconnects > maxReconnects {
		return &source.Error{Setting: "host", Sentence: fmt.Sprintf("%s ended the connection %d times while %s was read; this is tried again.", p.config.Host, p.reconnects, f.name)}
	}
	p.drop()
	session, err := p.connect(ctx)
	if err != nil {
		return err
	}
	p.session = session
	p.unwatch()
	p.unwatch = session.watch(ctx)
	again, err := p.openFolder(f.name)
	if err != nil {
		return err
	}
	if again.uidValidity != f.uidValidity {
		return errNewEpoch
	}
	return nil
}
