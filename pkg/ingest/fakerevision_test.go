package ingest_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A revision is what a fakeStore keeps of reports so that they can be changed.
type revision struct {
	lastID   int64
	reports  map[int64]*storedReport
	mails    map[int64]*keptMail
	readWith string
	rereads  int
}

type storedReport struct {
	document store.Document
	source   string
	ref      string
	hash     [32]byte
	parser   int
}

type keptMail struct {
	store.PendingMail
	ref     string
	reports []int64
}

func newRevision() revision {
	return revision{reports: map[int64]*storedReport{}, mails: map[int64]*keptMail{}}
}

// keep adds a document that has a report. The mail is that of its item.
func (r *revision) keep(id, ref string, hash [32]byte, document store.Document) {
	r.lastID++
	kept := document
	kept.Mail = nil
	r.reports[r.lastID] = &storedReport{document: kept, source: id, ref: ref, hash: hash, parser: tlsrpt.ParserVersion}
	if document.Trust != store.Pending || document.Mail == nil {
		return
	}
	for _, mail := range r.mails {
		if mail.ref == id+"\x00"+ref {
			mail.reports = append(mail.reports, r.lastID)
			return
		}
	}
	r.mails[r.lastID] = &keptMail{
		PendingMail: store.PendingMail{Mail: document.Mail, Stored: time.Now().UTC()},
		ref:         id + "\x00" + ref, reports: []int64{r.lastID},
	}
}

func (f *fakeStore) PendingMails(_ context.Context, after int64, limit int) ([]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return page(f.revision.mails, after, limit, func(*keptMail) bool { return true }), f.broken
}

func (f *fakeStore) PendingMail(_ context.Context, id int64) (store.PendingMail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if mail := f.revision.mails[id]; mail != nil {
		return mail.PendingMail, nil
	}
	return store.PendingMail{}, store.ErrNotFound
}

func (f *fakeStore) Rejudge(_ context.Context, id int64, judgement store.Judgement) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	mail := f.revision.mails[id]
	switch {
	case f.broken != nil:
		return f.broken
	case mail == nil:
		return store.ErrNotFound
	}
	for _, report := range mail.reports {
		document := &f.revision.reports[report].document
		route := document.Route
		document.Judgement = judgement
		document.Route = route
	}
	if judgement.Trust != store.Pending {
		delete(f.revision.mails, id)
	}
	return nil
}

func (f *fakeStore) Rereadable(_ context.Context, scope store.Scope, after int64, limit int) ([]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return page(f.revision.reports, after, limit, func(r *storedReport) bool {
		leftOut := slices.ContainsFunc(r.document.Report.Warnings, func(w tlsrpt.Warning) bool { return w.Code == "foreign-domain" })
		named := slices.ContainsFunc(r.domains(), func(domain string) bool { return slices.Contains(scope.Domains, domain) })
		return r.parser < scope.ParserBelow || scope.LeftOut && leftOut || named
	}), f.broken
}

func (f *fakeStore) Report(_ context.Context, id int64) (store.RawDocument, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.revision.reports[id]
	if r == nil {
		return store.RawDocument{}, store.ErrNotFound
	}
	raw := store.RawDocument{
		Raw: r.document.Raw, Hints: r.document.Hints, Source: r.source, Ref: r.ref,
		Domains: r.domains(), Judgement: r.document.Judgement,
	}
	for _, w := range r.document.Report.Warnings {
		raw.Warnings = append(raw.Warnings, w.String())
	}
	return raw, nil
}

func (f *fakeStore) Reread(_ context.Context, id int64, document store.Document) (store.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.revision.reports[id]
	switch {
	case f.broken != nil:
		return "", f.broken
	case r == nil:
		return "", store.ErrNotFound
	}
	f.revision.rereads++
	if document.Problem == nil {
		r.document.Report, r.parser = document.Report, tlsrpt.ParserVersion
		return store.Stored, nil
	}
	delete(f.revision.reports, id)
	delete(f.reports, r.hash)
	account := f.bySource[r.source]
	account.Stored--
	f.bySource[r.source] = account
	f.count(r.source, f.keep(r.source, r.ref, document))
	return store.Quarantined, nil
}

func (f *fakeStore) ReadWith(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision.readWith, nil
}

func (f *fakeStore) SaveReadWith(_ context.Context, readWith string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		f.revision.readWith = readWith
	}
	return f.broken
}

// Quarantine answers the newest rows before q.To.
func (f *fakeStore) Quarantine(_ context.Context, q store.RowQuery) (rows []store.QuarantineRow, more bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, kept := range f.quarantine {
		if !q.To.IsZero() && !kept.time.Before(q.To) {
			continue
		}
		rows = append(rows, store.QuarantineRow{
			ID: id, Time: kept.time, Problem: *kept.document.Problem, Source: kept.source,
			Tries: kept.tries, ParserVersion: kept.parser,
		})
	}
	slices.SortFunc(rows, func(a, b store.QuarantineRow) int { return int(b.ID - a.ID) })
	kept := min(q.Limit, len(rows))
	return rows[:kept], kept < len(rows), nil
}

func (r *storedReport) domains() (domains []string) {
	for _, policy := range r.document.Report.Policies {
		if !slices.Contains(domains, policy.Domain) {
			domains = append(domains, policy.Domain)
		}
	}
	return domains
}

// page returns the ids above after of what is wanted.
func page[T any](rows map[int64]*T, after int64, limit int, want func(*T) bool) (ids []int64) {
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		if id > after && len(ids) < limit && want(rows[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

// trusts counts the reports by what is known of their senders.
func (f *fakeStore) trusts() map[store.Trust]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[store.Trust]int{}
	for _, r := range f.revision.reports {
		counts[r.document.Trust]++
	}
	return counts
}

// byDomain counts the reports by their policy domains.
func (f *fakeStore) byDomain() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]int{}
	for _, r := range f.revision.reports {
		for _, domain := range r.domains() {
			counts[domain]++
		}
	}
	return counts
}
