package analytics

import (
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A Survey tells cadences of histories, which need not all be in memory at
// once: it keeps of them when who was heard. It holds the pairs of each domain
// packed, since there may be hundreds of thousands of them. Once all histories
// are there it orders the domains, and makes the lines of reporters over all
// their domains, ordered by reporter.
type Survey struct {
	upTo      time.Time
	domains   []packedDomain
	reporters []line
	joined    bool
	names     map[string]orgName
}

// A packedDomain holds the pairs of a domain, ordered by reporter, and the days
// of all of them, one pair after the other.
type packedDomain struct {
	name  []string
	pairs []packedPair
	days  []tlsrpt.Day
}

// A packedPair is the line of one pair before anything is known of new names.
type packedPair struct {
	reporter     string
	reports      int64
	lastStored   int64 // in Unix seconds; 0 is not known
	first, last  tlsrpt.Day
	days         int32
	cleanWithout int32
	clean        bool
}

// NewSurvey begins a survey as of the last successful poll of all sources; zero
// is not known. Days after it come from senders whose clock is wrong: no one can
// be heard ahead of time.
func NewSurvey(upTo time.Time) *Survey {
	return &Survey{upTo: upTo, names: map[string]orgName{}}
}

// Add takes all histories of some domains, of which none was added before.
// Nothing can be added to a survey that has told something.
func (s *Survey) Add(histories []History) {
	sorted := histories
	if !slices.IsSortedFunc(histories, compareHistories) {
		sorted = slices.SortedFunc(slices.Values(histories), compareHistories)
	}
	room := 0
	for i := range sorted {
		room += len(sorted[i].Days)
	}
	days, pairs := make([]tlsrpt.Day, 0, room), make([]packedPair, 0, len(sorted))
	var lines []line
	for from := 0; from < len(sorted); {
		to, firstDay, firstPair := from, len(days), len(pairs)
		lines = lines[:0]
		for ; to < len(sorted) && sorted[to].Domain == sorted[from].Domain; to++ {
			var l line
			l, days = newLine(&sorted[to], s.upTo, days)
			lines = append(lines, l)
		}
		countCleanWithout(sorted[from:to], lines)
		for i := range lines {
			pairs = append(pairs, pack(&lines[i]))
		}
		s.domains = append(s.domains, packedDomain{[]string{sorted[from].Domain}, pairs[firstPair:], days[firstDay:]})
		from = to
	}
}

// joinedAtOnce is how many domains' days are put together before they are made
// each once.
const joinedAtOnce = 300

// join orders the domains, and makes the lines of reporters over them.
func (s *Survey) join() {
	slices.SortFunc(s.domains, func(a, b packedDomain) int { return strings.Compare(a.name[0], b.name[0]) })
	places := map[string]int{}
	var pairs []line
	for some := range slices.Chunk(s.domains, joinedAtOnce) {
		for i := range some {
			pairs = some[i].unpack(pairs[:0])
			for at := range pairs {
				name := pairs[at].reporter
				place, known := places[name]
				if !known {
					place = len(s.reporters)
					places[name], s.names[name] = place, parseOrgName(name)
					s.reporters = append(s.reporters, line{reporter: name, first: math.MaxInt32, last: math.MinInt32, into: -1})
				}
				s.reporters[place].join(&pairs[at])
			}
		}
		for i := range s.reporters {
			s.reporters[i].days = sortedDays(s.reporters[i].days)
		}
	}
}

func pack(l *line) packedPair {
	p := packedPair{
		reporter: l.reporter, reports: l.reports, first: l.first, last: l.last,
		days: int32(len(l.days)), cleanWithout: int32(l.cleanWithout), clean: l.clean,
	}
	if !l.lastStored.IsZero() {
		p.lastStored = l.lastStored.Unix()
	}
	return p
}

// unpack puts the lines of the pairs behind others.
func (d *packedDomain) unpack(lines []line) []line {
	start := 0
	for i := range d.pairs {
		p := &d.pairs[i]
		end := start + int(p.days)
		l := line{
			domain: d.name[0], reporter: p.reporter, domains: d.name, days: d.days[start:end:end], first: p.first, last: p.last,
			reports: p.reports, clean: p.clean, cleanWithout: int(p.cleanWithout), into: -1,
		}
		if p.lastStored != 0 {
			l.lastStored = time.Unix(p.lastStored, 0).UTC()
		}
		lines, start = append(lines, l), end
	}
	return lines
}

// ofReporters are the lines of reporters over all their domains.
func (s *Survey) ofReporters() []line {
	if !s.joined {
		s.joined = true
		s.join()
		slices.SortFunc(s.reporters, func(a, b line) int { return strings.Compare(a.reporter, b.reporter) })
		s.linkWithin(s.reporters)
		inherit(s.reporters)
	}
	return s.reporters
}

// byDomain goes through the domains in order: it tells the lines of the pairs of
// each, which last until the next.
func (s *Survey) byDomain() iter.Seq[[]line] {
	newName := map[string]string{}
	for _, l := range s.ofReporters() {
		if l.goesOnAs != "" {
			newName[l.reporter] = l.goesOnAs
		}
	}
	return func(yield func([]line) bool) {
		var lines []line
		for i := range s.domains {
			lines = s.domains[i].unpack(lines[:0])
			s.findRenamed(lines, newName)
			if !yield(lines) {
				return
			}
		}
	}
}
