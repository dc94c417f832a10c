package drop

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

func TestNewNamesTheWrongSetting(t *testing.T) {
	good := Config{URL: "https://drop.example.com/tlsrpt/"}
	tests := []struct {
		name    string
		edit    func(*Config)
		setting string
	}{
		{"a plain address is fine", func(*Config) {}, ""},
		{"no address", func(c *Config) { c.URL = "" }, "url"},
		{"a bare host", func(c *Config) { c.URL = "drop.example.com" }, "url"},
		{"http", func(c *Config) { c.URL = "http://drop.example.com/" }, "url"},
		{"http to this machine is fine", func(c *Config) { c.URL = "http://127.0.0.1:8080/" }, ""},
		{"http to localhost is fine", func(c *Config) { c.URL = "http://localhost/d/" }, ""},
		{"http to IPv6 loopback is fine", func(c *Config) { c.URL = "http://[::1]:80/d/" }, ""},
		{"http to a host that looks like loopback", func(c *Config) { c.URL = "http://127.0.0.1.example.com/" }, "url"},
		{"another scheme", func(c *Config) { c.URL = "file:///etc/" }, "url"},
		{"a password in the address", func(c *Config) { c.URL = "https://u:hunter2@example.com/" }, "url"},
		{"a query", func(c *Config) { c.URL = "https://example.com/?sig=hunter2" }, "url"},
		{"a path upwards", func(c *Config) { c.URL = "https://example.com/a/../b/" }, "url"},
		{"an unknown listing", func(c *Config) { c.Listing = "ftp" }, "listing"},
		{"an unknown auth", func(c *Config) { c.Auth = "digest" }, "auth"},
		{"an unknown afterProcessing", func(c *Config) { c.AfterProcessing = "move" }, "afterProcessing"},
		{"basic without user name", func(c *Config) { c.Auth, c.Password = Basic, "hunter2" }, "username"},
		{"basic without password", func(c *Config) { c.Auth, c.Username = Basic, "u" }, "password"},
		{"bearer without token", func(c *Config) { c.Auth = Bearer }, "token"},
		{"a CA that is no PEM", func(c *Config) { c.TLSCACert = "hunter2" }, "tlsCaCert"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := good
			test.edit(&c)
			_, err := New(c)
			if test.setting == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := settingOf(t, err); got != test.setting {
				t.Errorf("names %q, want %q", got, test.setting)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}

func TestCheckSaysWhatWasFound(t *testing.T) {
	names := map[Listing]string{NginxJSON: "nginx JSON", HTML: "HTML index", Manifest: "manifest"}
	for style, name := range names {
		d := newWebDrop(t, style)
		d.put("a.json", "a", noon)
		d.put("b.json", "b", noon)
		want := fmt.Sprintf("Listing of %s/tlsrpt/ (%s) shows 2 files in 1 folder.", d.URL, name)
		if style != Manifest {
			d.put("sub/c.json", "c", noon)
			d.put("sub/sub/d.json", "d", noon)
			d.put("sub/sub/sub/e.json", "three levels down is too deep", noon)
			want = fmt.Sprintf("Listing of %s/tlsrpt/ (%s) shows 4 files in 3 folders.", d.URL, name)
		}
		got, err := d.open(t, nil).Check(t.Context())
		if err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestErrorsNameTheSetting(t *testing.T) {
	reply := func(status int, header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if name, value, ok := strings.Cut(header, ": "); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	basic := func(c *Config) { c.Auth, c.Username, c.Password = Basic, "u", "hunter2" }
	bearer := func(c *Config) { c.Auth, c.Token = Bearer, "hunter2" }
	tests := []struct {
		name      string
		handler   http.HandlerFunc
		edit      func(*Config)
		setting   string
		permanent bool
		after     time.Duration
	}{
		{name: "401 without a login", handler: reply(401, "", ""), setting: "auth", permanent: true},
		{name: "401 with a password", handler: reply(401, "", "hunter2"), edit: basic, setting: "password", permanent: true},
		{name: "401 with a token", handler: reply(401, "", "hunter2"), edit: bearer, setting: "token", permanent: true},
		{name: "403", handler: reply(403, "", ""), setting: "url"},
		{name: "404", handler: reply(404, "", ""), setting: "url"},
		{name: "500", handler: reply(500, "", ""), setting: "url"},
		{name: "429 with a wish", handler: reply(429, "Retry-After: 120", ""), setting: "url", after: 2 * time.Minute},
		{name: "503 with a wish", handler: reply(503, "Retry-After: Thu, 01 Oct 2026 12:01:00 GMT", ""), setting: "url", after: time.Minute},
		{name: "503 with an endless wish", handler: reply(503, "Retry-After: 2000000000", ""), setting: "url", after: maxRetryAfter},
		{name: "a redirect to another host", handler: reply(302, "Location: https://evil.example/?hunter2", ""), edit: basic, setting: "url"},
		{name: "a redirect in circles", handler: reply(302, "Location: /tlsrpt/", ""), setting: "url"},
		{name: "a redirect to plain http", handler: reply(302, "Location: http://127.0.0.1:1/", ""), setting: "url"},
		{name: "JSON that is no listing", handler: reply(200, "", `{"a": 1}`), setting: "listing"},
		{name: "binary data", handler: reply(200, "", "\x1f\x8b\x08\x00"), setting: "listing"},
		{name: "an index where nginx JSON is wanted", handler: reply(200, "", "<html>"), edit: func(c *Config) { c.Listing = NginxJSON }, setting: "listing"},
		{name: "a compressed listing", handler: reply(200, "Content-Encoding: gzip", "x"), setting: "listing"},
		{name: "a listing that breaks off", handler: reply(200, "Content-Length: 99", "[]"), setting: "url"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewTLSServer(test.handler)
			defer server.Close()
			c := Config{URL: server.URL + "/tlsrpt/", HTTPClient: server.Client(), Now: func() time.Time { return noon }}
			if test.edit != nil {
				test.edit(&c)
			}
			s, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			_, checkErr := s.Check(t.Context())
			for _, err := range []error{checkErr, s.Poll(t.Context(), time.Time{}, newLedger())} {
				if got := settingOf(t, err); got != test.setting {
					t.Errorf("%v names %q, want %q", err, got, test.setting)
				}
				var named *source.Error
				errors.As(err, &named)
				if named.Permanent != test.permanent || named.RetryAfter != test.after {
					t.Errorf("permanent %v, retry after %v", named.Permanent, named.RetryAfter)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error holds a secret: %v", err)
				}
			}
		})
	}
}

func TestOwnClientTrustsOnlyTheGivenCA(t *testing.T) {
	d := newWebDrop(t, NginxJSON)
	s := d.open(t, func(c *Config) { c.HTTPClient = nil })
	if _, err := s.Check(t.Context()); settingOf(t, err) != "tlsCaCert" {
		t.Errorf("got %v", err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Certificate().Raw})
	s = d.open(t, func(c *Config) { c.HTTPClient, c.TLSCACert = nil, string(ca) })
	if _, err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCredentialsReachTheOriginAlone(t *testing.T) {
	var leaked string
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked = r.Header.Get("Authorization") + " " + r.URL.Path
	}))
	defer other.Close()
	var got string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/tlsrpt/":
			fmt.Fprintf(w, `<a href="a.json">a</a> <a href="%s/b.json">b</a>`, other.URL)
		case "/tlsrpt/a.json":
			got = r.Header.Get("Authorization")
			http.Redirect(w, r, other.URL+"/stolen", http.StatusFound)
		}
	}))
	defer server.Close()
	s, err := New(Config{URL: server.URL + "/tlsrpt/", HTTPClient: server.Client(), Auth: Bearer, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if setting := settingOf(t, s.Poll(t.Context(), time.Time{}, newLedger())); setting != "url" {
		t.Errorf("names %s", setting)
	}
	if got != "Bearer secret" || leaked != "" {
		t.Errorf("the origin got %q, the other %q", got, leaked)
	}
}

func TestBodiesAreHandedOnAsStored(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			io.WriteString(w, `["a.json.gz"]`)
			return
		}
		// Apache's AddEncoding says so of .gz files.
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("ETag", `"1"`)
		io.WriteString(w, "\x1f\x8bcompressed")
	}))
	defer server.Close()
	s, err := New(Config{URL: server.URL + "/", HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	mustPoll(t, s, l)
	if l.bodies["a.json.gz"] != "\x1f\x8bcompressed" {
		t.Errorf("got %q", l.bodies["a.json.gz"])
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := New(Config{URL: "https://drop.example.com/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPollEndsWithTheContext(t *testing.T) {
	d := newWebDrop(t, Manifest)
	d.put("a.json", "a", noon)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.open(t, nil).Poll(ctx, time.Time{}, newLedger()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
