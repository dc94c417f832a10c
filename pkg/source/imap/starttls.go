package imap

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// startTLS asks for TLS on a plaintext connection. Nothing that is said before
// TLS is believed: capabilities are asked for again, a session that begins as
// authenticated is refused, and so is a byte that follows the server's consent
// before TLS does, which somebody in between could have put there
// (CVE-2011-0411).
func (s *Source) startTLS(ctx context.Context, raw net.Conn) error {
	lines := &plainLines{r: bufio.NewReaderSize(raw, 4096)}
	if err := s.awaitGreeting(ctx, raw, lines.r); err != nil {
		return err
	}
	greeting, err := lines.next()
	switch {
	case err != nil:
		return s.noGreeting(endedBy(ctx, err))
	case hasPrefixFold(greeting, "* BYE"):
		return s.config.serverError("host", fmt.Sprintf("%s turned the connection away", s.config.Host), strings.TrimSpace(greeting[5:]))
	case hasPrefixFold(greeting, "* PREAUTH"):
		return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s begins sessions as logged in before TLS, which would leave them without TLS; choose tls.", s.config.Host)}
	case !hasPrefixFold(greeting, "* OK"):
		return &source.Error{Setting: "port", Sentence: fmt.Sprintf("What answers on port %d of %s is not an IMAP server; check host and port.", s.config.Port, s.config.Host)}
	}
	const tag = "S1"
	if _, err := raw.Write([]byte(tag + " STARTTLS\r\n")); err != nil {
		return s.config.dialError(endedBy(ctx, err))
	}
	for {
		line, err := lines.next()
		if err != nil {
			return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s did not answer STARTTLS on port %d; choose tls with port 993, if the server has it.", s.config.Host, s.config.Port), Err: endedBy(ctx, err)}
		}
		if hasPrefixFold(line, "* ") {
			continue
		}
		if !hasPrefixFold(line, tag+" OK") {
			return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s does not offer STARTTLS on port %d; choose tls with port 993, or turn STARTTLS on there.", s.config.Host, s.config.Port)}
		}
		if lines.r.Buffered() > 0 {
			return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s sent data between STARTTLS and TLS, as somebody in between would; nothing was sent to it. Choose tls, and have the way to the server looked at.", s.config.Host)}
		}
		return nil
	}
}

// awaitGreeting waits until the server begins to speak. A server that is silent
// for a while may wait for TLS to begin: a second connection tells. Otherwise it
// is given the rest of its time, as some look up their clients first.
func (s *Source) awaitGreeting(ctx context.Context, raw net.Conn, r *bufio.Reader) error {
	limit := min(s.config.Timeout, connectTimeout)
	end := time.Now().Add(limit)
	patience := min(greetingPatience, limit/4)
	if err := raw.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return s.config.dialError(endedBy(ctx, err))
	}
	_, err := r.Peek(1)
	if err != nil && s.beginsWithTLS(ctx, patience) {
		return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s sends no greeting on port %d, where it speaks TLS from the start; choose tls, or port 143 for starttls.", s.config.Host, s.config.Port), Err: endedBy(ctx, err)}
	}
	if err != nil && !isTimeout(err) {
		return s.noGreeting(endedBy(ctx, err))
	}
	if err := raw.SetReadDeadline(end); err != nil {
		return s.config.dialError(endedBy(ctx, err))
	}
	if _, err := r.Peek(1); err != nil {
		return s.noGreeting(endedBy(ctx, err))
	}
	return nil
}

// beginsWithTLS says whether a server begins TLS on a fresh connection, be it
// with a certificate that can't be trusted. Nothing else is said to it.
func (s *Source) beginsWithTLS(ctx context.Context, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := s.dial(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = raw.Close() }()
	err = tls.Client(raw, s.tls.config()).HandshakeContext(ctx)
	var alert *net.OpError
	return err == nil || isCertificateError(err) || errors.As(err, &alert) && alert.Op == "remote error"
}

// noGreeting tells a server that is silent from one that hangs up.
func (s *Source) noGreeting(err error) *source.Error {
	if isTimeout(err) {
		return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s accepts connections on port %d but sends no greeting; if the port is for TLS (usually 993), choose tls.", s.config.Host, s.config.Port), Err: err}
	}
	return &source.Error{Setting: "host", Sentence: fmt.Sprintf("%s ended the connection before greeting; check host and port, and whether the server blocks this address.", s.config.Host), Err: err}
}

// endedBy returns why ctx ended, if it did: it closes the connection, whose own
// error would read as if the server had.
func endedBy(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// plainLines reads the few lines that come before STARTTLS.
type plainLines struct {
	r     *bufio.Reader
	count int
}

func (l *plainLines) next() (string, error) {
	if l.count++; l.count > 100 {
		return "", errFlood
	}
	line, err := l.r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
