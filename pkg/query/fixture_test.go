package query

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// fataler is what tests and property checks have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A board is a real store with the sources that fill it.
type board struct {
	store   *sqlite.Store
	now     time.Time // what the store's clock shows
	refs    int
	sources []Source
	domains []string
	counts  []frames.CounterRow
	asked   time.Time // zero is the end of the range
	cache   Cache
}

func newBoard(t testing.TB, reports ...sent) *board {
	t.Helper()
	b := &board{}
	var err error
	if b.store, err = sqlite.OpenMemory(t.Context(), sqlite.WithClock(func() time.Time { return b.now })); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.take(t, reports...)
	return b
}

// sent is a report as a test thinks of it. What is left out is usual: Google
// reports a whole day, by mail, signed, and it is read six hours later.
type sent struct {
	reporter   string
	day        string // or:
	start, end string
	stored     string
	trust      store.Trust
	source     string
	id         string
	policies   []tlsrpt.Policy
}

func (b *board) take(t fataler, reports ...sent) {
	t.Helper()
	for _, s := range reports {
		b.refs++
		if s.id == "" {
			s.id = fmt.Sprint("report ", b.refs)
		}
		d := s.document(t)
		b.now = d.Report.End.Add(6 * time.Hour)
		if s.stored != "" {
			b.now = at(s.stored)
		}
		if s.source == "" {
			s.source = "mb1"
		}
		b.commit(t, store.Delivery{
			Source: s.source, Ref: fmt.Sprint(b.refs), Received: b.now.Add(-time.Hour), Size: int64(len(d.Raw)), Documents: []store.Document{d},
		})
	}
}

func (s sent) document(t fataler) store.Document {
	t.Helper()
	r := &tlsrpt.Report{Reporter: s.reporter, OrganizationName: s.reporter, ReportID: s.id, ContactInfo: "tls@google.example", Policies: s.policies}
	if r.Reporter == "" {
		r.Reporter = "Google"
	}
	if s.day != "" {
		r.Start = at(s.day)
		r.End = r.Start.AddDate(0, 0, 1)
	} else {
		r.Start, r.End = at(s.start), at(s.end)
	}
	if s.trust == "" {
		s.trust = store.Authenticated
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return store.Document{Report: r, Raw: raw, Judgement: store.Judgement{Trust: s.trust, Reason: "as the test says", Route: store.Direct}}
}

// quarantine puts a broken document into quarantine.
func (b *board) quarantine(t fataler, when, source, reason string) {
	t.Helper()
	b.refs++
	b.now = at(when)
	b.commit(t, store.Delivery{Source: source, Ref: fmt.Sprint(b.refs), Received: b.now, Documents: []store.Document{{
		Problem: &store.Problem{Reason: reason, Detail: "it is broken"}, Raw: []byte("{"),
	}}})
}

func (b *board) commit(t fataler, d store.Delivery) {
	t.Helper()
	if _, err := b.store.Commit(ctxOf(t), []store.Delivery{d}); err != nil {
		t.Fatal(err)
	}
}

func (b *board) environment() Environment {
	return Environment{
		Store: b.store, Sources: b.sources, Domains: b.domains, Now: b.asked,
		Counters: func() ([]frames.CounterRow, error) { return slices.Clone(b.counts), nil },
	}
}

// ask answers a query over a range such as "2026-03-01 2026-03-08". A cache that
// has seen all that was asked before makes no difference to it.
func (b *board) ask(t fataler, query, span string) data.Frames {
	t.Helper()
	m, err := Parse([]byte(query))
	if err != nil {
		t.Fatal(err)
	}
	from, to, _ := strings.Cut(span, " ")
	over := Range{From: at(from), To: at(to), MaxDataPoints: 1000}
	answer, err := Answer(ctxOf(t), b.environment(), m, over)
	if err != nil {
		t.Fatal(err)
	}
	env := b.environment()
	env.Cache = &b.cache
	for _, when := range []string{"first", "second"} {
		cached, err := Answer(ctxOf(t), env, m, over)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(told(t, answer), told(t, cached)); diff != "" {
			t.Fatalf("%s over %s, asked with a cache for the %s time:\n%s", query, span, when, diff)
		}
	}
	return answer
}

// told is all that frames say, whatever the order of those rows that have none.
func told(t fataler, answer data.Frames) []string {
	t.Helper()
	var lines []string
	for _, f := range answer {
		head, err := data.FrameToJSON(f, data.IncludeSchemaOnly)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(head))
		for i := range f.Rows() {
			row, err := json.Marshal(f.RowCopy(i))
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(row))
		}
	}
	return sorted(lines)
}

func at(s string) time.Time {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	panic(fmt.Sprintf("%q is no time", s))
}

func policy(kind, domain string, successful, failed int64, details ...tlsrpt.FailureDetail) tlsrpt.Policy {
	p := tlsrpt.Policy{Type: kind, Domain: domain, Successful: successful, Failed: failed, Details: details}
	if kind == tlsrpt.PolicySTS {
		p.Mode = "enforce"
	}
	return p
}

func sts(domain string, successful, failed int64, details ...tlsrpt.FailureDetail) []tlsrpt.Policy {
	return []tlsrpt.Policy{policy(tlsrpt.PolicySTS, domain, successful, failed, details...)}
}

// twice is Microsoft's manner: the same sessions under sts and under tlsa.
func twice(domain string, successful, failed int64, details ...tlsrpt.FailureDetail) []tlsrpt.Policy {
	return append(sts(domain, successful, failed, details...), policy(tlsrpt.PolicyTLSA, domain, successful, failed, details...))
}

func detail(resultType, mx, sendingIP string, failed int64) tlsrpt.FailureDetail {
	return tlsrpt.FailureDetail{
		ResultType: resultType, ReceivingMXHostname: mx, ReceivingIP: "192.0.2.25", SendingMTAIP: sendingIP,
		FailedSessions: failed, Reason: "code", ReasonCode: "code",
	}
}

// group words labels as a test does: their values in the order of the query.
func group(values ...string) string { return strings.Join(values, "/") }

// series words a trend: by group, its points as day=value.
func series(t fataler, answer data.Frames, by ...string) map[string]string {
	t.Helper()
	words := map[string]string{}
	for _, f := range answer {
		if len(f.Fields) == 0 {
			continue
		}
		if len(f.Fields) != 2 || f.Fields[0].Name != "time" || f.Fields[1].Name != "value" {
			t.Fatalf("a series has the fields %v", names(f))
		}
		var points []string
		for i := range f.Fields[0].Len() {
			when := f.Fields[0].At(i).(time.Time)
			points = append(points, when.Format("01-02")+"="+number(f.Fields[1].At(i)))
		}
		values := make([]string, len(by))
		for i, d := range by {
			values[i] = f.Fields[1].Labels[d]
		}
		if len(f.Fields[1].Labels) != len(by) {
			t.Fatalf("the labels are %v, not those of %v", f.Fields[1].Labels, by)
		}
		words[group(values...)] = strings.Join(points, " ")
	}
	return words
}

// rows words a summary or table: a line per row.
func rows(t fataler, answer data.Frames, fields ...string) []string {
	t.Helper()
	if len(answer) != 1 {
		t.Fatalf("%d frames", len(answer))
	}
	f := answer[0]
	if len(f.Fields) == 0 {
		return nil
	}
	if len(fields) == 0 {
		fields = names(f)
	}
	lines := make([]string, f.Rows())
	for i := range lines {
		var cells []string
		for _, name := range fields {
			field, _ := f.FieldByName(name)
			if field == nil {
				t.Fatalf("there is no field %s among %v", name, names(f))
			}
			cells = append(cells, cell(field, i))
		}
		lines[i] = group(cells...)
	}
	return lines
}

func cell(f *data.Field, i int) string {
	v, ok := f.ConcreteAt(i)
	switch v := v.(type) {
	case nil:
		return "null"
	case time.Time:
		if !ok {
			return "null"
		}
		return strings.TrimSuffix(v.Format("2006-01-02T15:04"), "T00:00")
	case float64:
		if !ok {
			return "null"
		}
		return number(v)
	default:
		if !ok {
			return "null"
		}
		return fmt.Sprint(v)
	}
}

func number(v any) string {
	return strconv.FormatFloat(math.Round(v.(float64)*1e6)/1e6, 'f', -1, 64)
}

func names(f *data.Frame) []string {
	var all []string
	for _, field := range f.Fields {
		all = append(all, field.Name)
	}
	return all
}

func sorted(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return lines
}

func notices(answer data.Frames) (all []data.Notice) {
	for _, f := range answer {
		if f.Meta != nil {
			all = append(all, f.Meta.Notices...)
		}
	}
	return all
}

// polled is a source that was seen whole, last at the time.
func polled(id, last string) Source {
	return Source{
		SourceRow:       frames.SourceRow{ID: id, Name: "Source " + id, Type: "imap", State: "ok", LastPoll: at(last), LastSuccess: at(last)},
		FirstConfigured: at("2026-01-01"), FirstSync: at("2026-01-01"),
	}
}
