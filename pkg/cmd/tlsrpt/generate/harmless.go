package generate

import (
	"cmp"
	"slices"
	"time"
)

// Alarm is what looks like trouble and is none.
type Alarm string

// The false alarms in a set.
const (
	// LateReport arrives [MaxLateness] after its period.
	LateReport Alarm = "late report"
	// ForgedReport tells of failures that never happened.
	ForgedReport Alarm = "forged report"
	// QuietWeekend is without mail, and so without reports, by a reporter on a domain.
	QuietWeekend Alarm = "week-end without mail"
	// SingleSession failed for no lasting cause.
	SingleSession Alarm = "single failed session"
	// RenamedReporter goes on under another name.
	RenamedReporter Alarm = "renamed reporter"
	// OwnOutage is a time in which nobody polls: what arrives waits.
	OwnOutage Alarm = "outage of our own"
)

// A Harmless thing is one that alerts must stay quiet on.
type Harmless struct {
	Alarm Alarm
	// Domain and Reporter are what it is about; empty for all.
	Domain, Reporter string
	// First and Last bound the time in which it could be taken for trouble.
	First, Last time.Time
	// New is the reporter's other name.
	New string
}

// back is a day so many of 90 before the end, in proportion for other lengths.
func (g *Generator) back(of90 int) time.Time {
	return g.options.End.Add(-time.Duration(of90*g.options.Days/90) * day)
}

// renaming is the first day on which reports bear a reporter's other name.
func (g *Generator) renaming() time.Time { return g.back(60) }

// nameOf is the reporter's organization-name on a day.
func (g *Generator) nameOf(r *reporter, on time.Time) string {
	if r.renamed == "" || g.options.NoQuirks || on.Before(g.renaming()) {
		return r.organization
	}
	return r.renamed
}

// Outage is when a poller of this set should be down: three days and some
// hours for 90 days, away from the incidents. The items tell nothing of it.
func (g *Generator) Outage() (from, to time.Time) {
	return g.back(70).Add(7 * time.Hour), g.back(67).Add(15 * time.Hour)
}

// Harmless returns what looks like trouble in the set and is none, in the order
// of time. It walks the whole ledger.
func (g *Generator) Harmless() []Harmless {
	var list []Harmless
	heard := map[[2]string]time.Time{}
	for e := range g.Entries() {
		list = append(list, harmlessEntry(e)...)
		if e.Decoy != Genuine || e.Late || len(e.Policies) == 0 {
			continue
		}
		pair := [2]string{e.Submitter, e.Policies[0].Domain}
		if last := heard[pair]; !last.IsZero() && e.Day.Sub(last) == 3*day && last.Weekday() == time.Friday {
			list = append(list, Harmless{
				Alarm: QuietWeekend, Domain: pair[1], Reporter: e.Reporter, First: last.Add(day), Last: e.Received,
			})
		}
		heard[pair] = e.Day
	}
	if !g.options.NoQuirks {
		list = append(list, g.renames()...)
		from, to := g.Outage()
		list = append(list, Harmless{Alarm: OwnOutage, First: from, Last: to})
	}
	slices.SortStableFunc(list, func(a, b Harmless) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Alarm, b.Alarm)) })
	return list
}

// harmlessEntry tells what of one item is harmless.
func harmlessEntry(e Entry) []Harmless {
	var list []Harmless
	add := func(alarm Alarm, domain string) {
		list = append(list, Harmless{Alarm: alarm, Domain: domain, Reporter: e.Reporter, First: e.Received, Last: e.Received.Add(36 * time.Hour)})
	}
	if e.Decoy == Forged {
		add(ForgedReport, e.Policies[0].Domain)
	}
	if e.Decoy != Genuine {
		return list
	}
	if e.Late {
		add(LateReport, e.Policies[0].Domain)
	}
	for _, p := range e.Policies {
		if p.Failed == 1 && len(p.Details) == 1 && p.Details[0].ResultType == "validation-failure" && p.Successful > 0 {
			add(SingleSession, p.Domain)
			break
		}
	}
	return list
}

func (g *Generator) renames() []Harmless {
	var list []Harmless
	for _, r := range g.reporters {
		if r.renamed != "" {
			list = append(list, Harmless{Alarm: RenamedReporter, Reporter: r.organization, New: r.renamed, First: g.renaming(), Last: g.End().Add(day)})
		}
	}
	return list
}
