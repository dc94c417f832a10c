package generate

import (
	"fmt"
	"time"
)

const day = 24 * time.Hour

// MaxPerDay is the largest number of reports that one reporter makes of one
// domain in a day: one an hour.
const MaxPerDay = 24

// Options say what to generate. The zero value is the demo: 90 days up to
// yesterday, four domains, five reporters, incidents and quirks.
type Options struct {
	// Seed makes another set of the same kind.
	Seed uint64
	// End is the last day that reports tell of, in UTC; zero is yesterday.
	End time.Time
	// Until leaves out what arrives later. Zero is no bound, or where End is
	// zero too, now: nothing has arrived tomorrow.
	Until time.Time
	// Days is how many days reports tell of; 0 is 90.
	Days int
	// Domains is how many domains are reported on; 0 is 4. More than four get
	// invented names and have no incidents.
	Domains int
	// Reporters is how many report; 0 is 5. More than five get invented names
	// and write as RFC 8460 shows it.
	Reporters int
	// PerDay is how many reports a reporter makes of a domain in a day, each of
	// an equal part of it; 0 is 1. It divides [MaxPerDay].
	PerDay int
	// NoIncidents leaves out the incidents; some noise stays.
	NoIncidents bool
	// NoQuirks leaves out the decoys, the late report, the second routes and the
	// change of a reporter's name.
	NoQuirks bool
}

// A Generator makes one set of items. It may be iterated many times, also from
// many goroutines.
type Generator struct {
	options   Options
	first     time.Time
	domains   []domain
	reporters []reporter
	incidents []Incident
}

// New checks the options and fills in what they leave out.
func New(o Options) (*Generator, error) {
	if o.End.IsZero() {
		now := time.Now()
		o.End = now.Add(-day)
		if o.Until.IsZero() {
			o.Until = now
		}
	}
	o.End = o.End.UTC().Truncate(day)
	o.Days = orDefault(o.Days, 90)
	o.Domains = orDefault(o.Domains, len(namedDomains))
	o.Reporters = orDefault(o.Reporters, len(namedReporters))
	o.PerDay = orDefault(o.PerDay, 1)
	if o.Days < 1 || o.Domains < 1 || o.Reporters < 1 {
		return nil, fmt.Errorf("generate %d days of %d reporters on %d domains: each must be at least 1", o.Days, o.Reporters, o.Domains)
	}
	if o.PerDay < 1 || MaxPerDay%o.PerDay != 0 {
		return nil, fmt.Errorf("generate %d reports a day: it must divide %d", o.PerDay, MaxPerDay)
	}
	g := &Generator{
		options:   o,
		first:     o.End.Add(-time.Duration(o.Days-1) * day),
		domains:   makeDomains(o.Domains),
		reporters: makeReporters(o.Reporters),
	}
	if !o.NoIncidents {
		g.incidents = story(o.End, o.Days)
	}
	return g, nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// First is the first day that reports tell of, at midnight UTC.
func (g *Generator) First() time.Time { return g.first }

// End is the last day that reports tell of, at midnight UTC.
func (g *Generator) End() time.Time { return g.options.End }

// Domains returns the names of the domains reported on.
func (g *Generator) Domains() []string {
	names := make([]string, len(g.domains))
	for i, d := range g.domains {
		names[i] = d.name
	}
	return names
}

// Reporters returns the organization names of those who report. One of them
// goes on under another name: see [Generator.Harmless].
func (g *Generator) Reporters() []string {
	names := make([]string, len(g.reporters))
	for i, r := range g.reporters {
		names[i] = r.organization
	}
	return names
}

// Incidents returns what goes wrong in the set, in the order of the first bad day.
func (g *Generator) Incidents() []Incident { return g.incidents }
