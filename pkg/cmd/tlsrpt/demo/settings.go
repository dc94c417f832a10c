package demo

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
)

// settings are those of the demo's data source.
type settings struct {
	JSON   map[string]any
	Secure map[string]string
}

func (s settings) dataSource() (backend.DataSourceInstanceSettings, error) {
	raw, err := json.Marshal(s.JSON)
	if err != nil {
		return backend.DataSourceInstanceSettings{}, err
	}
	return backend.DataSourceInstanceSettings{
		ID: 1, UID: "tlsrpt", Type: "tlsrpt-reports-datasource", Name: "TLS-RPT",
		JSONData: raw, DecryptedSecureJSONData: s.Secure, Updated: time.Now(),
	}, nil
}

// provisioning is the data source as a provisioning file. JSON is YAML; a
// dollar sign would be taken for a variable.
func (s settings) provisioning() ([]byte, error) {
	raw, err := json.Marshal(map[string]any{
		"apiVersion": 1,
		"datasources": []any{map[string]any{
			"name": "TLS-RPT", "type": "tlsrpt-reports-datasource", "uid": "tlsrpt", "access": "proxy",
			"editable": true, "isDefault": true, "jsonData": s.JSON, "secureJsonData": s.Secure,
		}},
	})
	if err != nil {
		return nil, err
	}
	return []byte(strings.ReplaceAll(string(raw), "$", "$$")), nil
}

// madeUpSettings point at servers on loopback. The made-up mails carry the
// receiving server's Authentication-Results, and the drop is behind a receiver
// of one's own.
func madeUpSettings(mailPort int, mailCA, mailPassword, dropURL, dropCA, dropUser, dropPassword string) settings {
	return settings{
		JSON: map[string]any{
			"sources": []any{
				map[string]any{
					"id": "mb1", "type": "imap", "name": "Report mailbox", "host": "127.0.0.1", "port": mailPort, "security": "tls",
					"username": mailUser, "auth": "password", "folders": []string{"INBOX"}, "afterProcessing": "keep",
					"pollInterval": "1m", "tlsCaCert": mailCA, "trust": "verify",
				},
				map[string]any{
					"id": "drop1", "type": "https", "name": "Report drop", "url": dropURL, "listing": "auto", "auth": "basic",
					"username": dropUser, "afterProcessing": "keep", "pollInterval": "1m", "tlsCaCert": dropCA, "trust": "assume",
				},
			},
			"domains": []string{}, "domainMap": map[string]string{}, "retentionDays": 400,
			"authentication": "headers", "authservId": generate.AuthservID,
		},
		Secure: map[string]string{"source.mb1.password": mailPassword, "source.drop1.password": dropPassword},
	}
}

// A Mailbox is a real mailbox to look at.
type Mailbox struct {
	Host     string
	Port     int
	Security string
	Username string
	Password string
	Folder   string
}

// ParseMailbox reads imaps://user@host:port/FOLDER. An @ in the user name
// needs no escape: the last one is before the host. imap:// is STARTTLS. A
// password in the address is refused: it would be seen in the list of processes.
func ParseMailbox(address string) (*Mailbox, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	m := &Mailbox{Folder: "INBOX"}
	switch {
	case ok && scheme == "imaps":
		m.Security, m.Port = "tls", 993
	case ok && scheme == "imap":
		m.Security, m.Port = "starttls", 143
	default:
		return nil, fmt.Errorf("a mailbox is written imaps://user@host/INBOX, not %q", address)
	}
	server, folder, _ := strings.Cut(rest[strings.LastIndex(rest, "@")+1:], "/")
	user := rest[:max(strings.LastIndex(rest, "@"), 0)]
	if user == "" || server == "" {
		return nil, fmt.Errorf("the mailbox needs a user name and a host: imaps://user@host/INBOX")
	}
	if strings.Contains(user, ":") {
		return nil, fmt.Errorf("the mailbox address must not hold a password: it is asked for, or taken from TLSRPT_IMAP_PASSWORD")
	}
	if folder != "" {
		m.Folder = folder
	}
	m.Host = server
	if host, port, found := strings.Cut(server, ":"); found {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%q is no port", port)
		}
		m.Host, m.Port = host, n
	}
	var err error
	if m.Username, err = url.PathUnescape(user); err != nil {
		return nil, fmt.Errorf("the user name has a broken escape: %w", err)
	}
	if m.Folder, err = url.PathUnescape(m.Folder); err != nil {
		return nil, fmt.Errorf("the folder has a broken escape: %w", err)
	}
	return m, nil
}

func (m *Mailbox) settings() settings {
	return settings{
		JSON: map[string]any{
			"sources": []any{map[string]any{
				"id": "mb1", "type": "imap", "name": m.Username, "host": m.Host, "port": m.Port, "security": m.Security,
				"username": m.Username, "auth": "password", "folders": []string{m.Folder}, "afterProcessing": "keep",
				"pollInterval": "5m", "trust": "verify",
			}},
			"retentionDays": 400, "authentication": "dkim",
		},
		Secure: map[string]string{"source.mb1.password": m.Password},
	}
}
