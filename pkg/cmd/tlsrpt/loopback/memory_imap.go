package loopback

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// MemoryIMAPOptions say what a built-in IMAP server serves. The zero value
// serves empty mailboxes, one for every user name that logs in.
type MemoryIMAPOptions struct {
	// Password opens every user's mailbox. Empty is "loopback".
	Password string
	// CA signs the server's certificate; nil is a new one.
	CA *CA
}

// MemoryIMAP is an IMAP server in this process, for where Dovecot is not
// installed. Mail is held in memory and gone with Close. It has UIDPLUS, MOVE,
// IDLE, ESEARCH and NAMESPACE. Unlike Dovecot, it serves no mail whose header
// can't be parsed: the body of such a mail is empty.
type MemoryIMAP struct {
	// Host is the address that both ports are on.
	Host string
	// Port speaks plaintext and STARTTLS, TLSPort speaks TLS.
	Port, TLSPort int
	// Password opens every user's mailbox.
	Password string
	// CA is the certificate, as PEM, of the private authority that signed the
	// server's certificate, which names localhost and 127.0.0.1.
	CA string

	server *imapserver.Server
	served sync.WaitGroup
	// epoch is added to each UIDVALIDITY, so that a client with a long memory
	// takes no mailbox for one of an earlier server (RFC 9051 section 2.3.1.1).
	epoch uint32

	mu    sync.Mutex
	users map[string]*imapmemserver.User
}

// StartMemoryIMAP starts an IMAP server that runs until Close.
func StartMemoryIMAP(ctx context.Context, o MemoryIMAPOptions) (*MemoryIMAP, error) {
	config, ca, err := serverTLS(o.CA)
	if err != nil {
		return nil, fmt.Errorf("start the built-in IMAP server: %w", err)
	}
	plain, secure, err := listenTwice(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the built-in IMAP server: %w", err)
	}
	m := &MemoryIMAP{
		Host: "127.0.0.1", Port: portOf(plain), TLSPort: portOf(secure),
		Password: o.Password, CA: ca,
		epoch: uint32(time.Now().Unix()),
		users: map[string]*imapmemserver.User{},
	}
	if m.Password == "" {
		m.Password = "loopback"
	}
	m.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &memorySession{server: m}, nil, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {}, imap.CapESearch: {},
			imap.CapMove: {}, imap.CapLiteralPlus: {},
		},
		// Clients that hang up are no news.
		Logger:    log.New(io.Discard, "", 0),
		TLSConfig: config,
	})
	for _, l := range []net.Listener{plain, tls.NewListener(secure, config)} {
		m.served.Go(func() { _ = m.server.Serve(l) }) // ends with Close
	}
	return m, nil
}

// Append puts a mail into a user's folder, which is made if it is not there,
// with date as its INTERNALDATE.
func (m *MemoryIMAP) Append(user, folder string, date time.Time, mail []byte) error {
	if err := m.CreateFolder(user, folder); err != nil {
		return err
	}
	_, err := m.user(user).Append(folder, literal{bytes.NewReader(mail)}, &imap.AppendOptions{Time: date})
	if err != nil {
		return fmt.Errorf("append to %s: %w", folder, err)
	}
	return nil
}

// CreateFolder makes a folder of a user, if it is not there.
func (m *MemoryIMAP) CreateFolder(user, folder string) error {
	err := m.user(user).Create(folder, nil)
	var exists *imap.Error
	if errors.As(err, &exists) && exists.Code == imap.ResponseCodeAlreadyExists {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create folder %s: %w", folder, err)
	}
	return nil
}

// Close ends the server and its connections. What it held is gone.
func (m *MemoryIMAP) Close() error {
	err := m.server.Close()
	m.served.Wait()
	return err
}

// user returns a user, who is made with an INBOX if not there.
func (m *MemoryIMAP) user(name string) *imapmemserver.User {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[name]
	if u == nil {
		u = imapmemserver.NewUser(name, m.Password)
		_ = u.Create("INBOX", nil) // a new user has no folder that it could collide with
		m.users[name] = u
	}
	return u
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// A memorySession is one connection. It mends what the session that it wraps
// leaves out: EXAMINE is read-only, MOVE tells each expunge once, IDLE tells
// also what came just before it, and UIDVALIDITY differs from server to server.
type memorySession struct {
	*imapmemserver.UserSession // nil before Login
	server                     *MemoryIMAP
	readOnly                   bool
}

var _ imapserver.SessionIMAP4rev2 = (*memorySession)(nil)

var errReadOnly = &imap.Error{
	Type: imap.StatusResponseTypeNo,
	Code: "READ-ONLY",
	Text: "The mailbox was opened with EXAMINE",
}

func (s *memorySession) Login(username, password string) error {
	if subtle.ConstantTimeCompare([]byte(password), []byte(s.server.Password)) != 1 {
		return imapserver.ErrAuthFailed
	}
	s.UserSession = imapmemserver.NewUserSession(s.server.user(username))
	return nil
}

func (s *memorySession) Select(mailbox string, options *imap.SelectOptions) (*imap.SelectData, error) {
	data, err := s.UserSession.Select(mailbox, options)
	if err != nil {
		return nil, err
	}
	s.readOnly = options.ReadOnly
	data.UIDValidity += s.server.epoch
	return data, nil
}

func (s *memorySession) Status(mailbox string, options *imap.StatusOptions) (*imap.StatusData, error) {
	data, err := s.UserSession.Status(mailbox, options)
	if err == nil && options.UIDValidity {
		data.UIDValidity += s.server.epoch
	}
	return data, err
}

func (s *memorySession) Append(mailbox string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	data, err := s.UserSession.Append(mailbox, r, options)
	if err == nil {
		data.UIDValidity += s.server.epoch
	}
	return data, err
}

func (s *memorySession) Fetch(w *imapserver.FetchWriter, set imap.NumSet, options *imap.FetchOptions) error {
	if s.readOnly {
		for _, section := range options.BodySection {
			section.Peek = true
		}
	}
	return s.UserSession.Fetch(w, set, options)
}

func (s *memorySession) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, options *imap.StoreOptions) error {
	if s.readOnly {
		return errReadOnly
	}
	return s.UserSession.Store(w, set, flags, options)
}

func (s *memorySession) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	if s.readOnly {
		if uids == nil {
			return nil // CLOSE after EXAMINE removes nothing (RFC 9051 section 6.4.1)
		}
		return errReadOnly
	}
	return s.UserSession.Expunge(w, uids)
}

func (s *memorySession) Copy(set imap.NumSet, mailbox string) (*imap.CopyData, error) {
	data, err := s.UserSession.Copy(set, mailbox)
	if err == nil {
		data.UIDValidity += s.server.epoch
	}
	return data, err
}

// Move copies and expunges. The expunges are told by the poll that follows
// every command.
func (s *memorySession) Move(w *imapserver.MoveWriter, set imap.NumSet, mailbox string) error {
	if s.readOnly {
		return errReadOnly
	}
	data, err := s.Copy(set, mailbox)
	if err != nil {
		return err
	}
	moved, ok := data.SourceUIDs.Nums()
	if !ok || len(moved) == 0 {
		return nil
	}
	if err := w.WriteCopyData(data); err != nil {
		return err
	}
	deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := s.UserSession.Store(nil, data.SourceUIDs, deleted, nil); err != nil {
		return err
	}
	return s.UserSession.Expunge(nil, &data.SourceUIDs)
}

// idlePoll is how often an idling client is told what is new.
const idlePoll = 50 * time.Millisecond

// Idle polls, because the wrapped Idle waits for the next change and keeps
// back what was queued before it began to wait.
func (s *memorySession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	ticker := time.NewTicker(idlePoll)
	defer ticker.Stop()
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-stop:
			return nil
		}
	}
}
