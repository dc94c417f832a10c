package generate

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// An Item is one mail or file, as it arrives.
type Item struct {
	// Entry is the item's row in the ledger.
	Entry
	// Bytes are the whole mail (CRLF line ends), or the whole file.
	Bytes []byte
	// Document is the JSON document within, inflated; nil where there is none.
	Document []byte
}

// A plan is an item before it is rendered.
type plan struct {
	entry    Entry
	reporter *reporter
	domain   *domain
}

// Items yields everything in the order of arrival.
func (g *Generator) Items() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		var out renderer
		for p := range g.plans() {
			if !yield(out.render(g.options.Seed, p)) {
				return
			}
		}
	}
}

// Entries yields the ledger in the order of arrival, without the work of
// rendering what it tells of.
func (g *Generator) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for p := range g.plans() {
			if !yield(p.entry) {
				return
			}
		}
	}
}

// Ledger returns all entries. See [Generator.Entries] for sets that are too
// large to hold.
func (g *Generator) Ledger() []Entry { return slices.Collect(g.Entries()) }

// plans yields all items in the order of arrival. It holds those of two days,
// and what arrives later than that.
func (g *Generator) plans() iter.Seq[plan] {
	return func(yield func(plan) bool) {
		var waiting []plan
		for n := range g.options.Days {
			on := g.first.Add(time.Duration(n) * day)
			waiting = append(waiting, g.dayPlans(on)...)
			slices.SortStableFunc(waiting, func(a, b plan) int { return a.entry.Received.Compare(b.entry.Received) })
			// Nothing of the days to come arrives before the next one begins.
			next := on.Add(day)
			last := n == g.options.Days-1
			due := 0
			for due < len(waiting) && (last || waiting[due].entry.Received.Before(next)) {
				if until := g.options.Until; !until.IsZero() && waiting[due].entry.Received.After(until) {
					return
				}
				if !yield(waiting[due]) {
					return
				}
				due++
			}
			waiting = slices.Delete(waiting, 0, due)
		}
	}
}

// dayPlans makes what tells of one day.
func (g *Generator) dayPlans(on time.Time) []plan {
	var plans []plan
	for i := range g.domains {
		for j := range g.reporters {
			for slot := range g.options.PerDay {
				if p, ok := g.report(&g.reporters[j], &g.domains[i], on, slot); ok {
					plans = append(plans, p)
				}
			}
		}
	}
	if !g.options.NoQuirks {
		plans = g.addQuirks(plans, on)
	}
	return plans
}

// report plays one reporter's period with one domain. It is false where the
// reporter stays silent.
func (g *Generator) report(r *reporter, d *domain, on time.Time, slot int) (plan, bool) {
	length := day / time.Duration(g.options.PerDay)
	start := on.Add(time.Duration(slot) * length)
	rng := newRand(g.options.Seed, r.domain, d.name, start.Format(time.RFC3339))
	c := conversation{reporter: r, domain: d, on: on, incident: g.ongoing(d.name, on), rng: rng}
	c.sessions = c.volume(g.options.PerDay)
	if c.sessions == 0 && r.mailDays {
		return plan{}, false
	}
	e := Entry{
		Kind: Mail, Authenticated: true,
		Reporter: g.nameOf(r, on), Submitter: r.domain,
		Start: start, End: start.Add(length), Day: on,
		Policies: c.policies(),
	}
	if r.byDrop(d.name) {
		e.Kind = File
	}
	e.Received = e.End.Add(r.delay + time.Duration(rng.IntN(7200))*time.Second)
	e.ReportID = r.newID(&e, rng)
	e.Item = itemName(&e, d.name)
	return plan{entry: e, reporter: r, domain: d}, true
}

// itemName returns a file name that is unique in the set.
func itemName(e *Entry, domain string) string {
	name := fmt.Sprintf("%s!%s!%d!%d", e.Submitter, domain, e.Start.Unix(), e.End.Unix()-1)
	if e.Decoy != Genuine {
		name += "!" + string(e.Decoy)
	}
	if e.Kind == Mail {
		return name + ".eml"
	}
	return name + fileSuffix(e)
}

// fileSuffix names the files in a drop as diversely as those who post them do:
// rightly, wrongly, and not at all.
func fileSuffix(e *Entry) string {
	switch e.Day.YearDay() % 5 {
	case 0:
		return ""
	case 1:
		return ".json"
	default:
		return ".json.gz"
	}
}

// renderRand returns the stream for what an item looks like, apart from the
// one for what it says.
func renderRand(seed uint64, e *Entry) *rand.Rand {
	return newRand(seed, "render", e.Item, strconv.FormatInt(e.Received.Unix(), 10))
}
