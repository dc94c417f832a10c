package mailreport

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// An Authenticator judges who mails are from. It is safe for concurrent use.
type Authenticator struct {
	mode       Mode
	authservID string
	dns        *txtCache
}

// NewAuthenticator returns an Authenticator. authservID is the name of one's
// own server in Authentication-Results (RFC 8601 section 2.5) and counts for
// [ModeHeaders] only; resolver counts for [ModeDKIM] only, and is
// [net.DefaultResolver] where it is nil.
func NewAuthenticator(mode Mode, authservID string, resolver Resolver) *Authenticator {
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	return &Authenticator{mode: mode, authservID: strings.TrimSpace(authservID), dns: newTXTCache(resolver)}
}

// Judge says how far the mail is known to come from its From domain. It may
// wait for DNS, until ctx ends: then the verdict is pending.
func (a *Authenticator) Judge(ctx context.Context, mail []byte) Verdict {
	switch a.mode {
	case ModeDKIM, ModeHeaders:
	default:
		return Verdict{Trust: Unauthenticated, Reason: "Authentication is switched off"}
	}
	header, _ := splitHeader(mail)
	from := fromDomains(header)
	if len(from) != 1 || len(header.Values("From")) != 1 {
		return Verdict{Trust: Unauthenticated, Reason: "The mail has no single From domain"}
	}
	if a.mode == ModeHeaders {
		return a.judgeHeaders(header, from[0])
	}
	return a.judgeSignatures(ctx, bytes.TrimPrefix(mail, byteOrderMark), from[0])
}

// aligned tells whether a signing domain speaks for a From domain: both have
// the same organizational domain (relaxed alignment, RFC 7489 section 3.1.1).
func aligned(signing, from string) bool {
	signing = strings.ToLower(strings.TrimRight(signing, "."))
	if signing == from {
		return true
	}
	a, err := publicsuffix.EffectiveTLDPlusOne(signing)
	if err != nil {
		return false
	}
	b, err := publicsuffix.EffectiveTLDPlusOne(from)
	return err == nil && a == b
}

func verdict(trust, signedBy, format string, args ...any) Verdict {
	return Verdict{Trust: trust, Reason: fmt.Sprintf(format, args...), SignedBy: signedBy}
}
