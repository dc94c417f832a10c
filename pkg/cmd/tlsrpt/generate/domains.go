package generate

import (
	"fmt"
	"net/netip"
)

// A domain is one that mail is sent to.
type domain struct {
	name string
	// mode is the mode of its MTA-STS policy; empty without one.
	mode string
	dane bool
	mx   []mx
	// volume scales the sessions of every reporter.
	volume float64
}

// An mx is a receiving host with its share of the sessions.
type mx struct {
	host   string
	v4, v6 string
	share  float64
}

// maxAge is the max_age of every MTA-STS policy (RFC 8461 section 3.2), seconds.
const maxAge = 604800

// The domains of the story.
const (
	DomainEnforce  = "example.com"       // MTA-STS in mode enforce
	DomainTesting  = "example.net"       // MTA-STS in mode testing
	DomainNoPolicy = "example.org"       // no policy
	DomainDANE     = "northwind.example" // DANE, and MTA-STS in mode enforce
)

var namedDomains = []domain{
	{name: DomainEnforce, mode: "enforce", volume: 1},
	{name: DomainTesting, mode: "testing", volume: 0.4},
	{name: DomainNoPolicy, volume: 0.25},
	{name: DomainDANE, mode: "enforce", dane: true, volume: 0.6},
}

// makeDomains returns n domains: first the named ones, then small invented
// ones with the same mix of policies.
func makeDomains(n int) []domain {
	domains := make([]domain, 0, n)
	for i := range n {
		kind := namedDomains[i%len(namedDomains)]
		d := kind
		if i >= len(namedDomains) {
			d.name = fmt.Sprintf("d%06d.example", i+1)
			d.volume = kind.volume / 8
		}
		d.mx = []mx{
			{host: "mx1." + d.name, v4: receivingV4(2 * i), v6: receivingV6(2 * i), share: 0.7},
			{host: "mx2." + d.name, v4: receivingV4(2*i + 1), v6: receivingV6(2*i + 1), share: 0.3},
		}
		domains = append(domains, d)
	}
	return domains
}

func receivingV4(i int) string {
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + i%240)}).String()
}

func receivingV6(i int) string {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0xbe, 0xef, byte(i >> 8), byte(i), 15: 25}).String()
}

// policyLines returns the MTA-STS policy (RFC 8461 section 3.2) as report lines.
func (d domain) policyLines() []string {
	lines := []string{"version: STSv1", "mode: " + d.mode}
	for _, m := range d.mx {
		lines = append(lines, "mx: "+m.host)
	}
	return append(lines, fmt.Sprintf("max_age: %d", maxAge))
}

// tlsaRecords returns TLSA records (RFC 7672 section 3.1) that belong to no key.
func (d domain) tlsaRecords() []string {
	records := make([]string, len(d.mx))
	for i := range d.mx {
		rng := newRand(0, "tlsa", d.mx[i].host)
		records[i] = fmt.Sprintf("3 1 1 %016X%016X%016X%016X", rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64())
	}
	return records
}
