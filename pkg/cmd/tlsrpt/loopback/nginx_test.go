package loopback_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/drop"
)

// nginxClient trusts the server's authority alone.
func nginxClient(t *testing.T, n *loopback.Nginx) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(n.CA)) {
		t.Fatal("no certificate of the authority")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// nginxSource is the data source's reader of the drop.
func nginxSource(t *testing.T, n *loopback.Nginx, edit func(*drop.Config)) *drop.Source {
	t.Helper()
	c := drop.Config{URL: n.URL, TLSCACert: n.CA}
	if n.Username != "" {
		c.Auth, c.Username, c.Password = drop.Basic, n.Username, n.Password
	}
	if edit != nil {
		edit(&c)
	}
	s, err := drop.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// send makes a request and returns the status and header of the reply.
func send(t *testing.T, client *http.Client, method, address string, body io.Reader, header map[string]string) (int, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	reply, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	_, _ = io.Copy(io.Discard, reply.Body)
	return reply.StatusCode, reply.Header
}

// A received is a Sink that keeps what it was given.
type received struct {
	bodies map[string]source.Item
	data   []string
	states map[string]source.State
}

func newReceived() *received {
	return &received{bodies: map[string]source.Item{}, states: map[string]source.State{}}
}

func (r *received) States(_ context.Context, refs []string) ([]source.State, error) {
	states := make([]source.State, len(refs))
	for i, ref := range refs {
		states[i] = r.states[ref]
	}
	return states, nil
}
func (*received) Total(int) {}
func (r *received) Put(_ context.Context, item source.Item) error {
	body, err := io.ReadAll(item.Body)
	r.bodies[item.Ref] = item
	r.data = append(r.data, string(body))
	r.states[item.Ref] = source.Committed
	return err
}
func (*received) Skip(_ context.Context, item source.Item, reason source.SkipReason, _ string) error {
	return errors.New("skipped " + item.Name + ": " + string(reason))
}
func (*received) Flush(context.Context) error { return nil }
func (r *received) Acknowledgeable(_ context.Context, prefix string, limit int) ([]string, error) {
	var refs []string
	for ref, state := range r.states {
		if state == source.Committed && strings.HasPrefix(ref, prefix) && len(refs) < limit {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}
func (r *received) Acknowledged(_ context.Context, refs []string) error {
	for _, ref := range refs {
		r.states[ref] = source.Acknowledged
	}
	return nil
}

// filesBelow returns the paths of all files below dir.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestReportsPostedToNginxAreReadAndDeleted(t *testing.T) {
	n := loopbacktest.Nginx(t, loopback.NginxOptions{Username: "reader", Password: "correct horse"})
	client := nginxClient(t, n)
	var report bytes.Buffer
	packed := gzip.NewWriter(&report)
	if _, err := packed.Write([]byte(`{"organization-name":"Example"}`)); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	status, header := send(t, client, http.MethodPost, n.ReportURL, bytes.NewReader(report.Bytes()), map[string]string{
		"Content-Type":  "application/tlsrpt+gzip",
		"Date":          "Mon, 01 Jan 2001 00:00:00 GMT",
		"Content-Range": "bytes 0-1/2",
		"Destination":   n.URL + "chosen",
	})
	if status != http.StatusCreated || header.Get("Location") != "" {
		t.Fatalf("answered %d, location %q", status, header.Get("Location"))
	}
	// A body of unknown length comes in chunks.
	large := strings.Repeat("x", 3<<20)
	if status, _ := send(t, client, http.MethodPost, n.ReportURL, io.MultiReader(strings.NewReader(large)), nil); status != http.StatusCreated {
		t.Fatalf("a chunked report was answered with %d", status)
	}

	s := nginxSource(t, n, func(c *drop.Config) { c.AfterProcessing = drop.Delete })
	sentence, err := s.Check(t.Context())
	if want := "Listing of " + n.URL + " (nginx JSON) shows 2 files in 2 folders."; err != nil || sentence != want {
		t.Errorf("got %q, %v, want %q", sentence, err, want)
	}
	sink := newReceived()
	if err := s.Poll(t.Context(), time.Time{}, sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.data) != 2 || !strings.Contains(strings.Join(sink.data, ""), report.String()) || !strings.Contains(strings.Join(sink.data, ""), large) {
		t.Errorf("%d files came", len(sink.data))
	}
	for _, item := range sink.bodies {
		if age := time.Since(item.Received); age < -time.Minute || age > time.Hour {
			t.Errorf("the sender chose the time: %v", item.Received)
		}
		if len(item.Name) != 32 {
			t.Errorf("the name %q can be guessed", item.Name)
		}
	}
	if left := filesBelow(t, n.Dir); len(left) > 0 {
		t.Errorf("not deleted: %v", left)
	}
}

func TestNginxRefusesWhatADropMustNotAllow(t *testing.T) {
	n := loopbacktest.Nginx(t, loopback.NginxOptions{Username: "reader", Password: "correct horse"})
	client := nginxClient(t, n)
	if err := n.Put("2026-10-01/a.json", time.Now(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	file := n.URL + "2026-10-01/a.json"
	login := map[string]string{"Authorization": "Basic cmVhZGVyOmNvcnJlY3QgaG9yc2U="}
	tests := []struct {
		name, method, address string
		header                map[string]string
		body                  string
		want                  int
	}{
		{"a listing without password", "GET", n.URL, nil, "", 401},
		{"a file without password", "GET", file, nil, "", 401},
		{"a deletion without password", "DELETE", file, nil, "", 401},
		{"a wrong password", "GET", n.URL, map[string]string{"Authorization": "Basic cmVhZGVyOng="}, "", 401},
		{"reading where reports are posted", "GET", n.ReportURL, login, "", 405},
		{"PUT where reports are posted", "PUT", n.ReportURL, login, "x", 405},
		{"a name behind the address for reports", "POST", n.ReportURL + "/chosen", login, "x", 404},
		{"PUT over a file", "PUT", file, login, "x", 403},
		{"POST over a file", "POST", file, login, "x", 403},
		{"MKCOL", "MKCOL", n.URL + "new/", login, "", 403},
		{"MOVE", "MOVE", file, map[string]string{"Authorization": login["Authorization"], "Destination": n.URL + "b"}, "", 403},
		{"a report over the limit", "POST", n.ReportURL, nil, strings.Repeat("x", 15<<20+1), 413},
		{"anything else", "GET", strings.TrimSuffix(n.URL, "tlsrpt/"), login, "", 404},
		{"the folder of unfinished bodies", "GET", strings.Replace(n.URL, "tlsrpt", "incoming", 1), login, "", 404},
		{"a listing with password", "GET", n.URL, login, "", 200},
		{"a file with password", "GET", file, login, "", 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, _ := send(t, client, test.method, test.address, strings.NewReader(test.body), test.header); got != test.want {
				t.Errorf("%s is answered with %d, want %d", test.method, got, test.want)
			}
		})
	}
	if left := filesBelow(t, n.Dir); len(left) != 1 {
		t.Errorf("in the folder: %v", left)
	}
	if content, err := os.ReadFile(filepath.Join(n.Dir, "2026-10-01", "a.json")); err != nil || string(content) != "{}" {
		t.Errorf("the file holds %q, %v", content, err)
	}
}

func TestNginxPagesAreReadOnce(t *testing.T) {
	n := loopbacktest.Nginx(t, loopback.NginxOptions{Dir: t.TempDir(), HTML: true, NoDelete: true})
	modified := time.Date(2026, 10, 1, 12, 0, 1, 0, time.UTC)
	for name, content := range map[string]string{"a!b c&d.json": "1", "sub/é%20.json": "2", "sub/deep/<b>.json": "3"} {
		if err := n.Put(name, modified, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	sink := newReceived()
	for range 2 {
		if err := nginxSource(t, n, nil).Poll(t.Context(), time.Time{}, sink); err != nil {
			t.Fatal(err)
		}
	}
	if len(sink.data) != 3 {
		t.Errorf("got %q", sink.data)
	}
	for _, item := range sink.bodies {
		if !item.Received.Equal(modified) {
			t.Errorf("%s was received %v", item.Name, item.Received)
		}
	}
	if err := n.Put("new.json", modified, []byte("4")); err != nil {
		t.Fatal(err)
	}
	err := nginxSource(t, n, func(c *drop.Config) { c.AfterProcessing = drop.Delete }).Poll(t.Context(), time.Time{}, sink)
	var named *source.Error
	if !errors.As(err, &named) || named.Setting != "afterProcessing" {
		t.Errorf("DELETE that is not allowed is told as %v", err)
	}
	if left := filesBelow(t, n.Dir); len(left) != 4 || len(sink.data) != 4 {
		t.Errorf("in the folder: %v", left)
	}
}
