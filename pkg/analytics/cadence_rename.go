package analytics

import (
	"slices"
	"strings"
	"unicode"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// renameDays is how far apart the end of one name and the start of another may
// be for the second to be the first one's new name.
const renameDays = 7

// An orgName is what tells whether two names are of one organization.
type orgName struct {
	// known is the short name of a reporter of which something is known.
	known string
	// words are the name's, lower case, without those that say a legal form.
	words []string
}

// legalForms are words that come and go in the name of one organization, and
// the last labels of domains that stand for it.
var legalForms = []string{
	"ab", "ag", "as", "bv", "co", "com", "company", "corp", "corporation", "de", "gmbh", "group", "inc", "incorporated", "kg",
	"limited", "llc", "ltd", "net", "org", "oy", "plc", "sa", "sarl", "se", "spa", "srl", "the",
}

func parseOrgName(name string) orgName {
	known, _ := tlsrpt.KnownReporter(name)
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	telling := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(legalForms, w) })
	if len(telling) > 0 {
		words = telling
	}
	return orgName{known: known.Name, words: words}
}

// key is equal for names that may be of one organization.
func (n orgName) key() string {
	switch {
	case n.known != "":
		return "\x00" + n.known
	case len(n.words) == 0:
		return ""
	}
	return n.words[0]
}

// id is equal for the names of one organization, as far as the name shows it.
func (n orgName) id() string {
	if n.known != "" {
		return "\x00" + n.known
	}
	return strings.Join(n.words, " ")
}

// same tells names of one known organization.
func (n orgName) same(other orgName) bool { return n.known != "" && n.known == other.known }

// similar tells names of which one goes on where the other ends.
func (n orgName) similar(other orgName) bool {
	short := min(len(n.words), len(other.words))
	return short > 0 && len(n.words[0]) > 2 && slices.Equal(n.words[:short], other.words[:short])
}

// findRenamed tells which lines of a domain go on under another name, there or
// over all domains, and gives the new names the history of the old ones.
func (s *Survey) findRenamed(pairs []line, newName map[string]string) {
	s.linkWithin(pairs)
	for i := range pairs {
		if p := &pairs[i]; p.goesOnAs == "" && newName[p.reporter] != "" {
			p.goesOnAs = newName[p.reporter]
			p.into = slices.IndexFunc(pairs, func(l line) bool { return l.reporter == p.goesOnAs && l.last > p.last })
		}
	}
	inherit(pairs)
}

func (s *Survey) linkWithin(lines []line) {
	if len(lines) < 2 {
		return
	}
	byKey := map[string][]int{}
	for i := range lines {
		if k := s.names[lines[i].reporter].key(); k != "" {
			byKey[k] = append(byKey[k], i)
		}
	}
	for _, group := range byKey {
		for _, i := range group {
			if len(group) > 1 {
				s.link(lines, i, group)
			}
		}
	}
}

// link finds the line that goes on where line i ends: of those of the same
// organization, the one that starts first after it.
func (s *Survey) link(lines []line, i int, group []int) {
	old := &lines[i]
	_, every := old.habit()
	if len(old.days) < minDaysHeard {
		every = max(every, renameDays)
	}
	name := s.names[old.reporter]
	best := -1
	for _, j := range group {
		next := &lines[j]
		if j == i || next.last-old.last <= tlsrpt.Day(max(every, 2)) || !sharesHalf(old.domains, next.domains) {
			continue
		}
		apart := next.first - old.last
		near := -renameDays <= apart && apart <= tlsrpt.Day(max(renameDays, 2*every))
		if !name.same(s.names[next.reporter]) && (!near || !name.similar(s.names[next.reporter])) {
			continue
		}
		if best < 0 || next.first < lines[best].first {
			best = j
		}
	}
	if best >= 0 {
		old.into, old.goesOnAs = best, lines[best].reporter
	}
}

// sharesHalf tells whether at least half of the sorted old names are among the new.
func sharesHalf(old, next []string) bool {
	shared := 0
	for _, name := range old {
		if _, ok := slices.BinarySearch(next, name); ok {
			shared++
		}
	}
	return shared*2 >= len(old)
}

// inherit adds what was reported under old names to the line of the newest
// one. A chain of names ends, since each goes on longer than the one before.
func inherit(lines []line) {
	for i := range lines {
		end := lines[i].into
		if end < 0 {
			continue
		}
		for lines[end].into >= 0 {
			end = lines[end].into
		}
		heir := &lines[end]
		heir.absorb(&lines[i])
		heir.was = append(heir.was, lines[i].reporter)
		heir.clean = heir.clean || lines[i].clean
		heir.days = sortedDays(heir.days)
	}
}
