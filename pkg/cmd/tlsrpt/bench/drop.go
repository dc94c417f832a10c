package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"path/filepath"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

// perFolder keeps listings below their limits of 10,000 entries and 1 MiB.
const perFolder = 2000

// benchDrop polls a real nginx.
func benchDrop(ctx context.Context, l *lab) error {
	return syncing{
		name: "drop", title: "Polling a drop of %d files from nginx over TLS on loopback",
		bareName: "bare GET of the same files, one after the other, bytes thrown away", start: startDrop,
	}.run(ctx, l)
}

// startDrop starts an nginx with the mails as files.
func startDrop(ctx context.Context, l *lab, mails *corpus) (*server, error) {
	nginx, err := loopback.StartNginx(ctx, loopback.NginxOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	err = mails.deliver(l.progress("fill the drop", len(mails.files)), func(file string, received time.Time, raw []byte) error {
		names = append(names, fmt.Sprintf("%03d/%s", len(names)/perFolder, filepath.Base(file)))
		return nginx.Put(names[len(names)-1], received, raw)
	})
	if err != nil {
		return nil, errors.Join(err, nginx.Close())
	}
	settings := map[string]any{
		"sources": []any{map[string]any{
			"id": "drop1", "type": "https", "name": "Drop", "url": nginx.URL, "tlsCaCert": nginx.CA, "trust": "assume", "pollInterval": "5s",
		}},
		"retentionDays": 36500, "authentication": "off",
	}
	return &server{
		Closer: nginx, settings: settings,
		bare: func() (time.Duration, error) { return bareGet(nginx, names) },
	}, nil
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
		if at := path.Dir(name); at != folder {
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
