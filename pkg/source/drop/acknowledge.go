package drop

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// acknowledgeAtOnce is how many files are deleted between two notes in the
// ledger. A crash in between costs a request for each, which finds it gone.
const acknowledgeAtOnce = 100

// acknowledge does to the server what the settings say for every file of this
// drop that is durably stored, and notes it in the ledger. With [Keep] that is
// nothing, and a later change to [Delete] spares the files of before. An error
// ends the poll; what concerns one file is in the faults.
func (p *poll) acknowledge(ctx context.Context) error {
	stuck := map[string]bool{}
	for !p.noDelete {
		refs, err := p.sink.Acknowledgeable(ctx, p.found.root.String(), acknowledgeAtOnce+len(stuck))
		if err != nil {
			return err
		}
		var done []string
		for _, ref := range refs {
			if stuck[ref] || p.noDelete {
				continue
			}
			gone, removeErr := p.remove(ctx, ref)
			if removeErr != nil {
				err = removeErr
				break
			}
			if gone {
				done = append(done, ref)
			} else {
				stuck[ref] = true
			}
		}
		if len(done) == 0 {
			return err
		}
		if err := errors.Join(p.sink.Acknowledged(ctx, done), err); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the version of a file that ref names, and says whether it is
// gone. An error is one that the whole drop suffers from.
func (p *poll) remove(ctx context.Context, ref string) (gone bool, err error) {
	if p.config.AfterProcessing == Keep {
		return true, nil
	}
	address, ok := refAddress(ref)
	if !ok || !strings.HasPrefix(address, p.found.root.String()) || strings.HasSuffix(address, "/") {
		return false, nil
	}
	etag, same, err := p.current(ctx, address, ref)
	if err == nil && !same {
		// Another version has taken the name: the one of ref is gone, and the
		// new one must live until it is stored itself.
		return true, nil
	}
	if err == nil {
		err = p.sendDelete(ctx, address, etag)
	}
	refused, ok := asRefusal(err)
	switch {
	case err == nil:
		delete(p.known, address)
		p.log.Debug("deleted a file of the drop", "file", nameOf(address))
		return true, nil
	case !ok:
		return false, err
	case refused.gone() || refused.status == http.StatusPreconditionFailed:
		return true, nil
	case p.noDelete:
		p.found.faults.addError(refused.as("afterProcessing", "The server does not allow DELETE. Allow it for this user (in nginx: dav_methods DELETE;), or choose keep."))
	default:
		p.found.faults.addError(refused.as("afterProcessing", "The file %s could not be deleted; it is tried again at the next poll.", nameOf(address)))
	}
	return false, nil
}

// current says whether the file at address is still the version that ref
// names. Not every server heeds If-Match at a DELETE, so this is asked before.
func (p *poll) current(ctx context.Context, address, ref string) (etag string, same bool, err error) {
	got, err := p.ask(ctx, address, "")
	if err != nil {
		return "", false, err
	}
	same, needsBody := got.holds(ref)
	if !needsBody {
		return got.strongETag(), same, nil
	}
	body, _, err := p.fetch(ctx, address, maxFileBytes)
	if errors.Is(err, errTooLarge) || errors.Is(err, errUnfinished) {
		return "", false, nil
	}
	return got.strongETag(), bodyRef(address, body) == ref, err
}

// sendDelete sends the DELETE request and sets noDelete where none is allowed.
func (p *poll) sendDelete(ctx context.Context, address, etag string) error {
	header := http.Header{}
	if etag != "" {
		header.Set("If-Match", etag)
	}
	reply, err := p.do(ctx, http.MethodDelete, address, header)
	if refused, ok := asRefusal(err); ok {
		switch refused.status {
		case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
			p.noDelete = true
		}
	}
	if err != nil {
		return err
	}
	discard(reply)
	if reply.StatusCode == http.StatusMultiStatus {
		// WebDAV says so that a part could not be deleted (RFC 4918 section 9.6.1).
		return &refusal{status: reply.StatusCode}
	}
	return nil
}
