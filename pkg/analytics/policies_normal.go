package analytics

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A policyView is what one reporter told of a policy, in normal form.
type policyView struct {
	seen *store.PolicySeen
	mode string
	// maxAge is in seconds, 0 where it is not told; mx are the patterns of the
	// text, hosts what the report named beside it.
	maxAge    int64
	mx, hosts []string
	// records are TLSA records; others are lines of no known key.
	records, others []string
	// end is the last line as said, in small letters: it may have been cut short.
	end string
}

// viewOf reads a policy: lines in any order, keys in any case, spaces and line
// ends wherever they are (RFC 8461 section 3.2).
func viewOf(s *store.PolicySeen) policyView {
	v := policyView{seen: s, mode: s.Mode, hosts: normalNames(s.MXHosts)}
	for _, line := range policyLines(s.Strings) {
		v.end = line
		if s.Type == tlsrpt.PolicyTLSA {
			v.records = append(v.records, normalRecord(line))
			continue
		}
		v.addLine(line)
	}
	for _, list := range []*[]string{&v.mx, &v.records, &v.others} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return v
}

func (v *policyView) addLine(line string) {
	key, value, ok := strings.Cut(line, ":")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case ok && key == "version":
	case ok && key == "mode" && slices.Contains([]string{"enforce", "testing", "none"}, value):
		v.mode = value
	case ok && key == "mx":
		v.mx = append(v.mx, strings.TrimRight(value, "."))
	case ok && key == "max_age":
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds < 0 {
			v.others = append(v.others, "max_age: "+value)
			return
		}
		v.maxAge = seconds
	case ok:
		v.others = append(v.others, key+": "+value)
	default:
		v.others = append(v.others, line)
	}
}

// policyLines are the lines, lower case, without white space around them.
func policyLines(texts []string) []string {
	var lines []string
	for _, text := range texts {
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if line = strings.ToLower(strings.TrimSpace(line)); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func normalNames(names []string) []string {
	var normal []string
	for _, name := range names {
		if name = strings.TrimRight(strings.ToLower(strings.TrimSpace(name)), "."); name != "" {
			normal = append(normal, name)
		}
	}
	slices.Sort(normal)
	return slices.Compact(normal)
}

var tlsaFields = regexp.MustCompile(`(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+([0-9a-f\s]+)$`)

// normalRecord writes a TLSA record (RFC 6698 section 2.2) as its three numbers
// and the data without spaces, and without what stands before them.
func normalRecord(line string) string {
	fields := tlsaFields.FindStringSubmatch(strings.Trim(line, `"'() `))
	if fields == nil {
		return strings.Join(strings.Fields(line), " ")
	}
	data := strings.Join(strings.Fields(fields[4]), "")
	return strings.Join([]string{fields[1], fields[2], fields[3], data}, " ")
}

// lines is the normal form.
func (v *policyView) lines() []string {
	var all []string
	if v.mode != "" {
		all = append(all, "mode: "+v.mode)
	}
	if v.maxAge > 0 {
		all = append(all, fmt.Sprintf("max_age: %d", v.maxAge))
	}
	for _, mx := range v.mx {
		all = append(all, "mx: "+mx)
	}
	return append(append(all, v.records...), v.others...)
}

// key is equal for equal views. Where there is no text, the hosts named beside
// it are no part of it: some senders name the MX itself there.
func (v *policyView) key() string { return v.seen.Type + "\n" + strings.Join(v.lines(), "\n") }

// full tells whether nothing that tells policies apart is left out.
func (v *policyView) full() bool {
	switch v.seen.Type {
	case tlsrpt.PolicySTS:
		return v.mode != "" && v.maxAge > 0 && (len(v.mx) > 0 || v.mode == "none")
	case tlsrpt.PolicyTLSA:
		return len(v.records) > 0
	}
	return true
}

// weight orders views by how much they tell.
func (v *policyView) weight() int {
	weight := len(v.lines())
	if v.full() {
		weight += tlsrpt.MaxLines
	}
	return weight
}

// findWhole finds the policy that the view is a part of: of those it agrees
// with, the one seen on the same days whose patterns cover the hosts it named.
func (v *policyView) findWhole(rows []PolicyRow) (int, bool) {
	best, bestRank := -1, 0
	for i := range rows {
		r := &rows[i]
		if !v.agrees(r) {
			continue
		}
		rank := 1
		if len(v.hosts) > 0 && v.covered(r) {
			rank += 4
		}
		if v.seen.First <= r.LastSeen && r.FirstSeen <= v.seen.Last {
			rank += 2
		}
		if rank > bestRank || rank == bestRank && r.LastSeen > rows[best].LastSeen {
			best, bestRank = i, rank
		}
	}
	return best, best >= 0
}

// agrees tells whether all that the view tells stands in the row, but for a
// last line that was cut short.
func (v *policyView) agrees(r *PolicyRow) bool {
	if r.Type != v.seen.Type || v.mode != "" && v.mode != r.Mode {
		return false
	}
	for _, line := range v.lines() {
		if slices.Contains(r.Lines, line) || strings.HasPrefix(line, "mode: ") {
			continue
		}
		cut := strings.Join(strings.Fields(v.end), "") == strings.Join(strings.Fields(line), "")
		if !cut || !slices.ContainsFunc(r.Lines, func(whole string) bool { return strings.HasPrefix(whole, line) }) {
			return false
		}
	}
	return true
}

// covered tells whether the row's MX patterns match all hosts named beside the
// view (RFC 8461 section 4.1: a wildcard stands for one label).
func (v *policyView) covered(r *PolicyRow) bool {
	for _, host := range v.hosts {
		if !slices.ContainsFunc(r.MX, func(pattern string) bool { return matchesMX(pattern, host) }) {
			return false
		}
	}
	return true
}

func matchesMX(pattern, host string) bool {
	suffix, wild := strings.CutPrefix(pattern, "*")
	_, rest, _ := strings.Cut(host, ".")
	return pattern == host || wild && "."+rest == suffix
}

func (v *policyView) row() PolicyRow {
	mx := v.mx
	if len(mx) == 0 {
		mx = v.hosts
	}
	sum := sha256.Sum256([]byte(v.key()))
	return PolicyRow{
		Domain: v.seen.Domain, Type: v.seen.Type, Mode: v.mode, MX: slices.Clone(mx), MaxAge: v.maxAge,
		Lines: v.lines(), Text: strings.Join(v.seen.Strings, "\n"), Hash: hex.EncodeToString(sum[:8]),
		FirstSeen: v.seen.First, LastSeen: v.seen.Last, seen: map[string]sighting{}, full: v.full(),
	}
}
