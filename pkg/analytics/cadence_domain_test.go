package analytics

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDomainSilence(t *testing.T) {
	for name, c := range map[string]struct {
		histories          []History
		silent, together   bool
		days               int
		reportersInTrouble []string
	}{
		"retired: all stop within days": {[]History{heardOn("a.example", "R", daysAgo(90, 20, 1)...), heardOn("a.example", "S", daysAgo(90, 17, 1)...)}, true, true, 16, nil},
		"one still reports":             {[]History{heardOn("a.example", "R", daysAgo(90, 20, 1)...), heardOn("a.example", "S", daysAgo(90, 1, 1)...)}, false, false, 0, []string{"R"}},
		"all overdue, not seven days":   {[]History{heardOn("a.example", "R", daysAgo(90, 7, 1)...), heardOn("a.example", "S", daysAgo(90, 8, 1)...)}, false, false, 6, nil},
		"all overdue for seven days":    {[]History{heardOn("a.example", "R", daysAgo(90, 8, 1)...), heardOn("a.example", "S", daysAgo(90, 8, 1)...)}, true, true, 7, nil},
		"one after another":             {[]History{heardOn("a.example", "R", daysAgo(90, 60, 1)...), heardOn("a.example", "S", daysAgo(90, 20, 1)...)}, true, false, 19, []string{"R", "S"}},
		"its only reporter":             {[]History{heardOn("a.example", "R", daysAgo(90, 20, 1)...)}, true, false, 19, []string{"R"}},
		"those of no cadence have no say": {[]History{heardOn("a.example", "R", daysAgo(90, 20, 1)...), heardOn("a.example", "S", daysAgo(90, 17, 1)...), heardOn("a.example", "T", 30)},
			true, true, 16, nil},
		"nobody has a cadence": {[]History{heardOn("a.example", "R", 30)}, false, false, 0, nil},
		"the rest waits on mail days": {[]History{heardOn("a.example", "R", daysAgo(90, 10, 1)...), heardOn("a.example", "S", irregular...)},
			false, false, 8, []string{"R"}},
	} {
		t.Run(name, func(t *testing.T) {
			cadences := Cadences(c.histories, thisNoon, false)
			got := DomainSilence("a.example", cadences, thisNoon)
			if got.Silent != c.silent || got.Together != c.together || got.Days != c.days && got.Days != int(today-c.histories[0].Last)-1 {
				t.Errorf("got %+v", got)
			}
			if got.Silent != (got.Sentence != "") {
				t.Errorf("sentence %q", got.Sentence)
			}
			var overdue []string
			for _, r := range reporterCadences(c.histories, thisNoon, false) {
				if r.Overdue > 0 {
					overdue = append(overdue, r.Reporter)
				}
			}
			if !slices.Equal(overdue, c.reportersInTrouble) {
				t.Errorf("overdue over all domains: %q, want %q", overdue, c.reportersInTrouble)
			}
			if c.silent && c.together != strings.Contains(cadences[0].Note, "retired") {
				t.Errorf("note %q", cadences[0].Note)
			}
		})
	}
	if got := DomainSilence("a.example", Cadences([]History{heardOn("a.example", "R", daysAgo(90, 20, 1)...)}, time.Time{}, false), time.Time{}); got.Silent {
		t.Errorf("no successful poll, and yet %+v", got)
	}
}

func TestAReporterIsOneOverItsDomains(t *testing.T) {
	var histories []History
	for _, domain := range []string{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"} {
		histories = append(histories, heardOn(domain, "R", daysAgo(90, 6, 1)...), heardOn(domain, "S", daysAgo(90, 1, 1)...))
	}
	// Mail days on each of its domains make a daily reporter.
	histories = append(histories, heardOn("a.example", "T", daysAgo(60, 2, 2)...), heardOn("b.example", "T", daysAgo(61, 1, 2)...))
	got := reporterCadences(histories, thisNoon, false)
	if len(got) != 3 {
		t.Fatalf("got %d rows", len(got))
	}
	r, third := got[0], got[2]
	if r.Domain != "" || r.Overdue != 4 || r.State != ReporterSilent || DomainList(r.Domains) != "a.example, b.example, c.example, d.example, e.example and 2 more" {
		t.Errorf("R: %+v", r)
	}
	if third.Kind != Daily || third.Every != 1 || third.Reports != 61-1+1 {
		t.Errorf("T: %+v", third)
	}
}

func TestNeverHeard(t *testing.T) {
	histories := []History{
		heardOn("a.example", "Comcast", 3), heardOn("a.example", "Google LLC", 3), heardOn("a.example", "R", 4),
		heardOn("b.example", "Comcast", 3), heardOn("b.example", "Google LLC", 3), heardOn("b.example", "Google Inc.", 30),
		heardOn("c.example", "P", 3), heardOn("c.example", "Q", 3), heardOn("c.example", "R", 3),
		{Domain: "c.example", Reporter: "Google Inc.", First: today - 400, Last: today - 390},
	}
	got := NeverHeard(histories)
	if len(got) != 2 || got[0].Domain != "a.example" || got[1].Domain != "c.example" {
		t.Fatalf("got %+v", got)
	}
	want := "Possibly: Microsoft sends to the first rua address only, and has never reported although others do."
	if got[0].Reporter != "Microsoft" || got[0].Note != want || got[0].Kind != UnknownCadence || got[0].Overdue != 0 {
		t.Errorf("got %+v", got[0])
	}
}
