package endtoend

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

// An oddDrop is a server that serves good reports, and wants to do harm by how
// it serves them.
type oddDrop struct {
	id, url, ca string
	// stored is how many good reports must be read nevertheless, and
	// quarantined how many files can't be used.
	stored, quarantined int64
	// says is a part of the last error that its polls end with; empty is none.
	says string
	// strayed counts requests that must not be made.
	strayed *atomic.Int64
	// serve answers what is not the file "first".
	serve http.HandlerFunc
}

func (o *oddDrop) check(t *testing.T, s sourceState) {
	t.Helper()
	if s.Stored != o.stored || s.Quarantined != o.quarantined || !strings.Contains(s.LastError, o.says) || o.says == "" && s.LastError != "" {
		t.Errorf("the source %s stored %d reports, has %d in quarantine and says %q; want %d and %d, and %q in it",
			o.id, s.Stored, s.Quarantined, s.LastError, o.stored, o.quarantined, o.says)
	}
	if n := o.strayed.Load(); n > 0 {
		t.Errorf("the source %s sent %d requests to another origin", o.id, n)
	}
}

// startOddDrops starts the servers, by the ids of their sources.
func startOddDrops(t *testing.T) map[string]*oddDrop {
	t.Helper()
	drops := map[string]*oddDrop{}
	strayed := new(atomic.Int64)
	elsewhere := startOddDrop(t, func(w http.ResponseWriter, _ *http.Request) {
		strayed.Add(1)
		_, _ = w.Write(goodReport("from elsewhere"))
	})
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.url+"stolen", http.StatusFound)
	}
	for _, odd := range []oddDrop{
		{id: "many", says: "over 10000 entries or 1 MiB", stored: 1, serve: manyEntries},
		{id: "endless", says: "over 10000 entries or 1 MiB", stored: 1, serve: endlessListing},
		{id: "elsewhere", says: "redirects to another origin", serve: redirect},
		{id: "lying", stored: 1, quarantined: 1, serve: lyingListing},
	} {
		drop := startOddDrop(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/first":
				w.Header().Set("Last-Modified", recently)
				_, _ = w.Write(goodReport(odd.id + r.URL.Path))
			default:
				odd.serve(w, r)
			}
		})
		odd.url, odd.ca, odd.strayed = drop.url, drop.ca, strayed
		drops[odd.id] = &odd
	}
	return drops
}

// recently is a time that does not change while the tests run.
var recently = time.Now().UTC().Add(-24 * time.Hour).Format(http.TimeFormat)

func startOddDrop(t *testing.T, serve http.HandlerFunc) *oddDrop {
	t.Helper()
	ca, err := loopback.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := ca.Issue()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(serve)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return &oddDrop{url: server.URL + "/", ca: ca.PEM()}
}

// An entry is one row of nginx's autoindex_format json.
type entry struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	MTime string `json:"mtime"`
	Size  int    `json:"size"`
}

func firstEntry(id string) entry {
	return entry{"first", "file", recently, len(goodReport(id + "/first"))}
}

// manyEntries is a listing of one good report and of 20,000 files that are too
// old to be asked for.
func manyEntries(w http.ResponseWriter, _ *http.Request) {
	entries := []entry{firstEntry("many")}
	for i := range 20_000 {
		entries = append(entries, entry{fmt.Sprint(i), "file", "Sat, 01 Jan 2000 00:00:00 GMT", 1})
	}
	_ = json.NewEncoder(w).Encode(entries) // a client that hung up
}

// endlessListing is a manifest that names one good report, and then goes on
// until the client hangs up.
func endlessListing(w http.ResponseWriter, _ *http.Request) {
	_, err := fmt.Fprintln(w, "first")
	for block := []byte(strings.Repeat("a", mib)); err == nil; {
		_, err = w.Write(block)
	}
}

// lyingListing tells of a small file that never ends.
func lyingListing(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		_ = json.NewEncoder(w).Encode([]entry{firstEntry("lying"), {"endless", "file", recently, 100}}) // a client that hung up
		return
	}
	for block := []byte(strings.Repeat(" ", mib)); ; {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}
