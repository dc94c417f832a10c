package generate

import (
	"cmp"
	"slices"
	"time"
)

// strippedNetwork is the network on whose path STARTTLS is taken away.
const strippedNetwork = "198.51.100.0/24"

// Cause is what goes wrong in an incident.
type Cause string

// The causes.
const (
	// ExpiredCertificate: one MX of [DomainEnforce] shows an expired certificate.
	ExpiredCertificate Cause = "expired certificate"
	// VanishedPolicy: the policy file of [DomainTesting] can't be fetched.
	VanishedPolicy Cause = "vanished policy"
	// StrippedSTARTTLS: on the path from one network of one reporter to
	// [DomainNoPolicy], STARTTLS is taken out of the EHLO reply.
	StrippedSTARTTLS Cause = "stripped STARTTLS"
	// MismatchedTLSA: after a change of the key on one MX of [DomainDANE], its
	// TLSA record no longer matches.
	MismatchedTLSA Cause = "mismatched TLSA"
)

// An Incident is something that goes wrong for some days.
type Incident struct {
	Cause  Cause
	Domain string
	// First and Last are the first and last bad day, at midnight UTC.
	First, Last time.Time
	// MX is the one host it is about; empty when it is about all or none.
	MX string
	// Network is the one sending network it is about; empty when it is about all.
	Network string
	// ResultTypes are the result types that tell of it (RFC 8460 section 4.3).
	ResultTypes []string
}

// story places the incidents before the end, for 90 days as in the comments
// and in proportion otherwise. Each lasts at least a day.
func story(end time.Time, days int) []Incident {
	back := func(of90 int) time.Time { return end.Add(-time.Duration(of90*days/90) * day) }
	incidents := []Incident{
		{ // Renewed after six days.
			Cause: ExpiredCertificate, Domain: DomainEnforce, MX: "mx2." + DomainEnforce,
			First: back(52), Last: back(47),
			ResultTypes: []string{"certificate-expired"},
		},
		{ // Put back after nine days.
			Cause: VanishedPolicy, Domain: DomainTesting,
			First: back(34), Last: back(26),
			ResultTypes: []string{"sts-policy-fetch-error"},
		},
		{ // Still going on.
			Cause: StrippedSTARTTLS, Domain: DomainNoPolicy, Network: strippedNetwork,
			First: back(12), Last: end,
			ResultTypes: []string{"starttls-not-supported"},
		},
		{ // Mended three days before the end.
			Cause: MismatchedTLSA, Domain: DomainDANE, MX: "mx1." + DomainDANE,
			First: back(7), Last: back(3),
			ResultTypes: []string{"tlsa-invalid", "validation-failure"},
		},
	}
	slices.SortStableFunc(incidents, func(a, b Incident) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Cause, b.Cause))
	})
	return incidents
}

// ongoing returns the incident of the domain on the day, or nil.
func (g *Generator) ongoing(domain string, on time.Time) *Incident {
	for i := range g.incidents {
		in := &g.incidents[i]
		if in.Domain == domain && !on.Before(in.First) && !on.After(in.Last) {
			return in
		}
	}
	return nil
}

// reasons are a reporter's own words for what goes wrong; empty says nothing.
type reasons struct {
	certificateExpired, stsFetch, startTLS, tlsa string
}
