package tlsrpt

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNormalizeReason(t *testing.T) {
	for code, want := range map[string]string{
		"": "",
		// Codes stay.
		"tls-remote-alert-70":                       "tls-remote-alert-70",
		"dns-extended-error-22":                     "dns-extended-error-22",
		"MX_HOSTS_MISMATCH":                         "MX_HOSTS_MISMATCH",
		"X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED":     "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
		"http status code 404":                      "http status code 404",
		"bad https response code: 404":              "bad https response code: 404",
		"0x80090326":                                "0x80090326",
		"5.7.1 TLS required":                        "5.7.1 TLS required",
		"x509.UnknownAuthorityError":                "x509.UnknownAuthorityError",
		"error:0A000086:SSL routines::cert invalid": "error:0A000086:SSL routines::cert invalid",
		// What varies goes.
		"dial tcp 192.0.2.1:443: i/o timeout":                                     "dial tcp *: i/o timeout",
		"dial tcp [2001:db8::1]:443: connection refused":                          "dial tcp *: connection refused",
		"no route to 2001:db8::1: down":                                           "no route to *: down",
		"read tcp 10.0.0.1:34567->192.0.2.1:25: connection reset":                 "read tcp *->*: connection reset",
		"mx.example.com[192.0.2.1]:25: handshake failed":                          "*: handshake failed",
		"lookup mta-sts.example.com on 192.0.2.53:53: no such host":               "lookup * on *: no such host",
		`Get "https://mta-sts.example.com/.well-known/mta-sts.txt": EOF`:          `Get "*": EOF`,
		"x509: certificate is valid for a.example, b.example, not c.example":      "x509: certificate is valid for *, not *",
		"expired: 2026-05-01T00:00:00Z is after 2026-04-30T12:00:00.5+02:00":      "expired: * is after *",
		"expired on Jan  2 15:04:05 2026 GMT":                                     "expired on *",
		"failed at 12:34:56":                                                      "failed at *",
		"timeout after 30.5s":                                                     "timeout after *",
		"serial 03:a1:bb:cc:dd:ee:ff:00 revoked":                                  "serial * revoked",
		"serial number: 1234567890abcdef":                                         "serial number: *",
		"session id=4f3a2b1c closed":                                              "session id=* closed",
		"request 550e8400-e29b-41d4-a716-446655440000 failed":                     "request * failed",
		"rejected by postmaster@example.com":                                      "rejected by *",
		"fingerprint 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f": "fingerprint *",
		"connection 1234567 lost":                                                 "connection * lost",
		"two\r\n\tlines \u202ehere":                                               "two lines here",
	} {
		t.Run(code, func(t *testing.T) {
			if got := NormalizeReason(code); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestANormalizedReasonIsShort(t *testing.T) {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{"dial tcp ", "192.0.2.1", ":443", "[2001:db8::1]", "mx.example.com", " ", ", ", ": ", "404", "123456", "2026-01-02", "id=", "*", "a@b.example", "30s"}),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		var code string
		for _, p := range rapid.SliceOfN(part, 0, 8).Draw(t, "parts") {
			code += p
		}
		once := NormalizeReason(code)
		if len(once) > maxReason {
			t.Fatalf("%q has %d bytes", once, len(once))
		}
	})
}

func TestNetwork(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.77":           "192.0.2.0/24",
		"::ffff:192.0.2.77":    "192.0.2.0/24",
		"2001:db8:1:2:3::4":    "2001:db8:1::/48",
		"fe80::1%eth0":         "fe80::/48",
		"":                     "",
		"-":                    "",
		"mx1.example.com":      "",
		"192.0.2.77:25":        "",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1::/48",
	} {
		if got := Network(ip); got != want {
			t.Errorf("Network(%q) = %q, want %q", ip, got, want)
		}
	}
}

func TestNormalizeDomain(t *testing.T) {
	for name, want := range map[string]string{
		"Example.COM.":             "example.com",
		"_smtp._tls.example.com":   "_smtp._tls.example.com",
		"bücher.example":           "xn--bcher-kva.example",
		"BÜCHER.example":           "xn--bcher-kva.example",
		"例え。テスト":                   "xn--r8jz45g.xn--zckzah",
		"localhost":                "localhost",
		"":                         "",
		".":                        "",
		"a..b":                     "",
		"-a.example":               "",
		"a-.example":               "",
		"192.0.2.1":                "",
		"2001:db8::1":              "",
		"not a domain":             "",
		"postmaster@example.com":   "",
		"*.example.com":            "",
		"https://example.com/":     "",
		"example.com\u202e":        "",
		string(make([]byte, 1000)): "",
	} {
		got, ok := NormalizeDomain(name)
		if ok != (want != "") || ok && got != want {
			t.Errorf("NormalizeDomain(%q) = %q, %t, want %q", name, got, ok, want)
		}
	}
}
