// Package loopbacktest gives tests the servers of package loopback: each ends
// with its test, shows its log where that failed, and where it is not installed
// the test is skipped in words that say how to install it.
package loopbacktest

import (
	"context"
	"errors"
	"net"
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
	return start(t, loopback.StartDovecot, o)
}

// Nginx starts an nginx.
func Nginx(t testing.TB, o loopback.NginxOptions) *loopback.Nginx {
	t.Helper()
	return start(t, loopback.StartNginx, o)
}

// Grafana starts the Grafana that is found; the options need no Home.
func Grafana(t testing.TB, o loopback.GrafanaOptions) *loopback.Grafana {
	t.Helper()
	var err error
	o.Home, err = programs.GrafanaHome()
	Need(t, err)
	return start(t, loopback.StartGrafana, o)
}

// A server is one of package loopback's.
type server interface {
	Close() error
	Log() string
}

// start starts a server that ends when the test is over.
func start[S server, Options any](t testing.TB, begin func(context.Context, Options) (S, error), o Options) S {
	t.Helper()
	s, err := begin(t.Context(), o)
	Need(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Log())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Serve handles connections to a free port of 127.0.0.1 until the test ends.
// A connection is closed when its handler returns.
func Serve(t testing.TB, handle func(net.Conn)) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}
