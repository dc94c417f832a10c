package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// connect dials, protects the connection, and logs in.
func (s *Source) connect(ctx context.Context) (*session, error) {
	raw, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
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
	defer context.AfterFunc(ctx, func() { st.abort(context.Cause(ctx)) })()
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
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	greeting := ""
	if err := raw.SetDeadline(time.Now().Add(min(s.config.Timeout, connectTimeout))); err != nil {
		return nil, "", s.config.dialError(endedBy(ctx, err))
	}
	if s.config.Security == StartTLS {
		if err := s.startTLS(ctx, raw); err != nil {
			return nil, "", err
		}
		greeting = "* OK protected by STARTTLS\r\n"
	}
	conn := tls.Client(raw, s.tls.config())
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, "", s.config.tlsError(s.tls.name, endedBy(ctx, err))
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, "", s.config.dialError(err)
	}
	return conn, greeting, nil
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
