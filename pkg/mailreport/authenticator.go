package mailreport

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
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
// wait for DNS, a few seconds at most, or until ctx ends: then the verdict is
// pending. A file that holds one mail compressed, and nothing else, is judged as
// that mail.
func (a *Authenticator) Judge(ctx context.Context, mail []byte) Verdict {
	until := time.Now().Add(judgeTimeout)
	return a.judge(mail, func(name string) ([]string, *net.DNSError) {
		return a.dns.lookup(ctx, question{name: name, until: until})
	})
}

// Keys returns the names of the keys that [Authenticator.Judge] would ask DNS
// for. It asks nothing itself.
func (a *Authenticator) Keys(mail []byte) []string {
	var names []string
	a.judge(mail, func(name string) ([]string, *net.DNSError) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return nil, notAsked(name)
	})
	return names
}

// Ask asks DNS for one of the [Authenticator.Keys], unless it knows the answer or
// that the domain gave none just now, and tells whether there is an answer: a key,
// or that there is none. Judge knows it from then on. It may wait for DNS, a few
// seconds at most, or until ctx ends.
func (a *Authenticator) Ask(ctx context.Context, key string) (answered bool) {
	_, err := a.dns.lookup(ctx, question{name: key, insistent: true})
	return isAnswer(err)
}

// judge is Judge, with what asks DNS for a key.
func (a *Authenticator) judge(mail []byte, ask askKey) Verdict {
	switch a.mode {
	case ModeDKIM, ModeHeaders:
	default:
		return Verdict{Trust: Unauthenticated, Reason: "Authentication is switched off"}
	}
	mail = fromHeader(uncompressedMail(mail))
	header, _ := splitHeader(mail)
	from := fromDomains(header)
	if len(from) != 1 || from[0] == "" || len(header.Values("From")) != 1 {
		return Verdict{Trust: Unauthenticated, Reason: "The mail has no single From domain"}
	}
	// A second one above that which was signed would decide how the body is
	// read (RFC 6376 section 8.15).
	for _, name := range []string{"Content-Type", "Content-Transfer-Encoding"} {
		if len(header.Values(name)) > 1 {
			return verdict(Unauthenticated, "", "The mail has more than one %s", name)
		}
	}
	if a.mode == ModeHeaders {
		return a.judgeHeaders(header, from[0])
	}
	return judgeSignatures(mail, from[0], ask)
}

func verdict(trust, signedBy, format string, args ...any) Verdict {
	return Verdict{Trust: trust, Reason: fmt.Sprintf(format, args...), SignedBy: signedBy}
}
