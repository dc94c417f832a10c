package tlsrpt

import (
	"net/netip"
	"regexp"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// A volatile is a pattern of what varies in reason codes.
type volatile struct {
	// needs are bytes of which a code has to have one, or the pattern isn't tried.
	needs   string
	pattern *regexp.Regexp
	// judge, where set, says what a match becomes; else it becomes instead, or
	// where that is empty, too, "*".
	judge   func(match string) string
	instead string
}

const digits = "0123456789"

// volatiles are taken out in this order: what holds others comes first.
var volatiles = []volatile{
	// URLs and mail addresses.
	{needs: "/", pattern: regexp.MustCompile(`(?i)\bhttps?://[^\s"'<>)\]]+`)},
	{needs: "@", pattern: regexp.MustCompile(`[\p{L}\p{N}_.+=-]+@[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)+`)},
	// UUIDs and digests.
	{needs: "-", pattern: regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)},
	{needs: ":=", pattern: regexp.MustCompile(`(?i)\bsha-?(?:1|256|384|512)\s?[:=]\s?[0-9a-z+/]{27,}={0,2}`)},
	// IPv6 addresses, with a zone, port or prefix.
	{needs: ":", pattern: regexp.MustCompile(`\[[0-9A-Za-z:.%]+\](?::\d{1,5}\b)?|[0-9A-Za-z:.%]+(?:/\d{1,3}\b)?`), judge: starIPv6},
	// Serial numbers and fingerprints.
	{needs: ":", pattern: regexp.MustCompile(`(?i)\b(?:[0-9a-f]{2}:){3,}[0-9a-f]{2}\b`)},
	// Times.
	{needs: digits, pattern: regexp.MustCompile(`(?i)` +
		`\b\d{4}[-/]\d{2}[-/]\d{2}(?:[T _]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\b)?` +
		`|\b\d{8}T\d{4,6}Z?\b` +
		`|\b\d{1,2}/(?:\d{1,2}|` + months + `)/\d{4}(?:[: ]\d{2}:\d{2}(?::\d{2})?)?(?:\s?[AP]M\b)?(?:\s[+-]\d{4}\b)?` +
		`|\b(?:(?:mon|tue|wed|thu|fri|sat|sun),?\s+)?(?:\d{1,2}\s+)?(?:` + months + `)\s+(?:\d{1,2}\s+)?(?:\d{4}\s+)?\d{2}:\d{2}(?::\d{2})?(?:\s+\d{4})?(?:\s+(?:UTC|GMT|[+-]\d{4}))?\b` +
		`|\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b`)},
	// Host names, then IPv4 addresses, which may start one.
	{needs: ".", pattern: regexp.MustCompile(`(?:\*\.)?` + label + `(?:\.` + label + `)+\.?(?::\d{1,5}\b)?`), judge: starHost},
	{needs: ".", pattern: regexp.MustCompile(`\[?\b\d{1,3}(?:\.\d{1,3}){3}\b\]?(?:[:/]\d{1,5}\b)?`)},
	// What is called an id, and what only machines write.
	{needs: digits, instead: "${1}${2}*", pattern: regexp.MustCompile(`(?i)\b((?:serial(?: number)?|id|pid|tid|attempt|retry)\s*[:=#]?\s*|` +
		`(?:session|request|trace|correlation|transaction|message|queue|connection)\s*[:=#]\s*)(["'\[(]?)[\w-]*\d[\w-]*`)},
	{needs: digits + "abcdefABCDEF", pattern: regexp.MustCompile(stableCode + `|[0-9A-Za-z]{8,}`), judge: starWord},
	// Spans of time, sizes, and lines of source code.
	{needs: digits, pattern: regexp.MustCompile(`(?i)\b\d+(?:\.\d+)?\s?(?:` + units + `)(?:\d+(?:\.\d+)?(?:` + units + `))*\b`)},
	{needs: ":", instead: "${1}:*", pattern: regexp.MustCompile(`(\.(?:c|cpp|h|go|java)):\d+\b`)},
	// Ports, and numbers that are long enough to be no code.
	{needs: digits, pattern: regexp.MustCompile(stableCode + `|\b\d{5,}(?:\.\d+)?\b|\[\d+\]|:\d{4,5}\b`), judge: starNumber},
	// Several of these in a row are one.
	{needs: "*", pattern: regexp.MustCompile(`\*(?:[,;]?\s*\*|[-_.](?:\*|\d+\b))+`)},
}

// Parts of the patterns above.
const (
	months = `jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec`
	label  = `[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?`
	units  = `ns|µs|us|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|bytes?|kb|kib|mb|mib`
	// stableCode is a number that a library gave to an error, such as
	// "error:1417A0C1:" of OpenSSL or "error 10054".
	stableCode = `\b(?i:err(?:or|no)?|alert|code)\s?[ :=#]\s?(?:0x[0-9A-Fa-f]{1,8}|[0-9A-Fa-f]{8}|\d{1,5})\b`
)

// NormalizeReason returns a failure-reason-code without what varies from one
// session to the next (addresses, host names, ids, serial numbers, times,
// spans and long numbers, each replaced by "*"), so that equal failures group.
// Codes such as tls-remote-alert-70, an HTTP status or an X509_V_ERR_ name stay,
// and so does what NormalizeReason returned.
func NormalizeReason(code string) string {
	if isStable(code) {
		return Clean(code, maxReason)
	}
	// What is cut off here is beyond what is kept, if not all of it varies.
	s := Clean(code, 3*maxReason)
	for {
		// What was replaced may show something else, which only gets shorter.
		next := withoutVolatile(s)
		if next == s {
			return s
		}
		s = next
	}
}

func withoutVolatile(s string) string {
	for i := range volatiles {
		switch v := &volatiles[i]; {
		case !strings.ContainsAny(s, v.needs):
		case v.judge != nil:
			s = v.pattern.ReplaceAllStringFunc(s, v.judge)
		case v.instead != "":
			s = v.pattern.ReplaceAllString(s, v.instead)
		default:
			s = v.pattern.ReplaceAllLiteralString(s, "*")
		}
	}
	return Clean(strings.Join(strings.Fields(s), " "), maxReason)
}

// coarseReason is a quick NormalizeReason: words with digits or signs inside go.
func coarseReason(code string) string {
	if isStable(code) {
		return code
	}
	words := strings.Fields(Clean(code, maxReason))
	for i, word := range words {
		if strings.ContainsAny(strings.TrimRight(word, ".:,;"), "0123456789.:@/=") {
			words[i] = "*"
		}
	}
	return strings.Join(words, " ")
}

// isStable tells codes in which nothing can vary, as most are: words, and
// numbers of at most three digits, joined by hyphens and underscores.
func isStable(code string) bool {
	digits := 0
	for i := range len(code) {
		switch c := code[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_':
			digits = 0
		case '0' <= c && c <= '9':
			if digits++; digits > 3 {
				return false
			}
		default:
			return false
		}
	}
	return len(code) <= 40
}

// starIPv6 replaces what is an IPv6 address, and leaves what only looks like
// one, such as "::" in the names of a library's functions.
func starIPv6(match string) string {
	if strings.Count(match, ":") < 2 {
		return match
	}
	if _, err := netip.ParseAddrPort(match); err == nil {
		return "*"
	}
	bare := strings.TrimRight(match, ".")
	if end := strings.TrimSuffix(bare, ":"); !strings.HasSuffix(end, ":") || strings.HasSuffix(end, "::") {
		bare = end
	}
	address, _, _ := strings.Cut(bare, "/")
	address = bareAddress(address)
	if _, err := netip.ParseAddr(address); err != nil || address == "::" {
		return match
	}
	return "*" + match[len(bare):]
}

// starHost replaces names under a real or reserved top level, and leaves what
// else is joined by dots, such as the names of error types.
func starHost(match string) string {
	name, _, _ := strings.Cut(match, ":")
	name = strings.TrimRight(strings.TrimPrefix(name, "*."), ".")
	top := name[strings.LastIndexByte(name, '.')+1:]
	if lower := strings.ToLower(top); top != lower && top != strings.ToUpper(top) && strings.Count(name, ".") == 1 {
		return match // two sentences, or a type of a package
	}
	name, ok := NormalizeDomain(name)
	if !ok {
		return match
	}
	switch top = name[strings.LastIndexByte(name, '.')+1:]; top {
	case "example", "test", "invalid", "localhost", "local", "internal", "lan", "home", "corp", "arpa":
		return "*"
	}
	// Of the name itself a provider's suffix might be found, not ICANN's.
	if _, icann := publicsuffix.PublicSuffix(top); icann {
		return "*"
	}
	return match
}

// starWord replaces words that only a machine writes: long hexadecimal, and
// letters and digits that take turns. Names of ciphers, curves and functions
// take two or three turns at most.
func starWord(match string) string {
	if isStableCode(match) {
		return match
	}
	const longHex, manyTurns = 16, 4
	word, isHex, turns := match, true, 0
	for i := range len(word) {
		digit := '0' <= word[i] && word[i] <= '9'
		lower := word[i] | 0x20
		isHex = isHex && (digit || 'a' <= lower && lower <= 'f' || i == 1 && lower == 'x')
		if i > 0 && digit != ('0' <= word[i-1] && word[i-1] <= '9') {
			turns++
		}
	}
	if strings.HasPrefix(word, "0x") && len(word) <= len("0x")+8 {
		return match // a code of Windows
	}
	if isHex && (len(word) >= longHex || strings.HasPrefix(word, "0x")) || turns >= manyTurns {
		return "*"
	}
	return match
}

func starNumber(match string) string {
	if isStableCode(match) {
		return match
	}
	return "*"
}

// isStableCode tells a match of stableCode from the other kind of match of the
// same pattern, which has no letter in front of a space or sign.
func isStableCode(match string) bool {
	return strings.ContainsAny(match, " :=#") && !strings.HasPrefix(match, ":")
}
