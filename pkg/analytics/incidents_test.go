package analytics

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A said is what reporters say of example.com, by day of May 2026 (32 is 1 June).
type said struct {
	sessions []store.SessionRow
	failures []store.FailureSum
	modes    []store.SessionRow
}

func mayDay(d int) time.Time { return time.Date(2026, 5, d, 0, 0, 0, 0, time.UTC) }

// clean: a report of successful sessions for each of the days.
func (s *said) clean(reporter string, sessions int64, days ...int) *said {
	for _, d := range days {
		s.sessions = append(s.sessions, store.SessionRow{Bucket: mayDay(d), Group: []string{"example.com", reporter}, Reports: 1, Successful: sessions})
	}
	return s
}

// bad: a report with failed sessions of one kind, told as resultType, mx,
// network and reason code with a space between.
func (s *said) bad(reporter, kind string, failed, sessions int64, days ...int) *said {
	kinds := append(strings.SplitN(kind, " ", 4), "", "", "")
	for _, d := range days {
		s.sessions = append(s.sessions, store.SessionRow{Bucket: mayDay(d), Group: []string{"example.com", reporter}, Reports: 1, Successful: sessions - failed, Failed: failed})
		s.failures = append(s.failures, store.FailureSum{Bucket: mayDay(d), Group: []string{"example.com", kinds[0], reporter, kinds[1], kinds[2], kinds[3]}, Failed: failed})
	}
	return s
}

func (s *said) mode(policyType, mode string, days ...int) *said {
	for _, d := range days {
		s.modes = append(s.modes, store.SessionRow{Bucket: mayDay(d), Group: []string{"example.com", policyType, mode}, Reports: 1, Successful: 1})
	}
	return s
}

func daysOf(first, last int) []int {
	var days []int
	for d := first; d <= last; d++ {
		days = append(days, d)
	}
	return days
}

// input is what is known at six in the morning of a day of May.
func (s *said) input(today int) IncidentInput {
	now := mayDay(today).Add(6 * time.Hour)
	return IncidentInput{Sessions: s.sessions, Failures: s.failures, Modes: s.modes, Now: now, UpTo: now}
}

func brief(in Incident) string {
	return fmt.Sprintf("%s %s %s-%s %d/%d", in.ResultType, in.State, in.FirstDay.Format("0102"), in.LastDay.Format("0102"), in.FailedSessions, in.Sessions)
}

func briefs(incidents []Incident) []string {
	var all []string
	for _, in := range incidents {
		all = append(all, brief(in))
	}
	return all
}

const expired = "certificate-expired mx2.example.com 192.0.2.0/24"

func TestWhenAnIncidentBeginsAndEnds(t *testing.T) {
	for name, c := range map[string]struct {
		said  *said
		today int
		want  []string
	}{
		"no report is no incident":                     {&said{}, 20, nil},
		"reports without a failure are none":           {new(said).clean("Google Inc.", 100, daysOf(1, 19)...), 20, nil},
		"a single report with a failure is open":       {new(said).bad("Mimecast", expired, 3, 10, 19), 20, []string{"certificate-expired open 0519-0519 3/10"}},
		"details of no failed session are none":        {new(said).bad("mox", "tlsa-invalid", 0, 10, 19), 20, nil},
		"a clean report of who saw it ends it":         {new(said).bad("Mimecast", expired, 3, 10, 17, 18).clean("Mimecast", 10, 19), 20, []string{"certificate-expired ended 0517-0518 6/20"}},
		"a clean report of another does not":           {new(said).bad("Mimecast", expired, 3, 10, 17, 18).clean("Google Inc.", 10, 17, 18, 19), 20, []string{"certificate-expired open 0517-0518 6/40"}},
		"a report of no session does not":              {new(said).bad("Mimecast", expired, 3, 10, 17, 18).clean("Mimecast", 0, 19), 20, []string{"certificate-expired open 0517-0518 6/20"}},
		"silence does not, however long":               {new(said).bad("Mimecast", expired, 3, 10, 1), 90, []string{"certificate-expired open 0501-0501 3/10"}},
		"a clean day before the last bad one does not": {new(said).bad("Mimecast", expired, 3, 10, 11).clean("Mimecast", 10, 12).bad("Google Inc.", expired, 5, 10, 12, 13), 14, []string{"certificate-expired open 0511-0513 13/40"}},
		"who no longer saw it can't end what others see": {
			new(said).bad("Mimecast", expired, 3, 10, 11).clean("Mimecast", 10, 12, 13, 14).bad("Google Inc.", expired, 5, 10, 12, 13), 15,
			[]string{"certificate-expired open 0511-0513 13/50"},
		},
		"bad days with a week-end without mail between are one": {
			new(said).bad("Mimecast", expired, 3, 10, 14, 15, 18, 19).clean("Mimecast", 10, 20), 21,
			[]string{"certificate-expired ended 0514-0519 12/40"},
		},
		"bad Mondays seven days apart are one, clean days or not": {
			new(said).bad("Mimecast", expired, 3, 10, 4, 11, 18).clean("Mimecast", 10, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17), 19,
			[]string{"certificate-expired open 0504-0518 9/150"},
		},
		"after more than seven clean days it is another": {
			new(said).bad("Mimecast", expired, 3, 10, 1, 9).clean("Mimecast", 10, daysOf(2, 8)...), 10,
			[]string{"certificate-expired open 0509-0509 3/10", "certificate-expired ended 0501-0501 3/10"},
		},
		"what was clean for a day and then not told of is another": {
			new(said).bad("Mimecast", expired, 3, 10, 1, 30).clean("Mimecast", 10, 2), 31,
			[]string{"certificate-expired open 0530-0530 3/10", "certificate-expired ended 0501-0501 3/10"},
		},
		"what came back within a week of being clean is the same": {
			new(said).bad("Mimecast", expired, 3, 10, 1, 20).clean("Mimecast", 10, 14), 21,
			[]string{"certificate-expired open 0501-0520 6/30"},
		},
		"days without any report neither end nor part it": {
			new(said).bad("Mimecast", expired, 3, 10, 1, 25).clean("Google Inc.", 10, daysOf(1, 25)...), 26,
			[]string{"certificate-expired open 0501-0525 6/270"},
		},
		"two of one type months apart are two": {
			new(said).bad("Mimecast", expired, 3, 10, 1, 2, 61).clean("Mimecast", 10, daysOf(3, 60)...).clean("Mimecast", 10, 62), 63,
			[]string{"certificate-expired ended 0630-0630 3/10", "certificate-expired ended 0501-0502 6/20"},
		},
		"two types at once are two": {
			new(said).bad("Mimecast", expired, 3, 10, 19).bad("Comcast", "tlsa-invalid mx1.example.com", 2, 30, 19), 20,
			[]string{"certificate-expired open 0519-0519 3/40", "tlsa-invalid open 0519-0519 2/40"},
		},
		"connections that are cut now and then don't blur when a real trouble began": {
			new(said).clean("Comcast", 100, daysOf(1, 19)...).bad("Comcast", "validation-failure mx1 n i/o timeout", 1, 100, 3, 8, 13).
				bad("Google Inc.", "validation-failure mx1 n dane-no-match", 90, 100, 18, 19), 20,
			[]string{"validation-failure open 0518-0519 180/400", "validation-failure ended 0503-0513 3/1400"},
		},
		"a result type that no RFC knows is one like others": {new(said).bad("Acme", "quantum-failure", 3, 10, 19), 20, []string{"quantum-failure open 0519-0519 3/10"}},
		"one clean session of a small reporter does not end what large ones see": {
			new(said).bad("Google Inc.", expired, 300, 700, 18).bad("Comcast", expired, 300, 700, 18).bad("Tiny", expired, 1, 1, 18).clean("Tiny", 1, 19), 20,
			[]string{"certificate-expired open 0518-0518 601/1401"},
		},
		"those that told of most failed sessions end it": {
			new(said).bad("Google Inc.", expired, 300, 700, 17).bad("Tiny", expired, 1, 1, 17).clean("Tiny", 1, 18).clean("Google Inc.", 700, 19), 20,
			[]string{"certificate-expired ended 0517-0517 301/701"},
		},
		"those that told of half of them do not": {
			new(said).bad("Google Inc.", expired, 3, 10, 18).bad("Comcast", expired, 3, 10, 18).clean("Comcast", 10, 19), 20,
			[]string{"certificate-expired open 0518-0518 6/20"},
		},
		"a large reporter is awaited for seven days and no longer": {
			new(said).bad("Google Inc.", expired, 300, 700, 12).bad("Tiny", expired, 1, 1, 12).clean("Tiny", 1, 13), 20,
			[]string{"certificate-expired ended 0512-0512 301/701"},
		},
		"a large reporter is awaited on the seventh day": {
			new(said).bad("Google Inc.", expired, 300, 700, 12).bad("Tiny", expired, 1, 1, 12).clean("Tiny", 1, 13), 19,
			[]string{"certificate-expired open 0512-0512 301/701"},
		},
		"a known reporter that changes its name ends its own": {
			new(said).bad("Google Inc.", expired, 3, 10, 14, 15).bad("Google LLC", expired, 3, 10, 16).clean("Google LLC", 10, 17), 18,
			[]string{"certificate-expired ended 0514-0516 9/30"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, briefs(Incidents(c.said.input(c.today)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	stripped := "starttls-not-supported mx1.example.com 198.51.100.0/24"
	for name, c := range map[string]struct {
		said    *said
		today   int
		verdict string
	}{
		"one of several reporters, one of several MX hosts, one of its networks": {
			new(said).clean("Google Inc.", 500, daysOf(10, 19)...).clean("Comcast", 50, daysOf(10, 19)...).
				clean("Mimecast", 100, daysOf(10, 13)...).bad("Mimecast", "starttls-not-supported mx2.example.com 198.51.100.0/24", 40, 100, daysOf(14, 19)...).
				bad("Mimecast", "certificate-expired mx1.example.com 192.0.2.0/24", 2, 10, 10), 20,
			"Only Mimecast (1 of 3 reporters), only mx2.example.com, only from 198.51.100.0/24, since 14 May: the MX did not offer STARTTLS; 240 of 3,900 sessions failed (6.2%).",
		},
		"all reporters and all MX hosts": {
			new(said).clean("Google Inc.", 10, 13).bad("Google Inc.", "certificate-expired mx1.example.com", 10, 10, 14).bad("Comcast", "certificate-expired mx2.example.com", 9, 10, 14).
				bad("Microsoft Corporation", "certificate-expired mx2.example.com", 8, 10, 14), 15,
			"All 3 reporters, both MX hosts, since 14 May: the certificate of the MX had expired; 27 of 30 sessions failed (90.0%).",
		},
		"several reporters and one network": {
			new(said).clean("Google Inc.", 100, 13).bad("Google Inc.", stripped, 10, 100, 14).bad("Comcast", stripped, 9, 100, 14).clean("Mail.ru", 200, 14), 15,
			"Google and Comcast (2 of 3 reporters), at mx1.example.com, from 198.51.100.0/24, since 14 May: the MX did not offer STARTTLS; 19 of 400 sessions failed (4.8%).",
		},
		"an ended one within a month": {
			new(said).clean("Mimecast", 10, 13).bad("Mimecast", expired, 3, 10, 14, 15, 16).clean("Mimecast", 10, 17), 18,
			"Mimecast, the only reporter heard, at mx2.example.com, from 192.0.2.0/24, 14 to 16 May: the certificate of the MX had expired; 9 of 30 sessions failed (30.0%). Clean since 17 May.",
		},
		"an ended one of a single day": {
			new(said).clean("Mimecast", 10, 13).bad("Mimecast", expired, 3, 10, 14).clean("Mimecast", 10, 15), 18,
			"Mimecast, the only reporter heard, at mx2.example.com, from 192.0.2.0/24, on 14 May: the certificate of the MX had expired; 3 of 10 sessions failed (30.0%). Clean since 15 May.",
		},
		"an ended one of two months": {
			new(said).clean("Mimecast", 10, 29).bad("Mimecast", expired, 3, 10, 30, 31, 32, 33).clean("Mimecast", 10, 34), 35,
			"Mimecast, the only reporter heard, at mx2.example.com, from 192.0.2.0/24, 30 May to 2 June: the certificate of the MX had expired; 12 of 40 sessions failed (30.0%). Clean since 3 June.",
		},
		"a failure without MX and address, its cause told by the reason code, from the first report on": {
			new(said).bad("Mail.ru", "sts-policy-fetch-error   bad https response code: 404", 5, 5, 14), 15,
			"Mail.ru, the only reporter heard, since 14 May or earlier: the policy host answered that there is no policy file; 5 of 5 sessions failed (100%).",
		},
		"a single session among a million": {
			new(said).clean("Google Inc.", 1_000_000, 13).bad("Google Inc.", "validation-failure mx1.example.com 192.0.2.0/24 read tcp *->*: i/o timeout", 1, 1_000_000, 14), 15,
			"Google, the only reporter heard, at mx1.example.com, from 192.0.2.0/24, since 14 May: the connection timed out during TLS; 1 of 1,000,000 sessions failed (under 0.1%), so few that it may be chance.",
		},
		"one reporter that went silent": {
			new(said).clean("Mimecast", 10, 31).clean("Google Inc.", 10, daysOf(32, 45)...).bad("Mimecast", expired, 3, 10, 33, 34), 46,
			"Only Mimecast (1 of 2 reporters), at mx2.example.com, from 192.0.2.0/24, since 2 June: the certificate of the MX had expired; 6 of 40 sessions failed (15.0%). Not confirmed since: Mimecast has not reported since 3 June.",
		},
		"one reporter that has no mail any more": {
			new(said).clean("Mimecast", 10, 31).clean("Google Inc.", 10, daysOf(32, 45)...).bad("Mimecast", expired, 3, 10, 33, 34).clean("Mimecast", 0, daysOf(35, 40)...), 46,
			"Only Mimecast (1 of 2 reporters), at mx2.example.com, from 192.0.2.0/24, since 2 June: the certificate of the MX had expired; 6 of 40 sessions failed (15.0%). Not confirmed since: Mimecast has had no session since 3 June.",
		},
		"a domain that was retired while it failed": {
			new(said).clean("Mimecast", 10, 13).clean("Google Inc.", 10, 13).bad("Mimecast", expired, 3, 10, 14).bad("Google Inc.", expired, 3, 10, 14), 80,
			"Both reporters, Google and Mimecast, at mx2.example.com, from 192.0.2.0/24, since 14 May: the certificate of the MX had expired; 6 of 20 sessions failed (30.0%). Not confirmed since: nobody has reported on example.com since 14 May.",
		},
		"one that was clean, and others that have not reported since": {
			new(said).clean("Comcast", 10, 17).bad("Google Inc.", expired, 300, 700, 18).bad("Comcast", expired, 300, 700, 18).bad("Tiny", expired, 1, 1, 18).clean("Tiny", 1, 19), 20,
			"All 3 reporters, at mx2.example.com, from 192.0.2.0/24, since 18 May: the certificate of the MX had expired; 601 of 1,401 sessions failed (42.9%). Clean since for Tiny alone; Comcast and Google have not reported since 18 May.",
		},
		"one that was clean, and a larger one that went silent": {
			new(said).clean("Comcast", 10, 13).bad("Comcast", expired, 30, 70, 14).bad("Tiny", expired, 1, 1, 14).clean("Tiny", 1, daysOf(15, 19)...), 20,
			"Both reporters, Comcast and Tiny, at mx2.example.com, from 192.0.2.0/24, since 14 May: the certificate of the MX had expired; 31 of 71 sessions failed (43.7%). Clean since for Tiny alone. Not confirmed since: Comcast has not reported since 14 May.",
		},
		"an ended one of which a reporter has not told since": {
			new(said).clean("Comcast", 10, 16).bad("Google Inc.", expired, 10, 100, 17, 18).bad("Comcast", expired, 9, 100, 17, 18).clean("Google Inc.", 100, 19), 20,
			"Both reporters, Google and Comcast, at mx2.example.com, from 192.0.2.0/24, 17 to 18 May: the certificate of the MX had expired; 38 of 400 sessions failed (9.5%). Clean since 19 May; Comcast has not reported since 18 May.",
		},
		"another year is named": {
			new(said).clean("Mimecast", 10, 13).bad("Mimecast", expired, 3, 10, 14).clean("Mimecast", 10, 15), 300,
			"Mimecast, the only reporter heard, at mx2.example.com, from 192.0.2.0/24, on 14 May 2026: the certificate of the MX had expired; 3 of 10 sessions failed (30.0%). Clean since 15 May 2026.",
		},
		"many reporters and networks are counted": {
			manyReporters(), 15,
			"5 of 9 reporters, at mx1.example.com, from 5 sending networks, since 14 May or earlier: sender and MX have no TLS version in common; 5 of 45 sessions failed (11.1%).",
		},
		"failures in details that no summary tells of": {
			&said{failures: new(said).bad("Acme", expired, 3, 10, 14).failures}, 15,
			"Acme, the only reporter heard, at mx2.example.com, from 192.0.2.0/24, since 14 May or earlier: the certificate of the MX had expired; 3 of 3 sessions failed (100%).",
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := Incidents(c.said.input(c.today))
			if len(all) == 0 || all[0].Verdict != c.verdict {
				t.Errorf("got  %q\nwant %q", all[0].Verdict, c.verdict)
			}
		})
	}
}

func manyReporters() *said {
	s := &said{}
	for i := range 9 {
		if i < 5 {
			s.bad(fmt.Sprintf("mta%d.example", i), fmt.Sprintf("validation-failure mx1.example.com 198.51.%d.0/24 tls-remote-alert-70", i), 1, 5, 14)
		} else {
			s.clean(fmt.Sprintf("mta%d.example", i), 5, 14)
		}
	}
	return s
}

func TestAnIncidentTellsAllOfIt(t *testing.T) {
	s := new(said).clean("Google Inc.", 100, daysOf(1, 20)...).clean("Mimecast", 50, 10, 11).
		bad("Mimecast", "certificate-expired mx2.example.com 192.0.2.0/24", 20, 50, 12, 14).
		bad("Mimecast", "certificate-expired mx1.example.com 203.0.113.0/24 x509: certificate has expired", 5, 50, 13).
		mode("sts", "testing", 10, 12).mode("sts", "enforce", 13).mode("no-policy-found", "", 14)
	input := s.input(16)
	due := mayDay(17).Add(9 * time.Hour)
	input.ExpectedNext = func(domain, reporter string) time.Time {
		if domain == "example.com" && reporter == "Mimecast" {
			return due
		}
		return mayDay(16).Add(7 * time.Hour)
	}
	want := Incident{
		PolicyDomain: "example.com", ResultType: "certificate-expired", PolicyMode: "enforce", State: IncidentOpen,
		FirstDay: mayDay(12), LastDay: mayDay(14), FailedSessions: 45, Sessions: 450, Share: 0.1,
		Reporters: []string{"Mimecast"}, ReportersHeard: 2, MXs: []string{"mx2.example.com", "mx1.example.com"}, Networks: []string{"192.0.2.0/24", "203.0.113.0/24"},
		Reason: "x509: certificate has expired", Severity: Critical, Fault: OurMX, LastCleanDay: mayDay(11), NextReport: due,
		Command: "openssl s_client -starttls smtp -connect mx2.example.com:25 -servername mx2.example.com </dev/null | openssl x509 -noout -subject -dates",
	}
	got := Incidents(input)
	if len(got) != 1 {
		t.Fatalf("got %d incidents", len(got))
	}
	if diff := cmp.Diff(want, got[0], cmpopts.IgnoreFields(Incident{}, "Verdict", "Fix", "SenderSees")); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(got[0].Fix, "Renew the certificate") || !strings.Contains(got[0].SenderSees, "551 5.7.5") {
		t.Errorf("fix %q, sender sees %q", got[0].Fix, got[0].SenderSees)
	}
}

func TestSeverityOfIncidents(t *testing.T) {
	fetch := "sts-policy-fetch-error"
	for name, c := range map[string]struct {
		said  *said
		today int
		mode  string
		want  Severity
	}{
		"under enforce, at a rate that alerts":              {new(said).bad("Google Inc.", expired, 5, 200, 14).mode("sts", "enforce", 14), 15, "enforce", Critical},
		"under enforce, below it":                           {new(said).bad("Google Inc.", expired, 4, 200, 14).mode("sts", "enforce", 14), 15, "enforce", Warning},
		"under enforce, half of few":                        {new(said).bad("Google Inc.", expired, 2, 4, 14).mode("sts", "enforce", 14), 15, "enforce", Critical},
		"under testing":                                     {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("sts", "testing", 14), 15, "testing", Warning},
		"without a policy":                                  {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("no-policy-found", "", 14), 15, "", Warning},
		"under mode none":                                   {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("sts", "none", 14), 15, "none", Warning},
		"under DANE and testing at once":                    {new(said).bad("Microsoft", "tlsa-invalid mx", 100, 200, 14).mode("sts", "testing", 14).mode("tlsa", "", 14), 15, "tlsa", Critical},
		"under DANE that was seen some days before":         {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("tlsa", "", 10).mode("sts", "testing", 14), 15, "tlsa", Critical},
		"under both enforce and DANE":                       {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("tlsa", "", 14).mode("sts", "enforce", 14), 15, "enforce", Critical},
		"a failure of DANE under both":                      {new(said).bad("Google Inc.", "validation-failure mx n dane-no-match", 100, 200, 14).mode("tlsa", "", 14).mode("sts", "enforce", 14), 15, "tlsa", Critical},
		"the mode left enforce before":                      {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("sts", "enforce", 12).mode("sts", "testing", 13), 15, "testing", Warning},
		"the policy can't be fetched, which delays no mail": {new(said).bad("Google Inc.", fetch, 100, 200, 14).mode("sts", "enforce", 13).mode("tlsa", "", 14).mode("sts", "", 14), 15, "enforce", Warning},
		"chance": {new(said).bad("Google Inc.", expired, 1, 200, 14).mode("sts", "enforce", 14), 15, "enforce", Info},
		"a small sender that never gets through is no chance": {new(said).clean("Google Inc.", 1_000_000, 14).bad("Acme", expired, 2, 2, 14).mode("sts", "enforce", 14), 15, "enforce", Warning},
		"ended":                               {new(said).bad("Google Inc.", expired, 100, 200, 14).clean("Google Inc.", 200, 15).mode("sts", "enforce", 14), 16, "enforce", Info},
		"not confirmed for more than a week":  {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("sts", "enforce", 14), 23, "enforce", Warning},
		"not confirmed for more than a month": {new(said).bad("Google Inc.", expired, 100, 200, 14).mode("sts", "enforce", 14), 46, "enforce", Info},
	} {
		t.Run(name, func(t *testing.T) {
			got := Incidents(c.said.input(c.today))
			if len(got) != 1 || got[0].Severity != c.want || got[0].PolicyMode != c.mode {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestSessionsThatWereToldTwiceCountOnce(t *testing.T) {
	input := IncidentInput{
		Now:      mayDay(15),
		Sessions: []store.SessionRow{{Bucket: mayDay(14), Group: []string{"example.com", "Microsoft Corporation"}, Reports: 1, Successful: 80, Failed: 20, Protected: 100, OverlapTotal: 50, OverlapFailed: 10}},
		Failures: []store.FailureSum{{Bucket: mayDay(14), Group: []string{"example.com", "tlsa-invalid", "Microsoft Corporation", "mx1.example.com", ""}, Failed: 20, Overlap: 10}},
	}
	if got := Incidents(input); len(got) != 1 || got[0].FailedSessions != 10 || got[0].Sessions != 50 || got[0].Share != 0.2 {
		t.Errorf("distinct: %+v", got)
	}
	input.Counting = Reported
	if got := Incidents(input); len(got) != 1 || got[0].FailedSessions != 20 || got[0].Sessions != 100 {
		t.Errorf("reported: %+v", got)
	}
}

func TestAReporterThatTellsOfFailuresOnlyEndsAnIncidentBySilence(t *testing.T) {
	s := new(said).bad("mail.example", expired, 3, 3, 1, 2)
	for today, want := range map[int]string{9: IncidentOpen, 11: IncidentEnded} {
		input := s.input(today)
		input.FailuresOnly = func(_, reporter string) bool { return reporter == "mail.example" }
		got := Incidents(input)
		if len(got) != 1 || got[0].State != want {
			t.Errorf("on %d May: %+v", today, got)
		}
		if want == IncidentEnded && !strings.HasSuffix(got[0].Verdict, " None has been told since, by reporters that tell of failures only.") {
			t.Errorf("%q", got[0].Verdict)
		}
	}
	input := s.bad("mail.example", expired, 1, 1, 20).input(21)
	input.FailuresOnly = func(string, string) bool { return true }
	if got := briefs(Incidents(input)); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

func TestAReporterThatGoesOnUnderAnotherNameIsOne(t *testing.T) {
	input := new(said).bad("Acme Mail", expired, 3, 10, 14).clean("Beta Mail", 10, 15).input(16)
	if got := Incidents(input); got[0].State != IncidentOpen || got[0].ReportersHeard != 1 {
		t.Fatalf("got %+v", got)
	}
	input.GoesOnAs = func(_, reporter string) string {
		return map[string]string{"Acme Mail": "Acme Beta Mail", "Acme Beta Mail": "Beta Mail"}[reporter]
	}
	got := Incidents(input)
	if got[0].State != IncidentEnded || !slices.Equal(got[0].Reporters, []string{"Beta Mail"}) {
		t.Errorf("got %+v", got[0])
	}
	input.GoesOnAs = func(_, reporter string) string {
		return map[string]string{"Acme Mail": "Beta Mail", "Beta Mail": "Acme Mail"}[reporter]
	}
	if got := Incidents(input); len(got) != 1 {
		t.Errorf("names in a circle: %+v", got)
	}
}

func TestNamesOfStrangersStayWithinASentence(t *testing.T) {
	long := strings.Repeat("x", 500)
	s := new(said).bad(long, long+" "+long+" "+long+" "+long, 3, 10, 14)
	in := Incidents(s.input(15))[0]
	if len(in.Verdict) > 900 || strings.Contains(in.Verdict, long) || strings.Contains(in.Command, long) || in.Reporters[0] != long {
		t.Errorf("%+v", in)
	}
}

func TestTheNextReportThatCanConfirm(t *testing.T) {
	s := new(said).bad("Mimecast", expired, 3, 10, 13, 14).bad("Comcast", expired, 3, 10, 13, 14).clean("Google Inc.", 10, 13, 14)
	due := map[string]int{"Google Inc.": 16}
	input := s.input(15)
	input.ExpectedNext = func(_, reporter string) time.Time {
		if d := due[reporter]; d != 0 {
			return mayDay(d)
		}
		return time.Time{}
	}
	check := func(what string, want time.Time, unconfirmed bool) {
		t.Helper()
		got := Incidents(input)[0]
		if !got.NextReport.Equal(want) || got.Unconfirmed != unconfirmed {
			t.Errorf("%s: next report %s, unconfirmed %t", what, got.NextReport, got.Unconfirmed)
		}
	}
	check("who did not see it can't", time.Time{}, false)
	due["Mimecast"], due["Comcast"] = 18, 17
	check("one alone of two that told of half each can't", mayDay(18), false)
	input.Failures[0].Failed++
	input.Failures[2].Failed += 2
	check("the first that can", mayDay(17), false)
	due["Comcast"] = 14
	check("one that is overdue is not waited for", mayDay(18), false)
	due["Mimecast"] = 14
	check("all are overdue", time.Time{}, true)
}

func TestOverlappingKeepsWhatGoesOnInARange(t *testing.T) {
	ended := Incident{State: IncidentEnded, FirstDay: mayDay(10), LastDay: mayDay(12), Verdict: "ended"}
	open := Incident{State: IncidentOpen, FirstDay: mayDay(10), LastDay: mayDay(12), Verdict: "open"}
	for name, c := range map[string]struct {
		from, to time.Time
		want     int
	}{
		"no bounds":                               {want: 2},
		"a range around both":                     {mayDay(1), mayDay(30), 2},
		"a range that begins in the middle":       {mayDay(11), mayDay(30), 2},
		"a range that begins within the last day": {mayDay(12).Add(23 * time.Hour), mayDay(30), 2},
		"a range after it keeps what is open":     {mayDay(13), mayDay(30), 1},
		"a range that ends on the first day":      {mayDay(1), mayDay(10).Add(time.Hour), 2},
		"a range before it":                       {mayDay(1), mayDay(10), 0},
	} {
		if got := Overlapping([]Incident{ended, open}, c.from, c.to); len(got) != c.want || c.want == 1 && got[0].Verdict != "open" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestLateDataThatFillsAGapJoinsIncidents(t *testing.T) {
	s := new(said).bad("Mimecast", expired, 3, 10, 1, 2, 14, 15).clean("Mimecast", 10, 3, 4)
	if got := briefs(Incidents(s.input(16))); len(got) != 2 {
		t.Fatalf("before: %q", got)
	}
	got := briefs(Incidents(s.bad("Mimecast", expired, 3, 10, 8).input(16)))
	if diff := cmp.Diff([]string{"certificate-expired open 0501-0515 15/70"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheOrderOfRowsIsOfNoMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &said{}
		reporters := []string{"Google Inc.", "Google LLC", "Mimecast", "acme", "Acme"}
		for range rapid.IntRange(1, 30).Draw(t, "reports") {
			reporter := rapid.SampledFrom(reporters).Draw(t, "reporter")
			on := rapid.IntRange(1, 40).Draw(t, "day")
			if rapid.Bool().Draw(t, "clean") {
				s.clean(reporter, 10, on)
				continue
			}
			s.bad(reporter, rapid.SampledFrom([]string{expired, "tlsa-invalid mx1 n1 r1", "tlsa-invalid mx2 n2 r2", "sts-policy-fetch-error"}).Draw(t, "kind"), 3, 10, on)
			s.mode(rapid.SampledFrom([]string{"sts", "tlsa"}).Draw(t, "type"), rapid.SampledFrom([]string{"enforce", "testing", ""}).Draw(t, "mode"), on)
		}
		input := s.input(41)
		want := Incidents(input)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for _, rows := range [][]store.SessionRow{input.Sessions, input.Modes} {
			rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		}
		rng.Shuffle(len(input.Failures), func(i, j int) { input.Failures[i], input.Failures[j] = input.Failures[j], input.Failures[i] })
		if diff := cmp.Diff(want, Incidents(input)); diff != "" {
			t.Fatal(diff)
		}
		checkIncidents(t, want, input)
	})
}

// checkIncidents checks what is true of incidents whatever was reported.
func checkIncidents(t *rapid.T, all []Incident, input IncidentInput) {
	var failed, told int64
	for _, f := range input.Failures {
		told += f.Failed
	}
	openOf := map[string]bool{}
	for _, in := range all {
		failed += in.FailedSessions
		key := in.PolicyDomain + " " + in.ResultType
		switch {
		case in.LastDay.Before(in.FirstDay), in.Share <= 0, in.Share > 1, in.ReportersHeard < 1, len(in.Reporters) == 0,
			!in.LastCleanDay.IsZero() && !in.LastCleanDay.Before(in.FirstDay),
			!in.CleanSince.IsZero() && !in.CleanSince.After(in.LastDay),
			(in.State == IncidentEnded) != !in.CleanSince.IsZero():
			t.Fatalf("%+v", in)
		case in.State == IncidentOpen && openOf[key]:
			t.Fatalf("two open incidents of %s", key)
		}
		openOf[key] = openOf[key] || in.State == IncidentOpen
	}
	if failed != told {
		t.Fatalf("%d failed sessions in incidents, %d in the rows", failed, told)
	}
}
