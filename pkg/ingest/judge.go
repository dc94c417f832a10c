package ingest

import (
	"context"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// judge sets the judgements of the documents that were read, asking once a mail.
// A document whose trust is pending keeps the mail, so that it can be judged again.
func (p *Pipeline) judge(ctx context.Context, f File, r *reading) {
	documents := r.delivery.Documents
	if len(documents) == 0 {
		return
	}
	outer := p.judgeFile(ctx, f, r.mail)
	for i := range documents {
		judged := outer
		if r.forwarded[i] {
			judged = judgeForwarded(outer)
		}
		judged.Route = passedOn(f.Route, r.redirected || r.forwarded[i])
		documents[i].Judgement = judged
		if judged.Trust == store.Pending {
			documents[i].Mail = f.Body
		}
	}
}

// judgeForwarded judges a report inside a forwarded mail: the signature of the
// outer mail speaks for who forwarded it, not for the reporter. So its trust is
// never pending, and a later answer of DNS does not concern it.
func judgeForwarded(outer store.Judgement) store.Judgement {
	if outer.Reason == reasonAssumed {
		return outer
	}
	return store.Judgement{
		Trust:  store.Unauthenticated,
		Reason: "the report was inside a forwarded mail, whose signature does not speak for the reporter",
	}
}

// passedOn is the route of a document that may have been forwarded. The
// signature of a mail that was passed on as it is still speaks for it.
func passedOn(route store.Route, forwarded bool) store.Route {
	if forwarded && route == store.Direct {
		return store.Forwarded
	}
	return route
}

// reasonAssumed is why the reports of a source with trust "assume" are authenticated.
const reasonAssumed = "the source is trusted by its setting"

// judgeFile judges the sender of a file.
func (p *Pipeline) judgeFile(ctx context.Context, f File, mail bool) (judged store.Judgement) {
	switch {
	case f.Assume:
		return store.Judgement{Trust: store.Authenticated, Reason: reasonAssumed}
	case !mail:
		return store.Judgement{Trust: store.Unauthenticated, Reason: "a file carries no signature of its sender"}
	case p.Judge == nil:
		return store.Judgement{Trust: store.Unauthenticated, Reason: "senders are not judged here"}
	}
	var failed *store.Problem
	defer func() {
		if failed != nil {
			judged = store.Judgement{Trust: store.Unauthenticated, Reason: "the signature could not be read"}
		}
	}()
	defer p.recovered(&failed)
	verdict := p.Judge.Judge(ctx, f.Body)
	return store.Judgement{Trust: store.Trust(verdict.Trust), Reason: verdict.Reason, SignedBy: verdict.SignedBy}
}
