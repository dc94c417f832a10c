// Package imap reads report mail from IMAP mailboxes (RFC 3501, RFC 9051).
//
// A mail is named by its folder, UIDVALIDITY and UID. What was read is kept in
// the ledger behind [source.Sink], UID by UID, never as a watermark: a mail
// that failed is found again, however many newer ones were read. Folders are
// read newest first and only as far back as the caller asks. Nothing on the
// server changes before the sink says that a mail is durably stored, and
// nothing ever with [Keep], for which folders are opened with EXAMINE and mail
// is read with BODY.PEEK.
package imap

import (
	"context"
	"log/slog"
	"net"
	"time"

	"golang.org/x/oauth2"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

var _ source.Source = (*Source)(nil)

// Security says how a connection is protected. The words are the setting's.
type Security string

// What the setting security may be.
const (
	TLS      Security = "tls"      // TLS from the first byte, usually on port 993
	StartTLS Security = "starttls" // STARTTLS before anything else, usually on port 143
	NoTLS    Security = "none"     // plaintext; refused unless the host is loopback
)

// Auth says how to log in. The words are the setting's.
type Auth string

// What the setting auth may be.
const (
	Password    Auth = "password"
	XOAuth2     Auth = "xoauth2"     // Google's and Microsoft's mechanism
	OAuthBearer Auth = "oauthbearer" // RFC 7628
)

// AfterProcessing says what happens on the server to mail whose every report
// is durably stored. The words are the setting's.
type AfterProcessing string

// What the setting afterProcessing may be.
const (
	Keep   AfterProcessing = "keep"
	Seen   AfterProcessing = "seen"
	Move   AfterProcessing = "move"
	Delete AfterProcessing = "delete"
)

// A Dialer opens connections. [net.Dialer] is one, and so are the dialers of
// golang.org/x/net/proxy.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Config is everything that a Source needs to know. Password is a secret, and
// so is what TokenSource yields; neither shows in an error or a log.
type Config struct {
	Host     string
	Port     int // 0 is 993, or 143 without TLS from the start
	Security Security
	Username string
	Auth     Auth
	// Password is a secret; for [Password].
	Password string
	// TokenSource yields access tokens, which are secrets; for [XOAuth2] and
	// [OAuthBearer]. See [OAuth].
	TokenSource oauth2.TokenSource
	// Folders are names as people write them, with the server's hierarchy
	// separator; none is INBOX.
	Folders         []string
	AfterProcessing AfterProcessing
	// MoveTo is an existing folder; for [Move].
	MoveTo string
	// TLSServerName is the name that the certificate must have; empty is Host.
	TLSServerName string
	// TLSCACert is a private CA as PEM, trusted instead of the system's.
	TLSCACert string
	// Timeout is how long the server may be silent while it owes an answer;
	// 0 is two minutes.
	Timeout time.Duration
	// Dialer opens the connections; nil is a [net.Dialer].
	Dialer Dialer
	// Logger gets what is of use for support; nil discards it.
	Logger *slog.Logger
}

const (
	// maxMail is the largest mail that is handed over, in bytes.
	maxMail = 15 << 20
	// maxDrain is the largest mail that is read past; above it, giving up the
	// connection is cheaper.
	maxDrain = 64 << 20
	// fetchChunk is how many mails one FETCH asks for.
	fetchChunk = 100
	// ledgerChunk is how many refs the ledger is asked for at once.
	ledgerChunk = 1000
	// actChunk keeps the longest UID set within the 8,192 octets of a command
	// line (RFC 7162 section 4).
	actChunk = 500
	// sweepInterval is how often all UIDs are compared with the ledger; in
	// between, only those above the highest seen are.
	sweepInterval = time.Hour
	// connectTimeout bounds dialling, TLS and the greeting, each.
	connectTimeout = 20 * time.Second
	// greetingPatience is how long a server may be silent before it is asked
	// whether it waits for TLS.
	greetingPatience = 5 * time.Second
	// idleInterval is how often IDLE is renewed; servers may end it after 30
	// minutes (RFC 2177).
	idleInterval = 24 * time.Minute
	// maxReconnects bounds how often one poll connects again after a mail
	// ended the connection.
	maxReconnects = 20
)

// A Source is one mailbox account. See [source.Source].
type Source struct {
	config  Config
	tls     *tlsSettings
	log     *slog.Logger
	session *session
	folders map[string]*folderState
}

// folderState is what is remembered of a folder between polls, to ask the
// server for less.
type folderState struct {
	uidValidity uint32
	next        uint32    // UIDs below it were compared with the ledger
	swept       time.Time // when all of them were
}

// New returns a Source, or a [*source.Error] that names the first setting
// that can't be right. It does not connect.
func New(c Config) (*Source, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	settings, err := newTLSSettings(c)
	if err != nil {
		return nil, err
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Source{config: c, tls: settings, log: log, folders: make(map[string]*folderState)}, nil
}

// Close ends the connection, if there is one.
func (s *Source) Close() error {
	s.drop()
	return nil
}

// drop ends the connection; the next use opens another.
func (s *Source) drop() {
	if s.session != nil {
		s.session.close()
		s.session = nil
	}
}

// open makes sure that there is a connection that answers.
func (s *Source) open(ctx context.Context) error {
	if s.session != nil {
		if err := s.session.noop(ctx); err == nil {
			return nil
		}
		s.drop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	session, err := s.connect(ctx)
	if err != nil {
		return err
	}
	s.session = session
	return nil
}
