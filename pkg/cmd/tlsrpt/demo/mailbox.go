package demo

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// A Mailbox is a real mailbox to look at.
type Mailbox struct {
	Host     string
	Port     int
	Security string
	Username string
	Password string
	Folder   string
	// CA is a private authority's certificate as PEM, beside the system's; may be empty.
	CA string
}

var errMailbox = errors.New("a mailbox is written imaps://user@host/INBOX, or imap:// for STARTTLS")

// ParseMailbox reads imaps://user@host:port/FOLDER. An @ in the user name
// needs no escape: the last one before the folder is before the host. imap://
// is STARTTLS. A password in the address is refused, since such addresses end
// up in histories and lists of processes; no error repeats the address.
func ParseMailbox(address string) (*Mailbox, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	m := &Mailbox{}
	switch strings.ToLower(scheme) {
	case "imaps":
		m.Security, m.Port = "tls", 993
	case "imap":
		m.Security, m.Port = "starttls", 143
	default:
		return nil, errMailbox
	}
	authority, folder, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	if at < 1 || at == len(authority)-1 {
		return nil, errMailbox
	}
	if strings.Contains(authority[:at], ":") {
		return nil, errors.New("the address must not hold a password: it is asked for, or taken from TLSRPT_IMAP_PASSWORD")
	}
	var err error
	if m.Username, err = url.PathUnescape(authority[:at]); err != nil {
		return nil, fmt.Errorf("the user name has a broken escape: %w", err)
	}
	if m.Folder, err = url.PathUnescape(folder); err != nil {
		return nil, fmt.Errorf("the folder has a broken escape: %w", err)
	}
	if m.Folder == "" {
		m.Folder = "INBOX"
	}
	return m, m.setServer(authority[at+1:])
}

// setServer reads host, host:port, [IPv6] or [IPv6]:port.
func (m *Mailbox) setServer(server string) error {
	m.Host = strings.TrimSuffix(strings.TrimPrefix(server, "["), "]")
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		if strings.ContainsAny(m.Host, "[]") || strings.Contains(m.Host, ":") && net.ParseIP(m.Host) == nil {
			return errMailbox
		}
		return nil
	}
	if m.Port, err = strconv.Atoi(port); err != nil || m.Port < 1 || m.Port > 65535 {
		return fmt.Errorf("%q is no port", port)
	}
	if m.Host = host; host == "" {
		return errMailbox
	}
	return nil
}

func (m *Mailbox) settings() settings {
	return settings{
		JSON: map[string]any{
			"sources": []any{map[string]any{
				"id": "mb1", "type": "imap", "name": m.Username, "host": m.Host, "port": m.Port, "security": m.Security,
				"username": m.Username, "auth": "password", "folders": []string{m.Folder}, "afterProcessing": "keep",
				"pollInterval": "5m", "tlsCaCert": m.CA, "trust": "verify",
			}},
			"retentionDays": 400, "authentication": "dkim",
		},
		Secure: map[string]string{"source.mb1.password": m.Password},
	}
}
