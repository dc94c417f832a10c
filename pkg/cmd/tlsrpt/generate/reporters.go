package generate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// A reporter sends mail to the domains and reports on it.
type reporter struct {
	organization string
	// renamed is the organization-name that it goes on under from [Generator.renaming]
	// on; empty is the same.
	renamed string
	// domain is the TLS-Report-Submitter and signs the mails.
	domain string
	// from is the address the report mails come from.
	from, contact string
	// sts and dane say what it validates. Where both apply, DANE wins
	// (RFC 8461 section 2), unless it tells the same sessions under both.
	sts, dane, tellsBoth bool
	// sessions is how many a day it has with a domain of volume 1.
	sessions float64
	// mailDays reporters send nothing for a day without mail, others a report
	// of no sessions.
	mailDays bool
	// quietWeekends are without any mail to small domains.
	quietWeekends bool
	// networks are what it sends from; the later ones less often.
	networks []netip.Prefix
	// drop says on which domains reports go by HTTPS POST instead of mail; nil is none.
	drop func(domain string) bool
	// delay is how long after the period's end its reports arrive, at the least.
	delay time.Duration
	// reason words the cause of a failure in its own way.
	reason reasons
	// helo says that it tells the receiving-mx-helo.
	helo  bool
	write documentStyle
	wrap  wrapping
	newID func(e *Entry, rng *rand.Rand) string
}

var namedReporters = []reporter{
	{
		organization: "Google Inc.", domain: "google.com",
		from: "noreply-smtp-tls-reporting@google.com", contact: "smtp-tls-reporting@google.com",
		sts: true, sessions: 420, mailDays: true,
		networks: prefixes("192.0.2.0/24", "2001:db8:4860::/48"),
		delay:    10 * time.Hour,
		write:    documentStyle{endsBeforeMidnight: true, mxHostList: true},
		wrap:     wrapping{multipart: true, label: "application/tlsrpt+gzip", compress: "gzip", encoding: "base64", named: true},
		newID: func(e *Entry, _ *rand.Rand) string {
			return e.Start.Format(time.RFC3339) + "_" + e.Policies[0].Domain
		},
	},
	{
		organization: "Microsoft Corporation", domain: "microsoft.com",
		from: "tlsrpt-noreply@microsoft.com", contact: "tlsrpt-noreply@microsoft.com",
		sts: true, dane: true, tellsBoth: true, sessions: 300, mailDays: true, quietWeekends: true,
		networks: prefixes("2001:db8:1111::/48", "2001:db8:1112::/48"),
		delay:    14 * time.Hour,
		write:    documentStyle{endsBeforeMidnight: true, tlsaInOneString: true},
		wrap:     wrapping{multipart: true, label: "application/tlsrpt+gzip", compress: "gzip", encoding: "base64", named: true, foldedSubject: true},
		newID: func(e *Entry, rng *rand.Rand) string {
			return fmt.Sprintf("%d+%s", 130_000_000_000_000_000+rng.Int64N(10_000_000_000_000_000), e.Policies[0].Domain)
		},
	},
	{
		organization: "Comcast", domain: "comcast.net",
		from: "tlsrpt@comcast.net", contact: "tls-reports@comcast.net",
		sts: true, dane: true, sessions: 40,
		networks: prefixes("2001:db8:558::/48"),
		delay:    3 * time.Hour,
		drop:     func(domain string) bool { return domain != DomainTesting },
		helo:     true,
		reason: reasons{
			certificateExpired: "X509_V_ERR_CERT_HAS_EXPIRED",
			stsFetch:           "policy fetch: HTTP status 404",
			tlsa:               "no TLSA record of mx1.northwind.example matched (usage 3, selector 1): fingerprint 9F:2C:41:07",
		},
		write: documentStyle{indent: "  ", mxHostList: true},
		wrap:  wrapping{label: "application/tlsrpt+gzip", compress: "gzip", encoding: "base64"},
		newID: func(e *Entry, rng *rand.Rand) string {
			return fmt.Sprintf("<%s.%08x@comcast.net>", e.Start.Format("20060102150405"), rng.Uint32())
		},
	},
	{
		organization: "Mail.ru", renamed: "VK", domain: "mail.ru",
		from: "tlsrpt@corp.mail.ru", contact: "tls_support@corp.mail.ru",
		sts: true, sessions: 25, mailDays: true,
		networks: prefixes("2001:db8:217::/48"),
		delay:    5 * time.Hour,
		reason: reasons{
			certificateExpired: "certificate has expired",
			stsFetch:           "bad https response code: 404",
		},
		write: documentStyle{indent: "   ", sortedKeys: true},
		wrap:  wrapping{multipart: true, label: "application/octet-stream", encoding: "quoted-printable"},
		newID: func(_ *Entry, rng *rand.Rand) string { return uuid(rng) + "@mail.ru" },
	},
	{
		organization: "Mimecast", domain: "mimecast.com",
		from: "no-reply@tlsrpt.mimecast.com", contact: "postmaster@mimecast.com",
		sts: true, sessions: 120, mailDays: true,
		networks: prefixes("2001:db8:3a3::/48", strippedNetwork),
		delay:    90 * time.Minute,
		drop:     func(domain string) bool { return domain != DomainDANE },
		helo:     true,
		reason: reasons{
			certificateExpired: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
			stsFetch:           "MTA_STS_FETCH_HTTP_404",
			startTLS:           "250 response without STARTTLS",
		},
		write: documentStyle{expandedIPv6: true, finalDots: true, mxHostList: true, information: "https://tls.mimecast.com/info/"},
		wrap:  wrapping{multipart: true, label: "application/gzip", compress: "zip", encoding: "base64", named: true},
		newID: func(_ *Entry, rng *rand.Rand) string { return "tlsrpt " + uuid(rng) },
	},
}

// makeReporters returns n reporters: first the named ones, then invented ones.
func makeReporters(n int) []reporter {
	reporters := make([]reporter, 0, n)
	for i := range n {
		if i < len(namedReporters) {
			reporters = append(reporters, namedReporters[i])
			continue
		}
		name := fmt.Sprintf("mta%04d.example", i+1)
		reporters = append(reporters, reporter{
			organization: name, domain: name,
			from: "tlsrpt@" + name, contact: "postmaster@" + name,
			sts: true, dane: i%2 == 0, sessions: 30, mailDays: true,
			networks: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(0xa0 + i>>8), byte(i)}), 48)},
			delay:    2 * time.Hour,
			write:    documentStyle{mxHostList: true},
			wrap:     wrapping{multipart: true, label: "application/tlsrpt+gzip", compress: "gzip", encoding: "base64", named: true},
			newID:    func(_ *Entry, rng *rand.Rand) string { return uuid(rng) },
		})
	}
	return reporters
}

// byDrop says whether reports on the domain come as files.
func (r *reporter) byDrop(domain string) bool { return r.drop != nil && r.drop(domain) }

func prefixes(all ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(all))
	for i, p := range all {
		parsed[i] = netip.MustParsePrefix(p)
	}
	return parsed
}

// address returns one of a few hosts of the network.
func address(network netip.Prefix, rng *rand.Rand) string {
	return hostOf(network, 11+rng.IntN(3)).String()
}

func hostOf(network netip.Prefix, n int) netip.Addr {
	bytes := network.Addr().AsSlice()
	bytes[len(bytes)-1] = byte(n)
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

func uuid(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}
