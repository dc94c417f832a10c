package loopback

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// serverTLS returns the configuration of a built-in server, with a certificate
// by ca or by a new authority, and that authority's certificate as PEM.
func serverTLS(ca *CA) (*tls.Config, string, error) {
	if ca == nil {
		var err error
		if ca, err = NewCA(); err != nil {
			return nil, "", err
		}
	}
	certPEM, keyPEM, err := ca.Issue()
	if err != nil {
		return nil, "", err
	}
	certificate, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, "", fmt.Errorf("load a server certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, ca.PEM(), nil
}

func listenLoopback(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", "127.0.0.1:0")
}

func listenTwice(ctx context.Context) (a, b net.Listener, err error) {
	if a, err = listenLoopback(ctx); err != nil {
		return nil, nil, err
	}
	if b, err = listenLoopback(ctx); err != nil {
		_ = a.Close() // nothing was served on it
		return nil, nil, err
	}
	return a, b, nil
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
