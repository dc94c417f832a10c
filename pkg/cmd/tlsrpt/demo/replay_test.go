package demo

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
)

// lastDay is a Sunday, as in the tests of what is made up.
var lastDay = time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)

// playedDemo replays the demo.
func playedDemo(t *testing.T) *played {
	t.Helper()
	generator, err := generate.New(generate.Options{End: lastDay})
	if err != nil {
		t.Fatal(err)
	}
	p, err := replay(t.Context(), generator, lastDay.Add(48*time.Hour), func(time.Time, float64, int) {})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestIncidentsFireTheirRulesOnTheirDay(t *testing.T) {
	p := playedDemo(t)
	// On which day after its first bad day an incident first fires a rule, and
	// whether that clears.
	want := map[generate.Cause]map[string]string{
		generate.ExpiredCertificate: {"failure-rate": "1 cleared", "new-failure": "1 cleared", "certificate": "1 cleared"},
		generate.VanishedPolicy:     {"failure-rate": "1 cleared", "new-failure": "1 cleared", "sts-policy": "1 cleared"},
		generate.StrippedSTARTTLS:   {"failure-rate": "1 cleared", "new-failure": "1 cleared", "starttls": "1 goes on"},
		generate.MismatchedTLSA:     {"failure-rate": "1 cleared", "new-failure": "1 cleared", "dane": "1 cleared"},
	}
	got := map[generate.Cause]map[string]string{}
	for _, a := range p.alerts {
		if a.Incident == nil {
			continue
		}
		if got[a.Incident.Cause] == nil {
			got[a.Incident.Cause] = map[string]string{}
		}
		rule := strings.TrimPrefix(a.Rule.UID, "tlsrpt-")
		if got[a.Incident.Cause][rule] != "" {
			continue // it fires again
		}
		days := strings.TrimSuffix(a.Fired.Truncate(24*time.Hour).Sub(a.Incident.First).String(), "0m0s")
		if days == "24h" {
			days = "1"
		}
		state := " cleared"
		if a.Cleared.IsZero() {
			state = " goes on"
		}
		got[a.Incident.Cause][rule] = days + state
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, fault := range p.faults(nil) {
		t.Error(fault)
	}
	t.Run("and the table says it", func(t *testing.T) {
		var out bytes.Buffer
		if err := p.report(&out, nil); err != nil {
			t.Error(err)
		}
		for _, said := range []string{
			"expired certificate", "2026-04-09", "2026-04-10", "mx2.example.com", "Renew the certificate", "vanished policy", "stripped STARTTLS", "goes on",
			"mismatched TLSA", "renamed reporter", "late report", "week-end without mail", "outage of our own", "forged report",
		} {
			if !strings.Contains(out.String(), said) {
				t.Errorf("it does not say %q:\n%s", said, out.String())
			}
		}
	})
	t.Run("and nothing clears before it said that it can", func(t *testing.T) {
		said := map[string]bool{}
		for _, a := range p.alerts {
			if !a.NotBefore.IsZero() {
				said[a.Rule.UID] = true
			}
			if a.NotBefore.After(a.Cleared) && !a.Cleared.IsZero() {
				t.Errorf("%s {%s} fired at %s, cleared at %s and said not before %s", a.Rule.UID, a.Labels, a.Fired, a.Cleared, a.NotBefore)
			}
		}
		for _, rule := range []string{"tlsrpt-new-failure", "tlsrpt-certificate", "tlsrpt-starttls", "tlsrpt-sts-policy", "tlsrpt-dane"} {
			if !said[rule] {
				t.Errorf("%s never said before when it can't clear", rule)
			}
		}
		wrong := *p.alerts[0]
		wrong.Alert = &alertrules.Alert{Rule: p.alerts[0].Rule, Fired: wrong.Fired, Cleared: wrong.Fired.Add(time.Hour)}
		wrong.NotBefore = wrong.Fired.Add(2 * time.Hour)
		faulty := *p
		faulty.alerts = append(slices.Clone(p.alerts), &wrong)
		if faults := faulty.faults(nil); len(faults) != 1 || !strings.Contains(faults[0], "said that it can't before") {
			t.Errorf("one that cleared before is %q", faults)
		}
	})
	t.Run("and an alert that should not be is an error", func(t *testing.T) {
		wrong := *p
		wrong.alerts = append(slices.Clone(p.alerts), &firedAlert{Alert: &alertrules.Alert{Rule: p.alerts[0].Rule, Fired: lastDay}})
		var out bytes.Buffer
		if err := wrong.report(&out, nil); err == nil || !strings.Contains(out.String(), "WRONG") {
			t.Errorf("%v", err)
		}
		wrong.alerts = nil
		if faults := wrong.faults(nil); len(faults) != 4 {
			t.Errorf("the missing incidents are %v", faults)
		}
	})
}

func TestAFirstSynchronisationOfYearsIsNoNews(t *testing.T) {
	generator, err := generate.New(generate.Options{End: lastDay})
	if err != nil {
		t.Fatal(err)
	}
	s, err := replayFirstSync(t.Context(), generator, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range s.fired {
		t.Errorf("%s fired at %s for {%s}", a.Rule.UID, a.Fired, a.Labels)
	}
	if s.items < 10_000 {
		t.Errorf("only %d items came at once", s.items)
	}
}
