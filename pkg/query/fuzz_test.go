package query

import (
	"errors"
	"regexp"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestEveryShippedQueryIsAnswered(t *testing.T) {
	b := fuzzBoard(t)
	queries := shippedQueries(t)
	if len(queries) < 20 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	for _, raw := range queries {
		m, err := Parse(withoutVariables(raw))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if _, err := Answer(t.Context(), b.environment(), m, fuzzRange); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// FuzzParse holds that whatever stands in a query, it is refused in words or
// answered with frames, within its limit.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	for _, raw := range shippedQueries(f) {
		f.Add([]byte(raw))
		f.Add(withoutVariables(raw))
	}
	for _, queryType := range queryTypes {
		f.Add([]byte(`{"queryType":"` + queryType + `","limit":1}`))
	}
	for _, metric := range summaryMetrics {
		f.Add([]byte(`{"queryType":"summary","metric":"` + string(metric) + `"}`))
	}
	f.Add([]byte(`{"groupBy":["receivingMx","trust"],"filters":[{"dimension":"trust","operator":"!=","values":["pending"]},{"dimension":"reporter","values":["'=x"]}]}`))
	f.Add([]byte(`{"queryType":"quarantine","filters":[{"dimension":"quarantineReason","operator":"=~","values":["^inv"]}]}`))
	b := fuzzBoard(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			wantWords(t, err)
			return
		}
		answer, err := Answer(t.Context(), b.environment(), m, fuzzRange)
		if err != nil {
			wantWords(t, err)
			return
		}
		wantWithinLimit(t, m, answer)
	})
}

var fuzzRange = Range{From: at("2026-02-20"), To: at("2026-04-01"), MaxDataPoints: 100}

func fuzzBoard(t testing.TB) *board {
	b := newBoard(t, many...)
	b.take(t, sent{reporter: "=1+1", day: "2026-03-05", trust: store.Pending, policies: twice("a.example", 3, 2, detail("sts-policy-fetch-error", "", "2001:db8::1", 2))})
	b.take(t, sent{day: "2026-03-20", policies: []tlsrpt.Policy{policy("tlsa", "xn--bcher-kva.example", 1, 0)}})
	b.quarantine(t, "2026-03-06", "mb1", tlsrpt.ReasonInvalidJSON)
	b.quarantine(t, "2026-03-07", "drop1", tlsrpt.ReasonNotRFC8460)
	b.sources = []Source{polled("mb1", "2026-03-30"), polled("drop1", "2026-03-29")}
	b.domains = []string{"a.example", "silent.example", "*.b.example"}
	return b
}

// wantWords holds that a refusal is one for the user.
func wantWords(t *testing.T, err error) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) || refused.Text == "" {
		t.Errorf("the query fails with %v", err)
	}
}

func wantWithinLimit(t *testing.T, m Model, answer data.Frames) {
	t.Helper()
	if len(answer) == 0 {
		t.Fatal("the answer has no frame")
	}
	if m.QueryType == "trend" && len(answer) > max(m.Limit, 1) {
		t.Errorf("%d series, and the limit is %d", len(answer), m.Limit)
	}
	unlimited := m.QueryType == "trend" || m.QueryType == "sources" || m.QueryType == "counters" || m.QueryType == "summary" && asOf(m.metrics()[0])
	for _, frame := range answer {
		rows, err := frame.RowLen()
		if err != nil {
			t.Error(err)
		}
		if !unlimited && rows > m.Limit {
			t.Errorf("%d rows, and the limit is %d", rows, m.Limit)
		}
		if frame.Meta == nil || frame.Meta.Type == "" {
			t.Error("a frame has no type")
		}
	}
}

var variable = regexp.MustCompile(`\$\{?\w+\}?`)

// withoutVariables puts a value where a dashboard has a variable.
func withoutVariables(raw []byte) []byte {
	return variable.ReplaceAllFunc(raw, func(name []byte) []byte {
		if string(name) == "$trust" || string(name) == "${trust}" {
			return []byte("any")
		}
		return []byte("a.example")
	})
}
