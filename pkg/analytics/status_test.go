package analytics

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// aGoodDay is a data source about which there is nothing to say, at six in the
// morning of 20 May 2026.
func aGoodDay() StatusInput {
	now := mayDay(20).Add(6 * time.Hour)
	return StatusInput{
		Now: now, Domains: []string{"example.com"},
		Sources: []SourceHealth{{ID: "mb1", Name: "Report mailbox", State: "ok", LastSuccess: now.Add(-5 * time.Minute), Configured: mayDay(1), PollInterval: 5 * time.Minute}},
		Heard:   Heard{Day: mayDay(19), Reporters: 5, Domains: 12, Days: 7, Sessions: 9000},
		Seen:    80,
	}
}

func TestStatus(t *testing.T) {
	verdict := "Only Mimecast (1 of 5 reporters), since 14 May: the MX did not offer STARTTLS; 20 of 200 sessions failed (10.0%)."
	incident := func(domain, state string, severity Severity) Incident {
		return Incident{
			PolicyDomain: domain, ResultType: "starttls-not-supported", State: state, Severity: severity, Verdict: verdict,
			FirstDay: mayDay(14), LastDay: mayDay(19), FailedSessions: 20, MXs: []string{"mx1.example.com"},
		}
	}
	for name, c := range map[string]struct {
		change func(*StatusInput)
		want   []string
	}{
		"all is well": {
			func(*StatusInput) {},
			[]string{"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days."},
		},
		"all is well, though a few sessions failed and the last report is not of yesterday": {
			func(in *StatusInput) {
				in.Heard = Heard{Day: mayDay(17), Reporters: 1, Domains: 1, Days: 7, Sessions: 9000, Failed: 2}
			},
			[]string{"ok well 2: All is well: 1 reporter told of 1 domain on 17 May, and 2 of 9,000 sessions failed (under 0.1%) in 7 days."},
		},
		"a week without mail is not said to be well": {
			func(in *StatusInput) { in.Heard = Heard{Day: mayDay(10), Reporters: 1, Domains: 1, Days: 7} },
			[]string{"info well 0: No report told of a session in 7 days. The last one was for 10 May, and nobody is overdue."},
		},
		"nothing is set up": {
			func(in *StatusInput) { *in = StatusInput{Now: in.Now} },
			[]string{"info setup 0: No source is set up: add the mailbox or the drop where your TLS reports arrive in the settings of this data source."},
		},
		"reports that were imported need no source": {
			func(in *StatusInput) { in.Sources = nil },
			[]string{"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days."},
		},
		"no report ever, on the first day": {
			func(in *StatusInput) { in.Heard, in.Sources[0].Configured = Heard{}, mayDay(19) },
			[]string{"info setup 0: No report has arrived yet. Reports on example.com come when DNS has the TXT record _smtp._tls.example.com with «v=TLSRPTv1; rua=mailto:» and the address of the mailbox; the first ones take a day or two."},
		},
		"no report ever, after three days": {
			func(in *StatusInput) { in.Heard, in.Domains = Heard{}, nil },
			[]string{"warning setup 0: No report has arrived yet. Reports on your domain come when DNS has the TXT record _smtp._tls in front of its name with «v=TLSRPTv1; rua=mailto:» and the address of the mailbox; the first ones take a day or two."},
		},
		"no report ever, from a source that can't be read": {
			func(in *StatusInput) {
				in.Heard, in.Sources[0].State, in.Sources[0].LastSuccess, in.Sources[0].LastError = Heard{}, "misconfigured", time.Time{}, "the password is wrong"
				in.Sources[0].Configured = in.Now.Add(-time.Hour)
			},
			[]string{"warning source 1: Report mailbox can't be read as it is set up: the password is wrong."},
		},
		"the first synchronisation raises no alarm": {
			func(in *StatusInput) {
				in.Sources[0].State, in.Sources[0].LastSuccess = "syncing", time.Time{}
				in.Incidents = []Incident{incident("example.com", IncidentOpen, Critical)}
				in.Cadences = []Cadence{{Reporter: "Mimecast", Domains: []string{"example.com"}, Last: tlsrpt.DayOf(mayDay(3)), Overdue: 5, State: ReporterSilent}}
				in.Silences = []Silence{{Domain: "example.org", Silent: true, Last: tlsrpt.DayOf(mayDay(3)), Days: 16}}
				in.Unreadable = 50
			},
			[]string{
				"info incident 20: example.com: " + verdict,
				"info synchronisation 1: Report mailbox is read for the first time, newest reports first, so nothing here is complete yet.",
			},
		},
		"the first synchronisation, without a report so far": {
			func(in *StatusInput) { in.Sources[0].State, in.Heard = "syncing", Heard{} },
			[]string{"info synchronisation 1: Report mailbox is read for the first time, newest reports first, so nothing here is complete yet."},
		},
		"a source that fails for an hour is no alarm": {
			func(in *StatusInput) {
				in.Sources[0].State, in.Sources[0].LastSuccess, in.Sources[0].LastError = "failing", in.Now.Add(-time.Hour), "connection refused"
			},
			[]string{
				"info source 1: Report mailbox could not be read just now and is tried again: connection refused.",
				"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days.",
			},
		},
		"a source that fails for six hours": {
			func(in *StatusInput) {
				in.Sources[0].State, in.Sources[0].LastSuccess = "failing", in.Now.Add(-6*time.Hour)
			},
			[]string{"warning source 1: Report mailbox was not read for 6 hours."},
		},
		"a source that is polled twice a day is not late after six hours": {
			func(in *StatusInput) {
				in.Sources[0].PollInterval, in.Sources[0].LastSuccess = 12*time.Hour, in.Now.Add(-11*time.Hour)
			},
			[]string{"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days."},
		},
		"a source that fails for days comes first": {
			func(in *StatusInput) {
				in.Sources = append(in.Sources, SourceHealth{ID: "drop1", State: "failing", LastSuccess: in.Now.Add(-50 * time.Hour), LastError: "No route to the host."})
				in.Incidents = []Incident{incident("example.com", IncidentOpen, Critical)}
			},
			[]string{
				"critical source 1: drop1 was not read for 2 days, so what is shown here is old: No route to the host.",
				"critical incident 20: example.com: " + verdict,
			},
		},
		"the store can't be opened": {
			func(in *StatusInput) { in.StoreError = "the disk is full" },
			[]string{"critical source 1: Reports can't be stored: the disk is full."},
		},
		"incidents, worst first": {
			func(in *StatusInput) {
				in.Incidents = []Incident{incident("b.example", IncidentOpen, Warning), incident("a.example", IncidentOpen, Critical), incident("c.example", IncidentEnded, Info)}
			},
			[]string{"critical incident 20: a.example: " + verdict, "warning incident 20: b.example: " + verdict, "info incident 20: c.example: " + verdict},
		},
		"an incident that ended long ago is over": {
			func(in *StatusInput) {
				in.Incidents = []Incident{incident("c.example", IncidentEnded, Info)}
				in.Incidents[0].LastDay = mayDay(11)
			},
			[]string{"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days."},
		},
		"one that ended lately is told beside that all is well": {
			func(in *StatusInput) { in.Incidents = []Incident{incident("c.example", IncidentEnded, Info)} },
			[]string{
				"info incident 20: c.example: " + verdict,
				"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days.",
			},
		},
		"many domains at one MX are one trouble": {
			func(in *StatusInput) {
				for i := range 5 {
					in.Incidents = append(in.Incidents, incident(fmt.Sprintf("d%d.example", i), IncidentOpen, Warning))
				}
			},
			[]string{"warning incident 100: 5 domains (d0.example, d1.example, d2.example and 2 more), at mx1.example.com, since 14 May: the MX did not offer STARTTLS; 100 sessions failed."},
		},
		"what may be chance is told in one sentence": {
			func(in *StatusInput) {
				for i := range 3 {
					few := incident(fmt.Sprintf("d%d.example", i), IncidentOpen, Info)
					few.Few, few.FailedSessions = true, 1
					ended := few
					ended.State = IncidentEnded
					in.Incidents = append(in.Incidents, few, ended)
				}
			},
			[]string{
				"info incident 3: 3 sessions of 3 domains failed, so few that it may be chance.",
				"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days.",
			},
		},
		"a policy that left enforce, and one that was lost": {
			func(in *StatusInput) {
				in.ModeDrops = []ModeDrop{
					{Domain: "a.example", Day: tlsrpt.DayOf(mayDay(18)), To: "testing", Reporters: []string{"Google Inc.", "Comcast"}},
					{Domain: "b.example", Day: tlsrpt.DayOf(mayDay(18)), To: "no-policy-found", Reporters: []string{"Google Inc."}},
				}
				in.ProtectionLosses = []ProtectionLoss{{Domain: "b.example", Total: 200, Without: 90, Before: 0.98, Lost: true}, {Domain: "c.example", Total: 10, Without: 10}}
			},
			[]string{
				"warning mode 2: a.example: the MTA-STS policy was enforce and went to testing on 18 May, as 2 reporters saw it. Put it back if nobody meant that.",
				"warning mode 1: b.example: the MTA-STS policy was enforce and is no longer found since 18 May, as 1 reporter saw it. Put it back if nobody meant that.",
				"warning protection 90: b.example: 45.0% of sessions find no policy, and 98.0% were under one before. Look at the _mta-sts record, the policy file and the TLSA records.",
			},
		},
		"who is silent": {
			func(in *StatusInput) {
				last := tlsrpt.DayOf(mayDay(3))
				in.Silences = []Silence{
					{Domain: "example.org", Silent: true, Last: last, Days: 16}, {Domain: "example.edu", Silent: true, Together: true, Last: last, Days: 16}, {Domain: "example.com"},
				}
				in.Cadences = []Cadence{
					{Reporter: "Comcast", Domains: []string{"example.net"}, Last: last + 13, Overdue: 3, State: ReporterSilent},
					{Reporter: "Mimecast", Domains: []string{"a.example", "b.example", "c.example", "d.example"}, Last: last, Overdue: 5, State: ReporterSilent},
					{Reporter: "Google Inc.", Domains: []string{"example.net"}, Last: last + 15, Overdue: 1, State: ReporterQuiet},
				}
			},
			[]string{
				"warning domain 16: example.edu: no report since that for 3 May, and all its reporters stopped within days of each other. See that DNS still has _smtp._tls.example.edu and that its address takes mail.",
				"warning domain 16: example.org: no report since that for 3 May, and each of its reporters is overdue. See that DNS still has _smtp._tls.example.org and that its address takes mail.",
				"warning reporter 4: Mimecast is silent on a.example, b.example, c.example and 1 more: its last report is for 3 May, and by its own habit 5 reports are missing.",
				"warning reporter 1: Comcast is silent on example.net: its last report is for 16 May, and by its own habit 3 reports are missing.",
			},
		},
		"many documents that can't be used": {
			func(in *StatusInput) { in.Unreadable = 4 },
			[]string{"warning quarantine 4: 4 of 80 documents that came in 24 hours could not be used (5.0%). They are kept in quarantine with the reason."},
		},
		"few documents that can't be used are normal": {
			func(in *StatusInput) { in.Unreadable = 3 },
			[]string{"ok well 0: All is well: 5 reporters told of 12 domains yesterday, and no session failed in 7 days."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := aGoodDay()
			c.change(&in)
			var got []string
			for _, f := range Status(in) {
				got = append(got, fmt.Sprintf("%s %s %d: %s", f.Severity, f.Kind, f.Count, f.Sentence))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
