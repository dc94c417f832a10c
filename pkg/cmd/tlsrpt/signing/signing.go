// Package signing signs report mails as the servers of their senders do, and
// answers for the DNS of these, so that tests judge mails by DKIM without the
// internet. Every domain has one key, which follows from its name.
package signing

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// selector names the one key of each domain.
const selector = "tlsrpt"

func keyOf(domain string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Sign signs a mail for a domain as RFC 8460 section 3 wants.
func Sign(domain string, mail []byte) ([]byte, error) {
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(mail), &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: keyOf(domain), Hash: crypto.SHA256,
		HeaderKeys:             []string{"From", "To", "Subject", "Date", "Message-ID", "TLS-Report-Domain", "TLS-Report-Submitter"},
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return nil, fmt.Errorf("sign for %s: %w", domain, err)
	}
	return out.Bytes(), nil
}

// LookupTXT answers for the key of any domain, whose record has the s=tlsrpt of
// RFC 8460 section 3, and says of every other name that it does not exist.
func LookupTXT(name string) ([]string, error) {
	domain, ok := strings.CutPrefix(name, selector+"._domainkey.")
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	public := keyOf(domain).Public().(ed25519.PublicKey)
	return []string{"v=DKIM1; k=ed25519; s=tlsrpt; p=" + base64.StdEncoding.EncodeToString(public)}, nil
}

// Broken is the answer of a DNS that is out of order.
func Broken(name string) error {
	return &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
}
