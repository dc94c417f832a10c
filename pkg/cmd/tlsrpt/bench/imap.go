package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

const user = "reports@tlsrpt.example"

// benchIMAP synchronises a real Dovecot's mailbox.
func benchIMAP(ctx context.Context, l *lab) error {
	return syncing{
		name: "imap", title: "IMAP synchronisation of %d mails from Dovecot over TLS on loopback",
		bareName: "bare UID FETCH, bytes thrown away", start: startMailbox, goal: goalIMAPToImport,
	}.run(ctx, l)
}

// startMailbox starts a Dovecot with the mails.
func startMailbox(ctx context.Context, l *lab, mails *corpus) (*server, error) {
	dovecot, err := loopback.StartDovecot(ctx, loopback.DovecotOptions{})
	if err != nil {
		return nil, err
	}
	err = mails.deliver(l.progress("fill the mailbox", len(mails.files)), func(_ string, received time.Time, raw []byte) error {
		return dovecot.Append(user, "INBOX", received, raw)
	})
	if err != nil {
		return nil, errors.Join(err, dovecot.Close())
	}
	return &server{
		Closer: dovecot, settings: mailboxSettings(dovecot), password: dovecot.Password,
		bare: func() (time.Duration, error) { return bareFetch(dovecot, len(mails.files)) },
	}, nil
}

func mailboxSettings(dovecot *loopback.Dovecot) map[string]any {
	return map[string]any{
		"sources": []any{map[string]any{
			"id": "mb1", "type": "imap", "name": "Reports", "host": "127.0.0.1", "port": dovecot.TLSPort, "username": user,
			"tlsCaCert": dovecot.CA, "pollInterval": "5s",
		}},
		"retentionDays": 36500, "authentication": "off",
	}
}

// bareFetch asks for all mails, a hundred at a time and two commands ahead,
// and throws away what comes.
func bareFetch(dovecot *loopback.Dovecot, n int) (took time.Duration, err error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(dovecot.CA))
	began := time.Now()
	conn, err := tls.Dial("tcp", net.JoinHostPort(dovecot.Host, strconv.Itoa(dovecot.TLSPort)), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	lines := bufio.NewReaderSize(conn, 64<<10)
	var commands []string
	for first := 1; first <= n; first += 100 {
		commands = append(commands, fmt.Sprintf("c UID FETCH %d:%d (UID INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\n", first, first+99))
	}
	commands = append(commands, "d LOGOUT\r\n")
	ahead := min(len(commands), 2)
	if _, err := fmt.Fprintf(conn, "a LOGIN %s %s\r\nb EXAMINE INBOX\r\n%s", user, dovecot.Password, strings.Join(commands[:ahead], "")); err != nil {
		return 0, err
	}
	for got, last := 0, ""; ; {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			return 0, fmt.Errorf("read from dovecot after %d mails and %q: %w", got, last, err)
		case strings.HasPrefix(line, "d "):
			if got != n {
				return 0, fmt.Errorf("dovecot gave out %d of %d mails", got, n)
			}
			return time.Since(began), nil
		case strings.HasPrefix(line, "c ") && ahead < len(commands):
			if _, err := io.WriteString(conn, commands[ahead]); err != nil {
				return 0, err
			}
			ahead++
		case strings.HasPrefix(line, "* ") && strings.HasSuffix(line, "}\r\n"):
			size, err := strconv.Atoi(line[strings.LastIndexByte(line, '{')+1 : len(line)-3])
			if err != nil {
				return 0, err
			}
			if _, err := lines.Discard(size); err != nil {
				return 0, err
			}
			got++
		}
		last = line
	}
}
