package mailreport

import (
	"regexp"

	"github.com/emersion/go-message"
)

// redirectFields say that a mail was passed on as it is: the fields of RFC 5322
// section 3.6.6, and those of Gmail. ARC (RFC 8617) says no such thing, since
// some servers add it to every mail that they take in.
var redirectFields = []string{
	"Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-Message-ID",
	"X-Forwarded-To", "X-Forwarded-For",
}

// rewrittenSender is an address by the Sender Rewriting Scheme, whose first
// separator may be any of three.
var rewrittenSender = regexp.MustCompile(`(?i)^\s*<?\s*"?SRS[01][=+-]`)

// isRedirected tells whether a mail was passed on as it is.
func isRedirected(h message.Header) bool {
	for _, field := range redirectFields {
		if h.Has(field) {
			return true
		}
	}
	return rewrittenSender.MatchString(h.Get("Return-Path"))
}
