package tlsrpt

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// The values of [Reporter.Cadence].
const (
	// CadenceDaily reporters report for every day with a session.
	CadenceDaily = "daily"
	// CadenceMailDays reporters do as well, and are known to have such days seldom.
	CadenceMailDays = "mailDays"
	// CadenceFailuresOnly reporters are silent where all is well.
	CadenceFailuresOnly = "failuresOnly"
)

// A Reporter is what is known of one sender of reports: how to know it, and
// its habits, so that its silence and its numbers are read rightly. What is
// not known is zero.
type Reporter struct {
	// Name is the short name that people use.
	Name string `json:"name"`
	// OrganizationNames are spellings of the organization-name, and the domains
	// that stand for it where a report has none.
	OrganizationNames []string `json:"organizationNames"`
	// Signers are the organizational domains that sign its mails, lower case.
	Signers []string `json:"signers"`
	// ReportsTwice: it counts the same sessions under sts and under tlsa.
	ReportsTwice bool `json:"reportsTwice"`
	// Cadence is how often it reports, one of the Cadence constants.
	Cadence string `json:"cadence"`
	// RUALimit is how many rua addresses (RFC 8460 section 3) it reports to, the
	// first ones.
	RUALimit int `json:"ruaLimit"`
	// Note says its habits in one sentence.
	Note string `json:"note"`
}

//go:embed reporters.json
var reportersJSON []byte

// directory is reporters.json, read once, with the keys of all names.
type directory struct {
	reporters []Reporter
	byName    map[string]int
}

var knownReporters = sync.OnceValue(func() directory {
	var d directory
	if err := json.Unmarshal(reportersJSON, &d.reporters); err != nil {
		panic(fmt.Sprintf("read reporters.json: %v", err))
	}
	d.byName = make(map[string]int)
	for i := range d.reporters {
		for _, name := range d.reporters[i].OrganizationNames {
			d.byName[reporterKey(name)] = i
		}
	}
	return d
})

// KnownReporter returns what is known of the reporter with the given name, as
// it stands in [Report.Reporter]; case, punctuation and space don't matter.
func KnownReporter(name string) (Reporter, bool) {
	d := knownReporters()
	i, ok := d.byName[reporterKey(name)]
	if !ok {
		return Reporter{}, false
	}
	return d.reporters[i], true
}

// KnownSigners returns the organizational domains that sign the reports of the
// reporter with the given name; nil where they are not known.
func KnownSigners(reporter string) []string {
	r, _ := KnownReporter(reporter)
	return slices.Clone(r.Signers)
}

// reporterKey folds the spellings of a name to one: lower-case letters, digits
// and inner dots, words parted by one space.
func reporterKey(name string) string {
	if len(name) > MaxID {
		return ""
	}
	kept := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.':
			return unicode.ToLower(r)
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, name)
	words := strings.Fields(kept)
	for i, word := range words {
		words[i] = strings.Trim(word, ".")
	}
	return strings.Join(words, " ")
}
