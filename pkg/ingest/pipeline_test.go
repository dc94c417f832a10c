package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A fixedJudge always says the same, and counts how often it is asked.
type fixedJudge struct {
	verdict mailreport.Verdict
	panics  bool
	asked   int
}

func (f *fixedJudge) Judge(context.Context, []byte) mailreport.Verdict {
	f.asked++
	if f.panics {
		panic("no such header")
	}
	return f.verdict
}

func (f *fixedJudge) Keys([]byte) []string { return nil }

func (f *fixedJudge) Ask(context.Context, string) bool { return true }

// mail is a mail that carries report documents.
func mail(documents ...[]byte) []byte {
	var b strings.Builder
	b.WriteString("From: reports@reporter.example\r\nTo: tlsrpt@example.com\r\nSubject: Report Domain: example.com\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=tlsrpt; boundary=b\r\n\r\n")
	for i, document := range documents {
		fmt.Fprintf(&b, "--b\r\nContent-Type: application/tlsrpt+json\r\nContent-Disposition: attachment; filename=r%d.json\r\n\r\n%s\r\n", i, document)
	}
	b.WriteString("--b--\r\n")
	return []byte(b.String())
}

// forwarding is a mail that carries another, with a report beside it.
func forwarding(inner, beside []byte) []byte {
	return fmt.Appendf(nil, "From: postmaster@example.net\r\nTo: tlsrpt@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"+
		"--o\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--o\r\nContent-Type: application/tlsrpt+json\r\n\r\n%s\r\n--o--\r\n", inner, beside)
}

func TestTrust(t *testing.T) {
	now := time.Now()
	one, two := report("example.com", "1", now), report("example.com", "2", now)
	valid := mailreport.Verdict{Trust: mailreport.Authenticated, Reason: "DKIM signature of reporter.example is valid", SignedBy: "reporter.example"}
	signed := store.Judgement{Trust: store.Authenticated, Reason: valid.Reason, SignedBy: valid.SignedBy, Route: store.Direct}
	assumed := store.Judgement{Trust: store.Authenticated, Reason: "the source is trusted by its setting", Route: store.Direct}
	tests := []struct {
		name  string
		file  ingest.File
		judge *fixedJudge
		want  []store.Judgement // reasons are compared where one is given
		asked int
		kept  bool // whether the mail is
	}{
		{
			name: "a mail is judged once for all its reports",
			file: ingest.File{Body: mail(one, two), Mail: true, Route: store.Direct}, judge: &fixedJudge{verdict: valid},
			want: []store.Judgement{signed, signed}, asked: 1,
		},
		{
			name: "a mail without a report is not judged",
			file: ingest.File{Body: []byte("From: a@example.net\r\nSubject: lunch?\r\n\r\nAt noon.\r\n"), Mail: true}, judge: &fixedJudge{verdict: valid},
		},
		{
			name: "a report in a forwarded mail is not vouched for by the outer mail",
			file: ingest.File{Body: forwarding(mail(one), two), Mail: true, Route: store.Direct}, judge: &fixedJudge{verdict: valid},
			want: []store.Judgement{{Trust: store.Unauthenticated, Route: store.Forwarded}, signed}, asked: 1,
		},
		{
			name: "a trusted source's forwarded report is authenticated",
			file: ingest.File{Body: forwarding(mail(one), two), Mail: true, Route: store.Direct, Assume: true}, judge: &fixedJudge{},
			want: []store.Judgement{{Trust: store.Authenticated, Route: store.Forwarded}, assumed},
		},
		{
			name: "a file of a drop is unauthenticated",
			file: ingest.File{Body: one, Name: "r.json", Route: store.Drop}, judge: &fixedJudge{verdict: valid},
			want: []store.Judgement{{Trust: store.Unauthenticated, Route: store.Drop}},
		},
		{
			name: "a mail in a drop is judged",
			file: ingest.File{Body: mail(one), Name: "r.json", Route: store.Drop}, judge: &fixedJudge{verdict: valid},
			want: []store.Judgement{{Trust: store.Authenticated, SignedBy: valid.SignedBy, Route: store.Drop}}, asked: 1,
		},
		{
			name: "an undecided mail is kept to be judged again",
			file: ingest.File{Body: mail(one), Mail: true, Route: store.Direct}, judge: &fixedJudge{verdict: mailreport.Verdict{Trust: mailreport.Pending}},
			want: []store.Judgement{{Trust: store.Pending, Route: store.Direct}}, asked: 1, kept: true,
		},
		{
			name: "a report in a forwarded mail never waits for the signature of the outer mail",
			file: ingest.File{Body: forwarding(mail(one), two), Mail: true, Route: store.Direct}, judge: &fixedJudge{verdict: mailreport.Verdict{Trust: mailreport.Pending}},
			want: []store.Judgement{{Trust: store.Unauthenticated, Route: store.Forwarded}, {Trust: store.Pending, Route: store.Direct}}, asked: 1, kept: true,
		},
		{
			name: "a mail that was passed on as it is shows as forwarded, and its own signature counts",
			file: ingest.File{Body: append([]byte("Resent-From: postmaster@example.net\r\n"), mail(one)...), Mail: true, Route: store.Direct}, judge: &fixedJudge{verdict: valid},
			want: []store.Judgement{{Trust: store.Authenticated, SignedBy: valid.SignedBy, Route: store.Forwarded}}, asked: 1,
		},
		{
			name: "a mail in an import is judged",
			file: ingest.File{Body: mail(one), Name: "r.eml", Route: store.Import}, judge: &fixedJudge{verdict: valid},
			want: []store.Judgement{{Trust: store.Authenticated, SignedBy: valid.SignedBy, Route: store.Import}}, asked: 1,
		},
		{
			name: "a mail in a drop that was passed on is told by the drop",
			file: ingest.File{Body: append([]byte("Resent-From: postmaster@example.net\r\n"), mail(one)...), Name: "r.eml", Route: store.Drop}, judge: &fixedJudge{verdict: valid},
			want: []store.Judgement{{Trust: store.Authenticated, SignedBy: valid.SignedBy, Route: store.Drop}}, asked: 1,
		},
		{
			name: "a judge that fails leaves the report unauthenticated",
			file: ingest.File{Body: mail(one), Mail: true, Route: store.Import}, judge: &fixedJudge{panics: true},
			want: []store.Judgement{{Trust: store.Unauthenticated, Route: store.Import}}, asked: 1,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := ingest.Pipeline{Judge: test.judge}
			delivery := p.Process(t.Context(), test.file)
			var got []store.Judgement
			for i, document := range delivery.Documents {
				if document.Report == nil {
					t.Errorf("document %d: %+v", i, document.Problem)
				}
				if test.want[i].Reason == "" {
					document.Reason = ""
				}
				if (document.Mail != nil) != (test.kept && document.Trust == store.Pending) {
					t.Errorf("document %d keeps %d bytes of the mail", i, len(document.Mail))
				}
				got = append(got, document.Judgement)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("judgements (-want +got):\n%s", diff)
			}
			if test.judge.asked != test.asked {
				t.Errorf("asked %d times", test.judge.asked)
			}
		})
	}
}

func TestPipelineKeepsWhatIsGoodOfAnItem(t *testing.T) {
	now := time.Now()
	good, foreign := report("example.com", "1", now), report("foreign.example", "2", now)
	old := report("example.com", "3", now.AddDate(-2, 0, 0))
	p := ingest.Pipeline{Rules: ingest.NewRules([]string{"example.com"}, nil), RetentionDays: 400}
	d := p.Process(t.Context(), ingest.File{Source: "mb1", Ref: "7", Mail: true, Body: mail(foreign, good, old, []byte(`{"a":1}`))})
	var got []string
	for _, document := range d.Documents {
		if document.Problem != nil {
			got = append(got, document.Problem.Reason)
		} else {
			got = append(got, document.Report.ReportID)
		}
	}
	if diff := cmp.Diff([]string{"foreign-domain", "1", "not-rfc8460"}, got); diff != "" || d.Ignored != "" {
		t.Errorf("ignored: %q; documents (-want +got):\n%s", d.Ignored, diff)
	}
	if d.Source != "mb1" || d.Ref != "7" || d.Size == 0 {
		t.Errorf("the delivery is of %s %s, %d bytes", d.Source, d.Ref, d.Size)
	}
}

func TestPeriodsInTheFuture(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name     string
		ahead    int // days
		received time.Time
		warnings string
		refused  string
	}{
		{name: "yesterday is no future", ahead: -1, received: now},
		{name: "tomorrow may be local time", ahead: 1, received: now},
		{name: "a week ahead is kept with a warning", ahead: 7, received: now, warnings: "period-in-future"},
		{name: "what was future when it was received warns for ever", ahead: -1, received: now.AddDate(0, 0, -8), warnings: "period-in-future"},
		{name: "a year ahead is refused, lest it outlive the retention", ahead: 365, received: now, refused: "period-in-future"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := report("example.com", "1", now.AddDate(0, 0, test.ahead+1))
			delivery := (&ingest.Pipeline{RetentionDays: 400}).Process(context.Background(), ingest.File{Received: test.received, Name: "r.json", Body: body})
			if len(delivery.Documents) != 1 {
				t.Fatalf("got %d documents, want 1", len(delivery.Documents))
			}
			var refused string
			var warnings []string
			if problem := delivery.Documents[0].Problem; problem != nil {
				refused = problem.Reason
			} else {
				for _, w := range delivery.Documents[0].Report.Warnings {
					warnings = append(warnings, w.Code)
				}
			}
			if refused != test.refused || strings.Join(warnings, " ") != test.warnings {
				t.Errorf("warnings %q, refused %q; want %q, %q", warnings, refused, test.warnings, test.refused)
			}
		})
	}
}
