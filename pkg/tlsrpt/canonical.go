package tlsrpt

import (
	"slices"
	"strings"
)

// Canonical returns the policy's lines in a form in which equal policies are
// equal, however a reporter writes them: without empty lines and space around
// words, keys, modes, hosts and hexadecimal in lower case, lines in order, each
// once. It is for comparing; [Policy.Strings] are what was said. It is empty
// where the report doesn't say the policy.
func (p *Policy) Canonical() []string {
	lines := make([]string, 0, len(p.Strings))
	for _, line := range p.Strings {
		switch p.Type {
		case PolicySTS:
			line = canonicalSTS(line)
		case PolicyTLSA:
			line = canonicalTLSA(line)
		default:
			line = strings.Join(strings.Fields(line), " ")
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// canonicalSTS writes a line of an MTA-STS policy (RFC 8461 section 3.2).
func canonicalSTS(line string) string {
	key, value, ok := strings.Cut(line, ":")
	if !ok {
		return strings.Join(strings.Fields(line), " ")
	}
	key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
	switch key {
	case "mx":
		value = normalizeMXPattern(value)
	case "mode":
		value = strings.ToLower(value)
	}
	return key + ": " + value
}

// canonicalTLSA writes a TLSA record (RFC 6698 section 2.2), whose data may
// stand in several words.
func canonicalTLSA(line string) string {
	fields := strings.Fields(strings.ToLower(line))
	if len(fields) <= 4 {
		return strings.Join(fields, " ")
	}
	return strings.Join(fields[:3], " ") + " " + strings.Join(fields[3:], "")
}
