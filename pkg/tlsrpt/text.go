package tlsrpt

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanText returns b without control and bidirectional characters, and without
// space around it, cut to at most limit bytes. Line ends and tabs become spaces,
// so that words don't run together.
func cleanText(b []byte, limit int) (s string, truncated bool) {
	if isPlain(b) {
		b = trimSpaces(b)
		if len(b) > limit {
			return string(b[:limit]), true
		}
		return string(b), false
	}
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		b = b[size:]
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			r = ' '
		case isHidden(r):
			continue
		}
		if r == ' ' && out.Len() == 0 {
			continue
		}
		if out.Len()+utf8.RuneLen(r) > limit {
			truncated = true
			break
		}
		out.WriteRune(r)
	}
	return strings.TrimRight(out.String(), " "), truncated
}

// Clean returns s as it may be shown: without control and bidirectional
// characters, valid UTF-8, at most limit bytes long.
func Clean(s string, limit int) string {
	clean, _ := cleanText([]byte(s), limit)
	return clean
}

// isPlain tells whether b is printable ASCII, as nearly all strings are.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

func trimSpaces(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// isHidden tells characters that no reader should be shown: controls, those
// that turn the direction of writing, and byte order marks.
func isHidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\ufeff'
}

// shown quotes a stranger's string for a warning or an error, shortened.
func shown(s string) string {
	const limit = 60
	clean, truncated := cleanText([]byte(s), limit)
	if truncated {
		clean += "…"
	}
	return "«" + clean + "»"
}
