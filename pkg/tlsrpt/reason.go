package tlsrpt

import (
	"net/netip"
	"regexp"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// volatile patterns of reason codes, in the order in which they are taken out:
// what holds others comes first.
var (
	volatileURL  = regexp.MustCompile(`(?i)\bhttps?://[^\s"'<>)\]]+`)
	volatileMail = regexp.MustCompile(`[\w.+=-]+@[\w-]+(?:\.[\w-]+)+`)
	volatileUUID = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	volatileTime = regexp.MustCompile(`(?i)` +
		`\b\d{4}-\d{2}-\d{2}(?:[T _]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\b)?` +
		`|\b(?:(?:mon|tue|wed|thu|fri|sat|sun),?\s+)?(?:\d{1,2}\s+)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\s+(?:\d{1,2}\s+)?(?:\d{4}\s+)?\d{2}:\d{2}(?::\d{2})?(?:\s+\d{4})?(?:\s+(?:UTC|GMT|[+-]\d{4}))?\b` +
		`|\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b`)
	volatileSerial = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{2}:){3,}[0-9a-f]{2}\b`)
	volatileIPv6   = regexp.MustCompile(`\[[0-9A-Za-z:.%]+\](?::\d{1,5}\b)?|[0-9A-Za-z:.%]+(?:/\d{1,3}\b)?`)
	volatileIPv4   = regexp.MustCompile(`\[?\b\d{1,3}(?:\.\d{1,3}){3}\b\]?(?:[:/]\d{1,5}\b)?`)
	volatileHost   = regexp.MustCompile(`(?:\*\.)?\b[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+\b\.?(?::\d{1,5}\b)?`)
	volatileID     = regexp.MustCompile(`(?i)\b((?:serial(?: number)?|id)\s*[:=#]?\s*|(?:session|request|trace|correlation|transaction|message|queue|connection|pid)\s*[:=#]\s*)["'\[(]?[\w-]*\d[\w-]*["'\])]?`)
	volatileHex    = regexp.MustCompile(`(?i)\b(?:0x[0-9a-f]{9,}|[0-9a-f]{16,})\b`)
	volatileSpan   = regexp.MustCompile(`(?i)\b\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|bytes?|kb|kib|mb|mib)\b`)
	volatileNumber = regexp.MustCompile(`\b\d{5,}(?:\.\d+)?\b|\[\d+\]|:\d{4,5}\b`)
	manyVolatile   = regexp.MustCompile(`\*(?:[,;]?\s*\*)+`)
)

// NormalizeReason returns a failure-reason-code without what varies from one
// session to the next (addresses, host names, ids, serial numbers, times,
// spans and long numbers, each replaced by "*"), so that equal failures group.
// Codes such as tls-remote-alert-70, an HTTP status or an X509_V_ERR_ name stay.
func NormalizeReason(code string) string {
	if isStable(code) {
		return Clean(code, maxReason)
	}
	// What is cut off here is beyond what is kept, if not all of it varies.
	s := Clean(code, 3*maxReason)
	for _, pattern := range []*regexp.Regexp{volatileURL, volatileMail, volatileUUID, volatileSerial, volatileTime} {
		s = pattern.ReplaceAllLiteralString(s, "*")
	}
	s = volatileIPv6.ReplaceAllStringFunc(s, starIPv6)
	s = volatileIPv4.ReplaceAllLiteralString(s, "*")
	s = volatileHost.ReplaceAllStringFunc(s, starHost)
	s = volatileID.ReplaceAllString(s, "${1}*")
	for _, pattern := range []*regexp.Regexp{volatileHex, volatileSpan, volatileNumber} {
		s = pattern.ReplaceAllLiteralString(s, "*")
	}
	s = manyVolatile.ReplaceAllLiteralString(s, "*")
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
	bare, _, _ := strings.Cut(match, "/")
	bare = strings.TrimRight(bareAddress(bare), ".")
	if end := strings.TrimSuffix(bare, ":"); !strings.HasSuffix(end, ":") {
		bare = end
	}
	if _, err := netip.ParseAddr(bare); err != nil || bare == "::" {
		return match
	}
	return "*" + match[len(strings.TrimRight(match, ":.")):]
}

// starHost replaces names under a real or reserved top level, and leaves what
// else is joined by dots, such as the names of error types.
func starHost(match string) string {
	name, _, _ := strings.Cut(match, ":")
	name = strings.TrimRight(strings.TrimPrefix(name, "*."), ".")
	top := name[strings.LastIndexByte(name, '.')+1:]
	switch top {
	case "example", "test", "invalid", "localhost", "local", "internal", "lan", "home", "corp", "arpa":
		return "*"
	}
	if _, icann := publicsuffix.PublicSuffix(name); icann {
		return "*"
	}
	return match
}
