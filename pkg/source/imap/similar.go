package imap

import (
	"cmp"
	"slices"
	"strings"
)

// similar returns up to five of names that somebody who wrote name may have
// meant, the most likely first.
func similar(name string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var candidates []candidate
	wanted := folded(name)
	for _, other := range names {
		have := folded(other)
		if len(have) > 200 || len(wanted) > 200 {
			continue
		}
		distance := editDistance(wanted, have)
		switch {
		case distance <= max(1, len(wanted)/3):
		case strings.HasSuffix(have, wanted) || strings.HasSuffix(wanted, have):
			distance = len(wanted)/3 + 1
		case strings.Contains(have, wanted) || strings.Contains(wanted, have):
			distance = len(wanted)/3 + 2
		default:
			continue
		}
		candidates = append(candidates, candidate{other, distance})
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var alike []string
	for _, c := range candidates[:min(len(candidates), 5)] {
		alike = append(alike, c.name)
	}
	return alike
}

// folded makes names comparable that differ in case and in the hierarchy
// separator.
func folded(name string) string {
	return strings.NewReplacer("/", "", ".", "", " ", "", "_", "", "-", "").Replace(strings.ToLower(name))
}

// editDistance is Levenshtein's, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			above := row[j]
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above+1, row[j-1]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
