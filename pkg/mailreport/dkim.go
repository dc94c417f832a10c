package mailreport

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// maxSignatures is how many signatures of a mail are verified.
const maxSignatures = 5

// judgeSignatures verifies the mail's DKIM signatures (RFC 6376) and returns
// the best verdict that one of them gives. RFC 8460 section 3 wants reports to
// be signed by the domain that submits them.
func (a *Authenticator) judgeSignatures(ctx context.Context, mail []byte, from string) Verdict {
	keys := keyLookup{dns: a.dns, from: from, missing: make(map[string]string)}
	signatures, err := dkim.VerifyWithOptions(bytes.NewReader(mail), &dkim.VerifyOptions{
		LookupTXT:        func(name string) ([]string, error) { return keys.lookup(ctx, name) },
		MaxVerifications: maxSignatures,
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return verdict(Unauthenticated, "", "DKIM signatures can't be read: %s", tlsrpt.Clean(err.Error(), 200))
	}
	best := verdict(Unauthenticated, "", "The mail has no DKIM signature")
	for i, s := range signatures {
		if v := keys.judge(s, time.Now()); i == 0 || rank(v.Trust) > rank(best.Trust) {
			best = v
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

// A keyLookup finds the keys for one mail, and remembers which are gone, since
// the errors of package dkim don't tell.
type keyLookup struct {
	dns  *txtCache
	from string

	mu sync.Mutex // signatures are verified at the same time
	// missing says by domain what is wrong with its key.
	missing map[string]string
}

// lookup returns a key record (RFC 6376 section 3.6.2). Only domains that speak
// for the From domain are asked for. Package dkim tells temporary failures by
// the unwrapped [*net.DNSError].
func (k *keyLookup) lookup(ctx context.Context, name string) ([]string, error) {
	_, domain, _ := strings.Cut(name, "._domainkey.")
	if !aligned(domain, k.from) {
		return nil, &net.DNSError{Err: "not asked for", Name: name, IsNotFound: true}
	}
	records, dnsErr := k.dns.lookup(ctx, name)
	switch {
	case dnsErr != nil && dnsErr.IsNotFound, dnsErr == nil && len(records) == 0:
		k.note(domain, "gone")
	case dnsErr == nil && len(records) == 1:
		record, revoked := acceptService(records[0])
		if revoked {
			k.note(domain, "revoked")
		}
		return []string{record}, nil
	}
	if dnsErr != nil {
		return nil, dnsErr
	}
	return records, nil
}

func (k *keyLookup) note(domain, what string) {
	if domain, ok := tlsrpt.NormalizeDomain(domain); ok {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.missing[domain] = what
	}
}

// acceptService returns a key record whose service type tlsrpt (RFC 8460
// section 3) is written as email, which package dkim accepts, and tells whether
// the key is revoked: an empty p= (RFC 6376 section 3.6.1).
func acceptService(record string) (accepted string, revoked bool) {
	tags := strings.Split(record, ";")
	for i, tag := range tags {
		name, value, _ := strings.Cut(tag, "=")
		switch strings.TrimSpace(name) {
		case "p":
			revoked = strings.TrimSpace(value) == ""
		case "s":
			for service := range strings.SplitSeq(value, ":") {
				if strings.EqualFold(strings.TrimSpace(service), "tlsrpt") {
					tags[i] = "s=email"
				}
			}
		}
	}
	return strings.Join(tags, ";"), revoked
}

// judge says what one signature is worth.
func (k *keyLookup) judge(s *dkim.Verification, now time.Time) Verdict {
	domain, ok := tlsrpt.NormalizeDomain(s.Domain)
	switch {
	case !ok:
		return verdict(Unauthenticated, "", "A DKIM signature names no domain")
	case !aligned(domain, k.from):
		return verdict(Unauthenticated, "", "DKIM signature of %s does not speak for %s, which the mail is from", domain, k.from)
	case s.Err == nil:
		return verdict(Authenticated, domain, "DKIM signature of %s is valid", domain)
	case dkim.IsTempFail(s.Err):
		return verdict(Pending, domain, "DKIM key of %s could not be asked for: DNS gave no answer", domain)
	case !s.Expiration.IsZero() && now.After(s.Expiration):
		return verdict(Unverifiable, domain, "DKIM signature of %s expired on %s, before it was read", domain, s.Expiration.UTC().Format(time.DateOnly))
	}
	if what := k.missing[domain]; what != "" && dkim.IsPermFail(s.Err) {
		return verdict(Unverifiable, domain, "DKIM key of %s is %s", domain, what)
	}
	reason := strings.TrimPrefix(s.Err.Error(), "dkim: ")
	return verdict(Unauthenticated, "", "DKIM signature of %s is not valid: %s", domain, tlsrpt.Clean(reason, 200))
}
