package frames

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mailAddress finds addresses as strangers write them: with letters of any
// script, a quoted local part, a host without a dot or an address literal, and
// with the sign escaped as in URIs. Signs that may stand in a local part but
// part the words of URIs and lists end it.
var mailAddress = regexp.MustCompile(`(?:(?:[\p{L}\p{M}\p{N}._%+~!\-]+|"[^"]*")(?:@|%40))+` +
	`([\p{L}\p{M}\p{N}\-_]+(?:\.[\p{L}\p{M}\p{N}\-_]+)*|\[[0-9A-Za-z:.]+\])`)

// Text makes free text from a stranger fit to be shown: control and
// bidirectional characters are removed, and mail addresses keep their domain alone.
func Text(s string) string {
	s = Clean(s)
	if !strings.Contains(s, "@") && !strings.Contains(s, "%40") {
		return s
	}
	return mailAddress.ReplaceAllString(s, "…@$1")
}

// Clean removes control and bidirectional characters. Line ends and tabs become
// spaces, so that words don't run together.
func Clean(s string) string {
	if isPlain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("\n\r\t\u2028\u2029", r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == unicode.ReplacementChar, r == '\ufeff':
			return -1
		}
		return r
	}, s)
}

// isPlain says whether a text is of printable ASCII, as nearly all are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Guard puts an apostrophe before a text that a spreadsheet would take for a
// formula, since Grafana's CSV export writes texts as they are. Numbers stay,
// and so does what does not begin like a formula.
func Guard(s string) string {
	if isFormula(strings.TrimLeft(s, "' ")) {
		return "'" + s
	}
	return s
}

// Unguard returns what [Guard] was given; guarded says whether it would have
// put the apostrophe there.
func Unguard(s string) (plain string, guarded bool) {
	plain, guarded = strings.CutPrefix(s, "'")
	if !guarded || Guard(plain) != s {
		return s, false
	}
	return plain, true
}

// formulaStarts are the signs that spreadsheets begin a formula with, those of
// full width included.
const formulaStarts = "=+-@\t\r＝＋－＠"

var plainNumber = regexp.MustCompile(`^[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?%?$`)

func isFormula(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return strings.ContainsRune(formulaStarts, first) && !plainNumber.MatchString(s)
}
