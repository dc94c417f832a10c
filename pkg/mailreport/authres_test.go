package mailreport

import "testing"

func TestAuthenticationResultsAreJudged(t *testing.T) {
	const server = "mx.example.com"
	pass := "Authentication-Results: mx.example.com;\r\n dkim=pass (2048-bit; rsa key) header.d=google.com header.i=@google.com;\r\n spf=pass smtp.mailfrom=x@google.com\r\n"
	for _, c := range []struct {
		name    string
		id      string
		headers string
		trust   string
		signed  string
	}{
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
	} {
		t.Run(c.name, func(t *testing.T) {
			a := NewAuthenticator(ModeHeaders, c.id, nil)
			got := a.Judge(t.Context(), []byte(c.headers+"From: <noreply@google.com>\r\nSubject: x\r\n\r\nx\r\n"))
			if got.Trust != c.trust || got.SignedBy != c.signed || got.Reason == "" {
				t.Errorf("got %+v, want %s by %q", got, c.trust, c.signed)
			}
		})
	}
}
