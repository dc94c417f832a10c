package imap

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
)

// withTestValues fills in what the test's token server knows.
func withTestValues(o OAuth) OAuth {
	o.Grant = cmp.Or(o.Grant, ClientCredentials)
	o.TokenURL = cmp.Or(o.TokenURL, tokenServer.TokenURL)
	o.ClientID = cmp.Or(o.ClientID, "app")
	o.ClientSecret = cmp.Or(o.ClientSecret, "client-secret")
	o.RefreshToken = cmp.Or(o.RefreshToken, "refresh-token")
	return o
}

func tokens(t *testing.T, o OAuth) oauth2.TokenSource {
	t.Helper()
	source, err := withTestValues(o).TokenSource(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// serveConns handles connections to a free port until the test ends, and
// returns settings for it, without TLS.
func serveConns(t *testing.T, handle func(net.Conn)) Config {
	t.Helper()
	port := loopbacktest.Serve(t, handle)
	return Config{
		Host: "127.0.0.1", Port: port, Security: NoTLS,
		Username: "u", Password: secret, Timeout: 5 * time.Second,
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// expiredCertificate returns one for 127.0.0.1 that is its own CA.
func expiredCertificate(t *testing.T) (ca string, certificate tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().AddDate(-1, 0, 0),
		NotAfter:              time.Now().AddDate(0, 0, -1),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return ca, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
