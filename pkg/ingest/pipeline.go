package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// The quarantine reasons that the engine itself gives; beside these stand
// [store.ForeignDomain], those of [tlsrpt.Error] and of [mailreport.Problem].
const (
	// ReasonParserFailure items made a parser panic.
	ReasonParserFailure = "parser-failure"
	// ReasonFuturePeriod documents are reports of a period that starts over
	// [furthestAhead] after today.
	ReasonFuturePeriod = "period-in-future"
	// ReasonExpired is given to a quarantined document that turns out to be a
	// report older than the retention.
	ReasonExpired = "expired"
)

// furthestAhead is how far ahead a period may start: a clock may be set to the
// wrong month, and the report still be real.
const furthestAhead = 31 * 24 * time.Hour

// IgnoredExpired is why an item whose reports are all older than the retention
// is ignored.
const IgnoredExpired = "expired"

// A File is one mail or file with its bytes, ready for a [Pipeline].
type File struct {
	// Source, Ref and Received are as in [store.Delivery].
	Source, Ref string
	Received    time.Time
	// Name is the file name without a path; empty for a mail in a mailbox.
	Name string
	// Mail says that it is a mail whatever it holds; otherwise the content decides.
	Mail bool
	// Route is by which way it came. Direct becomes Forwarded for a mail that was
	// passed on, and for a report inside a forwarded mail.
	Route store.Route
	// Assume takes its reports as authenticated.
	Assume bool
	Body   []byte
}

// A Judge says how far a mail is known to come from its sender. It is asked
// from many goroutines; [*mailreport.Authenticator] is one.
type Judge interface {
	Judge(ctx context.Context, mail []byte) mailreport.Verdict
	// Keys returns the names of the keys that Judge would ask DNS for.
	Keys(mail []byte) []string
	// Ask asks DNS for one of them, and tells whether Judge has an answer now.
	Ask(ctx context.Context, key string) (answered bool)
}

// A Pipeline makes deliveries of mails and files: it finds the documents,
// decodes them, keeps the accepted domains and judges the sender. It holds no
// state between files and may be used from many goroutines.
type Pipeline struct {
	// Rules accept policy domains; nil accepts all.
	Rules *Rules
	// Judge judges mails; nil leaves them unauthenticated.
	Judge Judge
	// RetentionDays is how many days before today a report's day may lie; 0 is
	// no bound.
	RetentionDays int
	// Panicked, when set, is told of a panic that Process turned into a
	// quarantined document.
	Panicked func(what any, stack []byte)
}

// A reading is what a file holds, before its sender is judged.
type reading struct {
	delivery store.Delivery
	// mail says that the file is a mail, redirected that it was passed on as it is.
	mail, redirected bool
	// forwarded says which documents were inside a forwarded mail.
	forwarded []bool
}

// Process makes a delivery of a file. It never fails: what can't be used is in
// the delivery as a Problem. Where ctx ends, the judgement is worthless and the
// delivery must not be committed.
func (p *Pipeline) Process(ctx context.Context, f File) store.Delivery {
	found, problem := p.extract(f)
	r := p.read(f, found, problem)
	p.judge(ctx, f, r)
	return r.delivery
}

// extract finds the documents; the problem is that of a panic.
func (p *Pipeline) extract(f File) (found mailreport.Extraction, problem *store.Problem) {
	defer p.recovered(&problem)
	return mailreport.Extract(f.Body, f.Name, f.Mail), nil
}

// read decodes the documents that were found. A report older than the retention
// makes an item ignored only where nothing else is in it, since the account
// knows ignored items, not ignored documents.
func (p *Pipeline) read(f File, found mailreport.Extraction, problem *store.Problem) *reading {
	r := &reading{
		mail: f.Mail || found.Mail, redirected: found.Redirected,
		delivery: store.Delivery{Source: f.Source, Ref: f.Ref, Received: f.Received, Size: int64(len(f.Body))},
	}
	expired := false
	for _, doc := range found.Documents {
		document, old := p.decode(doc, f.Received)
		if old {
			expired = true
			continue
		}
		r.add(document, doc.Forwarded)
	}
	if found.Problem != nil {
		problem = &store.Problem{Reason: found.Problem.Reason, Detail: found.Problem.Detail}
	}
	switch {
	case problem != nil:
		r.add(store.Document{Problem: problem, Raw: f.Body, Hints: tlsrpt.Hints{FileName: f.Name}}, false)
	case len(r.delivery.Documents) > 0:
	case expired:
		r.delivery.Ignored = IgnoredExpired
	case found.Ignored != "":
		r.delivery.Ignored = found.Ignored
	default:
		r.delivery.Ignored = mailreport.NotAReport
	}
	return r
}

func (r *reading) add(document store.Document, forwarded bool) {
	r.delivery.Documents = append(r.delivery.Documents, document)
	r.forwarded = append(r.forwarded, forwarded)
}

// decode reads one document that was received at a time, and says whether its
// report is older than the retention.
func (p *Pipeline) decode(doc mailreport.Document, received time.Time) (document store.Document, expired bool) {
	document = store.Document{Raw: doc.Raw, Hints: doc.Hints}
	if doc.Problem != nil {
		document.Problem = &store.Problem{Reason: doc.Problem.Reason, Detail: doc.Problem.Detail}
		return document, false
	}
	report, problem := p.report(doc, received)
	if problem != nil {
		document.Problem = problem
		return document, false
	}
	document.Report = report
	return document, p.expired(report)
}

// report decodes a document and keeps what the rules accept.
func (p *Pipeline) report(doc mailreport.Document, received time.Time) (*tlsrpt.Report, *store.Problem) {
	report, problem := p.parse(doc.Raw, doc.Hints, received)
	if problem != nil {
		return nil, problem
	}
	report.Warnings = append(report.Warnings, doc.Warnings...)
	if p.Rules == nil {
		return report, nil
	}
	if foreign, ok := p.Rules.Apply(report); !ok {
		return nil, &store.Problem{
			Reason: store.ForeignDomain,
			Detail: fmt.Sprintf("the setting «domains» does not name %s", foreign),
		}
	}
	return report, nil
}

// parse decodes a document. A period in the future is told, or refused where
// it lies so far ahead that it would outlive the retention and hide that its
// reporter has fallen silent.
func (p *Pipeline) parse(raw []byte, hints tlsrpt.Hints, received time.Time) (report *tlsrpt.Report, problem *store.Problem) {
	defer p.recovered(&problem)
	report, err := tlsrpt.DecodeBytes(raw, hints)
	if err != nil {
		return nil, problemOf(err)
	}
	now := time.Now()
	warning, ahead := report.FutureWarning(received, now)
	switch {
	case report.Start.Sub(now) > furthestAhead:
		return nil, &store.Problem{Reason: ReasonFuturePeriod, Detail: warning.Detail}
	case ahead:
		report.Warnings = append(report.Warnings, warning)
	}
	return report, nil
}

func problemOf(err error) *store.Problem {
	var fault *tlsrpt.Error
	if errors.As(err, &fault) {
		return &store.Problem{Reason: fault.Reason, Detail: fault.Sentence}
	}
	return &store.Problem{Reason: tlsrpt.ReasonNotRFC8460, Detail: err.Error()}
}

// firstDay is the oldest day that is kept.
func firstDay(now time.Time, retentionDays int) tlsrpt.Day {
	return tlsrpt.DayOf(now) - tlsrpt.Day(retentionDays)
}

func (p *Pipeline) expired(report *tlsrpt.Report) bool {
	return p.RetentionDays > 0 && report.Day() < firstDay(time.Now(), p.RetentionDays)
}

// recovered makes a panic of a parser the problem of what it was parsing.
func (p *Pipeline) recovered(problem **store.Problem) {
	what := recover()
	if what == nil {
		return
	}
	if p.Panicked != nil {
		p.Panicked(what, debug.Stack())
	}
	*problem = &store.Problem{
		Reason: ReasonParserFailure,
		Detail: "the parser failed on this document; please report it, with the document if you can share it",
	}
}
