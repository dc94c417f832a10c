package tlsrpt

import "golang.org/x/net/publicsuffix"

// Aligned tells whether one domain speaks for the other: both are the same, or
// have the same organizational domain by the public suffix list (relaxed
// alignment, RFC 7489 section 3.1.1). Case, a final dot and the spelling of
// labels (U-labels, A-labels) don't matter; what is no host name is never aligned.
func Aligned(domain, other string) bool {
	domain, ok := NormalizeDomain(domain)
	if !ok {
		return false
	}
	other, ok = NormalizeDomain(other)
	if !ok {
		return false
	}
	if domain == other {
		return true
	}
	a, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return false
	}
	b, err := publicsuffix.EffectiveTLDPlusOne(other)
	return err == nil && a == b
}
