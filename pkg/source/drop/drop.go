package drop

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

var _ source.Source = (*Source)(nil)

// A Listing says how the drop tells what it holds, the setting "listing".
type Listing string

// The listings.
const (
	// Auto tells the others apart by content.
	Auto Listing = "auto"
	// NginxJSON is nginx's "autoindex_format json".
	NginxJSON Listing = "nginx-json"
	// HTML is an index page of links, as nginx and Apache make them.
	HTML Listing = "html"
	// Manifest is a JSON array of names, or one name a line.
	Manifest Listing = "manifest"
)

// An Auth says how to log in, the setting "auth".
type Auth string

// The ways to log in.
const (
	NoAuth Auth = "none"
	Basic  Auth = "basic"
	Bearer Auth = "bearer"
)

// An AfterProcessing says what becomes of a file whose reports are durably
// stored, the setting "afterProcessing".
type AfterProcessing string

// What becomes of files.
const (
	// Keep changes nothing on the server.
	Keep AfterProcessing = "keep"
	// Delete removes the file with HTTP DELETE (WebDAV).
	Delete AfterProcessing = "delete"
)

// A Config is the settings of one drop. The zero values of Listing, Auth and
// AfterProcessing are [Auto], [NoAuth] and [Keep].
type Config struct {
	// URL is the address of the listing. It is https, or http where the host
	// is loopback.
	URL             string
	Listing         Listing
	Auth            Auth
	Username        string
	Password        string
	Token           string
	AfterProcessing AfterProcessing
	// HTTPClient carries the requests; its redirect policy is replaced. Nil is
	// a client of the drop's own that trusts TLSCACert.
	HTTPClient *http.Client
	// TLSCACert is the PEM of the authorities to trust instead of the
	// system's. A given HTTPClient has to know them itself.
	TLSCACert string
	// Logger takes debug messages; nil drops them.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// A Source is one drop. It remembers what it learned of the versions of files,
// so it should live as long as its settings.
type Source struct {
	config Config
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	// known are the versions learned by asking, by URL.
	known map[string]*memory
	// troubles are the files that were listed and not given out, by URL.
	troubles map[string]*trouble
	// gaveOut is when the server last gave out a file.
	gaveOut time.Time
	// noHead says that the server answers GET only.
	noHead atomic.Bool
}

// New checks the settings and returns the drop. It makes no request. Its
// errors are [*source.Error] that name the setting.
func New(c Config) (*Source, error) {
	if c.Listing == "" {
		c.Listing = Auto
	}
	if c.Auth == "" {
		c.Auth = NoAuth
	}
	if c.AfterProcessing == "" {
		c.AfterProcessing = Keep
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	start, err := checkURL(c.URL)
	if err != nil {
		return nil, err
	}
	c.URL = start
	if err := checkWords(c); err != nil {
		return nil, err
	}
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &Source{
		config:   c,
		client:   client,
		log:      c.Logger,
		now:      c.Now,
		known:    map[string]*memory{},
		troubles: map[string]*trouble{},
	}, nil
}

// checkURL returns the address in its clean form.
func checkURL(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", wrong("url", "Enter the address of the listing, such as https://drop.example.com/tlsrpt/.")
	case u.User != nil:
		return "", wrong("url", "Take the user name and password out of the address and enter them under auth.")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", wrong("url", "Take the part from “?” or “#” on out of the address: only a plain path is supported.")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", wrong("url", "Use an https address: http is allowed for this very machine (loopback) only.")
	}
	path, ok := cleanPath(u.EscapedPath())
	if !ok {
		return "", wrong("url", "Enter the path without “..”, “//” and encoded slashes.")
	}
	return originOf(u) + path, nil
}

// checkWords looks at the settings that are words, and at what they demand.
func checkWords(c Config) error {
	switch c.Listing {
	case Auto, NginxJSON, HTML, Manifest:
	default:
		return wrong("listing", fmt.Sprintf("%q is unknown: use auto, nginx-json, html or manifest.", c.Listing))
	}
	switch c.AfterProcessing {
	case Keep, Delete:
	default:
		return wrong("afterProcessing", fmt.Sprintf("%q is unknown: use keep or delete.", c.AfterProcessing))
	}
	switch c.Auth {
	case NoAuth:
	case Basic:
		if c.Username == "" || strings.ContainsAny(c.Username, ":\r\n") {
			return wrong("username", "Enter the user name for basic authentication; it can’t hold a colon.")
		}
		if c.Password == "" {
			return wrong("password", "Enter the password for basic authentication.")
		}
	case Bearer:
		if c.Token == "" || strings.ContainsAny(c.Token, " \t\r\n") {
			return wrong("token", "Enter the bearer token: one word, without “Bearer” in front.")
		}
	default:
		return wrong("auth", fmt.Sprintf("%q is unknown: use none, basic or bearer.", c.Auth))
	}
	return nil
}

// wrong is the error of a setting that has to be changed.
func wrong(setting, sentence string) *source.Error {
	return &source.Error{Setting: setting, Sentence: sentence, Permanent: true}
}

// isLoopback says whether host can only be this machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// caPool reads the authorities of the setting tlsCaCert; nil means the system's.
func caPool(pem string) (*x509.CertPool, error) {
	if strings.TrimSpace(pem) == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, wrong("tlsCaCert", "No certificate was found: paste the PEM text from “-----BEGIN CERTIFICATE-----” on.")
	}
	return pool, nil
}

// Wait waits for ctx to end: a web server gives no hints.
func (s *Source) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Close ends the idle connections of a client of the drop's own.
func (s *Source) Close() error {
	if s.config.HTTPClient == nil {
		s.client.CloseIdleConnections()
	}
	return nil
}

// Check reads the listing with its folders, asks whether the newest file may be
// read, and says what was found.
func (s *Source) Check(ctx context.Context) (string, error) {
	found, err := s.walk(ctx)
	if err != nil {
		return "", err
	}
	if err := found.faults.err(); err != nil {
		return "", err
	}
	if len(found.files) > 0 {
		sortNewestFirst(found.files)
		if err := s.checkReadable(ctx, found.files[0]); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("Listing of %s (%s) shows %s in %s.", s.config.URL, kindName(found.kind),
		plural(len(found.files), "file"), plural(found.folders, "folder")), nil
}

// checkReadable tells the refusal that a poll would meet at f.
func (s *Source) checkReadable(ctx context.Context, f file) error {
	_, err := s.ask(ctx, f.url, "")
	if refused, ok := asRefusal(err); ok && !refused.gone() {
		return refused.as("url", "The listing can be read, but not the file %s in it. Let the web server’s user read the files.", f.name)
	}
	if _, ok := asRefusal(err); ok {
		return nil
	}
	return err
}

// kindName is the listing's name in a sentence.
func kindName(k Listing) string {
	switch k {
	case NginxJSON:
		return "nginx JSON"
	case HTML:
		return "HTML index"
	default:
		return "manifest"
	}
}

// plural returns "1 file" or "2 files".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
