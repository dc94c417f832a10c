package mailreport

import (
	"strings"
	"testing"
)

// A resultsCase is a header, and what it is worth to the server of the given name.
type resultsCase struct {
	name    string
	id      string
	headers string
	trust   string
	signed  string
}

func resultsCases() []resultsCase {
	const server = "mx.example.com"
	pass := "Authentication-Results: mx.example.com;\r\n dkim=pass (2048-bit; rsa key) header.d=google.com header.i=@google.com;\r\n spf=pass smtp.mailfrom=x@google.com\r\n"
	return []resultsCase{
		{"row 37: a pass that one's own server tells authenticates", server, pass, Authenticated, "google.com"},
		{"the server's name has no case", "MX.Example.com", pass, Authenticated, "google.com"},
		{"a version may follow the server's name", server, "Authentication-Results: mx.example.com 1; dkim=pass header.d=google.com\r\n", Authenticated, "google.com"},
		{"header.i names the domain where header.d doesn't", server, "Authentication-Results: mx.example.com; dkim=pass header.i=@mail.google.com\r\n", Authenticated, "mail.google.com"},
		{"of several results one that passes is enough", server, "Authentication-Results: mx.example.com; dkim=fail header.d=google.com; dkim=pass header.d=google.com\r\n", Authenticated, "google.com"},
		{"a faulty clause hides no other", server, "Authentication-Results: mx.example.com; broken; dkim=pass header.d=google.com\r\n", Authenticated, "google.com"},
		{"the topmost header alone counts", server, "Authentication-Results: mx.example.com; dkim=none\r\n" + pass, Unauthenticated, ""},
		{"another server on top hides one's own", server, "Authentication-Results: evil.example; dkim=pass header.d=google.com\r\n" + pass, Unauthenticated, ""},
		{"another server is not believed", server, "Authentication-Results: evil.example; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"a pass for another domain doesn't count", server, "Authentication-Results: mx.example.com; dkim=pass header.d=evil.example\r\n", Unauthenticated, ""},
		{"a fail doesn't count", server, "Authentication-Results: mx.example.com; dkim=fail header.d=google.com\r\n", Unauthenticated, ""},
		{"an SPF pass is no DKIM pass", server, "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=google.com\r\n", Unauthenticated, ""},
		{"a pass in a comment is none", server, "Authentication-Results: mx.example.com; spf=fail (x; dkim=pass header.d=google.com)\r\n", Unauthenticated, ""},
		{"a pass in a quoted string is none", server, "Authentication-Results: mx.example.com; spf=fail smtp.mailfrom=\"a; dkim=pass header.d=google.com; \"@evil.example\r\n", Unauthenticated, ""},
		{"a pass behind an escaped quote is none", server, "Authentication-Results: mx.example.com; spf=fail smtp.mailfrom=\"a\\\"; dkim=pass header.d=google.com; \"@evil.example\r\n", Unauthenticated, ""},
		{"no header is no pass", server, "", Unauthenticated, ""},
		{"no configured server is no pass", "", "Authentication-Results: ; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"two of one's own server: the topmost alone counts", server, "Authentication-Results: mx.example.com; dkim=fail header.d=google.com\r\n" + pass, Unauthenticated, ""},
		{"two of one's own server: a pass on top is enough", server, pass + "Authentication-Results: mx.example.com; dkim=fail header.d=google.com\r\n", Authenticated, "google.com"},
		{"a forged one below the real one changes nothing", server, pass + "Authentication-Results: mx.example.com; dkim=pass header.d=evil.example\r\n", Authenticated, "google.com"},
		{"other fields above it change nothing", server, "Received: from a by b\r\nARC-Authentication-Results: i=1; mx.example.com; dkim=fail\r\n" + pass, Authenticated, "google.com"},
		{"ARC's own field is not believed", server, "ARC-Authentication-Results: i=1; mx.example.com; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"the field's name has no case", server, strings.ToLower(pass), Authenticated, "google.com"},
		{"a folded field is read whole", server, strings.ReplaceAll(strings.ReplaceAll(pass, "\r\n ", " "), " ", "\r\n\t"), Authenticated, "google.com"},
		{"another version is not believed", server, "Authentication-Results: mx.example.com 2; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"a name that only starts alike is another server", server, "Authentication-Results: mx.example.com.evil.example; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"the server's name in a comment is none", server, "Authentication-Results: (mx.example.com;) evil.example; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"a comment before the server's name is none of it", server, "Authentication-Results: (a) mx.example.com (b); dkim=pass header.d=google.com\r\n", Authenticated, "google.com"},
		{"a quoted server's name is the same", server, "Authentication-Results: \"mx.example.com\"; dkim=pass header.d=google.com\r\n", Authenticated, "google.com"},
		{"a field without a server is not believed", server, "Authentication-Results: ; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"an empty field hides the one below", server, "Authentication-Results:\r\n" + pass, Unauthenticated, ""},
		{"blanks around the signs, and the method's version, change nothing", server, "Authentication-Results: mx.example.com; dkim / 1 = pass header.d = google.com\r\n", Authenticated, "google.com"},
		{"another version of the method is another method", server, "Authentication-Results: mx.example.com; dkim/2=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"a result in upper case is the same", server, "Authentication-Results: mx.example.com; DKIM=PASS Header.D=GOOGLE.COM\r\n", Authenticated, "google.com"},
		{"a quoted domain is the same", server, "Authentication-Results: mx.example.com; dkim=pass header.d=\"google.com\"\r\n", Authenticated, "google.com"},
		{"a comment in a comment is none of it", server, "Authentication-Results: mx.example.com; dkim=fail (a (b) ; dkim=pass header.d=google.com ) header.d=google.com\r\n", Unauthenticated, ""},
		{"a comment without an end hides the rest", server, "Authentication-Results: mx.example.com; dkim=fail (a; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"a quoted string without an end hides the rest", server, "Authentication-Results: mx.example.com; spf=fail smtp.mailfrom=\"a; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
		{"a quoted bracket starts no comment", server, "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=\"a(b\"@x.example; dkim=pass header.d=google.com\r\n", Authenticated, "google.com"},
		{"a quoted sign starts no result", server, "Authentication-Results: mx.example.com; spf=fail reason=\"x\\; dkim=pass header.d=google.com\"\r\n", Unauthenticated, ""},
		{"a pass in the reason of another result is none", server, "Authentication-Results: mx.example.com; dkim=fail reason=\"dkim=pass\" header.d=google.com\r\n", Unauthenticated, ""},
		{"a pass of the alignment check is no DKIM pass", server, "Authentication-Results: mx.example.com; dmarc=pass header.from=google.com\r\n", Unauthenticated, ""},
		{"a pass that names no domain doesn't count", server, "Authentication-Results: mx.example.com; dkim=pass\r\n", Unauthenticated, ""},
		{"none doesn't count", server, "Authentication-Results: mx.example.com; none\r\n", Unauthenticated, ""},
		{"a server's name of blanks alone is no configured server", "  ", "Authentication-Results: ; dkim=pass header.d=google.com\r\n", Unauthenticated, ""},
	}
}

func TestAuthenticationResultsAreJudged(t *testing.T) {
	for _, c := range resultsCases() {
		t.Run(c.name, func(t *testing.T) {
			a := NewAuthenticator(ModeHeaders, c.id, nil)
			got := a.Judge(t.Context(), []byte(c.headers+"From: <noreply@google.com>\r\nSubject: x\r\n\r\nx\r\n"))
			if got.Trust != c.trust || got.SignedBy != c.signed || got.Reason == "" {
				t.Errorf("got %+v, want %s by %q", got, c.trust, c.signed)
			}
		})
	}
}
