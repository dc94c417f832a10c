package mailreport

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A mute is a Resolver that leaves questions unanswered, but for the names that
// it answers. It remembers when it was asked for what.
type mute struct {
	mu      sync.Mutex
	answers map[string]string
	asked   []string
}

func (m *mute) LookupTXT(ctx context.Context, name string) ([]string, error) {
	m.mu.Lock()
	m.asked = append(m.asked, name)
	record, ok := m.answers[name]
	m.mu.Unlock()
	if ok {
		return []string{record}, nil
	}
	<-ctx.Done()
	return nil, &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true, IsTemporary: true}
}

func (m *mute) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.asked)
}

// claiming is a mail of a domain with a signature for each key, which are given
// as selector and domain in turn.
func claiming(from string, keys ...string) []byte {
	mail := ""
	for i := 0; i < len(keys); i += 2 {
		mail += "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=" + keys[i+1] + "; s=" + keys[i] + "; h=From; bh=AAAA; b=AAAA\r\n"
	}
	return []byte(mail + "From: <tls@" + from + ">\r\n\r\nx\r\n")
}

// by is a mail with one signature of its domain.
func by(domain, selector string) []byte { return claiming(domain, selector, domain) }

// took runs do and returns for how long it waited.
func took(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}

func TestASilentNameServerHoldsUpOneMailFor5SecondsAtMost(t *testing.T) {
	for _, c := range []struct {
		name  string
		mail  []byte
		least time.Duration
		asked int
	}{
		{"with one signature", by("a.example", "a"), 3 * time.Second, 1},
		{"with five signatures of one domain", claiming("b.example", "1", "b.example", "2", "b.example", "3", "b.example", "4", "b.example", "5", "b.example"), 3 * time.Second, 1},
		{"with signatures of several domains of an organization",
			claiming("b.example", "1", "x.b.example", "1", "y.b.example", "1", "z.b.example"), 5 * time.Second, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dns := new(mute)
				a := NewAuthenticator(ModeDKIM, "", dns)
				var v Verdict
				if got := took(func() { v = a.Judge(t.Context(), c.mail) }); got != c.least || v.Trust != Pending || v.SignedBy != "" {
					t.Errorf("it took %v: %+v, want pending after %v", got, v, c.least)
				}
				if dns.count() != c.asked {
					t.Errorf("asked for %v", dns.asked)
				}
			})
		})
	}
}

func TestADomainThatWasSilentIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &mute{answers: map[string]string{"b._domainkey.good.example": "v=DKIM1; p="}}
		a := NewAuthenticator(ModeDKIM, "", dns)
		a.Judge(t.Context(), by("mail.bad.example", "a"))
		for _, c := range []struct {
			name, domain, selector string
			waits                  bool
		}{
			{"another selector", "mail.bad.example", "b", false},
			{"a domain below it", "x.mail.bad.example", "b", false},
			{"the domain above it", "bad.example", "b", true},
			{"another organization", "good.example", "b", false},
		} {
			before := dns.count()
			if got := took(func() { a.Judge(t.Context(), by(c.domain, c.selector)) }); (got > 0) != c.waits {
				t.Errorf("%s took %v", c.name, got)
			}
			if asked := dns.count() > before; asked != (c.waits || c.domain == "good.example") {
				t.Errorf("%s: asked %t", c.name, asked)
			}
		}
		time.Sleep(keepSilence)
		if got := took(func() { a.Judge(t.Context(), by("mail.bad.example", "c")) }); got != lookupTimeout {
			t.Errorf("after some minutes it took %v", got)
		}
	})
}

func TestAnOrganizationOfSilentDomainsIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := new(mute)
		a := NewAuthenticator(ModeDKIM, "", dns)
		for i := range 1000 {
			a.Judge(t.Context(), by(fmt.Sprintf("d%d.bad.example", i), "s"))
		}
		if dns.count() != silentDomains {
			t.Errorf("asked %d times: %v", dns.count(), dns.asked[:5])
		}
	})
}

// A stranger could have one domain below a reporter's that nobody answers for.
func TestASilentDomainKeepsUsFromNoOtherOfItsOrganization(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, "google.com")
		mail := []byte(s.sign(t, "From: a@google.com\r\n\r\nx\r\n"))
		a := NewAuthenticator(ModeDKIM, "", &mute{answers: map[string]string{s.name(): s.record("")}})
		for range 3 {
			a.Judge(t.Context(), by("lost.google.com", "s"))
			if v := a.Judge(t.Context(), mail); v.Trust != Authenticated {
				t.Errorf("got %+v", v)
			}
			time.Sleep(keepFound)
		}
	})
}

func TestWhereDNSAsAWholeIsSilentItIsAskedOnceIn30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, "google.com")
		mail := []byte(s.sign(t, "From: a@google.com\r\n\r\nx\r\n"))
		dns := &mute{answers: map[string]string{}}
		a := NewAuthenticator(ModeDKIM, "", dns)
		judge := func(i int) { a.Judge(t.Context(), by(fmt.Sprintf("d%d.example", i), "s")) }
		if got := took(func() {
			for i := range 100 {
				judge(i)
			}
		}); got != breakAfter*lookupTimeout || dns.count() != breakAfter {
			t.Errorf("100 domains took %v and %d questions", got, dns.count())
		}
		for probe := range 3 {
			time.Sleep(breakFor - lookupTimeout)
			before := dns.count()
			for i := range 100 {
				judge(1000*(probe+1) + i)
			}
			if got := dns.count() - before; got != min(probe, 1) {
				t.Errorf("try %d: %d questions", probe, got)
			}
		}
		dns.answers = map[string]string{s.name(): s.record("")}
		if v := a.Judge(t.Context(), mail); v.Trust != Pending {
			t.Errorf("with the circuit broken: %+v", v)
		}
		if !a.Ask(t.Context(), s.name()) {
			t.Error("for a mail that waits DNS is not asked")
		}
		if v := a.Judge(t.Context(), mail); v.Trust != Authenticated {
			t.Errorf("when DNS is back: %+v", v)
		}
		if got := took(func() { judge(99_999) }); got != lookupTimeout {
			t.Errorf("the circuit is still broken: it took %v", got)
		}
	})
}

func TestManyWhoAskForOneKeyAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := new(mute)
		a := NewAuthenticator(ModeDKIM, "", dns)
		var all sync.WaitGroup
		got := took(func() {
			for range 100 {
				all.Go(func() { a.Judge(t.Context(), by("bad.example", "s")) })
			}
			all.Wait()
		})
		if dns.count() != 1 || got != lookupTimeout {
			t.Errorf("%d questions in %v", dns.count(), got)
		}
		// The one that asks is cut off; another one asks then.
		ctx, cancel := context.WithCancel(t.Context())
		dns.answers = map[string]string{"s._domainkey.late.example": "v=DKIM1; p="}
		go a.Ask(ctx, "s._domainkey.other.example")
		synctest.Wait()
		all.Go(func() { a.Ask(t.Context(), "s._domainkey.other.example") })
		synctest.Wait()
		cancel()
		all.Wait()
		if want := []string{"s._domainkey.bad.example", "s._domainkey.other.example", "s._domainkey.other.example"}; !slices.Equal(want, dns.asked) {
			t.Errorf("asked for %v", dns.asked)
		}
	})
}

func TestKeysAreThoseThatJudgeAsksFor(t *testing.T) {
	for _, c := range signatureCases(t) {
		dns := &recorder{zone: zone{answers: c.dns}}
		a := NewAuthenticator(ModeDKIM, "", dns)
		a.Judge(t.Context(), []byte(c.mail))
		keys := a.Keys([]byte(c.mail))
		for name := range dns.names {
			if !slices.Contains(keys, name) {
				t.Errorf("%s: Judge asks for %s, keys are %v", c.name, name, keys)
			}
		}
		for _, key := range keys {
			a.Ask(t.Context(), key)
		}
		before := len(dns.names)
		if a.Judge(t.Context(), []byte(c.mail)); len(dns.names) != before {
			t.Errorf("%s: Judge asks for %v, keys are %v", c.name, slices.Collect(maps.Keys(dns.names)), keys)
		}
	}
}

// A recorder is a zone that remembers what it was asked for.
type recorder struct {
	zone
	names map[string]bool
}

func (r *recorder) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if r.names == nil {
		r.names = make(map[string]bool)
	}
	r.names[name] = true
	return r.zone.LookupTXT(ctx, name)
}

func TestTheMemoryOfSilentDomainsIsBounded(t *testing.T) {
	s, now := make(silence), time.Now()
	for i := range maxCached + 100 {
		s.add(fmt.Sprintf("s._domainkey.d%d.example", i), now)
	}
	if len(s) > maxCached {
		t.Errorf("%d organizations are kept", len(s))
	}
	s.add("s._domainkey.x.example", now.Add(keepSilence))
	if len(s) != 1 {
		t.Errorf("%d organizations are kept of which one is silent", len(s))
	}
}
