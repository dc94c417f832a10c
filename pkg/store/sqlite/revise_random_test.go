package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// waiting returns the items that have a delivery to be judged again.
func (m *model) waiting() map[string]bool {
	items := map[string]bool{}
	m.eachDelivery(func(_ string, d *modelDelivery) {
		if d.judgement.Trust == store.Pending {
			items[d.item()] = true
		}
	})
	return items
}

func (m *model) eachDelivery(f func(reporter string, d *modelDelivery)) {
	for _, r := range m.reports {
		for i := range r.deliveries {
			f(r.report.Reporter, &r.deliveries[i])
		}
	}
	for _, h := range m.held {
		for i := range h.deliveries {
			f("", &h.deliveries[i])
		}
	}
}

func (m *model) rejudge(item string, judgement store.Judgement) {
	m.eachDelivery(func(reporter string, d *modelDelivery) {
		if d.item() != item || d.judgement.Trust != store.Pending {
			return
		}
		judgement.Route = d.judgement.Route
		d.judgement = judgement
		if reporter != "" {
			m.sign(reporter, *d)
		}
	})
}

func (m *model) reread(r *modelReport, as *tlsrpt.Report) {
	r.report = as
	for _, d := range r.deliveries {
		m.sign(as.Reporter, d)
	}
}

func (m *model) withdraw(now time.Time, r *modelReport) {
	m.reports = slices.DeleteFunc(m.reports, func(o *modelReport) bool { return o == r })
	m.held = append(m.held, &modelHeld{r.raw, now, r.storedBy, r.deliveries})
}

func (m *model) resolve(now time.Time, h *modelHeld, as *tlsrpt.Report, raw string) store.Outcome {
	m.held = slices.DeleteFunc(m.held, func(o *modelHeld) bool { return o == h })
	return m.take(now, as, raw, h.own, h.deliveries)
}

// mailsOf returns the ids of the mails that wait, by item.
func mailsOf(t fataler, s *Store) map[string]int64 {
	t.Helper()
	mails := map[string]int64{}
	for _, id := range must2(s.PendingMails(context.Background(), 0, 10_000))(t) {
		mail := must2(s.PendingMail(context.Background(), id))(t)
		mails[string(mail.Mail)] = id
	}
	return mails
}

func rejudgeBoth(t *rapid.T, s *Store, m *model) {
	mails := mailsOf(t, s)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(m.waiting())), slices.Sorted(maps.Keys(mails)), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("mails that wait (-model +store):\n%s", diff)
	}
	if len(mails) == 0 {
		return
	}
	item := pick(t, slices.Sorted(maps.Keys(mails)), "mail")
	judgement := drawJudgement(t)
	judgement.Reason = "DNS has answered"
	must(t, s.Rejudge(context.Background(), mails[item], judgement))
	m.rejudge(item, judgement)
	if err := s.Rejudge(context.Background(), mails[item], judgement); judgement.Trust != store.Pending && !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("judged twice: %v", err)
	}
}

// reportIDs returns the ids of all reports by their documents.
func reportIDs(t fataler, s *Store) map[string]int64 {
	t.Helper()
	rows, _, err := s.Reports(context.Background(), store.RowQuery{Limit: 10_000})
	must(t, err)
	ids := map[string]int64{}
	for _, r := range rows {
		ids[string(must2(s.Report(context.Background(), r.ID))(t).Raw)] = r.ID
	}
	return ids
}

// rereadBoth reads a report as something else, or puts it into quarantine.
func rereadBoth(t *rapid.T, s *Store, m *model, now time.Time) {
	if len(m.reports) == 0 {
		return
	}
	r := pick(t, m.reports, "reread")
	id := reportIDs(t, s)[r.raw]
	if rapid.IntRange(0, 2).Draw(t, "withdraw") == 0 {
		outcome, err := s.Reread(context.Background(), id, store.Document{Problem: &store.Problem{Reason: "foreign-domain", Detail: "no longer"}})
		if must(t, err); outcome != store.Quarantined {
			t.Fatalf("outcome %s", outcome)
		}
		m.withdraw(now, r)
		return
	}
	as := drawReport(t)
	if rapid.Bool().Draw(t, "alike") {
		as = drawRival(t, pick(t, m.reports, "as").report)
	}
	outcome, err := s.Reread(context.Background(), id, store.Document{Report: as})
	if must(t, err); outcome != store.Stored {
		t.Fatalf("outcome %s", outcome)
	}
	m.reread(r, as)
}

// resolveBoth stores what was in quarantine.
func resolveBoth(t *rapid.T, s *Store, m *model, now time.Time) {
	ids := must2(s.RetryQuarantine(context.Background(), "", 0, 10_000))(t)
	if len(ids) != len(m.held) {
		t.Fatalf("%d documents in quarantine, want %d", len(ids), len(m.held))
	}
	if len(ids) == 0 {
		return
	}
	i := rapid.IntRange(0, len(ids)-1).Draw(t, "resolve")
	kept, _, err := s.Quarantined(context.Background(), ids[i])
	must(t, err)
	if string(kept.Raw) != m.held[i].raw {
		t.Fatalf("quarantined %s, want %s", kept.Raw, m.held[i].raw)
	}
	d := store.Document{Report: drawReport(t), Raw: kept.Raw, Hints: kept.Hints}
	if rapid.Bool().Draw(t, "with its judgement") {
		d.Judgement = kept.Judgement
	}
	outcome, err := s.Resolve(context.Background(), ids[i], d)
	must(t, err)
	if want := m.resolve(now, m.held[i], d.Report, string(d.Raw)); outcome != want {
		t.Fatalf("outcome %s, want %s", outcome, want)
	}
}

func TestTheOrderOfArrivalChangesNothing(t *testing.T) {
	now := &clock{epoch.Add(24 * time.Hour)}
	one, other := memory(t, WithClock(now.time)), memory(t, WithClock(now.time))
	rapid.Check(t, func(t *rapid.T) {
		empty(t, one)
		empty(t, other)
		m := newModel()
		var earlier []*tlsrpt.Report
		draw := drawDrawer(t)
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) store.Delivery { return drawDelivery(t, draw, &earlier) }), rapid.IntRange(1, 12).Draw(t, "at least"), 20).Draw(t, "deliveries")
		answers := map[string]store.Judgement{}
		for i := range all {
			all[i].Ref = fmt.Sprint(i)
			answer := drawJudgement(t)
			for k := range all[i].Documents {
				if d := &all[i].Documents[k]; d.Mail != nil {
					d.Mail = []byte(all[i].Source + "\x00" + all[i].Ref)
					answers[string(d.Mail)] = answer
				}
			}
		}
		commitBoth(t, one, m, now.now, all)
		for item := range m.waiting() {
			m.rejudge(item, answers[item])
		}
		rejudgeAll(t, one, answers)
		for _, d := range rapid.Permutation(all).Draw(t, "order") {
			_, err := other.Commit(context.Background(), []store.Delivery{d})
			must(t, err)
			if rapid.Bool().Draw(t, "DNS answers") {
				rejudgeAll(t, other, answers)
			}
		}
		rejudgeAll(t, other, answers)
		if diff := cmp.Diff(numbers(t, one), numbers(t, other)); diff != "" {
			t.Fatal(diff)
		}
		recount(t, one)
		recount(t, other)
		for range 3 {
			compareAnswers(t, one, m, map[string]bool{})
		}
	})
}

func rejudgeAll(t fataler, s *Store, answers map[string]store.Judgement) {
	t.Helper()
	for item, id := range mailsOf(t, s) {
		must(t, s.Rejudge(context.Background(), id, answers[item]))
	}
}
