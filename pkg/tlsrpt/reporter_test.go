package tlsrpt

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

func TestWhatIsKnownOfReportersIsSound(t *testing.T) {
	dec := json.NewDecoder(bytes.NewReader(reportersJSON))
	dec.DisallowUnknownFields()
	var listed []Reporter
	if err := dec.Decode(&listed); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, r := range listed {
		t.Run(r.Name, func(t *testing.T) {
			if r.Name == "" || !strings.HasSuffix(r.Note, ".") || strings.Contains(strings.TrimSuffix(r.Note, "."), ". ") {
				t.Errorf("name %q, note %q: want a name and one sentence", r.Name, r.Note)
			}
			if len(r.OrganizationNames) == 0 {
				t.Error("it has no name to be known by")
			}
			for _, name := range r.OrganizationNames {
				key := reporterKey(name)
				if other, taken := keys[key]; taken || key == "" {
					t.Errorf("the name %q is taken by %q", name, other)
				}
				keys[key] = name
				if got, ok := KnownReporter(name); !ok || got.Name != r.Name {
					t.Errorf("KnownReporter(%q) = %q, %t", name, got.Name, ok)
				}
			}
			for _, signer := range r.Signers {
				if org, err := publicsuffix.EffectiveTLDPlusOne(signer); err != nil || org != signer {
					t.Errorf("signer %q is no organizational domain", signer)
				}
			}
			if !slices.Contains([]string{"", CadenceDaily, CadenceMailDays, CadenceFailuresOnly}, r.Cadence) {
				t.Errorf("cadence %q", r.Cadence)
			}
			if r.RUALimit < 0 {
				t.Errorf("ruaLimit %d", r.RUALimit)
			}
		})
	}
}

func TestReportersAreKnownByTheirNames(t *testing.T) {
	for name, want := range map[string]string{
		"Google Inc.":               "Google",
		"google llc":                "Google",
		"GOOGLE, INC":               "Google",
		" Goo\u200bgle\u202e  Inc.": "Google",
		"google.com.":               "Google",
		"Microsoft Corporation":     "Microsoft",
		"microsoft.com":             "Microsoft",
		"Mail.Ru":                   "Mail.ru",
		"Comcast, Inc.":             "Comcast",
		"":                          "",
		"...":                       "",
		"unknown":                   "",
		"mox":                       "",
		"Google Inc. of Nowhere":    "",
		"notgoogle.com":             "",
		"googlecom":                 "",
		strings.Repeat("a", 1<<20):  "",
	} {
		got, ok := KnownReporter(name)
		if got.Name != want || ok != (want != "") {
			t.Errorf("KnownReporter(%.40q) = %q, %t, want %q", name, got.Name, ok, want)
		}
	}
}

func TestKnownSigners(t *testing.T) {
	for name, want := range map[string][]string{
		"Google Inc.":           {"google.com"},
		"Microsoft Corporation": {"microsoft.com"},
		"Comcast":               nil,
		"Example Inc.":          nil,
		"unknown":               nil,
	} {
		if got := KnownSigners(name); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("KnownSigners(%q) = %q, want %q", name, got, want)
		}
	}
	KnownSigners("Google LLC")[0] = "changed.example"
	if got := KnownSigners("Google LLC")[0]; got != "google.com" {
		t.Errorf("a caller changed the signers to %q", got)
	}
}

func TestMicrosoftAloneIsKnownToReportTwice(t *testing.T) {
	for _, r := range knownReporters().reporters {
		if r.ReportsTwice != (r.Name == "Microsoft") {
			t.Errorf("%s: reportsTwice is %t", r.Name, r.ReportsTwice)
		}
	}
}
