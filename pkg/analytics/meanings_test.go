package analytics

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// rfcResultTypes are those of RFC 8460 section 4.3, in order.
var rfcResultTypes = []string{
	"starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure",
	"tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
}

func TestEveryResultTypeOfTheRFCHasAMeaning(t *testing.T) {
	got := slices.Sorted(maps.Keys(meanings().ResultTypes))
	if want := slices.Sorted(slices.Values(rfcResultTypes)); !slices.Equal(got, want) {
		t.Errorf("result types with a meaning: %q, want %q", got, want)
	}
	for _, resultType := range append([]string{"made-up"}, rfcResultTypes...) {
		checkMeaning(t, resultType, MeaningOf(resultType))
	}
	if MeaningOf("made-up").Category != "Other" {
		t.Error("an unknown result type is not «Other»")
	}
}

func TestEveryKnownReasonIsWellSaid(t *testing.T) {
	seen := map[string]bool{}
	for _, known := range meanings().Reasons {
		for _, phrase := range known.Phrases {
			if key := reasonKey(phrase); key != " "+phrase+" " {
				t.Errorf("the phrase %q never matches; write %q", phrase, strings.TrimSpace(key))
			}
			id := phrase + " for " + strings.Join(known.For, ",")
			if seen[id] {
				t.Errorf("the phrase %q stands twice", id)
			}
			seen[id] = true
		}
		if len(known.Phrases) == 0 || known.Meaning.Meaning == "" {
			t.Errorf("a reason without phrases or meaning: %+v", known)
		}
		resultTypes := known.For
		if len(resultTypes) == 0 {
			resultTypes = rfcResultTypes
		}
		for _, resultType := range resultTypes {
			if !slices.Contains(rfcResultTypes, resultType) {
				t.Errorf("%q is for the unknown result type %q", known.Phrases, resultType)
			}
			checkMeaning(t, resultType+" with "+known.Phrases[0], MeaningOf(resultType).refined(known.Meaning))
		}
	}
}

var (
	faults = []Fault{OurMX, OurDNS, OurPolicyHost, TheSender, InThePath}
	// safeCommand has no character that a shell takes for its own.
	safeCommand = regexp.MustCompile(`^[A-Za-z0-9 ._:/=+-]+$`)
	// ownShell is what the commands use of the shell.
	ownShell = strings.NewReplacer(" </dev/null", "", " | openssl ", " openssl ", " && ", " ")
	// freePlaceholder is a word that a name would be put in for.
	freePlaceholder = regexp.MustCompile(`[A-Z]{2,}`)
)

func checkMeaning(t *testing.T, of string, m Meaning) {
	t.Helper()
	for name, text := range map[string]string{"meaning": m.Meaning, "fix": m.Fix, "senderSees": m.SenderSees} {
		if len(text) < 20 || !strings.HasSuffix(text, ".") || strings.ToUpper(text[:1]) != text[:1] {
			t.Errorf("%s: %s is no full sentence: %q", of, name, text)
		}
		if strings.Contains(text, "  ") || strings.ContainsAny(text, "<>`*") {
			t.Errorf("%s: %s is not plain: %q", of, name, text)
		}
	}
	if m.Brief == "" || strings.HasSuffix(m.Brief, ".") || m.Category == "" {
		t.Errorf("%s: brief %q, category %q", of, m.Brief, m.Category)
	}
	if !slices.Contains(faults, m.Fault) {
		t.Errorf("%s: unknown fault %q", of, m.Fault)
	}
	if plain := ownShell.Replace(m.Command); !safeCommand.MatchString(plain) {
		t.Errorf("%s: the command has characters of the shell: %q", of, plain)
	}
	for _, word := range freePlaceholder.FindAllString(strings.ReplaceAll(m.Command, "SubjectAltName", ""), -1) {
		if !slices.Contains([]string{"DOMAIN", "MX", "DER"}, word) {
			t.Errorf("%s: %q in %q", of, word, m.Command)
		}
	}
}

func TestAKnownReasonRefinesItsResultType(t *testing.T) {
	for _, c := range []struct {
		resultType, reason string
		category           string
		brief              string
		fault              Fault
	}{
		// Microsoft, mox and Stalwart on one thing.
		{"validation-failure", "MX_HOSTS_MISMATCH", "MTA-STS policy", "the MX is not listed in the MTA-STS policy", OurPolicyHost},
		{"validation-failure", "mtasts-policy-mx-mismatch", "MTA-STS policy", "the MX is not listed in the MTA-STS policy", OurPolicyHost},
		{"validation-failure", "MX not authorized by policy.", "MTA-STS policy", "the MX is not listed in the MTA-STS policy", OurPolicyHost},
		{"validation-failure", "VALIDATION_FAILURE", "Validation", "TLS failed for a reason without a result type of its own", OurMX},
		// mox.
		{"validation-failure", "tls-remote-alert-70-protocol-version-not-supported", "Validation", "sender and MX have no TLS version in common", OurMX},
		{"validation-failure", "tls-local-alert-40", "Validation", "sender and MX have no cipher suite in common", OurMX},
		{"validation-failure", "tls-record-header-error", "Validation", "something other than TLS answered after STARTTLS", InThePath},
		{"validation-failure", "io-timeout-during-handshake", "Connection", "the connection timed out during TLS", InThePath},
		{"validation-failure", "connection-closed-during-handshake", "Connection", "the connection was cut during TLS", InThePath},
		{"validation-failure", "dane-no-match+errors", "DANE", "no TLSA record matched the certificate of the MX", OurDNS},
		{"tlsa-invalid", "all-unusable-records+ignored", "DANE", "none of the TLSA records is usable", OurDNS},
		{"certificate-not-trusted", "no-system-roots", "Certificate", "the sender has no trusted CA at all", TheSender},
		{"sts-policy-fetch-error", "no-policy-served", "MTA-STS policy", "the policy host answered that there is no policy file", OurPolicyHost},
		{"dnssec-invalid", "dns-extended-error-7-signature-expired", "DANE", "DNSSEC signatures were outside their validity", OurDNS},
		{"tlsa-invalid", "extended-dns-error-22-no-reachable-authority", "DANE", "the name servers of the zone could not be reached", OurDNS},
		{"dnssec-invalid", "dns-extended-error-99", "DANE", "a DNS lookup for the MX or its TLSA records failed", OurDNS},
		// Go.
		{"certificate-expired", "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time * is after *", "Certificate", "the certificate of the MX had expired", OurMX},
		{"certificate-host-mismatch", "x509: certificate is valid for *, not *", "Certificate", "the certificate did not name the MX", OurMX},
		{"certificate-not-trusted", "x509: certificate signed by unknown authority", "Certificate", "the chain of the MX certificate was incomplete or not trusted", OurMX},
		{"validation-failure", "read tcp *->*: i/o timeout", "Connection", "the connection timed out during TLS", InThePath},
		{"validation-failure", "remote error: tls: handshake failure", "Validation", "sender and MX have no cipher suite in common", OurMX},
		{"sts-policy-fetch-error", "dial tcp *: i/o timeout", "MTA-STS policy", "the policy host could not be reached", OurPolicyHost},
		{"sts-policy-fetch-error", "lookup * on *: no such host", "MTA-STS policy", "the name of the policy host could not be resolved", OurDNS},
		{"sts-policy-fetch-error", `Get "*": x509: certificate has expired`, "MTA-STS policy", "TLS with the policy host failed", OurPolicyHost},
		// OpenSSL, as Postfix and others say it.
		{"validation-failure", "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED", "Certificate", "a CA in the chain of the MX may not sign this certificate", OurMX},
		{"validation-failure", "X509_V_ERR_CERT_HAS_EXPIRED", "Certificate", "the certificate of the MX had expired", OurMX},
		{"certificate-not-trusted", "self-signed certificate", "Certificate", "the certificate of the MX was self-signed", OurMX},
		{"certificate-not-trusted", "self signed certificate in certificate chain", "Certificate", "the chain of the MX ends in a CA that the sender does not trust", OurMX},
		{"validation-failure", "error:0A00042E:SSL routines::tlsv1 alert protocol version:SSL alert number 70", "Validation", "sender and MX have no TLS version in common", OurMX},
		{"validation-failure", "SSL alert number 112", "Validation", "the MX refused the server name that the sender asked for", OurMX},
		// Others.
		{"sts-policy-fetch-error", "bad https response code: 404", "MTA-STS policy", "the policy host answered that there is no policy file", OurPolicyHost},
		{"sts-policy-fetch-error", "MTA_STS_FETCH_HTTP_404", "MTA-STS policy", "the policy host answered that there is no policy file", OurPolicyHost},
		{"sts-policy-fetch-error", "http status code 503", "MTA-STS policy", "the policy host had an error of its own", OurPolicyHost},
		{"starttls-not-supported", "250 response without STARTTLS", "STARTTLS", "the MX did not offer STARTTLS", OurMX},
		{"certificate-host-mismatch", "4.7.5 [internal] SSL certificate subject does not match host", "Certificate", "the certificate did not name the MX", OurMX},
		{"validation-failure", "no TLSA record of * matched (usage 3, selector 1): fingerprint *", "DANE", "no TLSA record matched the certificate of the MX", OurDNS},
		// Exchange Online, as it says it to people who sent mail.
		{"validation-failure", "551 5.4.8 MX hosts of 'example.com' failed MTA-STS validation", "MTA-STS policy", "the MX is not listed in the MTA-STS policy", OurPolicyHost},
		{"validation-failure", "551 5.7.4 STARTTLS is required by the MTA-STS policy", "STARTTLS", "the MX did not offer STARTTLS", OurMX},
		{"validation-failure", "551 5.7.5 Remote certificate failed MTA-STS validation", "Certificate", "the sender did not accept the certificate of the MX", OurMX},
		{"validation-failure", "551 5.7.5 Remote certificate MUST have a subject alternative name matching the hostname", "Certificate", "the certificate did not name the MX", OurMX},
		{"validation-failure", "551 5.7.6 TLS 1.2+ must be supported", "Validation", "sender and MX have no TLS version in common", OurMX},
		{"validation-failure", "5.7.321 starttls-not-supported", "STARTTLS", "the MX did not offer STARTTLS", OurMX},
		{"validation-failure", "5.7.322 certificate-expired", "Certificate", "the certificate of the MX had expired", OurMX},
		{"validation-failure", "5.7.323 tlsa-invalid", "DANE", "no TLSA record matched the certificate of the MX", OurDNS},
		{"tlsa-invalid", "450 4.7.323 tlsa-invalid: The domain failed DANE validation", "DANE", "no TLSA record matched the certificate of the MX", OurDNS},
		{"validation-failure", "5.7.324 dnssec-invalid", "DANE", "DNSSEC validation failed (bogus)", OurDNS},
		{"validation-failure", "5.7.325 certificate-host-mismatch", "Certificate", "the certificate did not name the MX", OurMX},
		{"validation-failure", "no answer of 10.5.7.4", "Validation", "TLS failed for a reason without a result type of its own", OurMX},
		// A number alone is not every number.
		{"validation-failure", "dns-extended-error-70", "DANE", "a DNS lookup for the MX or its TLSA records failed", OurDNS},
		{"starttls-not-supported", "404", "STARTTLS", "the MX did not offer STARTTLS", OurMX},
	} {
		t.Run(c.resultType+" with "+c.reason, func(t *testing.T) {
			for _, reason := range []string{c.reason, tlsrpt.NormalizeReason(c.reason)} {
				m := Explain(c.resultType, reason)
				if m.Category != c.category || m.Brief != c.brief || m.Fault != c.fault {
					t.Errorf("%q: got %s, %q, %s", reason, m.Category, m.Brief, m.Fault)
				}
			}
		})
	}
}

func TestAnUnknownReasonChangesNothing(t *testing.T) {
	for _, reason := range []string{"", "---", "foo", "b\u00fccher", "*"} {
		for _, resultType := range append([]string{"made-up"}, rfcResultTypes...) {
			if Explain(resultType, reason) != MeaningOf(resultType) {
				t.Errorf("%s with %q is explained otherwise", resultType, reason)
			}
		}
	}
}

func TestACommandTakesPlainHostNamesOnly(t *testing.T) {
	m := MeaningOf("sts-policy-fetch-error")
	if got, want := m.CommandFor("example.com", ""), "curl -sSi https://mta-sts.example.com/.well-known/mta-sts.txt"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := m.FixFor("example.com"); !strings.Contains(got, "https://mta-sts.example.com/") || strings.Contains(got, "DOMAIN") {
		t.Errorf("the fix: %q", got)
	}
	both := Explain("validation-failure", "dane-no-match")
	if got := both.CommandFor("example.com", "mx1.example.com"); strings.Contains(got, "MX") || !strings.HasPrefix(got, "dig +short _25._tcp.mx1.example.com tlsa && ") {
		t.Errorf("got %q", got)
	}
	if got := MeaningOf("dnssec-invalid").CommandFor("example.com", "DOMAIN"); got != "delv _25._tcp.MX tlsa" {
		t.Errorf("a name that is a placeholder: %q", got)
	}
	for _, name := range []string{
		"", "$(reboot)", "a;b", "a b", "a|b", "`a`", "-oProxyCommand=x", ".example.com", "a\nb", "a&b", "a>b", "EXAMPLE.COM", "b\u00fccher.example",
		"a/b", "*.example.com", "a'b", `a"b`, "a%0a", strings.Repeat("a", 254),
	} {
		if got := m.CommandFor(name, name); got != m.Command {
			t.Errorf("%q comes into the command: %q", name, got)
		}
	}
}

func TestNoNameOfAStrangerReachesAShell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := MeaningOf(rapid.SampledFrom(rfcResultTypes).Draw(t, "result type"))
		command := m.CommandFor(rapid.String().Draw(t, "domain"), rapid.String().Draw(t, "mx"))
		if !safeCommand.MatchString(ownShell.Replace(command)) {
			t.Fatalf("%q", command)
		}
	})
}
