package query

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func wantRows(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// troubled is a domain whose certificate expired on 4 March at one MX of two,
// seen by Google and not by Mail.ru.
func troubled(more ...[]sent) func(t *testing.T) *board {
	failing := append(sts("a.example", 10, 0), expired("a.example", "mx1.a.example", 10, 5)...)[1:]
	failing[0].MXHosts = []string{"mx1.a.example", "mx2.a.example"}
	return holding(append(more,
		every("Google", "a.example", "2026-01-20", "2026-03-07", from("2026-03-04", sts("a.example", 10, 0), failing)),
		every("Mail.ru", "a.example", "2026-01-20", "2026-03-07"),
	)...)
}

func TestIncidentsTable(t *testing.T) {
	const fields = "policyDomain resultType policyMode state firstDay lastDay failedSessions share reporters reportersHeard mxs networks lastCleanDay nextReport reporterNames severity"
	open := "a.example/certificate-expired/enforce/open/2026-03-04/2026-03-07/20/0.25/1/2/mx1.a.example/192.0.2.0/24/2026-03-03/2026-03-10/Google/warning"
	ask := func(t *testing.T, b *board, span string, more string) []string {
		return rows(t, b.ask(t, `{"queryType":"incidents"`+more+`}`, span), strings.Fields(fields)...)
	}
	t.Run("failures put together, with first and last day, who saw it, where, and when the next report is due", func(t *testing.T) {
		wantRows(t, ask(t, troubled()(t), "2026-03-01 2026-03-09T12:00", ""), open)
	})
	t.Run("the first day is right in a range that begins after it", func(t *testing.T) {
		wantRows(t, ask(t, troubled()(t), "2026-03-06 2026-03-09T12:00", ""), open)
	})
	t.Run("an open one goes on after its last bad day", func(t *testing.T) {
		wantRows(t, ask(t, troubled()(t), "2026-03-09 2026-03-09T12:00", ""), open)
	})
	t.Run("a range that ended before it does not know it", func(t *testing.T) {
		wantRows(t, ask(t, troubled()(t), "2026-02-20 2026-03-03", ""))
	})
	t.Run("one that ended before the range is left out", func(t *testing.T) {
		b := troubled([]sent{seen("Google", "2026-03-08", sts("a.example", 10, 0))})(t)
		wantRows(t, ask(t, b, "2026-03-08 2026-03-09T12:00", ""))
		if got := rows(t, b.ask(t, `{"queryType":"incidents"}`, "2026-03-07 2026-03-09T12:00"), "state", "cleanSince"); got[0] != "ended/2026-03-08" {
			t.Error(got)
		}
	})
	t.Run("verdict and fix say it in words", func(t *testing.T) {
		got := rows(t, troubled()(t).ask(t, `{"queryType":"incidents"}`, march), "verdict", "fix")[0]
		for _, words := range []string{"Google", "mx1.a.example", "4 March"} {
			if !strings.Contains(got, words) {
				t.Errorf("%q does not say %s", got, words)
			}
		}
	})
	t.Run("filters on details and reporters hold", func(t *testing.T) {
		b := troubled()(t)
		wantRows(t, ask(t, b, march, `,"filters":[{"dimension":"resultType","values":["validation-failure"]}]`))
		wantRows(t, ask(t, b, march, `,"filters":[{"dimension":"reporter","values":["Mail.ru"]}]`))
		if got := ask(t, b, march, `,"filters":[{"dimension":"receivingMx","values":["mx1.a.example"]}]`); len(got) != 1 {
			t.Error(got)
		}
	})
	t.Run("limit cuts and says so", func(t *testing.T) {
		b := troubled([]sent{seen("Google", "2026-03-06", sts("b.example", 1, 9, detail("validation-failure", "mx", "192.0.2.1", 9)))})(t)
		answer := b.ask(t, `{"queryType":"incidents","limit":1}`, march)
		if answer[0].Rows() != 1 || len(notices(answer)) != 1 {
			t.Errorf("%d rows, %v", answer[0].Rows(), notices(answer))
		}
	})
}

func TestStatusTable(t *testing.T) {
	ask := func(t *testing.T, b *board, fields ...string) []string {
		return rows(t, b.ask(t, `{"queryType":"status"}`, "2026-03-01 2026-03-09T12:00"), fields...)
	}
	t.Run("all is well in one row", func(t *testing.T) {
		got := ask(t, holding(every("Google", "a.example", "2026-01-20", "2026-03-08"))(t), "severity", "kind", "sentence")
		wantRows(t, got, "ok/well/All is well: 1 reporter told of 1 domain yesterday, and no session failed in 9 days.")
	})
	t.Run("worst first: an incident, a silent reporter", func(t *testing.T) {
		got := ask(t, troubled(every("Comcast", "b.example", "2026-01-20", "2026-02-20"), every("Mail.ru", "b.example", "2026-01-20", "2026-03-08"))(t), "severity", "policyDomain", "kind")
		wantRows(t, got, "warning/a.example/incident", "warning/b.example/reporter")
	})
	t.Run("in our own outage it is the source that is told of", func(t *testing.T) {
		b := with(holding(every("Google", "a.example", "2026-01-20", "2026-03-03")), lastPolled("2026-03-04T06:00"))(t)
		wantRows(t, ask(t, b, "severity", "kind"), "critical/source")
	})
	t.Run("a first synchronisation is said, and no alarm is raised", func(t *testing.T) {
		got := ask(t, with(troubled(every("Comcast", "b.example", "2026-01-20", "2026-02-20")), synchronising)(t), "severity", "kind")
		wantRows(t, got, "info/incident", "info/synchronisation")
	})
	t.Run("without a store it says why", func(t *testing.T) {
		m, err := Parse([]byte(`{"queryType":"status"}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := Answer(context.Background(), Environment{StoreError: "the disk is full"}, m, Range{From: at("2026-03-01"), To: at("2026-03-02")})
		if err != nil {
			t.Fatal(err)
		}
		if got := rows(t, answer, "severity", "sentence"); !strings.HasPrefix(got[0], "critical/Reports can't be stored: the disk is full") {
			t.Error(got)
		}
	})
	t.Run("an empty store without a source says what to do", func(t *testing.T) {
		wantRows(t, ask(t, newBoard(t), "severity", "kind"), "info/setup")
	})
}

func published(mode string, maxAge string, mx ...string) []tlsrpt.Policy {
	p := inMode(mode, "a.example", 10)
	p[0].MXHosts = mx
	p[0].Strings = []string{"version: STSv1", "mode: " + mode, "max_age: " + maxAge}
	for _, host := range mx {
		p[0].Strings = append(p[0].Strings, "mx: "+host)
	}
	return p
}

// changing is a domain that went from testing to enforce on 3 March.
func changing() func(t *testing.T) *board {
	change := from("2026-03-03", published("testing", "86400", "mx1.a.example"), published("enforce", "604800", "mx1.a.example"))
	return holding(every("Google", "a.example", "2026-02-01", "2026-03-08", change), every("Mail.ru", "a.example", "2026-02-10", "2026-03-08", change))
}

func TestPoliciesTable(t *testing.T) {
	const fields = "policyDomain policyType policyMode mx maxAge firstSeen lastSeen reporters state heldBy"
	current := "a.example/sts/enforce/mx1.a.example/604800/2026-03-03/2026-03-08/2/current/Google, Mail.ru"
	gone := "a.example/sts/testing/mx1.a.example/86400/2026-02-01/2026-03-02/2/gone/"
	for name, c := range map[string]struct {
		span string
		want []string
	}{
		"each policy that was seen in the range, since it was first seen":                {"2026-03-02 2026-03-09T12:00", []string{current, gone}},
		"one that was last seen before the range is left out":                            {"2026-03-03 2026-03-09T12:00", []string{current}},
		"an earlier range is judged by what was known then: the other was still to come": {"2026-02-20 2026-03-01", []string{strings.Replace(strings.Replace(gone, "gone/", "current/Google, Mail.ru", 1), "2026-03-02", "2026-03-01", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			wantRows(t, rows(t, changing()(t).ask(t, `{"queryType":"policies"}`, c.span), strings.Fields(fields)...), c.want...)
		})
	}
}

func TestReadinessTable(t *testing.T) {
	tested := func(mode string, successful int64) []sent {
		return append(every("Google", "a.example", "2026-02-01", "2026-03-08", from("2026-01-01", nil, inMode(mode, "a.example", successful))),
			every("Mail.ru", "a.example", "2026-02-01", "2026-03-08", from("2026-01-01", nil, inMode(mode, "a.example", successful)))...)
	}
	ask := func(t *testing.T, reports ...[]sent) []string {
		return rows(t, holding(reports...)(t).ask(t, `{"queryType":"readiness"}`, "2026-02-01 2026-03-09T12:00"), "policyDomain", "policyMode", "verdict", "days", "reporters", "wouldFail")
	}
	t.Run("a domain in testing without a failure may go", func(t *testing.T) {
		wantRows(t, ask(t, tested("testing", 20)), "a.example/testing/go/36/2/0")
	})
	t.Run("one with failures may not, and domains in testing come first", func(t *testing.T) {
		bad := policy(tlsrpt.PolicySTS, "b.example", 5, 5, detail("certificate-expired", "mx1", "192.0.2.1", 5))
		bad.Mode = "testing"
		got := ask(t, every("Google", "a.example", "2026-02-01", "2026-03-08", from("2026-01-01", nil, unprotected("a.example", 9))),
			every("Google", "b.example", "2026-02-01", "2026-03-08", from("2026-01-01", nil, []tlsrpt.Policy{bad})))
		wantRows(t, got, "b.example/testing/no/36/1/180", "a.example//no/0/0/0")
	})
}

func TestEventsTable(t *testing.T) {
	t.Run("incidents are regions, and what is new is a point, oldest first", func(t *testing.T) {
		b := troubled(every("Comcast", "a.example", "2026-03-02", "2026-03-08"))(t)
		got := rows(t, b.ask(t, `{"queryType":"events"}`, "2026-03-01 2026-03-09T12:00"), "time", "timeEnd", "kind", "policyDomain", "tags")
		wantRows(t, got,
			"2026-03-02/null/newReporter/a.example/newReporter",
			"2026-03-04/null/firstFailure/a.example/firstFailure,certificate-expired",
			"2026-03-04/2026-03-09T12:00/incident/a.example/incident,certificate-expired,open")
	})
	t.Run("a change of policy is told on the day it was first seen", func(t *testing.T) {
		got := rows(t, changing()(t).ask(t, `{"queryType":"events"}`, "2026-03-01 2026-03-09T12:00"), "time", "kind", "text")
		if len(got) != 1 || !strings.HasPrefix(got[0], "2026-03-03/policyChange/") || !strings.Contains(got[0], "testing → enforce") {
			t.Error(got)
		}
	})
	t.Run("limit keeps the newest", func(t *testing.T) {
		b := troubled(every("Comcast", "a.example", "2026-03-02", "2026-03-08"))(t)
		answer := b.ask(t, `{"queryType":"events","limit":2}`, "2026-03-01 2026-03-09T12:00")
		wantRows(t, rows(t, answer, "kind"), "firstFailure", "incident")
		if len(notices(answer)) != 1 {
			t.Error(notices(answer))
		}
	})
}

func TestReportersAndTheirCadence(t *testing.T) {
	b := holding(
		every("Comcast", "a.example", "2026-01-20", "2026-03-08"), every("Mail.ru", "a.example", "2026-01-20", "2026-03-08"),
		every("Yahoo", "a.example", "2026-01-20", "2026-02-10"), every("Google", "a.example", "2026-01-20", "2026-03-08"),
	)(t)
	got := rows(t, b.ask(t, `{"queryType":"reporters"}`, "2026-03-01 2026-03-09T12:00"), "reporter", "firstReport", "lastReport", "reports", "cadence", "expectedNext", "overdue", "state", "every")
	wantRows(t, got,
		"Comcast/2026-01-20/2026-03-08/8/daily/2026-03-11/0/reporting/1",
		"Google/2026-01-20/2026-03-08/8/daily/2026-03-11/0/reporting/1",
		"Mail.ru/2026-01-20/2026-03-08/8/daily/2026-03-11/0/reporting/1",
		"Microsoft/null/null/0/unknown/null/0/quiet/null",
		"Yahoo/2026-01-20/2026-02-10/0/daily/2026-02-13/25/silent/1")
	note := rows(t, b.ask(t, `{"queryType":"reporters","filters":[{"dimension":"reporter","values":["Microsoft"]}]}`, "2026-03-01 2026-03-09T12:00"), "note")
	if len(note) != 0 {
		t.Error("who never reported is judged by the others alone, and they are filtered out: ", note)
	}
}
