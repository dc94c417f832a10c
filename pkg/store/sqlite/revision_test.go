package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestTheRevisionGrowsWithWhatIsCountedAndWithNothingElse(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "reports.sqlite")
	s := must2(Open(ctx, path))(t)
	defer func() { must(t, s.Close()) }()
	other := must2(Open(ctx, path))(t)
	defer func() { must(t, other.Close()) }()
	tr := newTraffic(10)
	a, _ := tr.report()
	b, _ := tr.report()
	again := document(t, a, answered)
	var report int64
	for _, step := range []struct {
		name  string
		do    func() error
		grows bool
	}{
		{"a new report", func() error { commit(t, s, waiting(t, "1", a)); return nil }, true},
		{"an item that is known", func() error { commit(t, s, waiting(t, "1", a)); return nil }, false},
		{"another delivery of the same report that decides nothing", func() error {
			d := waiting(t, "2", a)
			d.Documents[0].Trust = store.Unauthenticated
			commit(t, s, d)
			return nil
		}, false},
		{"a report through another process's store", func() error { commit(t, other, waiting(t, "3", b)); return nil }, true},
		{"a document in quarantine", func() error {
			commit(t, s, delivery("4", store.Document{Problem: &store.Problem{Reason: "invalid-json"}, Raw: []byte("{")}))
			return nil
		}, false},
		{"a mail that is judged", func() error {
			ids, err := s.PendingMails(ctx, 0, 10)
			must(t, err)
			return s.Rejudge(ctx, ids[0], answered)
		}, true},
		{"a report that is read to the same effect", func() error {
			ids, err := s.Rereadable(ctx, store.Scope{ParserBelow: tlsrpt.ParserVersion + 1}, 0, 1)
			must(t, err)
			report = ids[0]
			_, err = s.Reread(ctx, report, again)
			return err
		}, true},
		{"a poll", func() error {
			return s.SaveSourceState(ctx, store.SourceState{Source: "mailbox", LastPoll: time.Now()})
		}, false},
		{"a lease", func() error { _, err := s.AcquireLease(ctx, "me", time.Minute); return err }, false},
		{"an acknowledgement", func() error { return s.Acknowledge(ctx, "mailbox", []string{"1"}) }, false},
		{"reports that are dropped", func() error { _, err := s.Retain(ctx, tlsrpt.DayOf(time.Now())+1000); return err }, true},
		{"nothing to drop", func() error { _, err := s.Retain(ctx, 0); return err }, false},
	} {
		before := must2(s.Revision(ctx))(t)
		sums := must2(costless(s.Sessions(ctx, everything)))(t)
		must(t, step.do())
		after := must2(s.Revision(ctx))(t)
		if grew := after > before; grew != step.grows {
			t.Errorf("%s: the revision went from %d to %d", step.name, before, after)
		}
		if changed := !cmp.Equal(sums, must2(costless(s.Sessions(ctx, everything)))(t)); changed && after == before {
			t.Errorf("%s changes the sums of revision %d", step.name, before)
		}
		if elsewhere := must2(other.Revision(ctx))(t); elsewhere != after {
			t.Errorf("%s: the revision is %d, and in another process %d", step.name, after, elsewhere)
		}
	}
}
