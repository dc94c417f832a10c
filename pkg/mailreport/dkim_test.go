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
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"
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

func newSigner(t testing.TB, domain string) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{domain, key}
}

func newRSASigner(t testing.TB, domain string, bits int) signer {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signer{domain, key}
}

// record returns the key record, with the given tags before the key.
func (s signer) record(tags string) string {
	switch public := s.key.Public().(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; " + tags + "p=" + base64.StdEncoding.EncodeToString(public)
	default:
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			panic(err)
		}
		return "v=DKIM1; k=rsa; " + tags + "p=" + base64.StdEncoding.EncodeToString(der)
	}
}

func (s signer) name() string { return "sel._domainkey." + s.domain }

// sign returns the mail with a signature on top, as package dkim makes it.
func (s signer) sign(t testing.TB, mail string, change ...func(*dkim.SignOptions)) string {
	t.Helper()
	options := dkim.SignOptions{
		Domain: s.domain, Selector: "sel", Signer: s.key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}
	for _, c := range change {
		c(&options)
	}
	var out bytes.Buffer
	if err := dkim.Sign(&out, strings.NewReader(mail), &options); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// signWith returns the mail with a signature on top that has further tags, such
// as package dkim would not write. Of the header it signs the From field.
func (s signer) signWith(t testing.TB, mail, tags string) string {
	t.Helper()
	algorithm := "rsa-sha256"
	if _, ok := s.key.(ed25519.PrivateKey); ok {
		algorithm = "ed25519-sha256"
	}
	m, err := readSigned([]byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	field := "DKIM-Signature: v=1; a=" + algorithm + "; c=relaxed/relaxed; d=" + s.domain + "; s=sel; h=From; " + tags +
		"bh=" + base64.StdEncoding.EncodeToString(hashBody(m.body, true)) + "; b="
	m.fields = append([]string{field + "\r\n"}, m.fields...)
	sum := m.hashHeader(0, "From", true)
	options := crypto.SignerOpts(crypto.Hash(0))
	if algorithm == "rsa-sha256" {
		options = crypto.SHA256
	}
	signature, err := s.key.Sign(rand.Reader, sum, options)
	if err != nil {
		t.Fatal(err)
	}
	return field + base64.StdEncoding.EncodeToString(signature) + "\r\n" + mail
}

func expiring(at time.Time) func(*dkim.SignOptions) {
	return func(o *dkim.SignOptions) { o.Expiration = at }
}

func signing(fields ...string) func(*dkim.SignOptions) {
	return func(o *dkim.SignOptions) { o.HeaderKeys = fields }
}

func simply(o *dkim.SignOptions) {
	o.HeaderCanonicalization, o.BodyCanonicalization = dkim.CanonicalizationSimple, dkim.CanonicalizationSimple
}

// The two ways to verify a signature have to agree on each form of each body,
// since one of them alone judges signatures that expired.
func TestExpiredSignaturesAreVerifiedLikeOthers(t *testing.T) {
	long := time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
	signers := []signer{newSigner(t, "google.com"), newRSASigner(t, "google.com", 1024)}
	bodies := []string{"", "\r\n", "\r\n\r\n", "x", "x\r\n", " \t x \t y \r\n \t\r\n\r\nz\r\n\r\n \r\n", "\r\n\r\nx\r\n", "line\nfeeds \n\n", "8bit: \xff\xe9 \u00a0 \r\n"}
	header := "From: a@google.com\r\nSubject:  a  \tb\r\n \t folded \r\nX-Empty:\r\nX-Two: 1\r\nX-Two: 2\r\n"
	never := func(*dkim.SignOptions) {}
	for _, s := range signers {
		for i, body := range bodies {
			for form, change := range map[string]func(*dkim.SignOptions){"relaxed": never, "simple": simply} {
				mail := header + "\r\n" + body
				for name, c := range map[string]struct {
					mail  string
					trust string
				}{
					"as it was signed":      {s.sign(t, mail, expiring(long), change), Unverifiable},
					"with a changed body":   {s.sign(t, mail, expiring(long), change) + "x", Unauthenticated},
					"with a changed header": {strings.Replace(s.sign(t, mail, expiring(long), change), "X-Two: 1", "X-Two: 3", 1), Unauthenticated},
					"not expired":           {s.sign(t, mail, change), Authenticated},
				} {
					got := NewAuthenticator(ModeDKIM, "", &zone{answers: map[string]any{s.name(): s.record("")}}).Judge(t.Context(), []byte(c.mail))
					if got.Trust != c.trust {
						t.Errorf("body %d, %s, %T, %s: got %+v, want %s", i, form, s.key, name, got, c.trust)
					}
				}
			}
		}
	}
}

func TestKeysAreAskedForOnce(t *testing.T) {
	s := newSigner(t, "google.com")
	mail := []byte(s.sign(t, "From: a@google.com\r\n\r\nx\r\n"))
	dns := &zone{answers: map[string]any{s.name(): s.record("")}}
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

func TestAMailIsJudgedAgainWhenDNSComesBack(t *testing.T) {
	s := newSigner(t, "google.com")
	mail := []byte(s.sign(t, "From: a@google.com\r\n\r\nx\r\n"))
	for name, failure := range map[string]error{
		"SERVFAIL":  &net.DNSError{Err: "server misbehaving", IsTemporary: true},
		"a timeout": &net.DNSError{Err: "i/o timeout", IsTimeout: true, IsTemporary: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dns := &zone{answers: map[string]any{s.name(): failure}}
				a := NewAuthenticator(ModeDKIM, "", dns)
				for _, want := range []string{Pending, Pending} {
					if v := a.Judge(t.Context(), mail); v.Trust != want {
						t.Fatalf("got %+v, want %s", v, want)
					}
				}
				if dns.asked != 1 {
					t.Errorf("DNS was asked %d times while the failure was fresh, want once", dns.asked)
				}
				dns.answers[s.name()] = s.record("")
				time.Sleep(keepSilence)
				if v := a.Judge(t.Context(), mail); v.Trust != Authenticated {
					t.Errorf("got %+v, want authenticated", v)
				}
			})
		})
	}
}

func TestTheCacheOfKeysIsBounded(t *testing.T) {
	c := newTXTCache(&zone{})
	for i := range maxCached + 100 {
		c.lookup(t.Context(), question{name: fmt.Sprintf("sel%d._domainkey.example.com", i)})
	}
	if len(c.answers) > maxCached {
		t.Errorf("%d answers are kept, want at most %d", len(c.answers), maxCached)
	}
}

func TestTheEndOfACallersContextIsNotRemembered(t *testing.T) {
	s := newSigner(t, "google.com")
	mail := []byte(s.sign(t, "From: a@google.com\r\n\r\nx\r\n"))
	dns := &zone{answers: map[string]any{s.name(): errors.New("canceled")}}
	a := NewAuthenticator(ModeDKIM, "", dns)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v := a.Judge(ctx, mail); v.Trust != Pending {
		t.Fatalf("got %+v, want pending", v)
	}
	dns.answers[s.name()] = s.record("")
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
