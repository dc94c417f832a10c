package drop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

const (
	// statesAtOnce is how many refs the ledger is asked for at once.
	statesAtOnce = 500
	// putsPerFlush is how many files are handed over before those that are
	// stored are deleted, so that a first poll of many leaves no long debt.
	putsPerFlush = 100
	// A file that is listed and not given out is left for the next poll, until
	// it was so often, and where the server is at fault for so long.
	patience         = 3
	serverFaultGrace = 24 * time.Hour
)

// A poll is one pass over the drop.
type poll struct {
	*Source
	found *found
	sink  source.Sink
	since source.Since
	// total is how many new files were found so far.
	total int
	// noDelete says that the server does not allow DELETE.
	noDelete bool
}

// A trouble is a file that was listed and not given out.
type trouble struct {
	first time.Time
	polls int
}

// Poll hands over the files that are new, newest first, and deletes what is
// stored where the settings say so. A file that can't be had keeps none of the
// others back: it is told at the end.
func (s *Source) Poll(ctx context.Context, since source.Since, sink source.Sink) error {
	found, err := s.walk(ctx)
	if err != nil {
		return err
	}
	p := &poll{Source: s, found: found, sink: sink, since: since}
	// What an earlier poll or process left committed comes first.
	if err := p.acknowledge(ctx); err != nil {
		return err
	}
	if err := p.learn(ctx); err != nil {
		return err
	}
	if found.faults.count == 0 {
		p.forget()
	}
	sortNewestFirst(found.files)
	fresh, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	if err := p.takeAll(ctx, fresh); err != nil {
		return err
	}
	if err := p.settle(ctx); err != nil {
		return err
	}
	return found.faults.err()
}

// fresh returns the files that the ledger doesn't know, in their order.
func (p *poll) fresh(ctx context.Context) ([]file, error) {
	var fresh []file
	for part := range slices.Chunk(p.found.files, statesAtOnce) {
		var refs []string
		for _, f := range part {
			if f.ref != "" {
				refs = append(refs, f.ref)
			}
		}
		states, err := p.sink.States(ctx, refs)
		if err != nil {
			return nil, err
		}
		for _, f := range part {
			if f.ref == "" {
				// Only its body will tell.
				fresh = append(fresh, f)
				continue
			}
			if states[0] == source.New {
				fresh = append(fresh, f)
				p.total++
			}
			states = states[1:]
		}
	}
	p.sink.Total(p.total)
	return fresh, nil
}

// takeAll goes through the new files.
func (p *poll) takeAll(ctx context.Context, fresh []file) error {
	downloads, stop := p.downloads(ctx, fresh)
	defer stop()
	for i, f := range fresh {
		if err := p.take(ctx, f, <-<-downloads); err != nil {
			return err
		}
		if p.config.AfterProcessing == Delete && (i+1)%putsPerFlush == 0 {
			if err := p.settle(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle waits for the commits and acknowledges them.
func (p *poll) settle(ctx context.Context) error {
	if err := p.sink.Flush(ctx); err != nil {
		return err
	}
	return p.acknowledge(ctx)
}

// isExpired says whether a file is older than the retention.
func (p *poll) isExpired(f file) bool {
	return f.ref != "" && !p.since.IsZero() && f.received.Before(p.since)
}

// take hands over one file, or skips it, or leaves it for the next poll. An
// error ends the poll.
func (p *poll) take(ctx context.Context, f file, got download) error {
	switch {
	case f.refused != nil:
		return p.refusedFile(ctx, f, f.refused)
	case p.isExpired(f):
		return p.skip(ctx, f, source.SkipExpired, "The file is older than the retention.")
	case f.ref != "" && f.size > maxFileBytes:
		return p.skip(ctx, f, source.SkipTooLarge, tooLargeDetail(f.size))
	}
	body, v, err := got.body, got.v, got.err
	if !got.tried {
		body, v, err = p.fetch(ctx, f.url, maxFileBytes)
	}
	refused, isRefused := asRefusal(err)
	switch {
	case isRefused:
		return p.refusedFile(ctx, f, refused)
	case errors.Is(err, errTooLarge) && f.ref != "":
		return p.skip(ctx, f, source.SkipTooLarge, tooLargeDetail(v.length))
	case errors.Is(err, errTooLarge):
		p.found.faults.add("url", "The file %s is over 15 MiB, and the server tells neither ETag nor Last-Modified. Remove it.", f.name)
		return nil
	case errors.Is(err, errUnfinished):
		p.unfinished(f)
		return nil
	case err != nil:
		return err
	}
	if f.size >= 0 && int64(len(body)) != f.size {
		p.unfinished(f)
		return nil
	}
	delete(p.troubles, f.url)
	p.gaveOut = p.now()
	return p.put(ctx, f, body, v)
}

// put hands the body over under the reference of the version it is.
func (p *poll) put(ctx context.Context, f file, body []byte, v version) error {
	if !f.exact {
		known, err := p.recognise(ctx, &f, body, v)
		if known || err != nil {
			return err
		}
	}
	p.log.Debug("read a file of the drop", "file", f.name, "bytes", len(body))
	return p.sink.Put(ctx, source.Item{
		Ref:      f.ref,
		Received: f.received,
		Size:     int64(len(body)),
		Name:     f.name,
		Body:     bytes.NewReader(body),
	})
}

// recognise sets f.ref to the version that was really given out, which is
// another one than asked for where the file changed in between, and says
// whether the ledger knows that one.
func (p *poll) recognise(ctx context.Context, f *file, body []byte, v version) (bool, error) {
	ref := v.ref(f.url)
	if ref == "" {
		ref = bodyRef(f.url, body)
	}
	if ref == f.ref {
		return false, nil
	}
	wasCounted := f.ref != ""
	f.ref = ref
	if !v.modified.IsZero() {
		f.received = v.modified
	}
	p.known[f.url] = &memory{version: v, ref: ref, row: f.row, received: f.received, checked: p.now().UTC()}
	states, err := p.sink.States(ctx, []string{ref})
	if err != nil || states[0] != source.New {
		return true, err
	}
	if !wasCounted {
		p.total++
		p.sink.Total(p.total)
	}
	return false, nil
}

// skip records f as seen without its body.
func (p *poll) skip(ctx context.Context, f file, reason source.SkipReason, detail string) error {
	delete(p.troubles, f.url)
	return p.sink.Skip(ctx, source.Item{Ref: f.ref, Received: f.received, Size: f.size, Name: f.name}, reason, detail)
}

// tooLargeDetail says by how much a file is too large.
func tooLargeDetail(size int64) string {
	if size < 0 {
		return "The file is over 15 MiB."
	}
	return fmt.Sprintf("The file has %d bytes; at most 15 MiB are read.", size)
}

// worsen notes that f was not given out in this poll either.
func (p *poll) worsen(f file) *trouble {
	t := p.troubles[f.url]
	if t == nil {
		t = &trouble{first: p.now()}
		p.troubles[f.url] = t
	}
	t.polls++
	return t
}

// unfinished leaves a file that is being written for the next poll. It is told
// when that goes on: then the listing is wrong, or an upload broke off.
func (p *poll) unfinished(f file) {
	delete(p.known, f.url)
	if t := p.worsen(f); t.polls >= patience {
		p.found.faults.add("url", "The file %s is not as long as the server says, for %d polls now. Remove it or upload it again.", f.name, t.polls)
	}
}

// refusedFile deals with a file that the server lists and refuses to give out.
// It is given up when that goes on although other files are given out, so that
// neither one bad file makes every poll fail, nor a server that refuses
// everything makes the ledger forget all of it.
func (p *poll) refusedFile(ctx context.Context, f file, r *refusal) error {
	t := p.worsen(f)
	givesOthers := !p.gaveOut.Before(t.first)
	longEnough := t.polls >= patience && (r.status < 500 || p.now().Sub(t.first) >= serverFaultGrace)
	if givesOthers && longEnough {
		detail := fmt.Sprintf("The file is listed, but %s. Once it can be read, change its time to have it read.", r)
		return p.skip(ctx, f, source.SkipUnreadable, detail)
	}
	// A file may well vanish between the listing and the request.
	if r.gone() && t.polls < patience {
		return nil
	}
	p.found.faults.addError(r.as("url", "The file %s is listed, but not given out. Let the web server’s user read it, or remove it.", f.name))
	return nil
}
