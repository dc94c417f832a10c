package analytics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestEvents(t *testing.T) {
	open := Incident{PolicyDomain: "example.com", ResultType: "tlsa-invalid", State: IncidentOpen, FirstDay: mayDay(14), LastDay: mayDay(16), Verdict: "V.", Fix: "F."}
	ended := open
	ended.State = IncidentEnded
	few := open
	few.Few = true
	for name, c := range map[string]struct {
		in   EventsInput
		want []string
	}{
		"nothing happened": {EventsInput{}, nil},
		"an incident that ended is a region to the end of its last day": {
			EventsInput{Incidents: []Incident{ended}},
			[]string{"0514-0517 incident example.com: tlsa-invalid (ended) | V. F. | incident,tlsa-invalid,ended"},
		},
		"an open one goes on until now": {
			EventsInput{Incidents: []Incident{open}},
			[]string{"0514-0520 incident example.com: tlsa-invalid (open) | V. F. | incident,tlsa-invalid,open"},
		},
		"what may be chance is no event":                  {EventsInput{Incidents: []Incident{few}}, nil},
		"a region that reaches into the range is told":    {EventsInput{Incidents: []Incident{ended}, From: mayDay(16).Add(time.Hour), To: mayDay(18)}, []string{"0514-0517 incident example.com: tlsa-invalid (ended) | V. F. | incident,tlsa-invalid,ended"}},
		"one that ended before is not":                    {EventsInput{Incidents: []Incident{ended}, From: mayDay(17)}, nil},
		"one that begins after is not":                    {EventsInput{Incidents: []Incident{ended}, To: mayDay(14)}, nil},
		"a failure type after fourteen days of reports":   {firstSight(14), []string{"0515- firstFailure example.com: first tlsa-invalid | 5 sessions failed with tlsa-invalid, which none of the reports of 14 days before told of. " + MeaningOf("tlsa-invalid").Meaning + " | firstFailure,tlsa-invalid"}},
		"one after thirteen days may be nothing new":      {firstSight(13), nil},
		"one that was there before the range is no event": {func() EventsInput { in := firstSight(14); in.From = mayDay(16); return in }(), nil},
		"a policy change": {
			EventsInput{PolicyShifts: []PolicyShift{{Domain: "example.com", Type: "sts", Day: tlsrpt.DayOf(mayDay(5)), Words: []string{"mode testing to enforce", "max_age 86400 to 604800"}, Reporters: []string{"Google Inc."}}}},
			[]string{"0505- policyChange example.com: sts policy changed | 1 reporter saw it: mode testing to enforce; max_age 86400 to 604800. | policyChange,sts"},
		},
		"a policy that is no longer found, and found again": {
			EventsInput{PolicyLosses: []PolicyLoss{{Domain: "example.com", Day: tlsrpt.DayOf(mayDay(5)), Reporters: []string{"R", "S"}}, {Domain: "example.com", Day: tlsrpt.DayOf(mayDay(9)), Again: true, Reporters: []string{"R"}}}},
			[]string{
				"0505- policyChange example.com: sts policy no longer found | 2 reporters saw it: policy no longer found. | policyChange,sts",
				"0509- policyChange example.com: sts policy found again | 1 reporter saw it: policy found again. | policyChange,sts",
			},
		},
		"new reporters, but none on the store's own first day": {
			EventsInput{
				StoreFirst: tlsrpt.DayOf(mayDay(1)),
				Reporters: []store.ReporterRow{
					{PolicyDomain: "example.com", Reporter: "Google Inc.", FirstReport: tlsrpt.DayOf(mayDay(1))},
					{PolicyDomain: "example.com", Reporter: "Mimecast", FirstReport: tlsrpt.DayOf(mayDay(3))},
					{PolicyDomain: "example.com", Reporter: "Comcast", FirstReport: tlsrpt.DayOf(mayDay(3))},
					{PolicyDomain: "example.com", Reporter: "Google LLC", FirstReport: tlsrpt.DayOf(mayDay(4))},
					{PolicyDomain: "example.org", Reporter: "Google LLC", FirstReport: tlsrpt.DayOf(mayDay(4))},
				},
			},
			[]string{
				"0503- newReporter example.com: 2 new reporters | First report of Comcast and Mimecast on example.com. | newReporter",
				"0504- newReporter example.org: Google LLC reports | First report of Google LLC on example.org. | newReporter",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Now = mayDay(20).Add(6 * time.Hour)
			var got []string
			for _, e := range Events(c.in) {
				end := ""
				if !e.TimeEnd.IsZero() {
					end = e.TimeEnd.Format("0102")
				}
				got = append(got, fmt.Sprintf("%s-%s %s %s | %s | %s", e.Time.Format("0102"), end, e.Kind, e.Title, e.Text, strings.Join(e.Tags, ",")))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// firstSight is a domain that is reported on for some days before it fails for
// the first time, on two days and by two reporters.
func firstSight(daysBefore int) EventsInput {
	kind := "tlsa-invalid mx1.example.com"
	s := new(said).clean("Google Inc.", 10, daysOf(1, daysBefore)...).
		bad("Google Inc.", kind, 2, 10, daysBefore+1).bad("Comcast", kind, 3, 10, daysBefore+1).bad("Comcast", kind, 9, 10, daysBefore+2)
	return EventsInput{Sessions: s.sessions, Failures: s.failures}
}
