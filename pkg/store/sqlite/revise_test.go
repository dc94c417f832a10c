package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// waiting makes a delivery of documents whose trust is pending.
func waiting(t fataler, ref string, reports ...*tlsrpt.Report) store.Delivery {
	t.Helper()
	d := delivery(ref)
	for _, r := range reports {
		one := document(t, r, store.Judgement{Trust: store.Pending, Reason: "no answer", SignedBy: "google.com", Route: store.Direct})
		one.Mail = []byte("mail " + ref)
		d.Documents = append(d.Documents, one)
	}
	return d
}

// foreign is waiting with a report that goes into quarantine.
func foreign(t fataler, ref string, r *tlsrpt.Report) store.Delivery {
	t.Helper()
	d := waiting(t, ref, r)
	d.Documents[0].Report, d.Documents[0].Problem = nil, &store.Problem{Reason: "foreign-domain"}
	return d
}

func commit(t testing.TB, s *Store, deliveries ...store.Delivery) {
	t.Helper()
	_, err := s.Commit(t.Context(), deliveries)
	must(t, err)
}

func judgements(t testing.TB, s *Store) []store.Judgement {
	t.Helper()
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 100})
	must(t, err)
	var all []store.Judgement
	for _, r := range rows {
		all = append(all, r.Judgement)
	}
	return all
}

var answered = store.Judgement{Trust: store.Authenticated, Reason: "valid", SignedBy: "google.com", Route: store.Drop}

func TestAMailIsKeptOnceAndJudgesAllThatCameWithIt(t *testing.T) {
	ctx := t.Context()
	s := memory(t)
	tr := newTraffic(10)
	a, _ := tr.report()
	b, _ := tr.report()
	d := waiting(t, "1", a, b)
	broken := store.Document{Problem: &store.Problem{Reason: "invalid-json"}, Raw: []byte("{"), Judgement: d.Documents[0].Judgement, Mail: d.Documents[0].Mail}
	d.Documents = append(d.Documents, broken)
	commit(t, s, d)
	ids := must2(s.PendingMails(ctx, 0, 10))(t)
	if len(ids) != 1 {
		t.Fatalf("mails %v", ids)
	}
	if more := must2(s.PendingMails(ctx, ids[0], 10))(t); len(more) != 0 {
		t.Errorf("mails after the last: %v", more)
	}
	mail := must2(s.PendingMail(ctx, ids[0]))(t)
	if string(mail.Mail) != "mail 1" || mail.Stored.IsZero() {
		t.Errorf("mail %+v", mail)
	}
	again := store.Judgement{Trust: store.Pending, Reason: "still no answer"}
	must(t, s.Rejudge(ctx, ids[0], again))
	must(t, s.Rejudge(ctx, ids[0], answered))
	want := answered
	want.Route = store.Direct
	if diff := cmp.Diff([]store.Judgement{want, want}, judgements(t, s)); diff != "" {
		t.Error(diff)
	}
	doc, _, err := s.Quarantined(ctx, 1)
	if must(t, err); doc.Judgement != want {
		t.Errorf("in quarantine: %+v", doc.Judgement)
	}
	for name, err := range map[string]error{"read": discard(s.PendingMail(ctx, ids[0])), "judge": s.Rejudge(ctx, ids[0], answered)} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s a mail that is gone: %v", name, err)
		}
	}
	recount(t, s)
}

func discard[V any](_ V, err error) error { return err }

func TestAMailStaysWhileADocumentWaits(t *testing.T) {
	ctx := t.Context()
	s := memory(t)
	r, _ := newTraffic(1).report()
	commit(t, s, foreign(t, "1", r))
	ids := must2(s.PendingMails(ctx, 0, 10))(t)
	tried, _, err := s.Quarantined(ctx, 1)
	must(t, err)
	_, err = s.Resolve(ctx, 1, store.Document{Report: r, Raw: tried.Raw, Judgement: tried.Judgement})
	must(t, err)
	if got := must2(s.PendingMails(ctx, 0, 10))(t); !slices.Equal(got, ids) || len(ids) != 1 {
		t.Errorf("mails %v, before %v", got, ids)
	}
	must(t, s.Rejudge(ctx, ids[0], answered))
	if got := judgements(t, s); got[0].Trust != store.Authenticated {
		t.Errorf("judged %+v", got)
	}
	recount(t, s)
}

func TestAMailGoesOnceADocumentFromQuarantineHasAnsweredForAllOfIt(t *testing.T) {
	ctx := t.Context()
	s := memory(t)
	r, _ := newTraffic(1).report()
	d := waiting(t, "1", r)
	again := d.Documents[0]
	again.Report, again.Problem, again.Judgement, again.Mail = nil, &store.Problem{Reason: "foreign-domain"}, answered, nil
	d.Documents = append(d.Documents, again)
	commit(t, s, d)
	if ids := must2(s.PendingMails(ctx, 0, 10))(t); len(ids) != 1 {
		t.Fatalf("mails %v", ids)
	}
	outcome, err := s.Resolve(ctx, 1, store.Document{Report: r, Raw: again.Raw, Judgement: answered})
	if must(t, err); outcome != store.Duplicate {
		t.Errorf("outcome %s", outcome)
	}
	if ids := must2(s.PendingMails(ctx, 0, 10))(t); len(ids) != 0 {
		t.Errorf("mails %v are kept, and nothing waits", ids)
	}
	recount(t, s)
}

func TestATryThatTookLongerThanTheJudgementDoesNotUndoIt(t *testing.T) {
	ctx := t.Context()
	s := memory(t)
	r, _ := newTraffic(1).report()
	commit(t, s, foreign(t, "1", r))
	tried, _, err := s.Quarantined(ctx, 1)
	must(t, err)
	must(t, s.Rejudge(ctx, must2(s.PendingMails(ctx, 0, 1))(t)[0], answered))
	_, err = s.Resolve(ctx, 1, store.Document{Report: r, Raw: tried.Raw, Judgement: tried.Judgement})
	must(t, err)
	if got := judgements(t, s); got[0].Trust != store.Authenticated {
		t.Errorf("judged %+v", got)
	}
}

func TestAWorseJudgementLetsAnotherDeliveryDecide(t *testing.T) {
	s := memory(t)
	r, _ := newTraffic(1).report()
	forged := *r
	forged.ContactInfo = "forged"
	other := delivery("2", document(t, r, store.Judgement{Trust: store.Unverifiable, Reason: "key is gone"}))
	rival := delivery("3", document(t, &forged, store.Judgement{Trust: store.Unverifiable, Reason: "key is gone, too"}))
	rival.Received = epoch.Add(-time.Hour)
	commit(t, s, waiting(t, "1", r), other, rival)
	must(t, s.Rejudge(t.Context(), must2(s.PendingMails(t.Context(), 0, 1))(t)[0], store.Judgement{Trust: store.Unauthenticated, Reason: "no"}))
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 10})
	must(t, err)
	for _, row := range rows {
		real := row.ContactInfo == r.ContactInfo
		if row.Superseded != real || real && row.Judgement.Reason != "key is gone" {
			t.Errorf("%+v", row)
		}
	}
	recount(t, s)
}

func TestTheOldestMailsMakeRoomForNewerOnes(t *testing.T) {
	ctx := t.Context()
	s := memory(t, WithPendingMailCap(2500))
	tr := newTraffic(10)
	for i := range 4 {
		r, _ := tr.report()
		d := waiting(t, fmt.Sprint(i), r)
		noise := make([]byte, 1000)
		for k := range noise {
			noise[k] = byte(tr.random.Uint32())
		}
		d.Documents[0].Mail = noise
		commit(t, s, d)
	}
	if diff := cmp.Diff([]int64{3, 4}, must2(s.PendingMails(ctx, 0, 10))(t)); diff != "" {
		t.Error(diff)
	}
	gone := store.Judgement{Trust: store.Unverifiable, Reason: "DNS gave no answer, and the mail made room for newer ones", SignedBy: "google.com", Route: store.Direct}
	kept := store.Judgement{Trust: store.Pending, Reason: "no answer", SignedBy: "google.com", Route: store.Direct}
	if diff := cmp.Diff([]store.Judgement{kept, kept, gone, gone}, judgements(t, s)); diff != "" {
		t.Error(diff)
	}
	recount(t, s)
	_, err := s.Retain(ctx, tlsrpt.DayOf(epoch)+1)
	must(t, err)
	if ids := must2(s.PendingMails(ctx, 0, 10))(t); len(ids) != 0 {
		t.Errorf("mails of dropped reports: %v", ids)
	}
	recount(t, s)
}

func TestAReportReadAgainSaysOnlyWhatIsNew(t *testing.T) {
	ctx := t.Context()
	now := &clock{epoch.Add(24 * time.Hour)}
	s := file(t, filepath.Join(t.TempDir(), "s.db"), WithClock(now.time))
	d := newTraffic(1).deliveries(t, 1)[0]
	commit(t, s, d)
	before, _, err := s.Reports(ctx, store.RowQuery{Limit: 10})
	must(t, err)
	now.now = now.now.Add(time.Hour)
	as := *d.Documents[0].Report
	as.Reporter, as.ContactInfo, as.ReportID = "Google", "new", "new"
	as.Start, as.End = as.Start.AddDate(0, 0, -3), as.End.AddDate(0, 0, -3)
	as.Policies = []tlsrpt.Policy{{Domain: "new.example", Type: "tlsa", Failed: 7, Details: []tlsrpt.FailureDetail{{ResultType: "tlsa-invalid", FailedSessions: 7}}}}
	as.Warnings = []tlsrpt.Warning{{Code: "odd"}}
	outcome, err := s.Reread(ctx, before[0].ID, store.Document{Report: &as})
	if must(t, err); outcome != store.Stored {
		t.Errorf("outcome %s", outcome)
	}
	want := before[0]
	want.Reporter, want.ContactInfo, want.ReportID, want.PolicyDomain, want.Warnings = as.Reporter, "new", "new", "new.example", []string{"odd"}
	want.Start, want.End, want.Day, want.Total, want.Failed = as.Start, as.End, as.Day(), 7, 7
	after, _, err := s.Reports(ctx, store.RowQuery{Limit: 10})
	must(t, err)
	if diff := cmp.Diff([]store.ReportRow{want}, after); diff != "" {
		t.Error(diff)
	}
	doc := must2(s.Report(ctx, want.ID))(t)
	if string(doc.Raw) != string(d.Documents[0].Raw) || !slices.Equal(doc.Domains, []string{"new.example"}) || !slices.Equal(doc.Warnings, []string{"odd"}) {
		t.Errorf("document %+v", doc)
	}
	recount(t, s)
	if _, err := s.Reread(ctx, want.ID+1, store.Document{Report: &as}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such report: %v", err)
	}
}

func TestAReportThatIsRefusedNowGoesToQuarantineAndComesBackWithItsDeliveries(t *testing.T) {
	ctx := t.Context()
	now := &clock{epoch.Add(24 * time.Hour)}
	s := file(t, filepath.Join(t.TempDir(), "s.db"), WithClock(now.time))
	r, signer := newTraffic(1).report()
	// The one that stored it is neither the earliest nor the best.
	first := delivery("1", document(t, r, store.Judgement{Trust: store.Unauthenticated, Reason: "none"}))
	first.Received = epoch.Add(2 * time.Hour)
	second := delivery("2", document(t, r, store.Judgement{Trust: store.Authenticated, Reason: "valid", SignedBy: signer}))
	second.Source = "drop"
	second.Received = epoch.Add(time.Hour)
	commit(t, s, first, second)
	before := numbers(t, s)
	id := reportIDs(t, s)[string(first.Documents[0].Raw)]
	outcome, err := s.Reread(ctx, id, store.Document{Problem: &store.Problem{Reason: "foreign-domain", Detail: "no longer"}})
	if must(t, err); outcome != store.Quarantined {
		t.Errorf("outcome %s", outcome)
	}
	recount(t, s)
	want := map[string]store.Account{"mailbox": {Quarantined: 1}, "drop": {Duplicate: 1, Pending: 1}}
	if diff := cmp.Diff(want, must2(s.Accounts(ctx))(t)); diff != "" {
		t.Error(diff)
	}
	counts := must2(s.QuarantineCounts(ctx, now.now, now.now.Add(time.Second)))(t)
	if diff := cmp.Diff([]store.QuarantineCount{{Source: "mailbox", Reason: "foreign-domain", Count: 1}}, counts); diff != "" {
		t.Error(diff)
	}
	ids := must2(s.RetryQuarantine(ctx, "foreign-domain", 0, 10))(t)
	kept, _, err := s.Quarantined(ctx, ids[0])
	must(t, err)
	if string(kept.Raw) != string(first.Documents[0].Raw) || kept.Trust != store.Authenticated {
		t.Errorf("quarantined %+v", kept)
	}
	if _, _, err := s.Reports(ctx, store.RowQuery{Limit: 1}); err != nil || len(reportIDs(t, s)) != 0 {
		t.Errorf("still a report, %v", err)
	}
	_, err = s.Resolve(ctx, ids[0], store.Document{Report: r, Raw: kept.Raw, Hints: kept.Hints, Judgement: kept.Judgement})
	must(t, err)
	if diff := cmp.Diff(before, numbers(t, s)); diff != "" {
		t.Error(diff)
	}
	recount(t, s)
}

func TestAScopeNamesAllThatOneOfItsFieldsNames(t *testing.T) {
	ctx := t.Context()
	s := memory(t)
	var deliveries []store.Delivery
	for i, warning := range []tlsrpt.Warning{{}, {Code: "odd"}, {Code: "foreign-domain", Detail: "left out"}, {Code: "odd", Detail: `["foreign-domain: "`}} {
		r := &tlsrpt.Report{Reporter: "r", ReportID: fmt.Sprint(i), Start: epoch, End: epoch.Add(24 * time.Hour)}
		for k := range i + 1 {
			r.Policies = append(r.Policies, tlsrpt.Policy{Domain: fmt.Sprintf("%d.example", k)})
		}
		if warning.Code != "" {
			r.Warnings = []tlsrpt.Warning{{Code: "before", Detail: "it"}, warning}
		}
		deliveries = append(deliveries, delivery(fmt.Sprint(i), document(t, r, store.Judgement{})))
	}
	commit(t, s, deliveries...)
	must(t, s.write(ctx, func(ctx context.Context, c *conn) error {
		return c.script(ctx, "UPDATE report SET parser = -1 WHERE id = 1; UPDATE parsed SET reports = reports - 1; INSERT INTO parsed (parser, reports) VALUES (-1, 1)")
	}))
	for name, c := range map[string]struct {
		scope store.Scope
		after int64
		limit int
		want  []int64
	}{
		"nothing":                 {store.Scope{}, 0, 9, nil},
		"an older parser":         {store.Scope{ParserBelow: tlsrpt.ParserVersion}, 0, 9, []int64{1}},
		"a newer parser":          {store.Scope{ParserBelow: tlsrpt.ParserVersion + 1}, 0, 9, []int64{1, 2, 3, 4}},
		"domains":                 {store.Scope{Domains: []string{"3.example", "2.example", "no.example"}}, 0, 9, []int64{3, 4}},
		"an unknown domain":       {store.Scope{Domains: []string{"no.example"}}, 0, 9, nil},
		"left out":                {store.Scope{LeftOut: true}, 0, 9, []int64{3}},
		"any of them":             {store.Scope{ParserBelow: tlsrpt.ParserVersion, Domains: []string{"3.example"}, LeftOut: true}, 0, 9, []int64{1, 3, 4}},
		"a page of them":          {store.Scope{ParserBelow: tlsrpt.ParserVersion, Domains: []string{"3.example"}, LeftOut: true}, 1, 1, []int64{3}},
		"domains after the first": {store.Scope{Domains: []string{"1.example"}}, 2, 9, []int64{3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, must2(s.Rereadable(ctx, c.scope, c.after, c.limit))(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithWhatReportsWereReadIsKept(t *testing.T) {
	s := memory(t)
	for _, want := range []string{"", "one", "two"} {
		if want != "" {
			must(t, s.SaveReadWith(t.Context(), want))
		}
		if got := must2(s.ReadWith(t.Context()))(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func BenchmarkRereadable(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "store.db"))
	must(b, err)
	defer s.Close()
	tr := newTraffic(2000)
	for range 100 {
		commit(b, s, tr.deliveries(b, 1000)...)
	}
	for name, scope := range map[string]store.Scope{
		"by parser, none": {ParserBelow: tlsrpt.ParserVersion}, "left out, none": {LeftOut: true}, "by domain, none": {Domains: []string{"no.example"}},
		"by domain": {Domains: []string{"domain7.example"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must2(s.Rereadable(b.Context(), scope, 0, 100))(b)
			}
		})
	}
}
