package faults

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
)

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// filesInto puts mails into a drop as files, each complete when it appears.
func filesInto(nginx *loopback.Nginx) func(time.Time, []byte) error {
	n := 0
	return func(received time.Time, mail []byte) error {
		n++
		name := filepath.Join(nginx.Dir, fmt.Sprintf("%06d.eml", n))
		if err := os.WriteFile(name+".part", mail, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(name+".part", received, received); err != nil {
			return err
		}
		return os.Rename(name+".part", name)
	}
}

// onlyOthersLeft compares the drop with what should be left of it.
func onlyOthersLeft(t *testing.T, nginx *loopback.Nginx, p *post) {
	t.Helper()
	var want, got []string
	for _, d := range p.brought {
		if !mayBeChanged(d.entry.Decoy) {
			want = append(want, fmt.Sprintf("%x", sha256.Sum256(d.mail)))
		}
	}
	files, err := os.ReadDir(nginx.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join(nginx.Dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%x", sha256.Sum256(raw)))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the drop is not as it should be (-want +got):\n%.2000s", diff)
	}
}

// encrypt listens on a port for what it says on over TLS to another.
func encrypt(t *testing.T, to int, ca string) (port int) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ca))
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}}
	return loopbacktest.Serve(t, func(near net.Conn) {
		far, err := dialer.DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(to)))
		if err != nil {
			return
		}
		defer func() { _ = far.Close() }()
		go func() {
			_, _ = io.Copy(far, near) // whichever ends first ends both
			_ = far.Close()
		}()
		_, _ = io.Copy(near, far)
	})
}
