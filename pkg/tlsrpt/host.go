package tlsrpt

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// toASCII maps as UTS 46 does for look-ups, but keeps underscores, which stand
// in real host names.
var toASCII = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
)

// NormalizeDomain returns a host name as lower-case A-labels without a final
// dot; ok is false where name is no host name.
func NormalizeDomain(name string) (domain string, ok bool) {
	name = strings.TrimRight(strings.TrimSpace(name), ".")
	if name == "" || len(name) > 4*MaxHost {
		return "", false
	}
	domain = strings.ToLower(name)
	if !isASCII(domain) {
		if roughLength(domain) > maxDomain {
			return "", false
		}
		a, err := toASCII.ToASCII(name)
		if err != nil {
			return "", false
		}
		domain = strings.TrimRight(a, ".")
	}
	return domain, isHostName(domain)
}

// maxDomain is the length of a domain name without a final dot (RFC 1035
// section 2.3.4).
const maxDomain = 253

// roughLength returns how long the A-labels of name are at least, as good as:
// a character takes a byte, and a U-label its prefix. It spares the work of
// mapping names that are far too long.
func roughLength(name string) int {
	const prefix = len("xn--")
	length, inU := 0, false
	for _, r := range name {
		length++
		switch {
		case r == '.' || r == '\u3002' || r == '\uff0e' || r == '\uff61': // UTS 46 section 2.3
			inU = false
		case r >= utf8.RuneSelf && !inU:
			inU = true
			length += prefix
		}
	}
	return length
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isHostName tells whether the lower-case ASCII name can be a host's: labels
// of letters, digits, hyphens and underscores, and no address (RFC 1123
// section 2.1).
func isHostName(name string) bool {
	if name == "" || len(name) > maxDomain {
		return false
	}
	label, digitsOnly := 0, true
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 || name[i-1] == '-' {
				return false
			}
			label, digitsOnly = 0, true
			continue
		case c == '-':
			if label == 0 {
				return false
			}
			digitsOnly = false
		case 'a' <= c && c <= 'z' || c == '_':
			digitsOnly = false
		case '0' <= c && c <= '9':
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0 && !digitsOnly && name[len(name)-1] != '-'
}

// normalizeHost is [NormalizeDomain], but keeps what is no host name, lower case.
func normalizeHost(name string) string {
	if domain, ok := NormalizeDomain(name); ok {
		return domain
	}
	return strings.ToLower(strings.TrimRight(name, "."))
}

// normalizeMXPattern takes the dress off an mx-host: "mx:", brackets, quotes.
func normalizeMXPattern(pattern string) string {
	pattern = strings.Trim(pattern, ` "'`)
	if len(pattern) > 3 && strings.EqualFold(pattern[:3], "mx:") {
		pattern = strings.TrimSpace(pattern[3:])
	}
	pattern = strings.Trim(pattern, `[] "'`)
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		return "*." + normalizeHost(rest)
	}
	return normalizeHost(pattern)
}

// normalizeAddress returns the canonical form of an IP address (RFC 5952),
// without brackets, SMTP's "IPv6:" (RFC 5321 section 4.1.3), zone or port, and
// with a mapped IPv4 address unmapped. ok is false where s is not empty, not a
// hyphen and no address.
func normalizeAddress(s string) (addr string, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" || s == "-" {
		return "", true
	}
	ip, err := netip.ParseAddr(bareAddress(s))
	if err != nil {
		withPort, portErr := netip.ParseAddrPort(s)
		if portErr != nil {
			return "", false
		}
		ip = withPort.Addr()
	}
	return ip.Unmap().WithZone("").String(), true
}

func bareAddress(s string) string {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	if len(s) > 5 && strings.EqualFold(s[:5], "ipv6:") {
		s = s[5:]
	}
	return s
}
