package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// rereadPage is how many ids are asked for at a time; a store may look through
	// much for each page.
	rereadPage = 5000
	// rereadRest bounds the pause after each report, which is as long as reading
	// it took: polls and queries get as much of the machine and the store.
	rereadRest = 100 * time.Millisecond
)

// A rereader reads the reports of a store again that another parser, or other
// settings, would read otherwise. Where it is interrupted it begins again at
// the next start; to read a report twice does no harm.
type rereader struct {
	shift   *shift
	now     readWith
	earlier readings
	known   bool
	scope   store.Scope

	// last is the last report to read, after the last one that was read.
	last, after int64
	total, done int
	// changed, quarantined and failed are those of the reports that were done.
	changed, quarantined, failed int
}

// newRereader notes in a store, which is the shift's but not metered, what the
// shift reads with.
func newRereader(ctx context.Context, s store.Store, work *shift) (*rereader, error) {
	r := &rereader{shift: work, now: work.pipeline.Rules.readWith()}
	var err error
	if r.earlier, r.known, err = begin(ctx, s, r.now); err != nil {
		return nil, err
	}
	r.scope = r.earlier.scope(r.now, r.known)
	return r, nil
}

// catchUp tries again what an older parser or other domains refused, then reads
// again what the parser and the settings of now would read otherwise.
func (c *Collector) catchUp(work *shift, r *rereader) {
	for failures := 1; ; failures++ {
		err := c.retryRefused(work, r)
		if err == nil {
			err = c.readAgain(work, r)
		}
		if err == nil || work.ctx.Err() != nil {
			return
		}
		c.log().Warn("What was stored before can't be read again; it is tried again", "error", err)
		pause(work.ctx, backoff(failures))
	}
}

// retryRefused tries again what was refused with another parser or for its
// domains, where either has changed since. What comes to nothing is not tried
// at the next start.
func (c *Collector) retryRefused(work *shift, r *rereader) error {
	if r.olderParser() {
		used, err := work.retryOlderParsers()
		if used > 0 {
			c.log().Info("Took reports out of quarantine, with a newer parser", "reports", used)
		}
		if err != nil {
			return err
		}
	}
	if !r.otherDomains() {
		return nil
	}
	// No other reason depends on a domain: what is no host name can't be mapped.
	used, err := work.retryAll(store.ForeignDomain, onlyBetter)
	if used > 0 {
		c.log().Info("Took reports out of quarantine, with the domains of today's settings", "reports", used)
	}
	return err
}

// readAgain reads everything in the scope again.
func (c *Collector) readAgain(work *shift, r *rereader) error {
	defer work.reread.Store(nil)
	if r.last == 0 {
		if err := r.count(); err != nil {
			return err
		}
		if r.total > 0 {
			c.log().Info("Reading stored reports again", "reports", r.total, "with", r.why())
		}
	}
	if err := r.run(func(id int64, err error) {
		c.log().Warn("A stored report can't be read again; it stays as it is", "id", id, "error", err)
	}); err != nil {
		return err
	}
	if !r.known || len(r.earlier) > 1 {
		if err := (readings{r.now}).save(work.ctx, work.store); err != nil {
			return err
		}
	}
	if r.total > 0 {
		c.log().Info("Read stored reports again", "reports", r.done, "with", r.why(),
			"quarantined", r.quarantined, "leftAsTheyWere", r.done-r.changed-r.quarantined, "failed", r.failed)
	}
	return nil
}

// why says what the reports are read with.
func (r *rereader) why() string {
	var with []string
	if !r.otherDomains() || r.olderParser() {
		with = append(with, "a newer parser")
	}
	if r.otherDomains() {
		with = append(with, "the domains of today's settings")
	}
	return strings.Join(with, " and ")
}

// olderParser says whether an older parser may have read, or refused, what is
// in the store.
func (r *rereader) olderParser() bool {
	return !r.known || slices.ContainsFunc(r.earlier, func(w readWith) bool { return w.Parser < r.now.Parser })
}

// otherDomains says whether something may have been read with other settings,
// and would be read otherwise now.
func (r *rereader) otherDomains() bool { return len(r.scope.Domains) > 0 || r.scope.LeftOut }

// count finds how many reports there are to read. Those that come from now on
// are read with the parser and the settings of now.
func (r *rereader) count() error {
	r.total, r.last = 0, 0
	for {
		ids, err := r.shift.store.Rereadable(r.shift.ctx, r.scope, r.last, rereadPage)
		if err != nil {
			r.last = 0
			return fmt.Errorf("count the reports to read again: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		r.total, r.last = r.total+len(ids), ids[len(ids)-1]
	}
}

// run reads the reports again, and goes on where an error of the store ended
// it. A report that fails by itself is told and passed over.
func (r *rereader) run(failed func(id int64, err error)) error {
	for r.after < r.last {
		ids, err := r.shift.store.Rereadable(r.shift.ctx, r.scope, r.after, rereadPage)
		if err != nil {
			return fmt.Errorf("list the reports to read again: %w", err)
		}
		for _, id := range ids {
			if id > r.last {
				break
			}
			r.shift.reread.Store(&Rereading{Done: r.done, Total: r.total, Why: r.why()})
			began := time.Now()
			if err := r.take(id, failed); err != nil {
				return err
			}
			r.after = id
			r.done++
			pause(r.shift.ctx, min(time.Since(began), rereadRest))
		}
		if len(ids) == 0 || ids[len(ids)-1] >= r.last {
			return nil
		}
	}
	return nil
}

// take reads one report again and counts what became of it. The error is one
// that others would meet too.
func (r *rereader) take(id int64, failed func(id int64, err error)) error {
	outcome, err := r.read(id)
	switch {
	case err != nil && (r.shift.ctx.Err() != nil || inTrouble(err)):
		return err
	case hasLeft(err):
	case err != nil:
		failed(id, err)
		r.failed++
	case outcome == store.Quarantined:
		r.quarantined++
	case outcome == store.Stored:
		r.changed++
	}
	return nil
}

// read reads one report again. The outcome is empty where it stays as it is.
func (r *rereader) read(id int64) (store.Outcome, error) {
	s := r.shift
	// Nothing tells before how large it is: one at a time.
	if err := s.limits.heavy.Acquire(s.ctx, 1); err != nil {
		return "", err
	}
	defer s.limits.heavy.Release(1)
	kept, err := s.store.Report(s.ctx, id)
	if err != nil {
		return "", err
	}
	document, ok := s.pipeline.reread(kept, r.earlier)
	if !ok {
		return "", nil
	}
	return s.store.Reread(s.ctx, id, document)
}

// reread reads the document of a stored report. Policies are kept where the
// rules accept them, or where they counted before: a domain that is taken off
// the settings loses no history. It returns false where the report is to stay
// as it is: nothing of it would be left, it is older than the retention, or the
// parser panicked, which says nothing against the report.
func (p *Pipeline) reread(kept store.RawDocument, earlier readings) (document store.Document, ok bool) {
	document = store.Document{Raw: kept.Raw, Hints: kept.Hints, Judgement: kept.Judgement}
	report, problem := p.parse(kept.Raw, kept.Hints, kept.Received)
	if problem != nil {
		document.Problem = problem
		return document, problem.Reason != ReasonParserFailure
	}
	report.Warnings = append(report.Warnings, unwrapping(kept.Warnings)...)
	_, ok = p.Rules.apply(report, func(domain string) bool { return earlier.counted(domain, kept.Domains) })
	document.Report = report
	return document, ok && !p.expired(report)
}

// unwrapping returns those warnings that came from taking the document out of
// its mail or file: reading the document again can't find them.
func unwrapping(warnings []string) (kept []tlsrpt.Warning) {
	for _, warning := range warnings {
		code, detail, _ := strings.Cut(warning, ": ")
		if code == mailreport.WarnGzipTrailer {
			kept = append(kept, tlsrpt.Warning{Code: code, Detail: detail})
		}
	}
	return kept
}
