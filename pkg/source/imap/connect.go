package imap

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// connect dials, protects the connection, and logs in.
func (s *Source) connect(ctx context.Context) (*session, error) {
	raw, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	session, err := s.begin(ctx, raw)
	if err != nil {
		_ = raw.Close()
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return session, nil
}

func (s *Source) dial(ctx context.Context) (net.Conn, error) {
	dialer := s.config.Dialer
	if dialer == nil {
		dialer = &net.Dialer{}
	}
	dialCtx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	address := net.JoinHostPort(strings.Trim(s.config.Host, "[]"), strconv.Itoa(s.config.Port))
	conn, err := dialer.DialContext(dialCtx, "tcp", address)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, s.config.dialError(err)
	}
	return conn, nil
}

// begin brings a fresh connection to where folders can be opened.
func (s *Source) begin(ctx context.Context, raw net.Conn) (*session, error) {
	conn, greeting, err := s.protect(ctx, raw)
	if err != nil {
		return nil, err
	}
	st := newStream(conn, raw, greeting, s.config.Timeout)
	session := newSession(st)
	st.await()
	timer := time.AfterFunc(connectTimeout, func() { st.abort(os.ErrDeadlineExceeded) })
	err = session.client.WaitGreeting()
	timer.Stop()
	if err != nil {
		err := s.config.greetingError(st, err)
		session.close()
		return nil, err
	}
	if err := s.login(ctx, session); err != nil {
		session.close()
		return nil, err
	}
	session.caps = session.client.Caps()
	st.rest()
	if session.caps == nil {
		err := s.config.connectionError(st, "asking for its capabilities", errors.New("no capabilities"))
		session.close()
		return nil, err
	}
	return session, nil
}

// protect begins TLS as the settings want it. It returns the greeting that a
// client still has to be given: after STARTTLS the server sends none.
func (s *Source) protect(ctx context.Context, raw net.Conn) (net.Conn, string, error) {
	if s.config.Security == NoTLS {
		return raw, "", nil
	}
	greeting := ""
	if err := raw.SetDeadline(time.Now().Add(min(s.config.Timeout, connectTimeout))); err != nil {
		return nil, "", s.config.dialError(err)
	}
	if s.config.Security == StartTLS {
		if err := s.startTLS(raw); err != nil {
			return nil, "", err
		}
		greeting = "* OK protected by STARTTLS\r\n"
	}
	conn := tls.Client(raw, s.tls.config())
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, "", s.config.tlsError(s.tls.name, err)
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, "", s.config.dialError(err)
	}
	return conn, greeting, nil
}

// startTLS asks for TLS on a plaintext connection. Nothing that is said before
// TLS is believed: capabilities are asked for again, a session that begins as
// authenticated is refused, and so is a byte that follows the server's consent
// before TLS does, which somebody in between could have put there
// (CVE-2011-0411).
func (s *Source) startTLS(raw net.Conn) error {
	lines := &plainLines{r: bufio.NewReaderSize(raw, 4096)}
	greeting, err := lines.next()
	switch {
	case err != nil && isTimeout(err):
		return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s did not greet on port %d; if the port is for TLS (usually 993), choose tls.", s.config.Host, s.config.Port), Err: err}
	case err != nil:
		return &source.Error{Setting: "host", Sentence: fmt.Sprintf("%s ended the connection before greeting; check host and port, and whether the server blocks this address.", s.config.Host), Err: err}
	case hasPrefixFold(greeting, "* BYE"):
		return s.config.serverError("host", fmt.Sprintf("%s turned the connection away", s.config.Host), strings.TrimSpace(greeting[5:]))
	case hasPrefixFold(greeting, "* PREAUTH"):
		return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s begins sessions as logged in before TLS, which would leave them without TLS; choose tls.", s.config.Host)}
	case !hasPrefixFold(greeting, "* OK"):
		return &source.Error{Setting: "port", Sentence: fmt.Sprintf("What answers on port %d of %s is not an IMAP server; check host and port.", s.config.Port, s.config.Host)}
	}
	const tag = "S1"
	if _, err := raw.Write([]byte(tag + " STARTTLS\r\n")); err != nil {
		return s.config.dialError(err)
	}
	for {
		line, err := lines.next()
		if err != nil {
			return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s did not answer STARTTLS on port %d; choose tls with port 993, if the server has it.", s.config.Host, s.config.Port), Err: err}
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

// newSession starts go-imap on a connection.
func newSession(st *stream) *session {
	s := &session{stream: st, news: make(chan struct{}, 1)}
	s.client = imapclient.New(st, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(data *imapclient.UnilateralDataMailbox) {
				if data.NumMessages != nil {
					select {
					case s.news <- struct{}{}:
					default:
					}
				}
			},
			Fetch: s.strays.take,
		},
	})
	return s
}
