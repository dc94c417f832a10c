package mailreport

import (
	"regexp"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-msgauth/authres"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// judgeHeaders believes the topmost Authentication-Results (RFC 8601), and only
// where it is one's own server's: those below it may be forged.
func (a *Authenticator) judgeHeaders(header message.Header, from string) Verdict {
	if a.authservID == "" {
		return verdict(Unauthenticated, "", "No authserv-id is configured, so no Authentication-Results is believed")
	}
	field := header.Get("Authentication-Results")
	if field == "" {
		return verdict(Unauthenticated, "", "The mail has no Authentication-Results")
	}
	clauses := clausesOf(field)
	server, _, err := authres.Parse(clauses[0])
	switch {
	case err != nil || server == "":
		return verdict(Unauthenticated, "", "The topmost Authentication-Results can't be read")
	case !strings.EqualFold(server, a.authservID):
		return verdict(Unauthenticated, "", "The topmost Authentication-Results is of %s, not of %s", tlsrpt.Clean(server, 100), a.authservID)
	}
	for _, clause := range clauses[1:] {
		// A clause that is faulty hides no other.
		_, results, err := authres.Parse(a.authservID + ";" + clause)
		if err != nil || len(results) != 1 {
			continue
		}
		signed, ok := results[0].(*authres.DKIMResult)
		if !ok || signed.Value != authres.ResultPass {
			continue
		}
		if domain, ok := tlsrpt.NormalizeDomain(signingDomain(signed)); ok && tlsrpt.Aligned(domain, from) {
			return verdict(Authenticated, domain, "%s found the DKIM signature of %s valid", a.authservID, domain)
		}
	}
	return verdict(Unauthenticated, "", "%s found no valid DKIM signature of %s", a.authservID, from)
}

// signingDomain is header.d, or where a server says header.i alone, its domain.
func signingDomain(r *authres.DKIMResult) string {
	if r.Domain != "" {
		return r.Domain
	}
	return r.Identifier[strings.LastIndexByte(r.Identifier, '@')+1:]
}

// aroundEquals finds the white space that may stand around a sign, and the
// version of a method (RFC 8601 section 2.2).
var aroundEquals = regexp.MustCompile(`(?:\s*/\s*1)?\s*(=)\s*`)

// clausesOf returns the clauses of an Authentication-Results field, first the
// server. Comments and quoted strings, in which a sender may have written
// anything, are made harmless first.
func clausesOf(field string) []string {
	return strings.Split(aroundEquals.ReplaceAllString(plainResults(field), "$1"), ";")
}

// plainResults returns field without comments (RFC 5322 section 3.2.2), and
// with quoted strings bare, all but word characters in them replaced.
func plainResults(field string) string {
	var out strings.Builder
	depth, quoted, escaped := 0, false, false
	for i := range len(field) {
		c := field[i]
		switch {
		case escaped:
			escaped = false
			if depth == 0 {
				out.WriteByte('_')
			}
		case c == '\\' && (quoted || depth > 0):
			escaped = true
		case depth > 0:
			if c == '(' {
				depth++
			} else if c == ')' {
				depth--
			}
		case c == '"':
			quoted = !quoted
		case quoted && strings.IndexByte(" \t\r\n;=()", c) >= 0:
			out.WriteByte('_')
		case !quoted && c == '(':
			depth++
			out.WriteByte(' ')
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
