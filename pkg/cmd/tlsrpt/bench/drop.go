package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

// perFolder keeps listings below their limits of 10,000 entries and 1 MiB.
const perFolder = 2000

const bareGetName = "bare GET of the same files, bytes thrown away"

// benchDrop polls a real nginx, and gets the same files once more throwing the
// bytes away.
func benchDrop(ctx context.Context, l *lab) error {
	mails, err := l.corpusOnce()
	if err != nil {
		return err
	}
	n := len(mails.files)
	s := l.sheet(fmt.Sprintf("Polling a drop of %d files from nginx over TLS on loopback", n),
		"What", "Reports/s", "Time", "Memory, MiB", "Store, MiB", "Number to reach")
	nginx, err := loopback.StartNginx(ctx, loopback.NginxOptions{})
	if errors.Is(err, loopback.ErrNotInstalled) {
		s.row("skipped: nginx is not installed")
		s.print()
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = nginx.Close() }()
	var names []string
	for i, file := range mails.files {
		name := filepath.Join(fmt.Sprintf("%03d", i/perFolder), filepath.Base(file))
		names = append(names, name)
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		target := filepath.Join(nginx.Dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, raw, 0o644), os.Chtimes(target, mails.received[i], mails.received[i])); err != nil {
			return err
		}
	}
	bare, err := bareGet(nginx, names)
	if err != nil {
		return err
	}
	settings := map[string]any{
		"sources": []any{map[string]any{
			"id": "drop1", "type": "https", "name": "Drop", "url": nginx.URL, "tlsCaCert": nginx.CA, "trust": "assume", "pollInterval": "5s",
		}},
		"retentionDays": 36500, "authentication": "off",
	}
	ours, store, stop, err := l.synchronise(ctx, "drop", settings, "", n)
	if err != nil {
		return err
	}
	l.reportSync(s, "the plugin, from its start", n, ours, store, stop, bareGetName, bare)
	return nil
}

// bareGet lists the folders and gets every file, one after the other.
func bareGet(nginx *loopback.Nginx, names []string) (time.Duration, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(nginx.CA))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	get := func(name string, to io.Writer) error {
		reply, err := client.Get(nginx.URL + name)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, reply.Body)
		if reply.StatusCode != http.StatusOK {
			err = errors.Join(err, fmt.Errorf("%s: %s", name, reply.Status))
		}
		return errors.Join(err, reply.Body.Close())
	}
	began := time.Now()
	folder := ""
	for _, name := range names {
		if at := filepath.Dir(name); at != folder {
			folder = at
			if err := get(folder+"/", io.Discard); err != nil {
				return 0, err
			}
		}
		if err := get(name, io.Discard); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
