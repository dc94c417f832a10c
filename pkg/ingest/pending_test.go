package ingest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A zone is a DNS that holds one key, and can be out of order.
type zone struct {
	mu     sync.Mutex
	broken bool
	hung   bool // no question is answered before its context ends
	asked  []time.Time
	// answers, where it is not empty, is the one domain that is not hung.
	answers string
	// most is the largest number of questions that were open at a time.
	open, most int
}

func (z *zone) set(broken bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.broken = broken
}

// take returns when it was asked since the last call.
func (z *zone) take() []time.Time {
	z.mu.Lock()
	defer z.mu.Unlock()
	asked := z.asked
	z.asked = nil
	return asked
}

var signingKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func (z *zone) LookupTXT(ctx context.Context, name string) ([]string, error) {
	z.mu.Lock()
	z.asked = append(z.asked, time.Now())
	broken, hung := z.broken, z.hung && (z.answers == "" || !strings.HasSuffix(name, z.answers))
	z.open++
	z.most = max(z.most, z.open)
	z.mu.Unlock()
	defer func() {
		z.mu.Lock()
		defer z.mu.Unlock()
		z.open--
	}()
	if hung {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if broken {
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	public := signingKey.Public().(ed25519.PublicKey)
	return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}, nil
}

// signed is a mail with a report, signed by its sender.
func signed(t *testing.T, document []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := dkim.Sign(&out, bytes.NewReader(mail(document)), &dkim.SignOptions{
		Domain: "reporter.example", Selector: "s", Signer: signingKey, Hash: crypto.SHA256,
	}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withZone makes an engine that asks a zone; the test closes it.
func withZone(s store.Store, dns mailreport.Resolver) *ingest.Engine {
	return ingest.NewEngine(ingest.Options{
		OpenStore: func(context.Context, ingest.Key) (store.Store, string, error) { return s, "", nil },
		Resolver:  dns,
	})
}

// judged is the settings of one source whose mails are judged by DKIM.
func judged(server *fakeServer) ingest.Config {
	settings := config(server, time.Now())
	settings.Authentication = "dkim"
	return settings
}

func (f *fakeStore) wantTrusts(t *testing.T, when string, want map[store.Trust]int) {
	t.Helper()
	if got := f.trusts(); !maps.Equal(want, got) {
		t.Errorf("%s the reports are %v, want %v", when, got, want)
	}
}

// unanswered is a server with a signed mail, while DNS is out of order.
func unanswered(t *testing.T) (*fakeServer, *fakeStore, *zone) {
	t.Helper()
	server := &fakeServer{}
	server.add(fakeItem{ref: "1", received: time.Now(), body: signed(t, report("example.com", "1", time.Now()))})
	return server, newFakeStore(), &zone{broken: true}
}

func TestDNSThatFailsAndComesBackDecidesTheTrust(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s, dns := unanswered(t)
		e := withZone(s, dns)
		defer closeEngine(t, e)
		e.Use(theKey, judged(server))
		pass(24 * time.Hour)
		s.wantTrusts(t, "while DNS fails", map[store.Trust]int{store.Pending: 1})
		rounds := dns.take()
		if n := len(rounds); n < 25 || n > 35 {
			t.Errorf("DNS was asked %d times in a day", n)
		}
		for i, least := range []time.Duration{50 * time.Second, 100 * time.Second, 200 * time.Second} {
			if gap := rounds[i+1].Sub(rounds[i]); gap < least || gap > 2*least {
				t.Errorf("pause %d is %v", i, gap)
			}
		}
		server.add(fakeItem{ref: "2", received: time.Now(), body: signed(t, report("example.com", "2", time.Now()))})
		pass(6 * time.Minute) // to the next poll
		dns.set(false)
		pass(6 * time.Minute) // the pauses have begun again at a minute
		s.wantTrusts(t, "soon after a new mail", map[store.Trust]int{store.Authenticated: 2})
		if ids, _ := s.PendingMails(t.Context(), 0, 10); len(ids) != 0 {
			t.Errorf("mails are kept that are decided: %v", ids)
		}
	})
}

// keptFor makes the mails that wait kept for as long.
func (f *fakeStore) keptFor(age time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, mail := range f.revision.mails {
		mail.Stored = time.Now().Add(-age)
	}
}

func TestWithoutAnAnswerFor30DaysASignatureIsUnverifiable(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s, dns := unanswered(t)
		e := withZone(s, dns)
		defer closeEngine(t, e)
		e.Use(theKey, judged(server))
		pass(time.Second)
		s.keptFor(30*24*time.Hour - 5*time.Hour)
		pass(4 * time.Hour)
		s.wantTrusts(t, "before 30 days", map[store.Trust]int{store.Pending: 1})
		pass(3 * time.Hour)
		s.wantTrusts(t, "after 30 days", map[store.Trust]int{store.Unverifiable: 1})
		if j := s.revision.reports[1].document.Judgement; j.Reason != "DNS gave no answer for 30 days" || j.Route != store.Direct {
			t.Errorf("it is judged %+v", j)
		}
	})
}

func TestWaitingMailsAreJudgedByTodaysSetting(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s, dns := unanswered(t)
		e := withZone(s, dns)
		defer closeEngine(t, e)
		settings := judged(server)
		e.Use(theKey, settings)
		pass(time.Minute)
		settings.Authentication, settings.Fingerprint = "off", "off"
		e.Use(theKey, settings)
		pass(time.Second)
		s.wantTrusts(t, "with authentication off", map[store.Trust]int{store.Unauthenticated: 1})
	})
}

func TestAJudgementThatIsCutOffIsNotStored(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		server, s, dns := unanswered(t)
		e := withZone(s, dns)
		e.Use(theKey, judged(server))
		pass(10 * time.Second)
		closeEngine(t, e)
		s.keptFor(31 * 24 * time.Hour)
		dns.hung = true
		e = withZone(s, dns)
		e.Use(theKey, judged(server))
		pass(time.Second) // the mail is being judged
		closeEngine(t, e)
		s.wantTrusts(t, "after the end", map[store.Trust]int{store.Pending: 1})
	})
}

// claiming is a mail with a report, with a signature of any domain that is never
// looked at, since nobody gives out its key.
func claiming(domain string, document []byte) []byte {
	field := fmt.Sprintf("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=s; h=From; bh=AAAA; b=AAAA\r\n", domain)
	return append([]byte(field), bytes.ReplaceAll(mail(document), []byte("reporter.example"), []byte(domain))...)
}

func TestDomainsThatNeverAnswerHoldUpNoOther(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		const silent = 300
		server, s, dns := &fakeServer{}, newFakeStore(), &zone{hung: true}
		for i := range silent {
			id := fmt.Sprint(i)
			server.add(fakeItem{ref: id, received: time.Now(), body: claiming("silent"+id+".example", report("example.com", id, time.Now()))})
		}
		server.add(fakeItem{ref: "honest", received: time.Now(), body: signed(t, report("example.com", "honest", time.Now()))})
		e := withZone(s, dns)
		defer closeEngine(t, e)
		e.Use(theKey, judged(server))
		pass(20 * time.Second)
		s.wantTrusts(t, "soon after the first poll", map[store.Trust]int{store.Pending: silent + 1})
		dns.mu.Lock()
		dns.answers, dns.most = "reporter.example", 0
		dns.mu.Unlock()
		pass(5 * time.Minute)
		s.wantTrusts(t, "soon after DNS is back for one", map[store.Trust]int{store.Pending: silent, store.Authenticated: 1})
		if dns.most > 8 {
			t.Errorf("%d questions were open at a time", dns.most)
		}
	})
}
