package analytics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// recordShown is how much of a TLSA record stands in a sentence.
	recordShown = len("3 1 1 ") + 8
	noMode      = "no mode"
)

// A PolicyShift is one policy taking the place of another.
type PolicyShift struct {
	Domain, Type string
	// Day is the first day on which a sender saw it.
	Day tlsrpt.Day
	// Before and After say the two policies in a few words, BeforeHash and
	// AfterHash are their hashes, and the modes are empty for tlsa.
	Before, After         string
	BeforeHash, AfterHash string
	BeforeMode, AfterMode string
	// Words say each difference, the mode first.
	Words []string
	// Reporters are those who told of it since.
	Reporters []string
}

// String says the change in one line.
func (c PolicyShift) String() string { return strings.Join(c.Words, "; ") }

// PolicyShifts tells from the rows of [PolicyRows] how each domain's policies
// changed, ordered by domain and day: at every first sight of a new one, and at
// the return of an older one that is current again. The policy that a single
// reporter held of old is no change.
func PolicyShifts(rows []PolicyRow) []PolicyShift {
	newest := map[string]tlsrpt.Day{}
	for _, r := range rows {
		newest[r.Domain] = max(newest[r.Domain], r.LastSeen)
	}
	var all []PolicyShift
	for _, of := range byDomainAndType(rows) {
		var chain []*PolicyRow
		for i := range of {
			before := predecessor(chain, &of[i])
			if before != nil && doubted(&of[i], before, newest[of[i].Domain]) {
				continue
			}
			if before != nil {
				all = append(all, changeOf(before, &of[i], of[i].FirstSeen, of[i].Reporters))
			}
			chain = append(chain, &of[i])
		}
		if back, ok := returned(of, newest[of[0].Domain]); ok {
			all = append(all, back)
		}
	}
	slices.SortFunc(all, func(a, b PolicyShift) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Type, b.Type), cmp.Compare(a.AfterHash, b.AfterHash))
	})
	return all
}

// byDomainAndType parts the rows, each part in the order of first sight.
func byDomainAndType(rows []PolicyRow) [][]PolicyRow {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b PolicyRow) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Type, b.Type), cmp.Compare(a.FirstSeen, b.FirstSeen), cmp.Compare(a.LastSeen, b.LastSeen), cmp.Compare(a.Hash, b.Hash))
	})
	var parts [][]PolicyRow
	for i := 0; i < len(sorted); {
		end := i + 1
		for end < len(sorted) && sorted[end].Domain == sorted[i].Domain && sorted[end].Type == sorted[i].Type {
			end++
		}
		if sorted[i].Type != tlsrpt.PolicyNotFound {
			parts = append(parts, sorted[i:end])
		}
		i = end
	}
	return parts
}

// predecessor is the policy that the row took the place of: the last before it
// that it is a rival of; nil where it is the first.
func predecessor(chain []*PolicyRow, row *PolicyRow) *PolicyRow {
	for _, before := range slices.Backward(chain) {
		if before.FirstSeen < row.FirstSeen && rivals(before, row) {
			return before
		}
	}
	return nil
}

// returned tells of an earlier policy that is the current one again.
func returned(rows []PolicyRow, newest tlsrpt.Day) (PolicyShift, bool) {
	now := slices.IndexFunc(rows, func(r PolicyRow) bool { return r.State == PolicyCurrent })
	if now < 0 {
		return PolicyShift{}, false
	}
	left := -1
	var back []string
	for i := now + 1; i < len(rows); i++ {
		if rows[i].State == PolicyCurrent || !rivals(&rows[now], &rows[i]) || doubted(&rows[i], &rows[now], newest) {
			continue
		}
		moved, _ := lastMove(&rows[i], &rows[now], newest)
		if moved > 0 && (left < 0 || rows[i].LastSeen >= rows[left].LastSeen) {
			left, back = i, changedOver(&rows[i], &rows[now])
		}
	}
	if left < 0 {
		return PolicyShift{}, false
	}
	day := rows[now].LastSeen
	for _, reporter := range back {
		day = min(day, rows[left].seen[reporter].last+1)
	}
	return changeOf(&rows[left], &rows[now], day, back), true
}

// changedOver are the reporters that held from and after it hold to.
func changedOver(from, to *PolicyRow) []string {
	var who []string
	for _, reporter := range to.HeldBy {
		if s, ok := from.seen[reporter]; ok && s.last < to.seen[reporter].last {
			who = append(who, reporter)
		}
	}
	return who
}

func changeOf(before, after *PolicyRow, day tlsrpt.Day, reporters []string) PolicyShift {
	c := PolicyShift{
		Domain: after.Domain, Type: after.Type, Day: day,
		Before: before.words(), After: after.words(), BeforeHash: before.Hash, AfterHash: after.Hash,
		BeforeMode: before.Mode, AfterMode: after.Mode, Reporters: slices.Clone(reporters),
	}
	if before.Mode != after.Mode {
		c.Words = append(c.Words, fmt.Sprintf("%s → %s", cmp.Or(before.Mode, noMode), cmp.Or(after.Mode, noMode)))
	}
	if before.MaxAge != after.MaxAge && before.MaxAge > 0 && after.MaxAge > 0 {
		c.Words = append(c.Words, fmt.Sprintf("max_age %d → %d", before.MaxAge, after.MaxAge))
	}
	if before.full {
		for _, line := range missingFrom(before.Lines, after.Lines) {
			c.Words = append(c.Words, sayLine(line)+" added")
		}
	}
	if after.full {
		for _, line := range missingFrom(after.Lines, before.Lines) {
			c.Words = append(c.Words, sayLine(line)+" removed")
		}
	}
	if len(c.Words) == 0 {
		c.Words = []string{"the text changed"}
	}
	return c
}

// words says what the policy is in a few words.
func (r *PolicyRow) words() string {
	switch r.Type {
	case tlsrpt.PolicyTLSA:
		return countOf(int64(len(r.Lines)), "TLSA record")
	case tlsrpt.PolicySTS:
		return fmt.Sprintf("%s with %s", cmp.Or(r.Mode, noMode), countOf(int64(len(r.MX)), "MX pattern"))
	}
	return r.Type
}

// missingFrom returns the lines that are not in the others, but for those that
// are told of otherwise.
func missingFrom(others, lines []string) []string {
	var missing []string
	for _, line := range lines {
		if strings.HasPrefix(line, "mode: ") || strings.HasPrefix(line, "max_age: ") || slices.Contains(others, line) {
			continue
		}
		missing = append(missing, line)
	}
	return missing
}

func sayLine(line string) string {
	if mx, ok := strings.CutPrefix(line, "mx: "); ok {
		return "mx " + mx
	}
	if tlsaFields.MatchString(line) {
		if len(line) > recordShown {
			line = line[:recordShown] + "…"
		}
		return "TLSA record " + line
	}
	return "line " + line
}
