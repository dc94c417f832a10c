package ingest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// retryMode says what a try that fails again leaves behind.
type retryMode int

const (
	// everyTry brings the reason, the tries and the parser version up to date.
	everyTry retryMode = iota
	// onlyBetter leaves a document alone that is refused for the same reason.
	onlyBetter
)

const (
	// idPage is how many ids, and quarantinePage how many rows, are asked for at a
	// time.
	idPage         = 100
	quarantinePage = 1000
)

// RetryQuarantined tries a quarantined document again with today's settings
// and parser. Where the outcome is [store.Quarantined] the string says why. The
// errors are those of [store.Reader.Quarantined], or say why nothing can be
// written now.
func (c *Collector) RetryQuarantined(ctx context.Context, id int64) (store.Outcome, string, error) {
	c.touch()
	work := c.atWork()
	if work == nil {
		return "", "", c.notPolling()
	}
	return work.retry(ctx, id, everyTry)
}

// RetryReason tries all quarantined documents of a reason again, in the
// background; an empty reason is every reason. It returns false where that is
// going on already, or where this process can't write to the store.
func (c *Collector) RetryReason(reason string) (started bool) {
	c.touch()
	work := c.atWork()
	return work != nil && c.retryReason(work, reason, everyTry)
}

// atWork returns the shift, or nil where this process does not poll.
func (c *Collector) atWork() *shift {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shift
}

func (c *Collector) retryReason(work *shift, reason string, mode retryMode) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.retrying[reason] {
		return false
	}
	c.retrying[reason] = work.spawn(func() {
		defer func() {
			c.mu.Lock()
			delete(c.retrying, reason)
			c.mu.Unlock()
		}()
		used, err := work.retryAll(reason, mode)
		switch {
		case work.ctx.Err() != nil:
		case err != nil:
			c.log().Warn("The quarantine can't be tried again", "error", err)
		case used > 0:
			c.log().Info("Took reports out of quarantine", "reason", reason, "reports", used)
		}
	})
	return c.retrying[reason]
}

// retryAll tries every document of a reason that is there at the start once,
// and returns how many left the quarantine.
func (s *shift) retryAll(reason string, mode retryMode) (used int, err error) {
	return inPages(
		func(after int64) ([]int64, error) { return s.store.RetryQuarantine(s.ctx, reason, after, idPage) },
		func(ids []int64) (int, error) { return s.retryEach(ids, mode) })
}

// inPages has the ids that a list goes on with after each one done, page by
// page, and returns how many counted.
func inPages(list func(after int64) ([]int64, error), do func(ids []int64) (int, error)) (counted int, err error) {
	after := int64(0)
	for {
		ids, err := list(after)
		if err != nil || len(ids) == 0 {
			return counted, err
		}
		n, err := do(ids)
		if counted += n; err != nil {
			return counted, err
		}
		after = ids[len(ids)-1]
	}
}

// retryOlderParsers tries every document again that an older parser tried last,
// whatever its reason, and returns how many left the quarantine. Those that
// fail again show the parser of now, so that this happens once.
func (s *shift) retryOlderParsers() (used int, err error) {
	q := store.RowQuery{Limit: quarantinePage}
	for {
		rows, more, err := s.store.Quarantine(s.ctx, q)
		if err != nil {
			return used, fmt.Errorf("list quarantine: %w", err)
		}
		var older []int64
		for _, row := range rows {
			if row.ParserVersion < tlsrpt.ParserVersion {
				older = append(older, row.ID)
			}
		}
		n, err := s.retryEach(older, everyTry)
		if used += n; err != nil || !more {
			return used, err
		}
		// The next page starts with the second in which this one ends, since that
		// may hold more rows; where it holds nothing else, the page grows.
		end := rows[len(rows)-1].Time.Add(time.Second)
		if end.Equal(q.To) {
			q.Limit *= 2
		}
		q.To = end
	}
}

// retryEach tries documents again, and returns how many left the quarantine.
// Those that have gone in the meantime are passed over.
func (s *shift) retryEach(ids []int64, mode retryMode) (used int, err error) {
	for _, id := range ids {
		outcome, _, err := s.retry(s.ctx, id, mode)
		switch {
		case hasLeft(err):
		case err != nil:
			return used, err
		case outcome != store.Quarantined:
			used++
		}
	}
	return used, nil
}

// retry tries one document again.
func (s *shift) retry(ctx context.Context, id int64, mode retryMode) (store.Outcome, string, error) {
	kept, problem, err := s.store.Quarantined(ctx, id)
	if err != nil {
		return "", "", err
	}
	if len(kept.Raw) == 0 {
		return store.Quarantined, problem.Detail, nil // it was never read: there is nothing to try
	}
	// These documents were trouble once: one at a time.
	if err := s.limits.heavy.Acquire(ctx, 1); err != nil {
		return "", "", err
	}
	defer s.limits.heavy.Release(1)
	documents := s.pipeline.reopen(kept, problem)
	first := documents[0]
	if mode == onlyBetter && first.Problem != nil && first.Problem.Reason == problem.Reason {
		return store.Quarantined, first.Problem.Detail, nil
	}
	if err := s.commitRest(ctx, id, kept, documents[1:]); err != nil {
		return "", "", err
	}
	outcome, err := s.store.Resolve(ctx, id, first)
	if err != nil {
		return "", "", fmt.Errorf("keep what the new try made of it: %w", err)
	}
	if first.Problem != nil {
		return outcome, first.Problem.Detail, nil
	}
	return outcome, "", nil
}

// commitRest commits the further documents of an item that could not be opened
// before. It comes before the first is resolved, under a reference of its own,
// so that a stop between the two is made good by the next try. No source knows
// the reference, so there is nothing to acknowledge.
func (s *shift) commitRest(ctx context.Context, id int64, kept store.RawDocument, rest []store.Document) error {
	if len(rest) == 0 {
		return nil
	}
	for i := range rest {
		if rest[i].Trust == store.Pending && rest[i].Mail == nil {
			rest[i].Trust = store.Unverifiable
			rest[i].Reason = "DNS gave no answer when the mail came, of which only a part is kept with this report"
		}
	}
	d := store.Delivery{
		Source: kept.Source, Ref: fmt.Sprintf("quarantine:%d", id),
		Received: kept.Received, Size: int64(len(kept.Raw)), Documents: rest,
	}
	if _, err := s.store.Commit(ctx, []store.Delivery{d}); err != nil {
		return fmt.Errorf("commit the further documents: %w", err)
	}
	if err := s.store.Acknowledge(ctx, d.Source, []string{d.Ref}); err != nil {
		return fmt.Errorf("acknowledge the further documents: %w", err)
	}
	return nil
}

// reopen reads what is in quarantine again, and returns one document or more.
// The first takes the place of what was kept: a report where there is one, else
// what is wrong now; the old problem where nothing is found any more.
func (p *Pipeline) reopen(kept store.RawDocument, old store.Problem) []store.Document {
	found, problem := p.extract(File{Name: kept.Hints.FileName, Body: kept.Raw})
	var usable, refused []store.Document
	for _, doc := range found.Documents {
		doc.Hints = mergeHints(doc.Hints, kept.Hints)
		document := p.redecode(doc, kept.Received)
		document.Judgement = kept.Judgement
		if doc.Forwarded {
			document.Judgement = judgeForwarded(kept.Judgement)
		}
		document.Route = passedOn(kept.Route, found.Redirected || doc.Forwarded)
		if found.Mail && document.Trust == store.Pending {
			document.Mail = kept.Raw
		}
		if document.Report != nil {
			usable = append(usable, document)
		} else {
			refused = append(refused, document)
		}
	}
	if found.Problem != nil {
		problem = &store.Problem{Reason: found.Problem.Reason, Detail: found.Problem.Detail}
	}
	if problem == nil && len(found.Documents) > 0 {
		return append(usable, refused...)
	}
	if problem == nil {
		problem = &old
	}
	// The item as a whole is still in trouble: only what is good of it leaves.
	whole := store.Document{Problem: problem, Raw: kept.Raw, Hints: kept.Hints, Judgement: kept.Judgement}
	return append([]store.Document{whole}, usable...)
}

// redecode is decode, for a document that has no item to be ignored with.
func (p *Pipeline) redecode(doc mailreport.Document, received time.Time) store.Document {
	document, expired := p.decode(doc, received)
	if expired {
		document.Problem = &store.Problem{
			Reason: ReasonExpired,
			Detail: fmt.Sprintf("the report is of %s, which is older than the retention", document.Report.Day()),
		}
		document.Report = nil
	}
	return document
}

// mergeHints fills what the document itself does not tell.
func mergeHints(own, kept tlsrpt.Hints) tlsrpt.Hints {
	return tlsrpt.Hints{
		ReportDomain: cmp.Or(own.ReportDomain, kept.ReportDomain),
		Submitter:    cmp.Or(own.Submitter, kept.Submitter),
		FromDomain:   cmp.Or(own.FromDomain, kept.FromDomain),
		FileName:     cmp.Or(own.FileName, kept.FileName),
	}
}
