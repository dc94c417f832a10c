package faults

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

// mailboxSettings are those of a data source that reads the mailbox at a port.
func mailboxSettings(dovecot *loopback.Dovecot, port int, after string) map[string]any {
	return map[string]any{
		"sources": []any{map[string]any{
			"id": "mb1", "type": "imap", "name": "Reports", "host": "127.0.0.1", "port": port, "username": user,
			"tlsCaCert": dovecot.CA, "afterProcessing": after, "moveTo": map[string]string{"move": "Done"}[after], "pollInterval": "1s",
		}},
		"retentionDays": 36500, "authentication": "headers", "authservId": generate.AuthservID,
	}
}

func dataSource(t *testing.T, settings map[string]any, password string) backend.DataSourceInstanceSettings {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return backend.DataSourceInstanceSettings{
		ID: 1, UID: "tlsrpt", Type: "tlsrpt-reports-datasource", Name: "TLS-RPT", JSONData: raw, Updated: time.Now(),
		DecryptedSecureJSONData: map[string]string{"source.mb1.password": password, "source.drop1.password": password},
	}
}

// A process is the plugin's own, started as often as it is killed.
type process struct {
	options host.Options
	source  backend.DataSourceInstanceSettings
	plugin  *host.Plugin
}

func newProcess(t *testing.T, source backend.DataSourceInstanceSettings) *process {
	t.Helper()
	p := &process{options: host.Options{Dir: pluginDir, DataDir: filepath.Join(t.TempDir(), "data")}, source: source}
	t.Cleanup(p.stop)
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	plugin, err := host.Start(p.options, p.source)
	if err != nil {
		t.Fatal(err)
	}
	p.plugin = plugin
}

func (p *process) stop() {
	if p.plugin != nil {
		p.plugin.Stop()
		p.plugin = nil
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.plugin.Kill(); err != nil {
		t.Fatal(err)
	}
	p.plugin = nil
}

// file is the store's, once the plugin has made it.
func (p *process) file(t *testing.T) string {
	t.Helper()
	return storeIn(t, p.options.DataDir)
}

// storeIn is the one store's file in a data folder.
func storeIn(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.sqlite"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the data folder holds %q, %v", files, err)
	}
	return files[0]
}

type sourceState struct {
	ID, State, LastError string
	LastSuccess          *time.Time
	Seen, Stored         int64
	Duplicate, Pending   int64
	Quarantined, Ignored int64
}

// states asks how the sources are; nil while the plugin starts.
func (p *process) states(ctx context.Context) []sourceState {
	_, body, err := p.plugin.Resource(ctx, "Viewer", http.MethodGet, "sources")
	if err != nil {
		return nil
	}
	var reply struct{ Sources []sourceState }
	if json.Unmarshal(body, &reply) != nil {
		return nil
	}
	return reply.Sources
}

// await waits until every source is as wanted, for as long as more is seen.
func (p *process) await(t *testing.T, what string, wanted func(sourceState) bool) {
	t.Helper()
	var states []sourceState
	seen := int64(0)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		states = p.states(t.Context())
		all, now := len(states) > 0, int64(0)
		for _, s := range states {
			all, now = all && wanted(s), now+s.Seen
		}
		if all {
			return
		}
		if now > seen {
			seen, deadline = now, time.Now().Add(patience)
		}
	}
	t.Fatalf("waited in vain until %s: %+v", what, states)
}

// awaitAll waits until a poll that began after everything was brought has seen
// all of it, and nothing waits to be acknowledged.
func (p *process) awaitAll(t *testing.T, brought int) {
	t.Helper()
	since := time.Now()
	p.await(t, "everything is stored", func(s sourceState) bool {
		return s.LastSuccess != nil && s.LastSuccess.After(since) && s.Pending == 0 && s.Seen >= int64(brought)
	})
}
