package demo

import (
	"encoding/json"
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
