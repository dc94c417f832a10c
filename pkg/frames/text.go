package frames

import (
	"regexp"
	"strings"
	"unicode"
)

var mailAddress = regexp.MustCompile(`[A-Za-z0-9._%+\-=]+@([A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+)`)

// Text makes a string from a stranger fit to be shown: control and
// bidirectional characters are removed, and mail addresses keep their domain alone.
func Text(s string) string {
	return mailAddress.ReplaceAllString(Clean(s), "…@$1")
}

// Clean removes control and bidirectional characters.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
}
