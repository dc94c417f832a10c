package mailreport

import (
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

const (
	// keepSilence is how long a domain whose key could not be asked for is not
	// asked for other keys either.
	keepSilence = 2 * time.Minute
	// silentDomains is from how many domains of an organization on that are
	// silent at a time all of it is. One alone could be a lost delegation, by
	// which a stranger could keep us from the keys of the others.
	silentDomains = 3
	// breakAfter is how many questions in a row that timed out break the circuit,
	// and breakFor for how long.
	breakAfter = 5
	breakFor   = 30 * time.Second
)

// keyInfix stands between the selector and the domain of a key (RFC 6376
// section 3.6.2.1).
const keyInfix = "._domainkey."

// A silence remembers the domains whose keys could not be asked for: until when,
// by organization. So a name server that never answers holds up one mail, not
// each.
type silence map[string]map[string]time.Time

// signingDomainOf returns the domain of a key, and the one of its organization.
func signingDomainOf(name string) (domain, organization string) {
	domain = name
	if at := strings.LastIndex(name, keyInfix); at >= 0 {
		domain = name[at+len(keyInfix):]
	}
	if organization, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return domain, organization
	}
	return domain, domain
}

// covers tells whether the domain of a key, one above it or its whole
// organization was silent just now.
func (s silence) covers(name string, now time.Time) bool {
	domain, organization := signingDomainOf(name)
	silent := 0
	for other, until := range s[organization] {
		if !now.Before(until) {
			continue
		}
		if silent++; other == domain || strings.HasSuffix(domain, "."+other) {
			return true
		}
	}
	return silent >= silentDomains
}

// add notes that a key could not be asked for. Where there is no room, what has
// passed goes, or else any organization.
func (s silence) add(name string, now time.Time) {
	domain, organization := signingDomainOf(name)
	if len(s) >= maxCached {
		for old := range s {
			s.expire(old, now)
		}
	}
	for old := range s {
		if len(s) < maxCached {
			break
		}
		delete(s, old)
	}
	s.expire(organization, now)
	if s[organization] == nil {
		s[organization] = make(map[string]time.Time)
	}
	s[organization][domain] = now.Add(keepSilence)
}

// remove notes that the domain of a key answers.
func (s silence) remove(name string) {
	domain, organization := signingDomainOf(name)
	delete(s[organization], domain)
	if len(s[organization]) == 0 {
		delete(s, organization)
	}
}

func (s silence) expire(organization string, now time.Time) {
	for domain, until := range s[organization] {
		if !now.Before(until) {
			delete(s[organization], domain)
		}
	}
	if len(s[organization]) == 0 {
		delete(s, organization)
	}
}

// A breaker keeps questions back while DNS as a whole gives no answer, but for
// one now and then.
type breaker struct {
	// inARow counts the questions that timed out since the last answer.
	inARow int
	// next is when the next question may be asked, while the circuit is broken.
	next time.Time
}

// lets tells whether a question may be asked, which then has to be asked.
func (b *breaker) lets(now time.Time) bool {
	if b.inARow < breakAfter {
		return true
	}
	if now.Before(b.next) {
		return false
	}
	b.next = now.Add(breakFor)
	return true
}

func (b *breaker) timedOut(now time.Time) {
	if b.inARow++; b.inARow == breakAfter {
		b.next = now.Add(breakFor)
	}
}

func (b *breaker) reset() { b.inARow = 0 }
