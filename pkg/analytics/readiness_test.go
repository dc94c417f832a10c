package analytics

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A trial collects what reporters tell of a.example.
type trial struct{ in ReadinessInput }

// on adds sessions on each of the days counted back from today.
func (r *trial) on(reporter, policyType, mode string, total, failed int64, ago ...int) *trial {
	for _, n := range ago {
		r.in.Sessions = append(r.in.Sessions, store.SessionRow{
			Bucket: (today - tlsrpt.Day(n)).Time(), Group: []string{"a.example", policyType, mode, reporter}, Reports: 1, Successful: total - failed, Failed: failed,
		})
	}
	return r
}

// because adds a failure detail of sessions under sts.
func (r *trial) because(reporter, mode, resultType, mx string, failed int64, ago ...int) *trial {
	for _, n := range ago {
		r.in.Failures = append(r.in.Failures, store.FailureSum{
			Bucket: (today - tlsrpt.Day(n)).Time(), Group: []string{"a.example", "sts", mode, reporter, resultType, mx}, Failed: failed,
		})
	}
	return r
}

func tested20(reporters ...string) *trial {
	r := &trial{}
	for _, reporter := range reporters {
		r.on(reporter, "sts", "testing", 10, 0, daysAgo(20, 1, 1)...)
	}
	return r
}

func TestReadiness(t *testing.T) {
	two := func() *trial { return tested20("R", "S") }
	for name, c := range map[string]struct {
		trial   *trial
		mode    string
		verdict string
		would   int64
		trouble int64
		goOn    string
		says    []string // what the first reasons hold, in order
	}{
		"weeks of testing without a failure": {
			trial: two(), mode: "testing", verdict: "go", says: []string{"Nothing that enforce would refuse in 400 sessions from 2 reporters over 20 days. Change the mode"}},
		"no policy at all": {
			trial: (&trial{}).on("R", "no-policy-found", "", 100, 0, daysAgo(20, 1, 1)...), mode: "", verdict: "no", says: []string{"Publish testing first"}},
		"mode none": {
			trial: (&trial{}).on("R", "sts", "none", 100, 0, daysAgo(20, 1, 1)...), mode: "none", verdict: "no", says: []string{"mode none"}},
		"DANE only": {
			trial: (&trial{}).on("R", "tlsa", "", 100, 0, daysAgo(20, 1, 1)...).on("S", "no-policy-found", "", 100, 0, daysAgo(20, 1, 1)...),
			mode:  "", verdict: "no", says: []string{"Publish testing first", "DANE protects"}},
		"a policy that was taken away": {
			trial: (&trial{}).on("R", "sts", "testing", 100, 0, daysAgo(20, 5, 1)...).on("R", "no-policy-found", "", 100, 0, daysAgo(4, 1, 1)...),
			mode:  "", verdict: "no", says: []string{"find none any more"}},
		"no report tells the mode": {
			trial: (&trial{}).on("R", "sts", "", 100, 0, daysAgo(20, 1, 1)...), mode: "", verdict: "no", says: []string{"none tells its mode"}},
		"already enforced": {
			trial: (&trial{}).on("R", "sts", "enforce", 100, 0, daysAgo(20, 1, 1)...), mode: "enforce", verdict: "go", says: []string{"Already enforced, and nothing was refused."}},
		"already enforced, and it fails": {
			trial: (&trial{}).on("R", "sts", "enforce", 100, 5, 2).because("R", "enforce", "certificate-expired", "mx2.a.example", 5, 2),
			mode:  "enforce", verdict: "go", would: 5, says: []string{"Already enforced, and it refused 5 of 100 sessions in the last 7 days: certificate-expired at mx2.a.example (5, by R)."}},
		"already enforced, and it failed long ago": {
			trial: (&trial{}).on("R", "sts", "enforce", 100, 5, 20).on("R", "sts", "enforce", 100, 0, 2), mode: "enforce", verdict: "go", would: 5, says: []string{"nothing was refused since 13 May, in 100 sessions from 1 reporter over 1 day."}},
		"already enforced, and it failed before the last report of long ago": {
			trial: (&trial{}).on("R", "sts", "enforce", 100, 0, 21).on("R", "sts", "enforce", 100, 5, 20), mode: "enforce", verdict: "go", would: 5,
			says: []string{"Already enforced, and it refused 5 of 200 sessions, the last on 12 May, since when none was reported: no reason given (5, by R)."}},
		"one of three left enforce days ago, and the others hold on": {
			trial: tested20().on("R", "sts", "enforce", 10, 0, daysAgo(20, 1, 1)...).on("S", "sts", "enforce", 10, 0, daysAgo(20, 1, 1)...).
				on("T", "sts", "enforce", 10, 0, daysAgo(20, 11, 1)...).on("T", "sts", "testing", 10, 0, daysAgo(10, 1, 1)...),
			mode: "testing", verdict: "wait", says: []string{"10 days: wait for 14", "Of 3 reporters of this domain only T"}},
		"one of two left enforce yesterday, and is waited for": {
			trial: tested20().on("R", "sts", "enforce", 10, 0, daysAgo(20, 1, 1)...).on("T", "sts", "enforce", 10, 0, daysAgo(20, 2, 1)...).on("T", "sts", "testing", 10, 0, 1),
			mode:  "enforce", verdict: "go", says: []string{"Already enforced"}},
		"in testing for a week": {
			trial: (&trial{}).on("R", "sts", "testing", 100, 0, daysAgo(7, 1, 1)...).on("S", "sts", "testing", 100, 0, daysAgo(7, 1, 1)...),
			mode:  "testing", verdict: "wait", goOn: "2026-06-08T00:00:00Z", says: []string{"7 days: wait for 14", "Go on 8 June if nothing fails until then."}},
		"one report only": {
			trial: (&trial{}).on("R", "sts", "testing", 1000, 0, 1), mode: "testing", verdict: "wait", goOn: "2026-06-14T00:00:00Z", says: []string{"1 day: wait for 14", "Go on 14 June"}},
		"one failing report only": {
			trial: (&trial{}).on("R", "sts", "testing", 1000, 10, 1), mode: "testing", verdict: "no", would: 10, goOn: "2026-06-15T00:00:00Z",
			says: []string{"Enforce would have refused 10 of 1,000 sessions, the last on 31 May: no reason given (10, by R).", "1 day: wait", "Go on 15 June"}},
		"too few sessions": {
			trial: (&trial{}).on("R", "sts", "testing", 1, 0, daysAgo(20, 1, 1)...).on("S", "sts", "testing", 1, 0, 3), mode: "testing", verdict: "wait", says: []string{"Only 21 sessions"}},
		"reports on mail days, gaps between them": {
			trial: (&trial{}).on("R", "sts", "testing", 30, 0, 20, 13, 12, 4).on("S", "sts", "testing", 30, 0, 18, 2), mode: "testing", verdict: "go", says: []string{"180 sessions from 2 reporters over 6 days"}},
		"only one reporter ever": {
			trial: tested20("R"), mode: "testing", verdict: "go", says: []string{"from 1 reporter", "Only R reports on this domain"}},
		"one of two reporters has told of testing": {
			trial: tested20("R").on("S", "tlsa", "", 10, 0, 5), mode: "testing", verdict: "wait", says: []string{"Of 2 reporters of this domain only R"}},
		"a reporter with two names is one": {
			trial: tested20("Google Inc.").on("Google LLC", "sts", "testing", 10, 0, 1), mode: "testing", verdict: "go", says: []string{"from 1 reporter", "Only Google Inc., Google LLC reports"}},
		"it fails now": {
			trial: two().on("R", "sts", "testing", 10, 2, 3).because("R", "testing", "certificate-host-mismatch", "mx1.a.example", 2, 3),
			mode:  "testing", verdict: "no", would: 2, goOn: "2026-06-13T00:00:00Z",
			says: []string{"Enforce would have refused 2 of 410 sessions, the last on 29 May: certificate-host-mismatch at mx1.a.example (2, by R).", "Go on 13 June if nothing fails until then."}},
		"it failed, and a week is not enough after so much": {
			trial: two().on("R", "sts", "testing", 100, 50, 9), mode: "testing", verdict: "wait", would: 50, goOn: "2026-06-07T00:00:00Z", says: []string{"Enforce would have refused 50 of 500", "Go on 7 June"}},
		"it failed, and two weeks are enough": {
			trial: two().on("R", "sts", "testing", 100, 50, 16), mode: "testing", verdict: "go", would: 50, says: []string{"Nothing that enforce would refuse since 17 May, in 300 sessions from 2 reporters over 15 days."}},
		"a stray session in thousands, a week ago": {
			trial: two().on("R", "sts", "testing", 10_000, 1, 8), mode: "testing", verdict: "go", would: 1, says: []string{"since 25 May, in 140 sessions"}},
		"a stray session in thousands, yesterday": {
			trial: two().on("R", "sts", "testing", 10_000, 1, 1), mode: "testing", verdict: "wait", would: 1, goOn: "2026-06-08T00:00:00Z", says: []string{"1 of 10,400 sessions", "Go on 8 June"}},
		"who told of the failure has not reported since": {
			trial: two().on("T", "sts", "testing", 100_000, 3, 9), mode: "testing", verdict: "wait", would: 3, goOn: "2026-06-07T00:00:00Z", says: []string{"T has not reported since", "Go on 7 June"}},
		"who told of the failure goes on under another name": {
			trial: tested20("R", "Google LLC").on("Google Inc.", "sts", "testing", 100_000, 3, 9), mode: "testing", verdict: "go", would: 3, says: []string{"since 24 May, in 160 sessions from 2 reporters over 8 days"}},
		"a retired domain": {
			trial: (&trial{}).on("R", "sts", "testing", 100, 0, daysAgo(40, 18, 1)...).on("S", "sts", "testing", 100, 0, daysAgo(40, 18, 1)...),
			mode:  "testing", verdict: "wait", says: []string{"No report on it since that for 14 May"}},
		"policy trouble alone refuses no mail": {
			trial: two().on("T", "sts", "", 10, 10, 3).because("T", "", "sts-policy-fetch-error", "", 10, 3), mode: "testing", verdict: "go", trouble: 10,
			says: []string{"Nothing that enforce would refuse", "For 10 sessions the sender could not get a valid policy."}},
		"more details than failed sessions count once": {
			trial: two().on("R", "sts", "testing", 100_000, 4, 3).because("R", "testing", "certificate-expired", "", 4, 3).because("R", "testing", "validation-failure", "", 4, 3),
			mode:  "testing", verdict: "wait", would: 4, goOn: "2026-06-06T00:00:00Z", says: []string{"certificate-expired (4, by R), validation-failure (4, by R)"}},
		"fewer details than failed sessions: the rest would fail too": {
			trial: two().on("R", "sts", "testing", 10, 6, 3).because("R", "testing", "certificate-expired", "", 1, 3).because("R", "testing", "sts-policy-invalid", "", 2, 3),
			mode:  "testing", verdict: "no", would: 4, trouble: 2, goOn: "2026-06-13T00:00:00Z", says: []string{"no reason given (3, by R), certificate-expired (1, by R)"}},
		"details under a summary without failures count": {
			trial: two().because("R", "testing", "starttls-not-supported", "mx1.a.example", 3, 3), mode: "testing", verdict: "no", would: 3, goOn: "2026-06-13T00:00:00Z", says: []string{"starttls-not-supported at mx1.a.example (3, by R)"}},
		"an unknown result type is taken for a refusal": {
			trial: two().on("R", "sts", "testing", 10, 2, 3).because("R", "testing", "weird", "", 2, 3), mode: "testing", verdict: "no", would: 2, goOn: "2026-06-13T00:00:00Z", says: []string{"weird (2, by R)"}},
		"the same sessions under tlsa count once, and DANE is no matter of the mode": {
			trial: two().on("M", "sts", "testing", 10, 0, 3).on("M", "tlsa", "", 10, 4, 3), mode: "testing", verdict: "go", says: []string{"410 sessions from 3 reporters"}},
		"one old cache still says enforce": {
			trial: two().on("T", "sts", "enforce", 10, 0, 2), mode: "testing", verdict: "go", says: []string{"400 sessions"}},
		"senders that leave out the text saw the same": {
			trial: tested20("R").on("S", "sts", "", 10, 0, daysAgo(20, 1, 1)...), mode: "testing", verdict: "go", says: []string{"400 sessions from 2 reporters"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.trial.in.UpTo = thisNoon
			rows := Readiness(c.trial.in)
			if len(rows) != 1 {
				t.Fatalf("got %d rows", len(rows))
			}
			got := rows[0]
			if got.Mode != c.mode || got.Verdict != c.verdict || got.WouldFail != c.would || got.PolicyTrouble != c.trouble {
				t.Errorf("got %q %s, would fail %d, trouble %d; want %q %s, %d, %d", got.Mode, got.Verdict, got.WouldFail, got.PolicyTrouble, c.mode, c.verdict, c.would, c.trouble)
			}
			if c.goOn == "" != got.GoOn.IsZero() || c.goOn != "" && !got.GoOn.Equal(at(c.goOn)) {
				t.Errorf("go on %s, want %q", got.GoOn, c.goOn)
			}
			for i, want := range c.says {
				if i >= len(got.Reasons) || !strings.Contains(got.Reasons[i], want) {
					t.Errorf("reason %d lacks %q:\n%s", i+1, want, strings.Join(got.Reasons, "\n"))
				}
			}
		})
	}
}

func TestWhatIsSaidOfTheDayToGoComesTrue(t *testing.T) {
	trial := tested20("R", "S").on("R", "sts", "testing", 100, 50, 3)
	trial.in.UpTo = thisNoon
	goOn := Readiness(trial.in)[0].GoOn
	for ahead := 0; ; ahead++ {
		trial.on("R", "sts", "testing", 10, 0, -ahead).on("S", "sts", "testing", 10, 0, -ahead)
		trial.in.UpTo = trial.in.UpTo.Add(day)
		got := Readiness(trial.in)[0]
		now := tlsrpt.DayOf(trial.in.UpTo).Time()
		if (got.Verdict == VerdictGo) != !now.Before(goOn) {
			t.Fatalf("on %s it is %s, though it was to go on %s", now, got.Verdict, goOn)
		}
		if got.Verdict == VerdictGo {
			return
		}
	}
}

func TestKnownReportersOfADomainAreAwaited(t *testing.T) {
	trial := tested20("R")
	trial.in.UpTo = thisNoon
	trial.in.Histories = []History{heardOn("a.example", "S", 3), heardOn("b.example", "T", 3)}
	if got := Readiness(trial.in); len(got) != 1 || got[0].Verdict != VerdictWait {
		t.Errorf("got %+v", got)
	}
}

func TestReadinessDoesNotDependOnTheOrderOfRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trial := &trial{}
		trial.in.UpTo = thisNoon
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			reporter := rapid.SampledFrom([]string{"R", "S", "Google Inc.", "Google LLC"}).Draw(t, "reporter")
			policyType := rapid.SampledFrom([]string{"sts", "tlsa", "no-policy-found"}).Draw(t, "type")
			mode := rapid.SampledFrom([]string{"", "testing", "enforce", "none"}).Draw(t, "mode")
			ago := rapid.IntRange(0, 40).Draw(t, "ago")
			failed := rapid.Int64Range(0, 20).Draw(t, "failed")
			trial.on(reporter, policyType, mode, 20, failed, ago).because(reporter, mode, "certificate-expired", "mx", rapid.Int64Range(0, 30).Draw(t, "detail"), ago)
		}
		want := Readiness(trial.in)[0]
		shuffled := trial.in
		shuffled.Sessions = rapid.Permutation(trial.in.Sessions).Draw(t, "sessions")
		shuffled.Failures = rapid.Permutation(trial.in.Failures).Draw(t, "failures")
		got := Readiness(shuffled)[0]
		if got.Verdict != want.Verdict || !slices.Equal(got.Reasons, want.Reasons) {
			t.Fatalf("got %q, want %q", got.Reasons, want.Reasons)
		}
		if got.Verdict == VerdictGo && got.Mode != "testing" && got.Mode != "enforce" {
			t.Fatalf("go without a policy: %+v", got)
		}
		if got.WouldFail > got.TotalSessions && got.TotalSessions > 0 && len(trial.in.Sessions) == 0 {
			t.Fatalf("more fail than there were: %+v", got)
		}
	})
}

func BenchmarkReadiness(b *testing.B) {
	var in ReadinessInput
	for i := range 10_000 {
		for _, reporter := range []string{"Comcast", "Google LLC", "Mail.ru", "Microsoft Corporation", "Mimecast"} {
			for ago := range 30 {
				in.Sessions = append(in.Sessions, store.SessionRow{
					Bucket: (today - tlsrpt.Day(ago)).Time(), Group: []string{fmt.Sprintf("d%05d.example", i), "sts", "testing", reporter}, Successful: 10,
				})
			}
		}
	}
	in.UpTo = thisNoon
	for b.Loop() {
		Readiness(in)
	}
}

func BenchmarkCadences(b *testing.B) {
	var histories []History
	for i := range 10_000 {
		for _, reporter := range []string{"Comcast", "Google LLC", "Mail.ru", "Microsoft Corporation", "Mimecast"} {
			histories = append(histories, heardOn(fmt.Sprintf("d%05d.example", i), reporter, daysAgo(90, 1, 1)...))
		}
	}
	for b.Loop() {
		Cadences(histories, thisNoon, false)
	}
}
