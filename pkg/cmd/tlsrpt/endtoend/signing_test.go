package endtoend

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// selector names the one key of each domain here.
const selector = "tlsrpt"

// keyOfDomain is a domain's signing key, the same in every run.
func keyOfDomain(domain string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

// signed signs a mail as RFC 8460 section 3 wants, with s=tlsrpt in the key record.
func signed(t testing.TB, domain string, mail []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(mail), &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: keyOfDomain(domain), Hash: crypto.SHA256,
		HeaderKeys:             []string{"From", "To", "Subject", "Date", "Message-ID", "TLS-Report-Domain", "TLS-Report-Submitter"},
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A zone is a DNS that has a key for every domain, and can be out of order.
type zone struct {
	mu     sync.Mutex
	broken bool
}

func (z *zone) set(broken bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.broken = broken
}

// LookupTXT answers as [net.Resolver] does.
func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.broken {
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	domain, ok := strings.CutPrefix(name, selector+"._domainkey.")
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	public := keyOfDomain(domain).Public().(ed25519.PublicKey)
	return []string{"v=DKIM1; k=ed25519; s=tlsrpt; p=" + base64.StdEncoding.EncodeToString(public)}, nil
}
