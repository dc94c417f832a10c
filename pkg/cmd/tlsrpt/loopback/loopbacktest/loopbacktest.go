// Package loopbacktest gives tests the servers of package loopback: each ends
// with its test, shows its log where that failed, and where it is not installed
// the test is skipped in words that say how to install it.
package loopbacktest

import (
	"errors"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/programs"
)

// Need skips a test whose error says that something is not installed, and ends
// it with any other error.
func Need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, programs.ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Dovecot starts a Dovecot.
func Dovecot(t testing.TB, o loopback.DovecotOptions) *loopback.Dovecot {
	t.Helper()
	dovecot, err := loopback.StartDovecot(t.Context(), o)
	Need(t, err)
	end(t, dovecot)
	return dovecot
}

// Nginx starts an nginx.
func Nginx(t testing.TB, o loopback.NginxOptions) *loopback.Nginx {
	t.Helper()
	nginx, err := loopback.StartNginx(t.Context(), o)
	Need(t, err)
	end(t, nginx)
	return nginx
}

// Grafana starts the Grafana that is found; the options need no Home.
func Grafana(t testing.TB, o loopback.GrafanaOptions) *loopback.Grafana {
	t.Helper()
	var err error
	o.Home, err = programs.GrafanaHome()
	Need(t, err)
	grafana, err := loopback.StartGrafana(t.Context(), o)
	Need(t, err)
	end(t, grafana)
	return grafana
}

// A server is one of package loopback's.
type server interface {
	Close() error
	Log() string
}

// end ends a server when the test is over.
func end(t testing.TB, s server) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Log())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
