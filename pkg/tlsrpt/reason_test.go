package tlsrpt

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Codes as they really come, from Go's and OpenSSL's TLS, Postfix and the sys4
// reporter, Microsoft, Google, Mail.ru and resolvers.
func TestNormalizeReason(t *testing.T) {
	for code, want := range map[string]string{
		"": "",
		// Codes stay.
		"tls-remote-alert-70":                          "tls-remote-alert-70",
		"tls-remote-alert-40: handshake failure":       "tls-remote-alert-40: handshake failure",
		"dns-extended-error-9":                         "dns-extended-error-9",
		"dns-extended-error-22":                        "dns-extended-error-22",
		"dns-extended-error-9-dnskey-missing":          "dns-extended-error-9-dnskey-missing",
		"MX_HOSTS_MISMATCH":                            "MX_HOSTS_MISMATCH",
		"STARTTLS_NOT_ADVERTISED":                      "STARTTLS_NOT_ADVERTISED",
		"X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED":        "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
		"CertificateExpired":                           "CertificateExpired",
		"http status code 404":                         "http status code 404",
		"bad https response code: 404":                 "bad https response code: 404",
		"bad https response code: 500":                 "bad https response code: 500",
		"0x80090326":                                   "0x80090326",
		"(0x800B010A)":                                 "(0x800B010A)",
		"error 10054":                                  "error 10054",
		"5.7.1 TLS required":                           "5.7.1 TLS required",
		"550 5.7.323 tls-required":                     "550 5.7.323 tls-required",
		"x509.UnknownAuthorityError":                   "x509.UnknownAuthorityError",
		"remote error: tls: handshake failure":         "remote error: tls: handshake failure",
		"context deadline exceeded (Client.Timeout)":   "context deadline exceeded (Client.Timeout)",
		"error:0A000086:SSL routines::cert invalid":    "error:0A000086:SSL routines::cert invalid",
		"error:1417A0C1:SSL routines:no shared cipher": "error:1417A0C1:SSL routines:no shared cipher",
		"error:14094410:SSL routines:ssl3_read_bytes:sslv3 alert:SSL alert number 40": "error:14094410:SSL routines:ssl3_read_bytes:sslv3 alert:SSL alert number 40",
		"verify error:num=20:unable to get local issuer certificate":                  "verify error:num=20:unable to get local issuer certificate",
		"cipher TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 refused":                  "cipher TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 refused",
		"curve secp256r1, key of 1024 bits, TLSv1.2, sha256WithRSAEncryption":         "curve secp256r1, key of 1024 bits, TLSv1.2, sha256WithRSAEncryption",
		"OpenSSL 3.0.13, Postfix 3.8.1":                                               "OpenSSL 3.0.13, Postfix 3.8.1",
		"std::runtime_error, C:\\Windows\\x, policy.txt, i.e. unix.Error":             "std::runtime_error, C:\\Windows\\x, policy.txt, i.e. unix.Error",
		"2 of 3 MX failed": "2 of 3 MX failed",
		// Addresses and ports go.
		"dial tcp 192.0.2.1:443: i/o timeout":                                                          "dial tcp *: i/o timeout",
		"dial tcp [2001:db8::1]:443: connection refused":                                               "dial tcp *: connection refused",
		"dial tcp [fe80::1%eth0]:25: no route to host":                                                 "dial tcp *: no route to host",
		"no route to 2001:db8::1: down":                                                                "no route to *: down",
		"no route to fe80::: down":                                                                     "no route to *: down",
		"fe80::1%eth0 in 2001:db8::/32 and 10.0.0.0/8":                                                 "* in * and *",
		"read tcp 10.0.0.1:34567->192.0.2.1:25: connection reset":                                      "read tcp *->*: connection reset",
		"lookup mx.example.com on 127.0.0.53:53: read udp 127.0.0.1:41234->127.0.0.53:53: i/o timeout": "lookup * on *: read udp *->*: i/o timeout",
		"x509: cannot validate certificate for 192.0.2.1 because it doesn't contain any IP SANs":       "x509: cannot validate certificate for * because it doesn't contain any IP SANs",
		"550 5.7.1 [192.0.2.1] blocked":                                                                "550 5.7.1 * blocked",
		// Names go.
		"mx.example.com[192.0.2.1]:25: handshake failed":                     "*: handshake failed",
		"mx.example.com[2001:db8::25]:25: self-signed certificate":           "*: self-signed certificate",
		"MX1.Example.COM: timeout":                                           "*: timeout",
		"no TLSA records found: _25._tcp.mx1.example.com":                    "no TLSA records found: *",
		"lookup mta-sts.example.com on 192.0.2.53:53: no such host":          "lookup * on *: no such host",
		`Get "https://mta-sts.example.com/.well-known/mta-sts.txt": EOF`:     `Get "*": EOF`,
		"x509: certificate is valid for a.example, b.example, not c.example": "x509: certificate is valid for *, not *",
		"x509: certificate is valid for *.a.example, not c.example":          "x509: certificate is valid for *, not *",
		"mx1.example.com does not match mx: *.mail.example.com":              "* does not match mx: *",
		"mx1.5.113.0.203.eu.compute.amazonaws.com: EOF":                      "*: EOF",
		"203.0.113.5.static.example.com: EOF":                                "*: EOF",
		"subject=/CN=mx1.example.com issuer=/CN=R3":                          "subject=/CN=* issuer=/CN=R3",
		"MX host bücher.example not matched by policy mode enforce":          "MX host * not matched by policy mode enforce",
		"MX host mx3.example.net not matched by policy mode testing":         "MX host * not matched by policy mode testing",
		"rejected by postmaster@example.com":                                 "rejected by *",
		"rejected by <jörg@bücher.example>":                                  "rejected by <*>",
		"user 用户@例え.テスト denied":                                              "user * denied",
		// Times and spans go.
		"expired: 2026-05-01T00:00:00Z is after 2026-04-30T12:00:00.5+02:00": "expired: * is after *",
		"expired on Jan  2 15:04:05 2026 GMT":                                "expired on *",
		"expired on Sun, 01 Mar 2026 08:11:02 +0100":                         "expired on *",
		"2026/03/01 08:11:02 failed":                                         "* failed",
		"01/Mar/2026:08:11:02 +0000 failed":                                  "* failed",
		"failed at 12:34:56":                                                 "failed at *",
		"expired at 1772323200":                                              "expired at *",
		"not after 20260301T000000Z":                                         "not after *",
		"timeout after 30.5s":                                                "timeout after *",
		"timed out after 1m30.5s":                                            "timed out after *",
		"expired 12 days ago":                                                "expired * ago",
		// Serial numbers, fingerprints and ids go.
		"serial 03:a1:bb:cc:dd:ee:ff:00 revoked":                                                            "serial * revoked",
		"serial 04:12:34:56:78:90:12:34 revoked":                                                            "serial * revoked",
		"serial number: 1234567890abcdef":                                                                   "serial number: *",
		"serial 0x03A1F2 revoked":                                                                           "serial * revoked",
		`authority certificate "serial:1234567890")`:                                                        `authority certificate "serial:*")`,
		"session id=4f3a2b1c closed":                                                                        "session id=* closed",
		"request 550e8400-e29b-41d4-a716-446655440000 failed":                                               "request * failed",
		"fingerprint 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f":                           "fingerprint *",
		"9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15 pinned":                                            "* pinned",
		"SHA256:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg= unknown":                                       "* unknown",
		"TLSA 3 1 1 6007EEE553E85D8DF007A845D19EC343 did not match":                                         "TLSA 3 1 1 * did not match",
		"connection 1234567 lost":                                                                           "connection * lost",
		"A403D20E00EE: TLS failure":                                                                         "*: TLS failure",
		"4.7.0 TLS not available a1b2c3d4-20020a05600c4e8fsi1234567wmb.12 - gsmtp":                          "4.7.0 TLS not available * - gsmtp",
		"4.7.5 failure [AM0PR01MB1234.eurprd01.prod.example.com 2026-03-01T08:11:02.123Z 08DE1234ABCD5678]": "4.7.5 failure [*]",
		"140234567890:error:1408F10B:SSL routines:wrong version:ssl3_record.c:332:":                         "*:error:1408F10B:SSL routines:wrong version:ssl3_record.c:*:",
		"attempt 3 of 5":            "attempt * of 5",
		"two\r\n\tlines \u202ehere": "two lines here",
	} {
		t.Run(code, func(t *testing.T) {
			if got := NormalizeReason(code); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if again := NormalizeReason(want); again != want {
				t.Errorf("normalized again it is %q", again)
			}
		})
	}
}

// volatileParts draw values of one kind, which are to make no difference.
var volatileParts = map[string]*rapid.Generator[string]{
	"address": rapid.Custom(func(t *rapid.T) string {
		b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip")
		ip := netip.AddrFrom4([4]byte(b)).String()
		return rapid.SampledFrom([]string{ip, "[" + ip + "]", ip + ":25"}).Draw(t, "form")
	}),
	"address6": rapid.Custom(func(t *rapid.T) string {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip")
		b[0] = 0x20
		ip := netip.AddrFrom16([16]byte(b)).String()
		return rapid.SampledFrom([]string{ip, "[" + ip + "]", "[" + ip + "]:25", ip + "%eth0"}).Draw(t, "form")
	}),
	"host": rapid.StringMatching(`([a-z0-9_]([a-z0-9-]{0,8}[a-z0-9])?\.){1,4}(com|example|co\.uk|de|local)`),
	"mail": rapid.StringMatching(`[a-zäöü0-9._+-]{1,12}@([a-z0-9ß]{1,8}\.){1,2}(com|example|de)`),
	"uuid": rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	"serial": rapid.OneOf(
		rapid.StringMatching(`([0-9A-F]{2}:){7,19}[0-9A-F]{2}`), rapid.StringMatching(`[0-9a-f]{32,40}`), rapid.StringMatching(`[1-9][0-9]{8,38}`)),
	"fingerprint": rapid.StringMatching(`[0-9A-F]{64}`),
	"time": rapid.Custom(func(t *rapid.T) string {
		when := time.Unix(rapid.Int64Range(1_000_000_000, 4_000_000_000).Draw(t, "time"), 0).UTC()
		layout := rapid.SampledFrom([]string{time.RFC3339, time.DateTime, time.RFC1123Z, time.RFC1123, "Jan _2 15:04:05 2006 MST", "20060102T150405Z", "2006/01/02 15:04:05"})
		if rapid.Bool().Draw(t, "unix") {
			return fmt.Sprint(when.Unix())
		}
		return when.Format(layout.Draw(t, "layout"))
	}),
	"span": rapid.Custom(func(t *rapid.T) string {
		return time.Duration(rapid.Int64Range(1_000_000, 10_000_000_000_000).Draw(t, "span")).String()
	}),
}

// reasonTemplates are codes with a volatile part left out at {}.
var reasonTemplates = []string{
	"dial tcp {}: connect: connection refused", "x509: certificate is valid for {}, not {}", "current time {} is after {}",
	"serial {} revoked", "fingerprint {} unknown", "({})", "got «{}»", "MX {} not matched: mode enforce", "{}: timeout", "id #{}", "failed <{}>",
}

func TestCodesThatDifferInVolatilePartsAloneGroup(t *testing.T) {
	kinds := slices.Sorted(maps.Keys(volatileParts))
	rapid.Check(t, func(t *rapid.T) {
		template := rapid.SampledFrom(reasonTemplates).Draw(t, "template")
		var codes [2]string
		parts := strings.Split(template, "{}")
		for i, part := range parts {
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			for j := range codes {
				codes[j] += part
				if i < len(parts)-1 {
					codes[j] += volatileParts[kind].Draw(t, kind)
				}
			}
		}
		if a, b := NormalizeReason(codes[0]), NormalizeReason(codes[1]); a != b || a != strings.ReplaceAll(template, "{}", "*") {
			t.Fatalf("%q is %q,\n%q is %q", codes[0], a, codes[1], b)
		}
	})
}

func TestCodesThatDifferInWordsStayApart(t *testing.T) {
	words := rapid.SampledFrom([]string{
		"MX_HOSTS_MISMATCH", "STARTTLS_NOT_ADVERTISED", "enforce", "testing", "none", "tls-remote-alert-70", "tls-remote-alert-71",
		"dns-extended-error-9", "dns-extended-error-10", "certificate expired", "self-signed", "404", "500", "0x80090325", "0x80090326",
		"error:0A000086:SSL", "error:1417A0C1:SSL", "mx:", "TLSv1.2", "TLSv1.3", "X509_V_ERR_CERT_REVOKED", "no such host",
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := words.Draw(t, "a"), words.Draw(t, "b")
		frame := rapid.SampledFrom([]string{"%s", "policy: %s", "%s at mx1.example.com", "dial tcp 192.0.2.1:25: %s", "(%s)"}).Draw(t, "frame")
		x, y := NormalizeReason(fmt.Sprintf(frame, a)), NormalizeReason(fmt.Sprintf(frame, b))
		if (a == b) != (x == y) {
			t.Fatalf("%q and %q become %q and %q", a, b, x, y)
		}
	})
}

func TestANormalizedReasonIsShortAndStays(t *testing.T) {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{"dial tcp ", "192.0.2.1", ":443", "[2001:db8::1]", "mx.example.com", " ", ", ", ": ", "404", "123456", "2026-01-02", "id=", "*", "a@b.example", "30s",
			"-", "_", ".", "serial ", "error:", "0x", "a1b2c3d4", "12:34", "sha256:", "s3_pkt.c:12", "{}", "Ü", strings.Repeat("word ", 50)}),
		rapid.StringMatching(`[a-z0-9.:*_@/-]{0,20}`),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		var code string
		for _, p := range rapid.SliceOfN(part, 0, 12).Draw(t, "parts") {
			code += p
		}
		once := NormalizeReason(code)
		if len(once) > maxReason {
			t.Fatalf("%q has %d bytes", once, len(once))
		}
		if twice := NormalizeReason(once); twice != once {
			t.Fatalf("%q becomes %q, and that %q", code, once, twice)
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
