package imap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// dialError says why no connection could be made.
func (c Config) dialError(err error) *source.Error {
	e := &source.Error{Err: err}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Setting, e.Sentence = "host", fmt.Sprintf("%s was not found; check the name for a typing error.", c.Host)
	case errors.As(err, &dns):
		e.Setting, e.Sentence = "host", fmt.Sprintf("%s could not be looked up; check this server's DNS.", c.Host)
	case isRefused(err):
		e.Setting, e.Sentence = "port", fmt.Sprintf("%s refuses connections on port %d; the usual ports are 993 for tls and 143 for starttls.", c.Host, c.Port)
	case isTimeout(err):
		e.Setting, e.Sentence = "host", fmt.Sprintf("%s did not answer on port %d; check host and port, and that no firewall is between.", c.Host, c.Port)
	default:
		e.Setting, e.Sentence = "host", fmt.Sprintf("%s could not be reached on port %d; check host and port, the network and the proxy.", c.Host, c.Port)
	}
	return e
}

// tlsError says why the handshake failed.
func (c Config) tlsError(name string, err error) *source.Error {
	e := &source.Error{Err: err}
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &unknown) && c.TLSCACert != "":
		e.Setting, e.Sentence = "tlsCaCert", fmt.Sprintf("The certificate of %s was not issued by the CA that is given; paste the CA certificate that signed it.", c.Host)
	case errors.As(err, &unknown):
		e.Setting, e.Sentence = "tlsCaCert", fmt.Sprintf("The certificate of %s comes from a CA that is not known here; paste that CA's certificate as PEM, if it is your own.", c.Host)
	case errors.As(err, &hostname):
		e.Setting, e.Sentence = "tlsServerName", fmt.Sprintf("The certificate of %s is not for %s but for %s; enter the right host, or the name in the certificate.", c.Host, name, certificateNames(hostname.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Setting, e.Sentence = "host", fmt.Sprintf("The certificate of %s is valid from %s to %s only; renew it on that server, or correct this server's clock.", c.Host, day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter))
	case isCertificateError(err):
		e.Setting, e.Sentence = "host", fmt.Sprintf("The certificate of %s can't be used (%s); replace it on that server.", c.Host, clean(err.Error()))
	case errors.As(err, &record) && c.Security == StartTLS:
		e.Setting, e.Sentence = "security", fmt.Sprintf("%s broke off STARTTLS on port %d; choose tls with port 993, if the server has it.", c.Host, c.Port)
	case errors.As(err, &record):
		e.Setting, e.Sentence = "security", fmt.Sprintf("%s does not speak TLS on port %d; choose starttls, or another port (tls is usually on 993).", c.Host, c.Port)
	case isTimeout(err):
		e.Setting, e.Sentence = "security", fmt.Sprintf("%s did not begin TLS on port %d; choose starttls, or another port (tls is usually on 993).", c.Host, c.Port)
	case isProtocolVersion(err):
		e.Setting, e.Sentence = "security", fmt.Sprintf("%s speaks no TLS of version 1.2 or later; bring that server up to date.", c.Host)
	default:
		e.Setting, e.Sentence = "security", fmt.Sprintf("%s ended the TLS handshake on port %d; check security and port, and that the server speaks TLS 1.2.", c.Host, c.Port)
	}
	return e
}

// greetingError says why there was no greeting that a session can begin with.
func (c Config) greetingError(st *stream, err error) *source.Error {
	var refused *goimap.Error
	switch cause := st.err(); {
	case errors.As(err, &refused):
		return c.serverError("host", fmt.Sprintf("%s turned the connection away", c.Host), refused.Text)
	case isTimeout(cause) && c.Security == TLS:
		return &source.Error{Setting: "port", Sentence: fmt.Sprintf("%s begins TLS on port %d but sends no greeting; check that it is an IMAP server's port.", c.Host, c.Port), Err: cause}
	case isTimeout(cause):
		return &source.Error{Setting: "security", Sentence: fmt.Sprintf("%s accepts connections on port %d but sends no greeting; if the port is for TLS (usually 993), choose tls.", c.Host, c.Port), Err: cause}
	case cause != nil && st.goodbye() != "":
		return c.serverError("host", fmt.Sprintf("%s turned the connection away", c.Host), st.goodbye())
	case cause != nil:
		return &source.Error{Setting: "host", Sentence: fmt.Sprintf("%s ended the connection before greeting; check host and port, and whether the server blocks this address.", c.Host), Err: cause}
	default:
		return &source.Error{Setting: "port", Sentence: fmt.Sprintf("What answers on port %d of %s is not an IMAP server; check host and port.", c.Port, c.Host)}
	}
}

// loginError says why the server did not let the user in. refusal is the
// status of a refused token.
func (c Config) loginError(st *stream, err error, refusal string) *source.Error {
	var refused *goimap.Error
	if !errors.As(err, &refused) {
		return c.connectionError(st, "logging in", err)
	}
	if isTemporary(refused) {
		return c.serverError("host", fmt.Sprintf("%s can't log %s in at the moment", c.Host, c.Username), refused.Text)
	}
	e := c.serverError("password", fmt.Sprintf("%s does not accept this password for %s; enter user name and password again, or an app password where the provider wants one", c.Host, c.Username), refused.Text)
	if c.Auth != Password {
		e = c.serverError("oauth.scopes", fmt.Sprintf("%s does not accept the access token for %s%s; check that the user name is the mailbox's address and that the application may read it over IMAP", c.Host, c.Username, refusalNote(c.redact(refusal))), refused.Text)
	}
	if refused.Code == goimap.ResponseCodePrivacyRequired {
		e = c.serverError("security", fmt.Sprintf("%s allows a login over TLS only; choose tls or starttls", c.Host), refused.Text)
	}
	e.Permanent = e.RetryAfter == 0
	return e
}

func refusalNote(refusal string) string {
	if refusal == "" {
		return ""
	}
	return " (status " + refusal + ")"
}

// commandError says why the server did not do something, such as «searching
// INBOX», blaming setting when the server said NO.
func (c Config) commandError(st *stream, setting, doing string, err error) error {
	if err == nil {
		return nil
	}
	var refused *goimap.Error
	if !errors.As(err, &refused) {
		return c.connectionError(st, doing, err)
	}
	if isTemporary(refused) {
		setting = "host"
	}
	return c.serverError(setting, fmt.Sprintf("%s refused %s", c.Host, doing), refused.Text)
}

// connectionError says how a connection ended.
func (c Config) connectionError(st *stream, doing string, err error) *source.Error {
	cause := st.err()
	if said := st.goodbye(); said != "" && cause != nil && !isTimeout(cause) {
		return c.serverError("host", fmt.Sprintf("%s ended the connection while %s", c.Host, doing), said)
	}
	e := &source.Error{Setting: "host", Err: cause}
	switch {
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		e.Sentence = fmt.Sprintf("The time for %s was over before %s answered; this is tried again.", doing, c.Host)
	case isTimeout(cause):
		e.Sentence = fmt.Sprintf("%s was silent for %s while %s; this is tried again.", c.Host, c.Timeout, doing)
	case errors.Is(cause, errFlood):
		e.Sentence = fmt.Sprintf("%s sent far more than was asked for while %s; check the server.", c.Host, doing)
	case cause != nil:
		e.Sentence = fmt.Sprintf("The connection to %s was lost while %s; this is tried again.", c.Host, doing)
	default:
		// What go-imap says quotes what the server sent.
		e.Sentence = fmt.Sprintf("%s answered what can't be understood while %s (%s).", c.Host, doing, c.redact(err.Error()))
	}
	return e
}

// serverError adds what the server said, and obeys its wish to be left alone.
func (c Config) serverError(setting, sentence, said string) *source.Error {
	said = c.redact(said)
	e := &source.Error{Setting: setting, RetryAfter: suggestedBackoff(said)}
	if said == "" {
		e.Sentence = sentence + "."
		return e
	}
	e.Sentence = fmt.Sprintf("%s (the server said: %s).", sentence, strings.TrimRight(said, ". "))
	return e
}

var backoff = regexp.MustCompile(`(?i)suggested backoff time:?\s*(\d{1,9})\s*(s\b|sec)?`)

// suggestedBackoff reads «Suggested Backoff Time: 300000 milliseconds» as
// Exchange writes it; 0 is none. It is an hour at most.
func suggestedBackoff(text string) time.Duration {
	m := backoff.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0
	}
	unit := time.Millisecond
	if m[2] != "" {
		unit = time.Second
	}
	return min(time.Duration(n)*unit, time.Hour)
}

// isTemporary tells that a NO speaks of the moment and not of the request
// (RFC 5530).
func isTemporary(e *goimap.Error) bool {
	switch e.Code {
	case goimap.ResponseCodeUnavailable, goimap.ResponseCodeInUse, goimap.ResponseCodeServerBug,
		goimap.ResponseCodeLimit, goimap.ResponseCodeContactAdmin, "THROTTLED":
		return true
	}
	return suggestedBackoff(e.Text) > 0
}

// isRefused tells that nothing listens. A SOCKS proxy, and Windows, say so in
// words only.
func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "refused")
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
}

func isCertificateError(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}

// isProtocolVersion tells the alert of a server that knows no TLS version of
// ours (RFC 8446 section 6.2), or our refusal of its.
func isProtocolVersion(err error) bool {
	return strings.Contains(err.Error(), "protocol version")
}

// isLost tells a connection that the network ended, rather than a mail: by an
// answer that can't be read, because of which a server may also end the
// connection itself, or by one that is longer than anybody wants to read.
func isLost(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errFlood)
}

func certificateNames(cert *x509.Certificate) string {
	if cert == nil {
		return "another name"
	}
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	if len(names) > 5 {
		names = append(names[:5], "others")
	}
	return clean(strings.Join(names, ", "))
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// redact makes a server's text fit to be shown: without our secrets, in one
// short line.
func (c Config) redact(text string) string { return redact(text, c.Password) }

func redact(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return clean(text)
}

// clean removes control and format characters, and shortens.
func clean(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
