package endtoend

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
)

const (
	root = "../../../.."
	user = "reports@tlsrpt.example"
	// patience is how long a synchronisation may take on a busy machine.
	patience = 3 * time.Minute
)

// pluginDir is a folder with plugin.json and a backend of this very tree.
var pluginDir string

// TestMain builds the backend once.
func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		beParent(dir)
	}
	flag.Parse()
	benchmarks := flag.Lookup("test.run").Value.String() == "^$"
	if os.Getenv(mutantsFolder) != "" || benchmarks { // these need no plugin
		os.Exit(m.Run())
	}
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "tlsrpt-plugin-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	pluginDir = dir
	if err := host.Build(root, dir); err != nil {
		return 1, err
	}
	raw, err := os.ReadFile(filepath.Join(root, "plugin.json"))
	if err != nil {
		return 1, err
	}
	raw = []byte(strings.NewReplacer("%VERSION%", "0.0.0", "%TODAY%", "2026-01-01").Replace(string(raw)))
	// Grafana wants a front end; what it says is of no matter to the API.
	for name, content := range map[string][]byte{"plugin.json": raw, "module.js": []byte("define([],()=>({}))")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

// A letter is a mail to deliver, with the documents in it that should count.
type letter struct {
	received time.Time
	mail     []byte
	facts    []fact
	decoy    generate.Decoy
}

// letters are 1,000 mails with generated reports, decoys between them, and all
// real samples where they are.
func letters(t *testing.T) []letter {
	t.Helper()
	generator, err := generate.New(generate.Options{Days: 80, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	var all []letter
	genuine := 0
	for item := range generator.Items() {
		if item.Kind != generate.Mail || item.Decoy == generate.Duplicate {
			continue
		}
		l := letter{received: item.Received, mail: item.Bytes, decoy: item.Decoy}
		if item.Decoy == generate.Genuine {
			genuine++
			l.facts = factsOf(t, len(all), item.Document, "authenticated", "mb1")
		}
		if all = append(all, l); genuine == 1000 {
			break
		}
	}
	if genuine < 1000 {
		t.Fatalf("only %d reports were generated", genuine)
	}
	return append(all, samples(t, len(all))...)
}

// samples are the real reports, JSON files put into mails. Of two with one key
// the one that was received first counts.
func samples(t *testing.T, number int) []letter {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "../shared/samples/*/*.*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Log("the real samples are not there: only generated reports are counted")
	}
	var all []letter
	seen := map[string]bool{}
	received := time.Now().UTC().Add(-48 * time.Hour).Truncate(time.Second)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		received = received.Add(time.Minute)
		l := letter{received: received, mail: raw}
		var document []byte
		switch filepath.Ext(file) {
		case ".json":
			document, l.mail = raw, wrap(raw)
		case ".eml":
			found := mailreport.Extract(raw, "", true)
			if len(found.Documents) != 1 {
				t.Fatalf("%s holds %d documents", file, len(found.Documents))
			}
			document = found.Documents[0].Raw
		default:
			continue
		}
		if key := keyOf(document); !seen[key] {
			seen[key] = true
			l.facts = factsOf(t, number+len(all), document, "unauthenticated", "mb1")
		}
		all = append(all, l)
	}
	return all
}

// wrap puts a document into a mail as RFC 8460 section 5.3 shows it.
func wrap(document []byte) []byte {
	return []byte("From: sender@sender.example\r\nTo: reports@tlsrpt.example\r\nSubject: Report\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n" +
		"--b\r\nContent-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(document) + "\r\n--b--\r\n")
}

func allFacts(letters []letter) []fact {
	var facts []fact
	for _, l := range letters {
		facts = append(facts, l.facts...)
	}
	return facts
}

// startDovecot starts a mailbox with the letters in it.
func startDovecot(t *testing.T, letters []letter) *loopback.Dovecot {
	t.Helper()
	dovecot := loopbacktest.Dovecot(t, loopback.DovecotOptions{})
	for _, l := range letters {
		if err := dovecot.Append(user, "INBOX", l.received, l.mail); err != nil {
			t.Fatal(err)
		}
	}
	return dovecot
}

// startDrop starts a drop that is read with a password.
func startDrop(t *testing.T) *loopback.Nginx {
	t.Helper()
	return loopbacktest.Nginx(t, loopback.NginxOptions{Username: "reader", Password: "reads"})
}

func mailboxSettings(dovecot *loopback.Dovecot, afterProcessing string) map[string]any {
	return map[string]any{
		"sources": []any{map[string]any{
			"id": "mb1", "type": "imap", "name": "Reports", "host": "127.0.0.1", "port": dovecot.TLSPort, "username": user,
			"tlsCaCert": dovecot.CA, "afterProcessing": afterProcessing, "pollInterval": "1s",
		}},
		"retentionDays": 36500, "authentication": "headers", "authservId": generate.AuthservID,
	}
}

func dataSource(t *testing.T, settings map[string]any, secure map[string]string) backend.DataSourceInstanceSettings {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return backend.DataSourceInstanceSettings{
		ID: 1, UID: "tlsrpt", Type: "tlsrpt-reports-datasource", Name: "TLS-RPT", JSONData: raw, DecryptedSecureJSONData: secure, Updated: time.Now(),
	}
}

// An asker asks the plugin, through Grafana or without one.
type asker interface {
	// query asks one query over all time.
	query(ctx context.Context, model map[string]any) (data.Frames, error)
	// sources reads the resource of that name.
	sources(ctx context.Context) ([]byte, error)
	// kill kills the plugin's process, as a crash would; it is back soon after.
	kill(t *testing.T)
}

var allTime = backend.TimeRange{From: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Now().AddDate(0, 0, 1)}

// withoutGrafana asks the plugin's own binary.
type withoutGrafana struct {
	options    host.Options
	dataSource backend.DataSourceInstanceSettings
	plugin     *host.Plugin
}

func startPlugin(t *testing.T, source backend.DataSourceInstanceSettings) *withoutGrafana {
	t.Helper()
	w := &withoutGrafana{options: host.Options{Dir: pluginDir, DataDir: filepath.Join(t.TempDir(), "data")}, dataSource: source}
	w.start(t)
	t.Cleanup(func() { w.plugin.Stop() })
	return w
}

func (w *withoutGrafana) start(t *testing.T) {
	t.Helper()
	plugin, err := host.Start(w.options, w.dataSource)
	if err != nil {
		t.Fatal(err)
	}
	w.plugin = plugin
}

func (w *withoutGrafana) query(ctx context.Context, model map[string]any) (data.Frames, error) {
	raw, err := json.Marshal(model)
	if err != nil {
		return nil, err
	}
	answers, err := w.plugin.Query(ctx, backend.DataQuery{RefID: "A", JSON: raw, TimeRange: allTime, MaxDataPoints: 100_000})
	if err != nil {
		return nil, err
	}
	return answers["A"].Frames, answers["A"].Error
}

func (w *withoutGrafana) sources(ctx context.Context) ([]byte, error) {
	_, body, err := w.plugin.Resource(ctx, "Viewer", http.MethodGet, "sources")
	return body, err
}

func (w *withoutGrafana) kill(t *testing.T) {
	t.Helper()
	if err := w.plugin.Kill(); err != nil {
		t.Fatal(err)
	}
	w.start(t)
}

// throughGrafana asks a real Grafana.
type throughGrafana struct{ grafana *loopback.Grafana }

func startGrafana(t *testing.T, settings map[string]any, secure map[string]string) *throughGrafana {
	t.Helper()
	provisioned, err := json.Marshal(map[string]any{"apiVersion": 1, "datasources": []any{map[string]any{
		"name": "TLS-RPT", "type": "tlsrpt-reports-datasource", "uid": "tlsrpt", "access": "proxy", "jsonData": settings, "secureJsonData": secure,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	grafana := loopbacktest.Grafana(t, loopback.GrafanaOptions{
		PluginDir: pluginDir, PluginID: "tlsrpt-reports-datasource",
		Provisioning: map[string][]byte{"datasources/tlsrpt.yaml": []byte(strings.ReplaceAll(string(provisioned), "$", "$$"))},
	})
	return &throughGrafana{grafana}
}

func (g *throughGrafana) query(ctx context.Context, model map[string]any) (data.Frames, error) {
	query := map[string]any{"refId": "A", "maxDataPoints": 100_000, "datasource": map[string]string{"uid": "tlsrpt", "type": "tlsrpt-reports-datasource"}}
	for k, v := range model {
		query[k] = v
	}
	body, err := json.Marshal(map[string]any{
		"queries": []any{query}, "from": strconv.FormatInt(allTime.From.UnixMilli(), 10), "to": strconv.FormatInt(allTime.To.UnixMilli(), 10),
	})
	if err != nil {
		return nil, err
	}
	status, answer, err := g.grafana.Call(ctx, http.MethodPost, "/api/ds/query", body)
	if err != nil {
		return nil, err
	}
	var response struct {
		Results map[string]struct {
			Error  string
			Frames data.Frames
		}
	}
	if err := json.Unmarshal(answer, &response); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("query Grafana (%d): %s: %w", status, answer, err)
	}
	if message := response.Results["A"].Error; message != "" {
		return nil, errors.New(message)
	}
	return response.Results["A"].Frames, nil
}

func (g *throughGrafana) sources(ctx context.Context) ([]byte, error) {
	status, body, err := g.grafana.Call(ctx, http.MethodGet, "/api/datasources/uid/tlsrpt/resources/sources", nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("read the sources (%d): %s", status, body)
	}
	return body, err
}

// kill kills the plugin that Grafana runs; Grafana starts it again.
func (g *throughGrafana) kill(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if pid := childPlugin(t, g.grafana.Pid()); pid != 0 {
			process, err := os.FindProcess(pid)
			if err == nil {
				err = process.Kill()
			}
			if err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("Grafana runs no plugin")
}

// childPlugin finds the plugin's process below Grafana's, or 0.
func childPlugin(t *testing.T, parent int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		raw, err := os.ReadFile(stat)
		if err != nil {
			continue // it ended
		}
		// pid (name) state parent …
		name, rest, _ := strings.Cut(string(raw), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(parent) && strings.Contains(name, "gpx_tlsrpt") {
			pid, _ := strconv.Atoi(strings.Fields(name)[0])
			return pid
		}
	}
	return 0
}
