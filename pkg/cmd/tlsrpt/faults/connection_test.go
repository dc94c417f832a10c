package faults

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/drop"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/imap"
)

// silence is how long a server that owes an answer may be silent here.
const silence = 800 * time.Millisecond

// places are kinds of bytes: what stands there.
type places struct{ downstream, upstream []string }

var imapPlaces = places{
	downstream: []string{
		"* OK [CAPABILITY", "OK [CAPABILITY", "Logged in", "* FLAGS", "[PERMANENTFLAGS", " EXISTS", "[UIDVALIDITY", "[UIDNEXT", "[READ-WRITE]",
		"* ESEARCH", "Search completed", " FETCH (UID", "INTERNALDATE", "BODY[] {", "}\r\nReturn-Path", "\r\nAuthentication-Results",
		"base64\r\n\r\n", "\r\n)\r\n", "Fetch completed",
	},
	upstream: []string{"LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "BODY.PEEK"},
}

var (
	movePlaces   = places{[]string{"[COPYUID", " EXPUNGE\r\n", "Move completed"}, []string{"UID MOVE"}}
	deletePlaces = places{[]string{"Store completed", " EXPUNGE\r\n", "Expunge completed"}, []string{"UID STORE", "UID EXPUNGE"}}
)

var httpPlaces = places{
	downstream: []string{
		"HTTP/1.1 200", "Date: ", "Content-Type: application/json", "Transfer-Encoding", "\r\n\r\n", `"name"`, `"mtime"`, `"size"`, "]\r\n", "0\r\n\r\n",
		"Last-Modified", "Content-Length", "ETag", "octet-stream", "\r\n\r\nReturn-Path", "base64\r\n\r\n", "204 No Content",
	},
	upstream: []string{"GET /", "Host: ", "User-Agent", "Authorization", "DELETE /"},
}

// breakages are all actions at all places, at the start, within and behind
// each in turn.
func (p places) breakages() (all []breakage) {
	for i, kind := range []action{cut, stall, slice, slowed} {
		for j, at := range p.downstream {
			all = append(all, breakage{action: kind, stream: "downstream", at: at, skip: []int{0, len(at) / 2, len(at), len(at) + 1}[(i+j)%4]})
		}
		for j, at := range p.upstream {
			all = append(all, breakage{action: kind, stream: "upstream", at: at, skip: []int{0, len(at) / 2, len(at)}[(i+j)%3]})
		}
	}
	return all
}

// inTLS are breakages within TLS: in each part of the handshake's first record,
// and on through records of data.
func inTLS(n int) (all []breakage) {
	actions := []action{cut, stall, slice, slowed}
	at := []int{0, 1, 5, 6, 60, 127, 500, 1200, 1500, 1700, 2000, 2300, 2600, 3000, 4000, 6000, 9000}
	for i := range n {
		f := breakage{action: actions[i%len(actions)], stream: "downstream", skip: at[(i/len(actions))%len(at)] + i/(len(actions)*len(at))*37}
		if i%5 == 4 {
			f.stream, f.skip = "upstream", []int{0, 3, 100, 250, 400, 600}[i/5%6]
		}
		all = append(all, f)
	}
	return all
}

// lasting are connections that end at a place as often as they are made, until
// that is over: no mail is to blame for it.
func lasting(at ...string) (all []breakage) {
	for _, place := range at {
		all = append(all, breakage{action: cut, stream: "downstream", at: place, skip: len(place), again: true})
	}
	return all
}

// everyNth deals breakages out to lanes that run side by side.
func everyNth(all []breakage, n, i int) (some []breakage) {
	for ; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

// A tally counts what lanes have broken.
type tally struct {
	sync.Mutex
	faults, fired, reports int
	// unreached are places that no connection came to.
	reached, places map[string]bool
}

func (c *tally) add(f breakage, fired bool) {
	c.Lock()
	defer c.Unlock()
	c.faults++
	if c.reached == nil {
		c.reached, c.places = map[string]bool{}, map[string]bool{}
	}
	c.places[f.at] = true
	if fired {
		c.fired++
		c.reached[f.at] = true
	}
}

func (c *tally) report(t *testing.T, what string, began time.Time) {
	t.Helper()
	for at := range c.places {
		if !c.reached[at] {
			t.Errorf("%s: no connection came to the place %q", what, at)
		}
	}
	measured(t, figure{
		fault: what, faults: c.faults, reports: c.reports, took: time.Since(began),
		found: fmt.Sprintf("0 lost, 0 twice, 0 touched; %d kinds of bytes, %d faults met", len(c.places), c.fired),
	})
}

func TestAnIMAPConnectionBrokenAtEveryKindOfByteLosesAndRepeatsNothing(t *testing.T) {
	began, rounds := time.Now(), times(1, 10)
	var count tally
	t.Run("lanes", func(t *testing.T) {
		for round := range rounds {
			for lane, l := range []struct {
				after  string
				tls    bool
				faults []breakage
			}{
				{"keep", false, everyNth(imapPlaces.breakages(), 3, 0)},
				{"move", false, append(movePlaces.breakages(), everyNth(imapPlaces.breakages(), 6, 1)...)},
				{"delete", false, append(deletePlaces.breakages(), everyNth(imapPlaces.breakages(), 6, 2)...)},
				{"delete", true, inTLS(24)},
				{"keep", false, lasting(" FETCH (UID", "BODY[] {", "}\r\nReturn-Path", "\r\nAuthentication-Results")},
				{"delete", false, lasting("* OK [CAPABILITY", "Logged in", "Search completed", "BODY[] {", "Store completed")},
			} {
				t.Run(fmt.Sprintf("with %s, TLS %v, lane %d of round %d", l.after, l.tls, lane, round), func(t *testing.T) {
					t.Parallel()
					breakIMAP(t, uint64(100*round+lane), l.after, l.tls, l.faults, &count)
				})
			}
		}
	})
	count.report(t, "IMAP connection broken", began)
}

func breakIMAP(t *testing.T, seed uint64, after string, withTLS bool, faults []breakage, count *tally) {
	dovecot := startDovecot(t)
	if _, err := dovecot.CreateFolder(user, "Done"); err != nil {
		t.Fatal(err)
	}
	security, port := imap.NoTLS, dovecot.Port
	if withTLS {
		security, port = imap.TLS, dovecot.TLSPort
	}
	l := newLink(t, port)
	b := l.breakable(t)
	p := newPost(t, seed, 3*len(faults))
	r := run(t, storeFile(t), "mb1", "imap", func() (source.Source, error) {
		return imap.New(imap.Config{
			Host: "127.0.0.1", Port: l.port, Security: security, Username: user, Password: dovecot.Password, TLSCACert: dovecot.CA,
			AfterProcessing: imap.AfterProcessing(after), MoveTo: map[string]string{"move": "Done"}[after], Timeout: silence,
		})
	})
	l.breakAll(t, b, faults, r, p, inbox(dovecot), count)
	untouched(t, dovecot, p, after)
}

// breakAll breaks a link in one way after another, while mails are brought and
// read through it, and compares what is stored in the end with the ledger.
func (l *link) breakAll(t *testing.T, b *breaker, faults []breakage, r *running, p *post, deliver func(time.Time, []byte) error, count *tally) {
	t.Helper()
	for _, f := range faults {
		p.bring(t, 3, deliver)
		l.restart(t)
		b.arm(f)
		r.poll(t)
		count.add(f, b.heal())
		r.awaitAll(t, p)
	}
	r.stop(t)
	equalsLedger(t, r.file, r.sourceID, p)
	count.Lock()
	count.reports += p.reports()
	count.Unlock()
}

func TestAnHTTPSConnectionBrokenAtEveryKindOfByteLosesAndRepeatsNothing(t *testing.T) {
	began, rounds := time.Now(), times(1, 10)
	var count tally
	t.Run("lanes", func(t *testing.T) {
		for round := range rounds {
			for lane, l := range []struct {
				tls    bool
				faults []breakage
			}{
				{false, everyNth(httpPlaces.breakages(), 2, 0)},
				{false, everyNth(httpPlaces.breakages(), 2, 1)},
				{true, inTLS(24)},
			} {
				t.Run(fmt.Sprintf("TLS %v, lane %d of round %d", l.tls, lane, round), func(t *testing.T) {
					t.Parallel()
					breakHTTPS(t, uint64(100*round+lane), l.tls, l.faults, &count)
				})
			}
		}
	})
	count.report(t, "HTTPS connection broken", began)
}

func breakHTTPS(t *testing.T, seed uint64, withTLS bool, faults []breakage, count *tally) {
	nginx := startNginx(t)
	port := portOf(t, nginx.URL)
	if !withTLS {
		// What is broken lies between a client that speaks plain HTTP and the
		// one that speaks TLS for it, so that places can be told by what is said.
		port = encrypt(t, port, nginx.CA)
	}
	l := newLink(t, port)
	b := l.breakable(t)
	address := strings.Replace(nginx.URL, fmt.Sprint(portOf(t, nginx.URL)), fmt.Sprint(l.port), 1)
	if !withTLS {
		address = strings.Replace(address, "https:", "http:", 1)
	}
	p := newPost(t, seed, 3*len(faults))
	r := run(t, storeFile(t), "drop1", "https", func() (source.Source, error) {
		return drop.New(drop.Config{
			URL: address, Auth: drop.Basic, Username: nginx.Username, Password: nginx.Password,
			AfterProcessing: drop.Delete, HTTPClient: impatient(t, nginx.CA),
		})
	})
	l.breakAll(t, b, faults, r, p, filesInto(nginx), count)
	onlyOthersLeft(t, nginx, p)
}

// impatient is a client that waits no longer than these tests.
func impatient(t *testing.T, ca string) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ca))
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: silence, ResponseHeaderTimeout: silence,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * silence}
}

// startNginx starts a drop with the configuration that administrators get.
func startNginx(t *testing.T) *loopback.Nginx {
	t.Helper()
	return loopbacktest.Nginx(t, loopback.NginxOptions{Username: "reader", Password: "loopback"})
}
