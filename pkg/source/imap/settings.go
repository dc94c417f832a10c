package imap

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// invalid returns an error that only a change of a setting mends.
func invalid(setting, format string, args ...any) *source.Error {
	return &source.Error{Setting: setting, Sentence: fmt.Sprintf(format, args...), Permanent: true}
}

// withDefaults checks every setting but those about TLS, and fills in what was
// left empty.
func (c Config) withDefaults() (Config, error) {
	c.Host = strings.TrimSpace(c.Host)
	if c.Host == "" {
		return c, invalid("host", "Enter the name of the IMAP server, such as imap.example.com.")
	}
	if strings.ContainsAny(c.Host, "/@ \t\r\n") {
		return c, invalid("host", "Enter the name of the IMAP server alone, without a scheme, a user or a path.")
	}
	if c.Security == "" {
		c.Security = TLS
	}
	if !slices.Contains([]Security{TLS, StartTLS, NoTLS}, c.Security) {
		return c, invalid("security", "%q is not known; choose tls, starttls or none.", c.Security)
	}
	if c.Security == NoTLS && !isLoopback(c.Host) {
		return c, invalid("security", "none is allowed for this machine's own addresses only; choose tls or starttls for %s.", c.Host)
	}
	if c.Port == 0 {
		c.Port = 143
		if c.Security == TLS {
			c.Port = 993
		}
	}
	if c.Port < 1 || c.Port > 65535 {
		return c, invalid("port", "%d is no port; it is usually 993 for tls and 143 for starttls.", c.Port)
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Minute
	}
	if err := c.checkAuth(); err != nil {
		return c, err
	}
	return c.withFolders()
}

func (c *Config) checkAuth() error {
	if c.Auth == "" {
		c.Auth = Password
	}
	if c.Username == "" {
		return invalid("username", "Enter the user name of the mailbox.")
	}
	switch c.Auth {
	case Password:
		if c.Password == "" {
			return invalid("password", "Enter the password of %s.", c.Username)
		}
		if strings.ContainsAny(c.Password, "\x00\r\n") {
			return invalid("password", "The password holds a line break, which IMAP does not allow; enter it again.")
		}
	case XOAuth2, OAuthBearer:
		if c.TokenSource == nil {
			return invalid("oauth.tokenUrl", "%s needs a token endpoint; fill in the OAuth settings.", c.Auth)
		}
	default:
		return invalid("auth", "%q is not known; choose password, xoauth2 or oauthbearer.", c.Auth)
	}
	// These are the separators of the SASL mechanisms.
	if strings.ContainsAny(c.Username, "\x00\x01\r\n") {
		return invalid("username", "The user name holds control characters; enter it again.")
	}
	return nil
}

func (c Config) withFolders() (Config, error) {
	if len(c.Folders) == 0 {
		c.Folders = []string{"INBOX"}
	}
	folders := make([]string, 0, len(c.Folders))
	for _, name := range c.Folders {
		name, err := folderName("folders", name)
		if err != nil {
			return c, err
		}
		if slices.Contains(folders, name) {
			return c, invalid("folders", "%s is listed twice; remove one.", name)
		}
		folders = append(folders, name)
	}
	c.Folders = folders
	switch c.AfterProcessing {
	case "":
		c.AfterProcessing = Keep
	case Keep, Seen, Delete:
	case Move:
		name, err := folderName("moveTo", c.MoveTo)
		if err != nil {
			return c, err
		}
		if slices.Contains(folders, name) {
			return c, invalid("moveTo", "%s is itself read; choose a folder that is not listed in folders.", name)
		}
		c.MoveTo = name
	default:
		return c, invalid("afterProcessing", "%q is not known; choose keep, seen, move or delete.", c.AfterProcessing)
	}
	return c, nil
}

// folderName checks a folder's name; INBOX is the same in any case (RFC 3501
// section 5.1).
func folderName(setting, name string) (string, error) {
	if strings.TrimSpace(name) == "" {
		return "", invalid(setting, "Enter the name of a folder.")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", invalid(setting, "The name %q holds control characters; enter it again.", name)
	}
	if strings.EqualFold(name, "INBOX") {
		return "INBOX", nil
	}
	return name, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// tlsSettings are what certificates are verified with.
type tlsSettings struct {
	name  string
	roots *x509.CertPool // nil is the system's
}

func newTLSSettings(c Config) (*tlsSettings, error) {
	t := &tlsSettings{name: strings.TrimSuffix(strings.Trim(c.Host, "[]"), ".")}
	if c.TLSServerName != "" {
		t.name = c.TLSServerName
	}
	if strings.TrimSpace(c.TLSCACert) == "" {
		return t, nil
	}
	t.roots = x509.NewCertPool()
	rest, found := []byte(c.TLSCACert), false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, invalid("tlsCaCert", "This holds a %s; give the CA's certificate alone, as PEM.", strings.ToLower(block.Type))
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, invalid("tlsCaCert", "A certificate in it can't be read; paste the CA's PEM file again, whole.")
		}
		t.roots.AddCert(cert)
		found = true
	}
	if !found {
		return nil, invalid("tlsCaCert", "No certificate was found; paste the CA's PEM file, with its BEGIN CERTIFICATE and END CERTIFICATE lines.")
	}
	return t, nil
}

func (t *tlsSettings) config() *tls.Config {
	return &tls.Config{ServerName: t.name, RootCAs: t.roots, MinVersion: tls.VersionTLS12}
}
