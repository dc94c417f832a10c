package query

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompleteness(t *testing.T) {
	// Google is there every day, Mail.ru stops on 3 March, and Comcast misses the 5th.
	covered := holding(
		every("Google", "a.example", "2026-01-10", "2026-03-08"), every("Mail.ru", "a.example", "2026-01-10", "2026-03-03"),
		every("Comcast", "b.example", "2026-01-10", "2026-03-04"), every("Comcast", "b.example", "2026-03-06", "2026-03-08"),
		[]sent{seen("Rare", "2026-03-06", sts("rare.example", 1, 0))},
	)
	const days = "2026-03-03 2026-03-10"
	for name, c := range map[string]struct {
		board func(t *testing.T) *board
		query string
		span  string
		by    []string
		want  map[string]string
	}{
		"a day's share of the reporters expected, over all domains; a day that has not ended has no row": {
			covered, `{"metric":"completeness","interval":"1d"}`, days, nil,
			map[string]string{"": "03-03=1 03-04=0.666667 03-05=0.333333 03-06=0.666667 03-07=1 03-08=1"}},
		"by domain, of those that anyone is expected for": {
			covered, `{"metric":"completeness","groupBy":["policyDomain"],"interval":"1d"}`, days, []string{"policyDomain"},
			map[string]string{"a.example": "03-03=1 03-04=0.5 03-05=0.5 03-06=0.5 03-07=1 03-08=1", "b.example": "03-03=1 03-04=1 03-05=0 03-06=1 03-07=1 03-08=1"}},
		"of longer buckets the mean of their days, from Monday": {
			covered, `{"metric":"completeness","groupBy":["policyDomain"],"interval":"7d"}`, days, []string{"policyDomain"},
			map[string]string{"a.example": "03-02=0.75", "b.example": "03-02=0.833333"}},
		"filters hold": {
			covered, `{"metric":"completeness","interval":"1d","filters":[{"dimension":"policyDomain","values":["b.example"]}]}`, "2026-03-05 2026-03-06", nil,
			map[string]string{"": "03-05=0"}},
		"the last second of a day ends it, as Grafana has it": {
			covered, `{"metric":"completeness","interval":"1d"}`, "2026-03-05 2026-03-06T23:59:59.999Z", nil,
			map[string]string{"": "03-05=0.333333 03-06=0.666667"}},
		"the largest groups are kept": {
			covered, `{"metric":"completeness","groupBy":["policyDomain"],"interval":"30d","limit":1}`, days, []string{"policyDomain"},
			map[string]string{"b.example": "02-10=0.833333"}},
		"what we did not fetch is not missing": {
			with(covered, lastPolled("2026-03-05T12:00")), `{"metric":"completeness","interval":"1d"}`, days, nil,
			map[string]string{"": "03-03=1 03-04=0.666667"}},
		"a first synchronisation tells nothing": {with(covered, synchronising), `{"metric":"completeness"}`, days, nil, map[string]string{}},
		"an empty store is no data":             {holding(), `{"metric":"completeness"}`, days, nil, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, series(t, c.board(t).ask(t, c.query, c.span), c.by...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, c := range []asOfCase{
		{"a summary has the mean of the days", covered, `"metric":"completeness","groupBy":["policyDomain"]`, days, []string{"a.example/0.75", "b.example/0.833333"}},
		{"of a reporter alone", covered, `"metric":"completeness","filters":[{"dimension":"reporter","values":["Mail.ru"]}]`, "2026-03-03 2026-03-05", []string{"0.5"}},
		{"without a day that ended there is no data", covered, `"metric":"completeness"`, "2026-03-09 2026-03-10", nil},
	} {
		c.run(t)
	}
}

// judged are the queries that look far back.
func judgedQueries() []string {
	var queries []string
	for _, queryType := range []string{"status", "incidents", "policies", "readiness", "reporters", "events"} {
		queries = append(queries, `{"queryType":"`+queryType+`"`)
	}
	for metric := range asOfMetrics() {
		queries = append(queries, `{"queryType":"summary","metric":"`+string(metric)+`","timeField":"stored","maxLateness":"7d"`)
	}
	return append(queries, `{"metric":"completeness"`)
}

func TestJudgementsAreMadeFromRollupsAlone(t *testing.T) {
	b := holding(every("Google", "a.example", "2026-01-10", "2026-03-08", from("2026-02-20", unprotected("a.example", 3), expired("a.example", "mx1", 10, 2))),
		every("Mail.ru", "a.example", "2026-01-10", "2026-03-08", from("2026-02-20", inMode("testing", "a.example", 3), unprotected("a.example", 300))))(t)
	for _, query := range judgedQueries() {
		for _, more := range []string{`}`, `,"trust":"authenticated"}`} {
			for _, n := range notices(b.ask(t, query+more, "2026-03-01 2026-03-09T12:00")) {
				if strings.Contains(n.Text, "single reports") {
					t.Errorf("%s%s: %s", query, more, n.Text)
				}
			}
		}
	}
}
