package drop

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
)

const (
	// askAtOnce is how many versions are asked for at the same time.
	askAtOnce = 4
	// askAgain is how many files, whose rows did not change, are asked for
	// again in one poll: all of a small drop, a part of a large one in turn.
	askAgain = 500
)

// learn finds out the versions of the files whose listing doesn't tell them.
// An error means that the drop can't be read.
func (p *poll) learn(ctx context.Context) error {
	files := p.found.files
	due := p.due()
	answers := make([]answer, len(due))
	refusals := make([]*refusal, len(due))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(askAtOnce)
	for i, at := range due {
		address, etag := files[at].url, ""
		if m := p.known[address]; m != nil {
			etag = m.etag
		}
		group.Go(func() error {
			got, err := p.ask(groupCtx, address, etag)
			if refused, ok := asRefusal(err); ok {
				refusals[i] = refused
				return nil
			}
			answers[i] = got
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, at := range due {
		if refusals[i] != nil {
			files[at].refused = refusals[i]
			continue
		}
		p.remember(&files[at], answers[i])
	}
	for i := range files {
		p.recall(&files[i])
	}
	return nil
}

// due returns the places of the files to ask about: those that are new or
// whose row changed, and of the others those that were not asked for longest.
func (p *poll) due() []int {
	var due, again []int
	for i, f := range p.found.files {
		m := p.known[f.url]
		switch {
		case f.exact:
		case m == nil || m.ref == "" || m.row != f.row:
			due = append(due, i)
		default:
			again = append(again, i)
		}
	}
	slices.SortStableFunc(again, func(a, b int) int {
		return p.known[p.found.files[a].url].checked.Compare(p.known[p.found.files[b].url].checked)
	})
	return append(due, again[:min(len(again), askAgain)]...)
}

// remember takes up an answer about f.
func (p *poll) remember(f *file, got answer) {
	now := p.now().UTC()
	m := p.known[f.url]
	if got.unchanged && m != nil {
		m.row, m.checked = f.row, now
		return
	}
	ref := got.ref(f.url)
	if m != nil && ref == m.ref && ref != "" {
		m.row, m.checked = f.row, now
		return
	}
	received := got.modified
	if received.IsZero() {
		received = f.received
	}
	if received.IsZero() && m != nil && ref == "" {
		received = m.received
	}
	if received.IsZero() {
		received = now
	}
	p.known[f.url] = &memory{version: got.version, ref: ref, row: f.row, received: received, checked: now}
}

// recall puts what is known of f into it.
func (p *poll) recall(f *file) {
	if f.exact {
		return
	}
	m := p.known[f.url]
	if m == nil || f.refused != nil {
		f.ref = listedRef(*f)
		f.received = cmp.Or(f.received, p.now().UTC())
		return
	}
	f.ref, f.received, f.size = m.ref, m.received, m.length
	if f.ref == "" && f.received.Before(p.since) {
		// Too old to fetch it for its version's sake: the row has to do.
		f.ref = listedRef(*f)
	}
}

// forget drops what is known of files that are not listed any more.
func (p *poll) forget() {
	for address := range p.known {
		if _, listed := p.found.seen[address]; !listed {
			delete(p.known, address)
		}
	}
	for address := range p.troubles {
		if _, listed := p.found.seen[address]; !listed {
			delete(p.troubles, address)
		}
	}
}
