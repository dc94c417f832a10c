package mailreport

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"
)

// zone is a Resolver that answers from a map: a string is a record, an error
// the failure. It counts questions.
type zone struct {
	mu      sync.Mutex
	answers map[string]any
	asked   int
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	switch answer := z.answers[name].(type) {
	case string:
		return []string{answer}, nil
	case []string:
		return answer, nil
	case error:
		return nil, answer
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// A signer signs mails for one domain with the selector "sel".
type signer struct {
	domain string
	key    crypto.Signer
}

func newSigner(t *testing.T, domain string) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{domain, key}
}

// record returns the key record, with the given tags before the key.
func (s signer) record(t *testing.T, tags string) string {
	t.Helper()
	switch public := s.key.Public().(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; " + tags + "p=" + base64.StdEncoding.EncodeToString(public)
	default:
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		return "v=DKIM1; k=rsa; " + tags + "p=" + base64.StdEncoding.EncodeToString(der)
	}
}

func (s signer) name() string { return "sel._domainkey." + s.domain }

func (s signer) sign(t *testing.T, mail string, expires time.Time) string {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, strings.NewReader(mail), &dkim.SignOptions{
		Domain: s.domain, Selector: "sel", Signer: s.key, Hash: crypto.SHA256, Expiration: expires,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSignaturesAreJudged(t *testing.T) {
	google, other := newSigner(t, "google.com"), newSigner(t, "other.example")
	sub := signer{"mail.google.com", google.key}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaSigner := signer{"google.com", rsaKey}
	mail := strings.Replace(reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))), "tls@reporter.example", "noreply@Google.com", 1)
	never := time.Time{}
	signed := google.sign(t, mail, never)
	timeout := &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	for _, c := range []struct {
		name string
		mail string
		key  any // the record of google.com's selector
		want Verdict
	}{
		{"a valid aligned signature authenticates", signed, google.record(t, ""),
			Verdict{Authenticated, "DKIM signature of google.com is valid", "google.com"}},
		{"RSA does, too", rsaSigner.sign(t, mail, never), rsaSigner.record(t, ""),
			Verdict{Authenticated, "DKIM signature of google.com is valid", "google.com"}},
		{"a mail with bare line feeds is judged as it was sent", strings.ReplaceAll(signed, "\r\n", "\n"), google.record(t, ""),
			Verdict{Authenticated, "DKIM signature of google.com is valid", "google.com"}},
		{"a key for TLS reports alone is accepted", signed, google.record(t, "s=tlsrpt; "),
			Verdict{Authenticated, "DKIM signature of google.com is valid", "google.com"}},
		{"a key for TLS reports among others is accepted", signed, google.record(t, "s=other : tlsrpt; "),
			Verdict{Authenticated, "DKIM signature of google.com is valid", "google.com"}},
		{"a key for another service is refused", signed, google.record(t, "s=other; "),
			Verdict{Unauthenticated, "DKIM signature of google.com is not valid: inappropriate service", ""}},
		{"a sub-domain of the From domain's organization is aligned", sub.sign(t, mail, never), nil,
			Verdict{Authenticated, "DKIM signature of mail.google.com is valid", "mail.google.com"}},
		{"a valid signature of another domain doesn't speak for the From domain", other.sign(t, mail, never), nil,
			Verdict{Unauthenticated, "DKIM signature of other.example does not speak for google.com, which the mail is from", ""}},
		{"of several signatures the best counts", other.sign(t, google.sign(t, mail, never), never), google.record(t, ""),
			Verdict{Authenticated, "DKIM signature of google.com is valid", "google.com"}},
		{"five signatures are read and no more", addSignatures(t, other, signed, maxSignatures), google.record(t, ""),
			Verdict{Unauthenticated, "DKIM signature of other.example does not speak for google.com, which the mail is from", ""}},
		{"a mail without a signature is not authenticated", mail, nil,
			Verdict{Unauthenticated, "The mail has no DKIM signature", ""}},
		{"a changed body is not authenticated", signed + "footer\r\n", google.record(t, ""),
			Verdict{Unauthenticated, "DKIM signature of google.com is not valid: body hash did not verify", ""}},
		{"a signature of a part of the body is refused", strings.Replace(signed, "v=1;", "v=1; l=10;", 1), google.record(t, ""),
			Verdict{Unauthenticated, "DKIM signature of google.com is not valid: message contains an insecure body length tag", ""}},
		{"a key that is gone can't be verified", signed, nil,
			Verdict{Unverifiable, "DKIM key of google.com is gone", "google.com"}},
		{"a name without a record is a key that is gone", signed, []string{},
			Verdict{Unverifiable, "DKIM key of google.com is gone", "google.com"}},
		{"a key that is revoked can't be verified", signed, "v=DKIM1; p=",
			Verdict{Unverifiable, "DKIM key of google.com is revoked", "google.com"}},
		{"a signature that expired before it was read can't be verified", google.sign(t, mail, time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)), google.record(t, ""),
			Verdict{Unverifiable, "DKIM signature of google.com expired on 2020-01-02, before it was read", "google.com"}},
		{"DNS that times out leaves it open", signed, timeout,
			Verdict{Pending, "DKIM key of google.com could not be asked for: DNS gave no answer", "google.com"}},
		{"so does a wrapped failure", signed, fmt.Errorf("ask: %w", timeout),
			Verdict{Pending, "DKIM key of google.com could not be asked for: DNS gave no answer", "google.com"}},
		{"so does the end of a context", signed, context.DeadlineExceeded,
			Verdict{Pending, "DKIM key of google.com could not be asked for: DNS gave no answer", "google.com"}},
		{"two keys at one name are none", signed, []string{google.record(t, ""), google.record(t, "")},
			Verdict{Unauthenticated, "DKIM signature of google.com is not valid: multiple TXT records found for key", ""}},
		{"two From fields are no single domain", strings.Replace(signed, "From:", "From: x@other.example\r\nFrom:", 1), google.record(t, ""),
			Verdict{Unauthenticated, "The mail has no single From domain", ""}},
		{"two From addresses are no single domain", strings.Replace(signed, "From: ", "From: x@other.example, ", 1), google.record(t, ""),
			Verdict{Unauthenticated, "The mail has no single From domain", ""}},
		{"no mail at all is not authenticated", "garbage", nil,
			Verdict{Unauthenticated, "The mail has no single From domain", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dns := &zone{answers: map[string]any{google.name(): c.key, sub.name(): sub.record(t, ""), other.name(): other.record(t, "")}}
			got := NewAuthenticator(ModeDKIM, "", dns).Judge(t.Context(), []byte(c.mail))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// addSignatures puts n signatures of s above those that a mail has.
func addSignatures(t *testing.T, s signer, mail string, n int) string {
	for range n {
		mail = s.sign(t, mail, time.Time{})
	}
	return mail
}

func TestKeysAreAskedForOnce(t *testing.T) {
	s := newSigner(t, "google.com")
	mail := []byte(s.sign(t, "From: a@google.com\r\n\r\nx\r\n", time.Time{}))
	dns := &zone{answers: map[string]any{s.name(): s.record(t, "")}}
	a := NewAuthenticator(ModeDKIM, "", dns)
	var all sync.WaitGroup
	a.Judge(t.Context(), mail)
	for range 20 {
		all.Go(func() {
			if v := a.Judge(t.Context(), mail); v.Trust != Authenticated {
				t.Errorf("got %+v", v)
			}
		})
	}
	all.Wait()
	if dns.asked != 1 {
		t.Errorf("DNS was asked %d times, want once", dns.asked)
	}
}

func TestTheCacheOfKeysIsBounded(t *testing.T) {
	c := newTXTCache(&zone{})
	for i := range maxCached + 100 {
		c.lookup(t.Context(), fmt.Sprintf("sel%d._domainkey.example.com", i))
	}
	if len(c.answers) > maxCached {
		t.Errorf("%d answers are kept, want at most %d", len(c.answers), maxCached)
	}
}

func TestTheEndOfACallersContextIsNotRemembered(t *testing.T) {
	s := newSigner(t, "google.com")
	mail := []byte(s.sign(t, "From: a@google.com\r\n\r\nx\r\n", time.Time{}))
	dns := &zone{answers: map[string]any{s.name(): errors.New("canceled")}}
	a := NewAuthenticator(ModeDKIM, "", dns)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v := a.Judge(ctx, mail); v.Trust != Pending {
		t.Fatalf("got %+v, want pending", v)
	}
	dns.answers[s.name()] = s.record(t, "")
	if v := a.Judge(t.Context(), mail); v.Trust != Authenticated {
		t.Errorf("got %+v, want authenticated", v)
	}
}

func TestAuthenticationSwitchedOff(t *testing.T) {
	for _, mode := range []Mode{ModeOff, ""} {
		got := NewAuthenticator(mode, "mx.example.com", nil).Judge(t.Context(), []byte("From: a@google.com\r\nAuthentication-Results: mx.example.com; dkim=pass header.d=google.com\r\n\r\n"))
		if want := (Verdict{Trust: Unauthenticated, Reason: "Authentication is switched off"}); got != want {
			t.Errorf("got %+v", got)
		}
	}
}
