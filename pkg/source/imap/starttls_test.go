package imap

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// accept handles connections to a free port and returns settings for STARTTLS.
func accept(t *testing.T, handle func(net.Conn)) Config {
	t.Helper()
	c := serveConns(t, handle)
	c.Security, c.Timeout = StartTLS, time.Second
	return c
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
