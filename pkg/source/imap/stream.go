package imap

import (
	"bytes"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxAnswer is how many bytes a server may send for one command, and beside
// the literal for one mail. A SEARCH in a mailbox of a million mails needs 8
// MiB.
const maxAnswer = 16 << 20

// errFlood ends a connection whose server sends without end.
var errFlood = errors.New("the server sent far more than was asked for")

// A stream is a connection as go-imap is given it. go-imap's own deadlines
// leave most reads without one and count the time that the caller takes, so
// they are ignored: here a read fails when the server was silent for the whole
// timeout while somebody waited for it, and a write when it took that long.
type stream struct {
	net.Conn // plain, or TLS over raw
	raw      net.Conn
	timeout  time.Duration

	buf        []byte // read ahead, in larger pieces than go-imap's
	start, end int

	waiting atomic.Int64 // since when somebody waits, Unix nanoseconds; 0 is nobody
	left    atomic.Int64 // how many bytes may still come
	sasl    atomic.Bool  // AUTHENTICATE is going on

	mu      sync.Mutex
	failure error  // the first; every later call returns it
	tail    []byte // the last bytes received, for what the server said in the end
}

var _ net.Conn = (*stream)(nil)

// newStream makes a stream that yields greeting before what conn does.
func newStream(conn, raw net.Conn, greeting string, timeout time.Duration) *stream {
	s := &stream{Conn: conn, raw: raw, timeout: timeout, buf: make([]byte, 64<<10)}
	s.end = copy(s.buf, greeting)
	s.left.Store(maxAnswer)
	return s
}

// await says that somebody waits for the server from now on; rest that nobody
// does.
func (s *stream) await() { s.waiting.Store(time.Now().UnixNano()) }
func (s *stream) rest()  { s.waiting.Store(0) }

// allow lets the server send n bytes from now on.
func (s *stream) allow(n int64) { s.left.Store(n) }

// Read reads what the server sends.
func (s *stream) Read(p []byte) (int, error) {
	if s.start == s.end {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buf[s.start:s.end])
	s.start += n
	return n, nil
}

func (s *stream) fill() error {
	if err := s.err(); err != nil {
		return err
	}
	from := time.Now()
	for {
		if err := s.Conn.SetReadDeadline(from.Add(s.timeout)); err != nil {
			return s.fail(err)
		}
		n, err := s.Conn.Read(s.buf)
		if n > 0 {
			return s.received(n)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return s.fail(err)
		}
		// The time counts from when somebody began to wait.
		since := s.waiting.Load()
		now := time.Now()
		switch began := time.Unix(0, since); {
		case since == 0:
			from = now
		case began.After(from) && now.Sub(began) < s.timeout:
			from = began
		default:
			return s.fail(err)
		}
	}
}

func (s *stream) received(n int) error {
	s.start, s.end = 0, n
	s.mu.Lock()
	s.tail = append(s.tail[:0], s.buf[max(0, n-1024):n]...)
	s.mu.Unlock()
	if s.left.Add(-int64(n)) < 0 {
		return s.fail(errFlood)
	}
	return nil
}

// Write sends a command.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.err(); err != nil {
		return 0, err
	}
	if err := s.Conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return 0, s.fail(err)
	}
	// go-imap writes an empty SASL response as «=», which RFC 4959 has for
	// initial responses only; elsewhere it is an empty line.
	if s.sasl.Load() && string(p) == "=\r\n" {
		_, err := s.Conn.Write(p[1:])
		if err != nil {
			return 0, s.fail(err)
		}
		return len(p), nil
	}
	n, err := s.Conn.Write(p)
	if err != nil {
		return n, s.fail(err)
	}
	return n, nil
}

// Close ends the connection at once: a TLS goodbye could wait for a dead peer.
func (s *stream) Close() error { return s.raw.Close() }

// abort ends the connection for a reason, which reads and writes return.
func (s *stream) abort(reason error) {
	_ = s.fail(reason)
	_ = s.raw.Close()
}

// fail keeps the first error and returns it.
func (s *stream) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
	return s.failure
}

// err returns why the connection ended, or nil while it did not, or when it
// was what the server said that go-imap could not read.
func (s *stream) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// goodbye returns the text of the last untagged BYE, NO or BAD that was
// received; go-imap does not tell it.
func (s *stream) goodbye() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := bytes.Split(s.tail, []byte("\n"))
	for i := len(lines) - 1; i >= 0; i-- {
		for _, kind := range []string{"* BYE ", "* NO ", "* BAD "} {
			if text, ok := bytes.CutPrefix(lines[i], []byte(kind)); ok {
				return string(bytes.TrimSpace(text))
			}
		}
	}
	return ""
}

// SetDeadline does nothing: see [stream].
func (s *stream) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: see [stream].
func (s *stream) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: see [stream].
func (s *stream) SetWriteDeadline(time.Time) error { return nil }
