package mailreport

import "context"

// Mode says how the sender of a mail is judged.
type Mode string

// The modes, the words of the setting "authentication".
const (
	// ModeDKIM verifies the DKIM signatures of a mail (RFC 6376).
	ModeDKIM Mode = "dkim"
	// ModeHeaders believes the topmost Authentication-Results header (RFC
	// 8601), where it is that of the configured server.
	ModeHeaders Mode = "headers"
	// ModeOff judges nothing.
	ModeOff Mode = "off"
)

// The values of [Verdict.Trust].
const (
	// Authenticated mails carry a valid signature aligned with the From domain.
	Authenticated = "authenticated"
	// Unverifiable mails are signed, but the key is gone or the signature
	// expired before it was read.
	Unverifiable = "unverifiable"
	// Unauthenticated mails are all others.
	Unauthenticated = "unauthenticated"
	// Pending mails are signed, but DNS gave no answer: judge them again later.
	Pending = "pending"
)

// A Verdict says how far a mail is known to come from its From domain.
type Verdict struct {
	// Trust is one of [Authenticated], [Unverifiable], [Unauthenticated] and [Pending].
	Trust string
	// Reason is a short sentence, such as "DKIM signature of google.com is valid".
	Reason string
	// SignedBy is the domain whose signature was verified, be it expired; else
	// empty, also where a domain is only said to have signed: Reason names that.
	SignedBy string
}

// A Resolver looks up TXT records; [net.Resolver] is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}
