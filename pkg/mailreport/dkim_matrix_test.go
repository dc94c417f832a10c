package mailreport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"
)

// A signatureCase is a mail, what DNS says of its keys, and the verdict.
type signatureCase struct {
	name string
	mail string
	dns  map[string]any
	want Verdict
}

func valid(domain string) Verdict {
	return Verdict{Authenticated, "DKIM signature of " + domain + " is valid", domain}
}

func invalid(why string) Verdict {
	return Verdict{Unauthenticated, "DKIM signature of google.com is not valid: " + why, ""}
}

const (
	badBody   = "body hash did not verify"
	badHeader = "signature did not verify: dkim: invalid Ed25519 signature"
)

var (
	gone    = Verdict{Unverifiable, "DKIM key of google.com is gone", ""}
	revoked = Verdict{Unverifiable, "DKIM key of google.com is revoked", ""}
	expired = Verdict{Unverifiable, "DKIM signature of google.com expired on 2020-01-02, before it was read", "google.com"}
	pending = Verdict{Pending, "DKIM key of google.com could not be asked for: DNS gave no answer", ""}
	foreign = Verdict{Unauthenticated, "DKIM signature of other.example does not speak for google.com, which the mail is from", ""}
	noFrom  = Verdict{Unauthenticated, "The mail has no single From domain", ""}
)

func signatureCases(t testing.TB) []signatureCase {
	google, other := newSigner(t, "google.com"), newSigner(t, "other.example")
	mail := strings.Replace(reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))), "tls@reporter.example", "noreply@Google.com", 1)
	var cases []signatureCase
	add := func(name, mail string, key any, want Verdict) {
		cases = append(cases, signatureCase{name, mail, map[string]any{google.name(): key, other.name(): other.record("")}, want})
	}
	addKeyCases(t, add, google, mail)
	addSignatureCases(t, add, google, mail)
	addSeveralSignatures(t, add, google, other, mail)
	addExpiredCases(t, add, google, mail)
	addFromCases(t, add, google, mail)
	addChangedCases(t, add, google, mail)
	return cases
}

type addCase func(name, mail string, key any, want Verdict)

func addKeyCases(t testing.TB, add addCase, google signer, mail string) {
	signed := google.sign(t, mail)
	good := google.record("")
	otherRecord := "v=spf1 -all"
	for _, services := range []string{"", "s=*; ", "s=email; ", "s=tlsrpt; ", "s=email:tlsrpt; ", "s=other : tlsrpt; ", "s = TlsRpt ; ", "s=\ttlsrpt\t:other; "} {
		add(fmt.Sprintf("a key for the services %q signs reports", services), signed, google.record(services), valid("google.com"))
	}
	add("a key for another service is refused", signed, google.record("s=other; "), invalid("inappropriate service"))
	add("a key for a service that only starts like tlsrpt is refused", signed, google.record("s=tlsrpt2; "), invalid("inappropriate service"))
	add("a key for no service is refused", signed, google.record("s=; "), invalid("inappropriate service"))
	add("a key without a version is one", signed, strings.TrimPrefix(good, "v=DKIM1; "), valid("google.com"))
	add("a key with white space in it is one", signed, good[:len(good)-9]+"\t \r\n "+good[len(good)-9:], valid("google.com"))
	add("a key for testing counts as none", signed, google.record("t=y; "), invalid("its key is for testing (t=y), so the mail counts as unsigned"))
	add("a key that is for testing among others counts as none", signed, google.record("t=s : y; "), invalid("its key is for testing (t=y), so the mail counts as unsigned"))
	add("a key of another algorithm is refused", signed, newRSASigner(t, "google.com", 1024).record(""), invalid("inappropriate key algorithm"))
	add("a key that allows another hash alone is refused", signed, google.record("h=sha1; "), invalid("inappropriate hash algorithm"))
	add("a key that is revoked can't be verified", signed, "v=DKIM1; p=", revoked)
	add("a key that is gone can't be verified", signed, nil, gone)
	add("a name without a record is a key that is gone", signed, []string{}, gone)
	add("a record of another kind is a key that is gone", signed, otherRecord, gone)
	add("a record that is no list of tags is a key that is gone", signed, "parked", gone)
	add("a record of a later version is a key that is gone", signed, strings.Replace(good, "DKIM1", "DKIM2", 1), gone)
	add("a record of another kind beside the key doesn't matter", signed, []string{otherRecord, good}, valid("google.com"))
	add("two keys at one name are none", signed, []string{good, good}, invalid("multiple TXT records found for key"))
	add("a key that is broken is refused", signed, "v=DKIM1; k=ed25519; p=xxx", invalid("key syntax error: illegal base64 data at input byte 0"))
	for name, failure := range map[string]error{
		"SERVFAIL": &net.DNSError{Err: "server misbehaving", IsTemporary: true}, "a timeout": &net.DNSError{Err: "i/o timeout", IsTimeout: true},
		"a failure that is not said to be temporary": &net.DNSError{Err: "server misbehaving"},
		"a wrapped failure":                          fmt.Errorf("ask: %w", &net.DNSError{Err: "i/o timeout", IsTimeout: true}),
		"the end of a context":                       context.DeadlineExceeded, "an error of another kind": errors.New("no route"),
	} {
		add(name+" leaves it open", signed, failure, pending)
	}
}

func addSignatureCases(t testing.TB, add addCase, google signer, mail string) {
	good := google.record("")
	strong, weak := newRSASigner(t, "google.com", 1024), newRSASigner(t, "google.com", 1000)
	identity := func(i string) func(*dkim.SignOptions) { return func(o *dkim.SignOptions) { o.Identifier = i } }
	add("Ed25519 is verified (RFC 8463)", google.sign(t, mail), good, valid("google.com"))
	add("RSA is verified", strong.sign(t, mail), strong.record(""), valid("google.com"))
	add("RSA under 1,024 bits is refused (RFC 8301)", weak.sign(t, mail), weak.record(""), invalid("key is too short: want 1024 bits, has 1000 bits"))
	add("SHA-1 is refused (RFC 8301)", strings.Replace(strong.sign(t, mail), "rsa-sha256", "rsa-sha1", 1), strong.record(""), invalid("hash algorithm too weak: sha1"))
	add("the simple forms are verified", google.sign(t, mail, simply), good, valid("google.com"))
	add("a signature with further tags is verified", google.signWith(t, mail, "z=a; q=dns/txt; "), good, valid("google.com"))
	add("a signature that covers a part of the body is refused", google.signWith(t, mail, "l=10; "), good, invalid("message contains an insecure body length tag"))
	add("a signature that covers the whole body by its length is refused, too", google.signWith(t, mail, "l=100000; "), good, invalid("message contains an insecure body length tag"))
	add("a signature of the future is verified: its time is no claim on ours", google.signWith(t, mail, "t=9999999999; "), good, valid("google.com"))
	add("a signature that expires in the future is verified", google.sign(t, mail, expiring(time.Now().Add(time.Hour))), good, valid("google.com"))
	add("an i= of a sub-domain is verified", google.sign(t, mail, identity("a@mail.google.com")), good, valid("google.com"))
	add("an i= of a sub-domain is refused where the key says t=s", google.sign(t, mail, identity("a@mail.google.com")), google.record("t=s; "),
		invalid("its key is for google.com alone (t=s), not for a@mail.google.com"))
	add("an i= of the domain is verified where the key says t=s", google.sign(t, mail, identity("a@google.com")), google.record("t=s; "), valid("google.com"))
	add("no i= is verified where the key says t=s", google.sign(t, mail), google.record("t=s; "), valid("google.com"))
	add("an i= of another domain is refused", google.sign(t, mail, identity("a@other.example")), good, invalid("domain mismatch"))
	add("a signature without the From field is refused", strings.Replace(google.signWith(t, mail, ""), "h=From", "h=To", 1), good, invalid("From field not signed"))
	add("a signature of another version is refused", strings.Replace(google.signWith(t, mail, ""), "v=1", "v=2", 1), good,
		Verdict{Unauthenticated, "A DKIM signature names no domain", ""})
	add("a signature with a tag twice is refused", google.signWith(t, mail, "d=google.com; "), good, Verdict{Unauthenticated, "A DKIM signature names no domain", ""})
	add("a signature that is too large is refused", google.signWith(t, mail, "z="+strings.Repeat("a", maxSignature)+"; "), good,
		Verdict{Unauthenticated, "A DKIM signature can't be verified: it is larger than 8 KiB", ""})
	upper := signer{"GOOGLE.COM", google.key}
	add("the domain is told in lower case", upper.sign(t, mail), good, valid("google.com"))
	add("a mail without a signature is not authenticated", mail, good, Verdict{Unauthenticated, "The mail has no DKIM signature", ""})
	add("no mail at all is not authenticated", "garbage", nil, noFrom)
}

func addSeveralSignatures(t testing.TB, add addCase, google, other signer, mail string) {
	good := google.record("")
	signed := google.sign(t, mail)
	forged := strings.Replace(signatureOf(signed), "bh=", "bh=A", 1)
	add("a valid signature of another domain doesn't speak for the From domain", other.sign(t, mail), good, foreign)
	add("of several signatures the best counts, above", other.sign(t, signed), good, valid("google.com"))
	add("of several signatures the best counts, below", google.sign(t, other.sign(t, mail)), good, valid("google.com"))
	add("a signature that is not valid hides none that is, below", forged+signed, good, valid("google.com"))
	add("a signature that covers the one below it is verified", google.sign(t, other.sign(t, mail), signing("From", "DKIM-Signature")), good, valid("google.com"))
	add("a signature that covers the one below it is verified under a third",
		other.sign(t, google.sign(t, other.sign(t, mail), signing("From", "DKIM-Signature"))), good, valid("google.com"))
	add("the fifth signature is verified", strings.Repeat(forged, maxSignatures-1)+signed, good, valid("google.com"))
	add("the sixth signature is not", strings.Repeat(forged, maxSignatures)+signed, good, invalid("malformed body hash: illegal base64 data at input byte 44"))
	add("the sixth signature is not, where five of another domain are above it", addSignatures(t, other, signed, maxSignatures), good, foreign)
}

func addExpiredCases(t testing.TB, add addCase, google signer, mail string) {
	good := google.record("")
	long := expiring(time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC))
	old := google.sign(t, mail, long)
	rsaSigner := newRSASigner(t, "google.com", 1024)
	add("a signature that expired before it was read can't be verified", old, good, expired)
	add("nor one in the simple forms", google.sign(t, mail, long, simply), good, expired)
	add("nor one by RSA", rsaSigner.sign(t, mail, long), rsaSigner.record(""), expired)
	add("nor one with a key for TLS reports", old, google.record("s=tlsrpt; "), expired)
	add("an expired signature of another body is a forgery", old+"x", good, invalid(badBody))
	add("an expired signature of another header is a forgery", strings.Replace(old, "Subject: Report", "Subject: A report", 1), good, invalid("signature did not verify"))
	add("an expired signature of another key is a forgery", old, newSigner(t, "google.com").record(""), invalid("signature did not verify"))
	add("an expired signature of a key for another service is refused", old, google.record("s=other; "), invalid("inappropriate service"))
	add("an expired signature of a key of another algorithm is refused", old, rsaSigner.record(""), invalid("inappropriate key algorithm"))
	add("an expired signature of a key that allows another hash alone is refused", old, google.record("h=sha1; "), invalid("inappropriate hash algorithm"))
	add("an expired signature of a key for testing is refused", old, google.record("t=y; "), invalid("its key is for testing (t=y), so the mail counts as unsigned"))
	add("an expired signature of a part of the body is refused", google.signWith(t, mail, "l=10; x=1577923200; "), good, invalid("message contains an insecure body length tag"))
	add("an expired signature by SHA-1 is refused", strings.Replace(rsaSigner.sign(t, mail, long), "rsa-sha256", "rsa-sha1", 1), rsaSigner.record(""), invalid("inappropriate hash algorithm"))
	add("an expired signature whose key is gone can't be verified", old, nil, gone)
	add("an expired signature whose key is revoked can't be verified", old, "v=DKIM1; p=", revoked)
	add("an expired signature with two keys at one name is refused", old, []string{good, good}, invalid("multiple TXT records found for key"))
	add("an expired signature is left open where DNS fails", old, &net.DNSError{Err: "i/o timeout", IsTimeout: true}, pending)
}

func addFromCases(t testing.TB, add addCase, google signer, mail string) {
	good := google.record("")
	from := func(field string) string {
		return google.sign(t, strings.Replace(mail, "From: <noreply@Google.com>\r\n", field, 1))
	}
	evil := Verdict{Unauthenticated, "DKIM signature of google.com does not speak for evil.example, which the mail is from", ""}
	add("a mail without From has no domain", from("X-From: a@google.com\r\n"), good, noFrom)
	add("two From fields are no single domain", "From: x@other.example\r\n"+google.sign(t, mail), good, noFrom)
	add("two From fields of one domain are no single one either", "From: x@google.com\r\n"+google.sign(t, mail), good, noFrom)
	add("two addresses are no single domain", from("From: a@google.com, b@other.example\r\n"), good, noFrom)
	add("two addresses of one domain are a single one", from("From: a@google.com, b@google.com\r\n"), good, valid("google.com"))
	add("an address of no domain beside another is no single domain", from("From: a@google.com, b@[192.0.2.1]\r\n"), good, noFrom)
	add("a group without an address has no domain", from("From: Reports:;\r\n"), good, noFrom)
	add("a group with an address has its domain (RFC 6854)", from("From: Reports: a@google.com;\r\n"), good, valid("google.com"))
	add("a group with two domains has no single one", from("From: Reports: a@google.com, b@evil.example;\r\n"), good, noFrom)
	add("a comment is no address", from("From: x@evil.example (noreply@google.com)\r\n"), good, evil)
	add("a comment in an address hides none", from("From: x@(google.com)evil.example\r\n"), good, noFrom)
	add("a display name is no address", from("From: \"noreply@google.com\" <x@evil.example>\r\n"), good, evil)
	add("an encoded display name is no address", from("From: =?utf-8?q?noreply=40google.com?= <x@evil.example>\r\n"), good, evil)
	add("an encoded display name that closes its bracket is no address", from("From: =?utf-8?q?=3Cnoreply=40google.com=3E?= <x@evil.example>\r\n"), good, evil)
	add("an encoded word in an address is none", from("From: <x@=?utf-8?q?google.com?=>\r\n"), good, noFrom)
	add("a field that can't be read shows every address", from("From: noreply@google.com <x@evil.example>\r\n"), good, noFrom)
	add("a folded From is read whole", from("From:\r\n Google <noreply@\r\n google.com>\r\n"), good, valid("google.com"))
}

func addChangedCases(t testing.TB, add addCase, google signer, mail string) {
	good := google.record("")
	signed := google.sign(t, mail)
	subject := "Subject: Report Domain: example.com\r\n"
	add("a mail with bare line feeds is judged as it was sent", strings.ReplaceAll(signed, "\r\n", "\n"), good, valid("google.com"))
	add("a mail with a byte order mark is judged without it", "\ufeff"+signed, good, valid("google.com"))
	add("a mail with 8bit text is verified", google.sign(t, mail+"Gr\xfc\xdfe \u00fc\r\n"), good, valid("google.com"))
	add("8bit text that a relay turned into another form is not", strings.Replace(google.sign(t, mail+"Gr\xfc\xdfe\r\n"), "Gr\xfc\xdfe", "Gr=FC=DFe", 1), good, invalid(badBody))
	add("a footer that a list added is a changed body", signed+"-- \r\nTo unsubscribe\r\n", good, invalid(badBody))
	add("empty lines that a relay added change nothing", signed+"\r\n\r\n", good, valid("google.com"))
	add("a subject that a list marked is a changed header", strings.Replace(signed, "Subject: ", "Subject: [list] ", 1), good, invalid(badHeader))
	add("a header that is folded anew changes nothing", strings.Replace(signed, "Report Domain:", "Report\r\n Domain:", 1), good, valid("google.com"))
	add("a second subject above the signed one decides nothing", subject+google.sign(t, mail), good, valid("google.com"))
	oversigned := google.sign(t, mail, signing("From", "From", "Subject", "Subject"))
	add("a mail that is signed against further fields is verified", oversigned, good, valid("google.com"))
	add("a second subject that the signature rules out is refused", subject+oversigned, good, invalid(badHeader))
	for _, field := range []string{"Content-Type: text/plain", "Content-Transfer-Encoding: base64", "content-type : text/plain"} {
		twice := field + "\r\n" + google.sign(t, strings.Replace(mail, "MIME-Version: 1.0", "Content-Transfer-Encoding: 7bit\r\nMIME-Version: 1.0", 1))
		name := "Content-Type"
		if strings.Contains(field, "Transfer") {
			name = "Content-Transfer-Encoding"
		}
		add("a second "+field+" above the signed one is refused", twice, good, Verdict{Unauthenticated, "The mail has more than one " + name, ""})
	}
	// Package dkim would read on to the second header.
	hidden := "From: noreply@google.com\r\nTLS-Report-Domain: example.com\r\n\r\r\n" + reportJSON + "\r\n" + signed
	add("a forged mail whose end of header others read over is refused", hidden, good, Verdict{Unauthenticated, "The mail has no DKIM signature", ""})
	hidden = signatureOf(signed) + "From: noreply@google.com\r\n\r\r\n" + reportJSON + "\r\n" + mail
	add("so is one with the signature above the end that others read over", hidden, good, invalid(badBody))
	add("a header that is too large is not verified", "X: "+strings.Repeat("x", maxSignedHeader)+"\r\n"+signed, good,
		Verdict{Unauthenticated, "DKIM signatures can't be verified: the header is larger than 256 KiB", ""})
	add("a header of too many lines is not verified", strings.Repeat("X: x\r\n", maxSignedLines)+signed, good,
		Verdict{Unauthenticated, "DKIM signatures can't be verified: the header has more than 2000 lines", ""})
	add("a header of many lines is verified", strings.Repeat("X: x\r\n", maxSignedLines-50)+signed, good, valid("google.com"))
}

func TestSignaturesAreJudged(t *testing.T) {
	for _, c := range signatureCases(t) {
		t.Run(c.name, func(t *testing.T) {
			got := NewAuthenticator(ModeDKIM, "", &zone{answers: c.dns}).Judge(t.Context(), []byte(c.mail))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestSignaturesOfOtherDomainsOfTheOrganization(t *testing.T) {
	for _, c := range []struct{ name, from, signing, asked, signedBy string }{
		{"a sub-domain speaks for its organization", "google.com", "mail.google.com", "mail.google.com", "mail.google.com"},
		{"an organization speaks for its sub-domain", "smtp.google.com", "google.com", "google.com", "google.com"},
		{"a sibling speaks for another", "a.google.com", "b.google.com", "b.google.com", "b.google.com"},
		{"a domain in U-labels is asked for, and told, in A-labels", "xn--bcher-kva.example", "Bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"a From in U-labels is the same domain", "bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"a public suffix speaks for nobody", "a.co.uk", "co.uk", "co.uk", ""},
		{"a neighbour under a public suffix doesn't", "a.co.uk", "b.co.uk", "b.co.uk", ""},
		{"a name that only ends alike doesn't", "google.com", "evilgoogle.com", "evilgoogle.com", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSigner(t, c.signing)
			dns := &zone{answers: map[string]any{"sel._domainkey." + c.asked: s.record("")}}
			mail := s.sign(t, "From: <noreply@"+c.from+">\r\n\r\nx\r\n")
			got := NewAuthenticator(ModeDKIM, "", dns).Judge(t.Context(), []byte(mail))
			if got.SignedBy != c.signedBy || (got.Trust == Authenticated) != (c.signedBy != "") {
				t.Errorf("got %+v, want a signature by %q", got, c.signedBy)
			}
			if c.signedBy == "" && dns.asked > 0 {
				t.Error("DNS was asked for a domain that doesn't speak for the From domain")
			}
		})
	}
}

// signatureOf returns the signature that a mail starts with.
func signatureOf(mail string) string { return mail[:strings.Index(mail, "\r\nFrom:")+2] }

// addSignatures puts n signatures of s above those that a mail has.
func addSignatures(t testing.TB, s signer, mail string, n int) string {
	for range n {
		mail = s.sign(t, mail)
	}
	return mail
}
