package sqlite

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// nameless is a report whose reporter is left to what comes beside it. Two of
// its policies describe the same sessions where that is Microsoft.
const nameless = `{"date-range": {"start-datetime": "2024-01-20T00:00:00Z", "end-datetime": "2024-01-20T23:59:59Z"}, "report-id": "1", "policies": [
	{"policy": {"policy-type": "sts", "policy-domain": "a.example", "policy-string": ["version: STSv1", "mode: enforce"], "mx-host": ["*.a.example"]},
	 "summary": {"total-successful-session-count": 90, "total-failure-session-count": 10},
	 "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 8, "receiving-mx-hostname": "mx.a.example", "sending-mta-ip": "192.0.2.1"},
	                     {"result-type": "validation-failure", "failed-session-count": 2, "failure-reason-code": "odd 1.2.3.4", "additional-information": "more"}]},
	{"policy": {"policy-type": "tlsa", "policy-domain": "a.example"}, "summary": {"total-successful-session-count": 50, "total-failure-session-count": 8},
	 "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 8, "receiving-mx-hostname": "mx.a.example", "sending-mta-ip": "192.0.2.1"}]}]}`

// beside is a delivery of a document with what came beside it.
type beside struct {
	raw, submitter, domain string
	trust                  store.Trust
	signer                 string
	hour                   int
}

func (b beside) delivery(t fataler, ref string) store.Delivery {
	t.Helper()
	hints := tlsrpt.Hints{Submitter: b.submitter, ReportDomain: b.domain, FileName: ref}
	report, err := tlsrpt.DecodeBytes([]byte(b.raw), hints)
	must(t, err)
	d := delivery(ref, store.Document{Report: report, Raw: []byte(b.raw), Hints: hints, Judgement: store.Judgement{Trust: b.trust, SignedBy: b.signer}})
	if b.trust == store.Pending {
		d.Documents[0].Mail = []byte(ref)
	}
	d.Received = epoch.Add(time.Duration(b.hour) * time.Hour)
	return d
}

func TestWhatCameBesideADocumentReadsAlikeInEveryOrder(t *testing.T) {
	pending := beside{raw: nameless, submitter: "late.example", trust: store.Pending, hour: 9}
	for name, c := range map[string]struct {
		deliveries []beside
		answer     store.Judgement
		want       string // reporter
		overlap    int64
	}{
		"a copy that names no reporter is read as one that does": {
			deliveries: []beside{
				{raw: nameless, trust: store.Authenticated, hour: 1},
				{raw: nameless, submitter: "microsoft.com", trust: store.Unauthenticated, hour: 2},
			},
			want: "microsoft.com", overlap: 58,
		},
		"the best trusted says who reports": {
			deliveries: []beside{
				{raw: nameless, submitter: "evil.example", trust: store.Unauthenticated, hour: 1},
				{raw: nameless, submitter: "microsoft.com", trust: store.Authenticated, signer: "microsoft.com", hour: 2},
				{raw: nameless, trust: store.Authenticated, hour: 3},
			},
			want: "microsoft.com", overlap: 58,
		},
		"of those trusted alike the earliest says it": {
			deliveries: []beside{
				{raw: nameless, submitter: "microsoft.com", trust: store.Authenticated, signer: "microsoft.com", hour: 3},
				{raw: nameless, submitter: "first.example", trust: store.Authenticated, signer: "first.example", hour: 2},
				{raw: nameless, submitter: "unsigned.example", trust: store.Unauthenticated, hour: 1},
			},
			want: "first.example",
		},
		"a mail that DNS vouches for later says it from then on": {
			deliveries: []beside{
				{raw: nameless, submitter: "microsoft.com", trust: store.Unauthenticated, hour: 1}, {raw: nameless, hour: 2, trust: store.Unauthenticated}, pending,
			},
			answer: store.Judgement{Trust: store.Authenticated, SignedBy: "late.example"},
			want:   "late.example",
		},
		"a mail that DNS does not vouch for says it no longer": {
			deliveries: []beside{
				{raw: nameless, submitter: "microsoft.com", trust: store.Unverifiable, hour: 1}, {raw: nameless, hour: 2, trust: store.Unauthenticated}, pending,
			},
			answer: store.Judgement{Trust: store.Unauthenticated},
			want:   "microsoft.com", overlap: 58,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var first map[string]any
			judged := append(slices.Clone(c.deliveries), beside{})
			permute(len(judged), func(order []int) { // the last number is when DNS answers
				s := memory(t, WithClock((&clock{epoch.Add(48 * time.Hour)}).time))
				for _, i := range order {
					if i == len(c.deliveries) {
						rejudgeAll(t, s, map[string]store.Judgement{"2": c.answer})
						continue
					}
					commit(t, s, c.deliveries[i].delivery(t, fmt.Sprint(i)))
				}
				rejudgeAll(t, s, map[string]store.Judgement{"2": c.answer})
				rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 10})
				must(t, err)
				if len(rows) != 1 || rows[0].Reporter != c.want || rows[0].OverlapTotal != c.overlap || rows[0].Deliveries != len(c.deliveries) {
					t.Fatalf("committed in the order %v: %+v", order, rows)
				}
				recount(t, s)
				doc := must2(s.Report(t.Context(), rows[0].ID))(t)
				got := map[string]any{"numbers": numbers(t, s), "hints": doc.Hints, "warnings": doc.Warnings}
				if first == nil {
					first = got
				}
				if diff := cmp.Diff(first, got); diff != "" {
					t.Fatalf("committed in the order %v:\n%s", order, diff)
				}
				// It says what a reading with its hints says.
				report, err := tlsrpt.DecodeBytes(doc.Raw, doc.Hints)
				must(t, err)
				_, err = s.Reread(t.Context(), rows[0].ID, store.Document{Report: report})
				must(t, err)
				if diff := cmp.Diff(first["numbers"], numbers(t, s)); diff != "" {
					t.Fatalf("read again:\n%s", diff)
				}
			})
		})
	}
}

func TestADocumentFromQuarantineIsReadAsItsBestDeliverySays(t *testing.T) {
	s := memory(t)
	for i, b := range []beside{
		{raw: nameless, trust: store.Unauthenticated, hour: 1},
		{raw: nameless, submitter: "microsoft.com", trust: store.Authenticated, signer: "microsoft.com", hour: 2},
	} {
		commit(t, s, b.delivery(t, fmt.Sprint(i)))
	}
	want := numbers(t, s)
	_, err := s.Reread(t.Context(), 1, store.Document{Problem: &store.Problem{Reason: "foreign-domain"}})
	must(t, err)
	ids := must2(s.RetryQuarantine(t.Context(), "", 0, 10))(t)
	kept, _, err := s.Quarantined(t.Context(), ids[0])
	must(t, err)
	if kept.Hints.FileName != "0" {
		t.Errorf("kept with the hints %+v", kept.Hints)
	}
	report, err := tlsrpt.DecodeBytes(kept.Raw, kept.Hints)
	must(t, err)
	_, err = s.Resolve(t.Context(), ids[0], store.Document{Report: report, Raw: kept.Raw, Hints: kept.Hints})
	must(t, err)
	if diff := cmp.Diff(want, numbers(t, s)); diff != "" {
		t.Error(diff)
	}
	recount(t, s)
}

func TestInferredDomainsMakeTwoReportsOfOneDocument(t *testing.T) {
	const raw = `{"organization-name": "Example Inc.", "date-range": {"start-datetime": "2024-01-20T00:00:00Z", "end-datetime": "2024-01-20T23:59:59Z"},
		"report-id": "1", "policies": [{"policy": {"policy-type": "no-policy-found"}, "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}}]}`
	s := memory(t)
	for i, domain := range []string{"one.example", "two.example", "one.example"} {
		commit(t, s, beside{raw: raw, domain: domain, trust: store.Unauthenticated, hour: i}.delivery(t, fmt.Sprint(i)))
	}
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 10})
	must(t, err)
	got := map[string]int{}
	for _, r := range rows {
		if got[r.PolicyDomain] = r.Deliveries; r.Superseded {
			t.Errorf("%s is superseded", r.PolicyDomain)
		}
	}
	if diff := cmp.Diff(map[string]int{"one.example": 2, "two.example": 1}, got); diff != "" {
		t.Error(diff)
	}
	recount(t, s)
}
