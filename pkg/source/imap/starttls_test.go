package imap

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// accept handles connections to a free port until the test ends, and returns
// settings for it.
func accept(t *testing.T, handle func(net.Conn)) Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	return Config{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Security: StartTLS,
		Username: "u", Password: secret, Timeout: time.Second,
	}
}

func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestAServerThatDoesNotGreetBeforeSTARTTLSIsToldApart(t *testing.T) {
	_, certificate := expiredCertificate(t)
	tests := []struct {
		name           string
		handle         func(net.Conn)
		setting, words string
	}{
		{"a port that is for TLS", func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
		}, "security", "speaks TLS from the start; choose tls, or port 143"},
		{"a port for TLS of a server that wants another version", func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS11}).Handshake()
		}, "security", "speaks TLS from the start; choose tls, or port 143"},
		{"a server that is silent", silent, "security", "sends no greeting"},
		{"a server that hangs up", func(net.Conn) {}, "host", "ended the connection before greeting"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, accept(t, tt.handle)).Check(t.Context())
			wantError(t, err, tt.setting, tt.words)
		})
	}
}

func TestASilentServerIsToldAsSilentWhenTheCallersTimeIsOver(t *testing.T) {
	for _, security := range []Security{StartTLS, NoTLS} {
		t.Run(string(security), func(t *testing.T) {
			c := accept(t, silent)
			c.Security, c.Timeout = security, time.Minute
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := open(t, c).Check(ctx)
			wantError(t, err, "security", "sends no greeting")
		})
	}
}

func TestASlowGreetingBeforeSTARTTLSIsWaitedFor(t *testing.T) {
	c := accept(t, func(conn net.Conn) {
		time.Sleep(700 * time.Millisecond)
		_, _ = io.WriteString(conn, "* OK ready\r\n")
		_, _ = conn.Read(make([]byte, 100))
		_, _ = io.WriteString(conn, "S1 BAD what?\r\n")
	})
	_, err := open(t, c).Check(t.Context())
	wantError(t, err, "security", "does not offer STARTTLS")
}
