package imap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// dovecot is one server for the tests of this package; each test has a user,
// and so a mailbox, of its own.
var (
	dovecot     *loopback.Dovecot
	noDovecot   error // why there is none
	tokenServer *loopback.TokenServer
)

const oauthUser = "oauth@example.com"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	tokenServer, err = loopback.StartTokenServer(loopback.TokenServerOptions{
		ClientID: "app", ClientSecret: "client-secret", RefreshToken: "refresh-token", Username: oauthUser,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = tokenServer.Close() }()
	dovecot, noDovecot = loopback.StartDovecot(context.Background(), loopback.DovecotOptions{Introspection: tokenServer.IntrospectionURL})
	if noDovecot == nil {
		defer func() { _ = dovecot.Close() }()
	}
	return m.Run()
}

// mailbox returns settings for an empty mailbox of the test's own.
func mailbox(t *testing.T) Config {
	t.Helper()
	loopbacktest.Need(t, noDovecot)
	return settingsFor(dovecot, user(t))
}

func settingsFor(d *loopback.Dovecot, user string) Config {
	return Config{
		Host:      d.Host,
		Port:      d.TLSPort,
		Security:  TLS,
		Username:  user,
		Auth:      Password,
		Password:  d.Password,
		TLSCACert: d.CA,
		Timeout:   10 * time.Second,
	}
}

func user(t *testing.T) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return strings.ToLower(name[max(0, len(name)-60):])
}

// ownDovecot starts a server that the test may kill, or that differs.
func ownDovecot(t *testing.T, o loopback.DovecotOptions) *loopback.Dovecot {
	t.Helper()
	return loopbacktest.Dovecot(t, o)
}

func open(t *testing.T, c Config) *Source {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mail(subject string) []byte {
	return fmt.Appendf(nil, "From: a@example.com\r\nSubject: %s\r\n\r\nbody of %s\r\n", subject, subject)
}

// fill appends n mails, "<name> 1" the oldest, a minute apart, the last now.
func fill(t *testing.T, d *loopback.Dovecot, user, folder, name string, n int) {
	t.Helper()
	now := time.Now()
	for i := range n {
		date := now.Add(-time.Duration(n-1-i) * time.Minute)
		if err := d.Append(user, folder, date, mail(fmt.Sprintf("%s %d", name, i+1))); err != nil {
			t.Fatal(err)
		}
	}
}

func poll1(t *testing.T, s *Source, l *ledger) {
	t.Helper()
	if err := s.Poll(t.Context(), time.Time{}, l); err != nil {
		t.Fatalf("poll: %v", err)
	}
}

// files returns the names of a folder's mails on disk, with their flags.
func files(t *testing.T, d *loopback.Dovecot, user, folder string) []string {
	t.Helper()
	var names []string
	for _, sub := range []string{"cur", "new"} {
		found, err := filepath.Glob(filepath.Join(d.Folder(user, folder), sub, "*"))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

func wantError(t *testing.T, err error, setting string, words ...string) *source.Error {
	t.Helper()
	var e *source.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v (%T), want a *source.Error about %s", err, err, setting)
	}
	if e.Setting != setting {
		t.Errorf("setting is %q, want %q: %s", e.Setting, setting, e.Sentence)
	}
	for _, word := range words {
		if !strings.Contains(e.Sentence, word) {
			t.Errorf("sentence %q does not say %q", e.Sentence, word)
		}
	}
	return e
}
