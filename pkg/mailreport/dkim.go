package mailreport

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// maxSignatures is how many signatures of a mail are verified, from the top.
const maxSignatures = 5

// judgeSignatures verifies the mail's DKIM signatures (RFC 6376) and returns
// the best verdict that one of them gives. RFC 8460 section 3 wants reports to
// be signed by the domain that submits them.
func judgeSignatures(mail []byte, from string, ask askKey) Verdict {
	signed, err := readSigned(mail)
	if err != nil {
		return verdict(Unauthenticated, "", "DKIM signatures can't be verified: %v", err)
	}
	best := verdict(Unauthenticated, "", "The mail has no DKIM signature")
	for i, n := range signed.signatures(maxSignatures) {
		lookup := keyLookup{ask: ask, from: from}
		if v := lookup.judge(signed, n); i == 0 || rank(v.Trust) > rank(best.Trust) {
			best = v
		}
		if best.Trust == Authenticated {
			break
		}
	}
	return best
}

// rank orders verdicts: what is certain first, what may become certain next.
func rank(trust string) int {
	switch trust {
	case Authenticated:
		return 3
	case Pending:
		return 2
	case Unverifiable:
		return 1
	}
	return 0
}

// An askKey returns the TXT records at the name of a key.
type askKey func(name string) ([]string, *net.DNSError)

// A keyLookup finds the key for one signature, and remembers what it found,
// since the errors of package dkim don't tell.
type keyLookup struct {
	ask  askKey
	from string
	// key is the key that was found.
	key key
	// missing says what is wrong where there is no key to verify with.
	missing string
}

// lookup returns a key record (RFC 6376 section 3.6.2) as package dkim reads
// it, which tells temporary failures by the unwrapped [*net.DNSError]. Only
// domains that speak for the From domain are asked for.
func (l *keyLookup) lookup(name string) ([]string, error) {
	at := strings.LastIndex(name, keyInfix)
	domain, ok := tlsrpt.NormalizeDomain(name[at+len(keyInfix):])
	if at < 0 || !ok || !tlsrpt.Aligned(domain, l.from) {
		return nil, &net.DNSError{Err: "not asked for", Name: name, IsNotFound: true}
	}
	records, dnsErr := l.ask(name[:at] + keyInfix + domain)
	if dnsErr != nil {
		if dnsErr.IsNotFound {
			l.missing = "gone"
		}
		return nil, dnsErr
	}
	// Other records may stand there, too, such as those of a wildcard.
	keys := parseKeys(records)
	if len(keys) == 0 {
		l.missing = "gone"
		return nil, &net.DNSError{Err: "no key", Name: name, IsNotFound: true}
	}
	l.key = keys[0]
	if l.key.revoked() && len(keys) == 1 {
		l.missing = "revoked"
	}
	found := make([]string, len(keys))
	for i, k := range keys {
		found[i] = k.record()
	}
	return found, nil
}

// judge says what signature n of a mail is worth.
func (l *keyLookup) judge(mail signedMail, n int) Verdict {
	s, err := mail.verify(n, l.lookup)
	if err != nil {
		return verdict(Unauthenticated, "", "A DKIM signature can't be verified: %s", tlsrpt.Clean(err.Error(), 200))
	}
	domain, ok := tlsrpt.NormalizeDomain(s.Domain)
	switch {
	case !ok:
		return verdict(Unauthenticated, "", "A DKIM signature names no domain")
	case !tlsrpt.Aligned(domain, l.from):
		return verdict(Unauthenticated, "", "DKIM signature of %s does not speak for %s, which the mail is from", domain, l.from)
	}
	err = s.Err
	expired := err != nil && !s.Expiration.IsZero() && time.Now().After(s.Expiration)
	if expired {
		// Package dkim looks no further. A signature that was never valid is no
		// better for its age.
		err = l.verifyExpired(mail, n, domain)
	}
	if err == nil {
		err = l.refusal(s, domain)
	}
	switch {
	case err == nil && expired:
		return verdict(Unverifiable, domain, "DKIM signature of %s expired on %s, before it was read", domain, s.Expiration.UTC().Format(time.DateOnly))
	case err == nil:
		return verdict(Authenticated, domain, "DKIM signature of %s is valid", domain)
	case dkim.IsTempFail(err), isTemporary(err):
		return verdict(Pending, "", "DKIM key of %s could not be asked for: DNS gave no answer", domain)
	case l.missing != "":
		return verdict(Unverifiable, "", "DKIM key of %s is %s", domain, l.missing)
	}
	reason := strings.TrimPrefix(err.Error(), "dkim: ")
	return verdict(Unauthenticated, "", "DKIM signature of %s is not valid: %s", domain, tlsrpt.Clean(reason, 200))
}

// verifyExpired verifies signature n with its time set aside.
func (l *keyLookup) verifyExpired(mail signedMail, n int, domain string) error {
	tags, ok := parseTags(fieldValue(mail.fields[n]))
	if !ok {
		return errors.New("its tags can't be read")
	}
	records, err := l.lookup(withoutSpace(tags["s"]) + keyInfix + domain)
	switch {
	case err != nil:
		return err
	case len(records) > 1:
		return errors.New("multiple TXT records found for key")
	}
	return mail.verifyAnyTime(n, tags, l.key)
}

// refusal is why a signature that is valid does not count: the flags of its key
// (RFC 6376 section 3.6.1), which package dkim passes over.
func (l *keyLookup) refusal(s *dkim.Verification, domain string) error {
	switch identity, ok := tlsrpt.NormalizeDomain(s.Identifier[strings.LastIndexByte(s.Identifier, '@')+1:]); {
	case l.key.lists("t", "y"):
		return errors.New("its key is for testing (t=y), so the mail counts as unsigned")
	case l.key.lists("t", "s") && (!ok || identity != domain):
		return fmt.Errorf("its key is for %s alone (t=s), not for %s", domain, s.Identifier)
	}
	return nil
}

func isTemporary(err error) bool {
	var dnsErr *net.DNSError
	return errors.As(err, &dnsErr) && !dnsErr.IsNotFound
}
