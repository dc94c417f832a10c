package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const oneReport = `{"organization-name":"Example Sender","date-range":{"start-datetime":"%sT00:00:00Z","end-datetime":"%sT23:59:59Z"},
 "contact-info":"tls@sender.example","report-id":"r-1","policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: mx1.example.com","max_age: 86400"],"policy-domain":"example.com"},
 "summary":{"total-successful-session-count":8,"total-failure-session-count":2},
 "failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.1","receiving-mx-hostname":"mx1.example.com","failed-session-count":2}]}]}`

// A bench is an engine in this process with a drop to read.
type bench struct {
	engine *ingest.Engine
	drop   *loopback.MemoryDrop
	dir    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	drop, err := loopback.StartMemoryDrop(t.Context(), loopback.MemoryDropOptions{Username: "reader", Password: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{drop: drop, dir: filepath.Join(t.TempDir(), "data")}
	b.engine = ingest.NewEngine(ingest.Options{OpenStore: func(ctx context.Context, key ingest.Key) (store.Store, string, error) {
		return openStore(ctx, b.dir, key)
	}})
	t.Cleanup(func() {
		_ = b.engine.Close(context.Background())
		_ = drop.Close()
	})
	return b
}

func (b *bench) put(t *testing.T, name, content string) {
	t.Helper()
	if err := b.drop.Put(name, time.Now().Add(-time.Hour), []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func report() string {
	day := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	return fmt.Sprintf(oneReport, day, day)
}

func (b *bench) settings(change func(source map[string]any)) map[string]any {
	source := map[string]any{
		"id": "drop1", "type": "https", "name": "Drop", "url": b.drop.URL, "auth": "basic", "username": "reader",
		"tlsCaCert": b.drop.CA, "pollInterval": "1s", "trust": "assume",
	}
	if change != nil {
		change(source)
	}
	return map[string]any{"sources": []any{source}}
}

func (b *bench) datasource(t *testing.T, org int64, jsonData map[string]any, password string) *Datasource {
	t.Helper()
	raw, err := json.Marshal(jsonData)
	if err != nil {
		t.Fatal(err)
	}
	ctx := backend.WithPluginContext(t.Context(), pluginContext(org, nil))
	instance, err := Factory(b.engine, slog.New(slog.DiscardHandler))(ctx, backend.DataSourceInstanceSettings{
		UID: "tlsrpt", JSONData: raw, Updated: time.Now(),
		DecryptedSecureJSONData: map[string]string{"source.drop1.password": password, "source.mb1.password": password},
	})
	if err != nil {
		t.Fatalf("the factory failed: %v", err)
	}
	return instance.(*Datasource)
}

func pluginContext(org int64, user *backend.User) backend.PluginContext {
	//lint:ignore SA1019 the public contract names stores by the id of the organisation
	return backend.PluginContext{OrgID: org, User: user}
}

func (b *bench) synchronised(t *testing.T, d *Datasource) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status := d.collector().Status()
		if !slices.ContainsFunc(status.Sources, func(s ingest.SourceStatus) bool { return s.LastSuccess.IsZero() }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no poll succeeded: %+v", status)
		}
	}
}

func ask(t *testing.T, d *Datasource, queries ...string) backend.Responses {
	t.Helper()
	request := &backend.QueryDataRequest{}
	for i, q := range queries {
		request.Queries = append(request.Queries, backend.DataQuery{
			RefID: string(rune('A' + i)), JSON: []byte(q), MaxDataPoints: 500,
			TimeRange: backend.TimeRange{From: time.Now().AddDate(0, 0, -30), To: time.Now()},
		})
	}
	response, err := d.QueryData(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return response.Responses
}

func TestAQueryWithAnUnknownWordFailsAlone(t *testing.T) {
	b := newBench(t)
	b.put(t, "r.json", report())
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	answers := ask(t, d, `{"metric":"nonsense"}`, `{"queryType":"summary","metric":"failedSessions","groupBy":["policyDomain"]}`)
	if err := answers["A"].Error; err == nil || !strings.Contains(err.Error(), `"nonsense"`) || answers["A"].Status != backend.StatusBadRequest {
		t.Errorf("A: %v (%d)", err, answers["A"].Status)
	}
	if answers["B"].Error != nil || len(answers["B"].Frames) != 1 {
		t.Fatalf("B: %+v", answers["B"])
	}
	field, _ := answers["B"].Frames[0].FieldByName("failedSessions")
	if field == nil || field.Len() != 1 || field.At(0) != 2.0 {
		t.Errorf("B: %+v", answers["B"].Frames[0])
	}
}

func TestHealthNamesTheSettingAndHoldsNoSecret(t *testing.T) {
	b := newBench(t)
	other, err := loopback.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	mail, err := loopback.StartMemoryIMAP(t.Context(), loopback.MemoryIMAPOptions{Password: "right"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mail.Close() })
	mailbox := func(change func(map[string]any)) map[string]any {
		source := map[string]any{
			"id": "mb1", "type": "imap", "name": "Box", "host": "127.0.0.1", "port": mail.TLSPort, "username": "me", "tlsCaCert": mail.CA,
		}
		change(source)
		return map[string]any{"sources": []any{source}}
	}
	for name, c := range map[string]struct {
		settings map[string]any
		password string
		setting  string
	}{
		"a wrong password of a drop":    {b.settings(nil), "wr0ng-s3cret", "password"},
		"a wrong address of a drop":     {b.settings(func(s map[string]any) { s["url"] = b.drop.URL + "elsewhere/" }), "s3cret", "url"},
		"a port where no one listens":   {b.settings(func(s map[string]any) { s["url"] = "https://127.0.0.1:1/" }), "s3cret", "url"},
		"a plain address":               {b.settings(func(s map[string]any) { s["url"] = "http://drop.example.com/" }), "s3cret", "url"},
		"another authority's CA":        {b.settings(func(s map[string]any) { s["tlsCaCert"] = other.PEM() }), "s3cret", "tlsCaCert"},
		"a CA that is none":             {b.settings(func(s map[string]any) { s["tlsCaCert"] = "-----BEGIN" }), "s3cret", "tlsCaCert"},
		"a wrong password of a mailbox": {mailbox(func(map[string]any) {}), "wr0ng-s3cret", "password"},
		"a wrong host of a mailbox":     {mailbox(func(s map[string]any) { s["host"] = "imap.invalid" }), "right", "host"},
		"a wrong port of a mailbox":     {mailbox(func(s map[string]any) { s["port"] = 1 }), "right", "port"},
		"a folder that is not there":    {mailbox(func(s map[string]any) { s["folders"] = []string{"Nowhere"} }), "right", "folders"},
		"a mailbox with a foreign CA":   {mailbox(func(s map[string]any) { s["tlsCaCert"] = other.PEM() }), "right", "tlsCaCert"},
		"no TLS to a distant server":    {mailbox(func(s map[string]any) { s["host"], s["security"] = "imap.example.com", "none" }), "right", "security"},
		"a domain pattern that is none": {map[string]any{"domains": []string{"exa mple"}, "sources": b.settings(nil)["sources"]}, "s3cret", "domains"},
	} {
		t.Run(name, func(t *testing.T) {
			d := b.datasource(t, 1, c.settings, c.password)
			health, err := d.CheckHealth(t.Context(), &backend.CheckHealthRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if health.Status != backend.HealthStatusError || !strings.Contains(health.Message, c.setting+": ") {
				t.Errorf("got %v: %s\nwant one that names %s", health.Status, health.Message, c.setting)
			}
			if strings.Contains(health.Message+string(health.JSONDetails), "s3cret") {
				t.Errorf("a secret is told: %s", health.Message)
			}
			if !strings.HasSuffix(health.Message, ".") {
				t.Errorf("no sentence: %s", health.Message)
			}
		})
	}
	t.Run("no source yet", func(t *testing.T) {
		health, err := b.datasource(t, 2, map[string]any{}, "").CheckHealth(t.Context(), &backend.CheckHealthRequest{})
		if err != nil || health.Status != backend.HealthStatusError || !strings.Contains(health.Message, "add a report mailbox") {
			t.Errorf("got %+v, %v", health, err)
		}
	})
	t.Run("all is well", func(t *testing.T) {
		health, err := b.datasource(t, 3, b.settings(nil), "s3cret").CheckHealth(t.Context(), &backend.CheckHealthRequest{})
		if err != nil || health.Status != backend.HealthStatusOk || !strings.Contains(health.Message, "The source works.") {
			t.Errorf("got %+v, %v", health, err)
		}
	})
}

func TestHealthTellsWhatFailsInAPollAndInNoConnection(t *testing.T) {
	nginx := loopbacktest.Nginx(t, loopback.NginxOptions{Username: "reader", Password: "s3cret", NoDelete: true})
	if err := nginx.Put("r.json", time.Now().Add(-time.Hour), []byte(report())); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	d := b.datasource(t, 1, b.settings(func(s map[string]any) {
		s["url"], s["tlsCaCert"], s["afterProcessing"] = nginx.URL, nginx.CA, "delete"
	}), "s3cret")
	for deadline := time.Now().Add(20 * time.Second); d.collector().Status().Sources[0].LastError == ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the poll did not fail")
		}
	}
	health, err := d.CheckHealth(t.Context(), &backend.CheckHealthRequest{})
	if err != nil || health.Status != backend.HealthStatusError || !strings.Contains(health.Message, "afterProcessing: ") {
		t.Errorf("got %+v, %v", health, err)
	}
}

func TestADataFolderThatCannotBeOpenedIsMemoryAndAWarning(t *testing.T) {
	b := newBench(t)
	b.dir = "/dev/null/data"
	b.put(t, "r.json", report())
	d := b.datasource(t, 1, b.settings(func(s map[string]any) { s["afterProcessing"] = "delete" }), "s3cret")
	b.synchronised(t, d)
	health, err := d.CheckHealth(t.Context(), &backend.CheckHealthRequest{})
	if err != nil || health.Status != backend.HealthStatusOk || !strings.Contains(health.Message, "in memory") || !strings.Contains(health.Message, "data_dir") {
		t.Errorf("got %+v, %v", health, err)
	}
	files, err := filepath.Glob(filepath.Join(b.drop.Dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Errorf("the drop was changed: %v, %v", files, err)
	}
}

// A reply is a resource's answer.
type resourceReply struct {
	status  int
	headers http.Header
	body    string
}

func call(t *testing.T, d *Datasource, user *backend.User, method, path string) resourceReply {
	t.Helper()
	ctx := backend.WithPluginContext(t.Context(), pluginContext(d.key.OrgID, user))
	var r resourceReply
	address, _, _ := strings.Cut(path, "?")
	err := d.CallResource(ctx, &backend.CallResourceRequest{
		PluginContext: pluginContext(d.key.OrgID, user), Method: method, Path: address, URL: path,
	}, backend.CallResourceResponseSenderFunc(func(response *backend.CallResourceResponse) error {
		r.status, r.headers = response.Status, response.Headers
		r.body += string(response.Body)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResources(t *testing.T) {
	b := newBench(t)
	b.put(t, "r.json", report())
	b.put(t, "broken.json", `{"report-id": "x", "policies": [`)
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	viewer, editor := &backend.User{Role: "Viewer"}, &backend.User{Role: "Editor"}

	t.Run("raw documents, polls and retries need an editor", func(t *testing.T) {
		for path, method := range map[string]string{
			"reports/1/raw": http.MethodGet, "quarantine/1/raw": http.MethodGet, "sources/drop1/poll": http.MethodPost,
			"quarantine/1/retry": http.MethodPost, "quarantine/retry?reason=invalid-json": http.MethodPost,
		} {
			if got := call(t, d, nil, method, path); got.status != http.StatusUnauthorized {
				t.Errorf("%s without a user: %d", path, got.status)
			}
			for _, role := range []string{"Viewer", "None", "", "editor"} {
				if got := call(t, d, &backend.User{Role: role}, method, path); got.status != http.StatusForbidden {
					t.Errorf("%s as %q: %d", path, role, got.status)
				}
			}
			if got := call(t, d, editor, method, path); got.status >= 300 {
				t.Errorf("%s as an editor: %d %s", path, got.status, got.body)
			}
		}
	})
	t.Run("raw documents are sandboxed attachments with the bytes as they came", func(t *testing.T) {
		got := call(t, d, editor, http.MethodGet, "reports/1/raw")
		if got.body != report() {
			t.Errorf("got %q", got.body)
		}
		if got.headers.Get("Content-Security-Policy") != "sandbox" || !strings.HasPrefix(got.headers.Get("Content-Disposition"), "attachment") ||
			got.headers.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers: %v", got.headers)
		}
	})
	t.Run("what was never read says so", func(t *testing.T) {
		if err := b.drop.Put("large.json", time.Now().Add(-time.Hour), make([]byte, 15<<20+1)); err != nil {
			t.Fatal(err)
		}
		id := awaitQuarantine(t, d, "too-large")
		if got := call(t, d, editor, http.MethodGet, fmt.Sprintf("quarantine/%d/raw", id)); got.status != http.StatusGone || !strings.Contains(got.body, "too large") {
			t.Errorf("got %d %.100s", got.status, got.body)
		}
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		for _, path := range []string{"reports/999/raw", "quarantine/999/raw"} {
			if got := call(t, d, editor, http.MethodGet, path); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, got.status)
			}
		}
		if got := call(t, d, editor, http.MethodPost, "sources/nosuch/poll"); got.status != http.StatusNotFound {
			t.Errorf("poll: %d", got.status)
		}
	})
	t.Run("dimensions offer values", func(t *testing.T) {
		got := call(t, d, viewer, http.MethodGet, "dimensions/policyDomain?search=exam&limit=5")
		if got.status != http.StatusOK || !strings.Contains(got.body, `{"text":"example.com","value":"example.com"}`) {
			t.Errorf("got %d %s", got.status, got.body)
		}
		filtered := call(t, d, viewer, http.MethodGet, `dimensions/policyDomain?filters=%5B%7B%22dimension%22%3A%22reporter%22%2C%22operator%22%3A%22%3D%22%2C%22values%22%3A%5B%22nobody%22%5D%7D%5D`)
		if filtered.status != http.StatusOK || strings.Contains(filtered.body, "example.com") {
			t.Errorf("filtered: %d %s", filtered.status, filtered.body)
		}
		for _, path := range []string{"dimensions/domain", "dimensions/policyDomain?limit=0", "dimensions/policyDomain?from=x", "dimensions/policyDomain?filters=x"} {
			if got := call(t, d, viewer, http.MethodGet, path); got.status != http.StatusBadRequest {
				t.Errorf("%s: %d", path, got.status)
			}
		}
	})
	t.Run("sources tell state and account", func(t *testing.T) {
		var got struct {
			Sources []struct {
				ID, State                                     string
				Seen, Stored, Duplicate, Quarantined, Ignored int64
			}
			Store struct{ Kind string }
		}
		if err := json.Unmarshal([]byte(call(t, d, viewer, http.MethodGet, "sources").body), &got); err != nil {
			t.Fatal(err)
		}
		s := got.Sources[0]
		if s.ID != "drop1" || s.State != "ok" || s.Seen != 3 || s.Stored != 1 || s.Quarantined != 2 || got.Store.Kind != "file" {
			t.Errorf("got %+v", got)
		}
	})
}

// awaitQuarantine waits for a document that went to quarantine for the reason,
// and returns its id.
func awaitQuarantine(t *testing.T, d *Datasource, reason string) int64 {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		answer := ask(t, d, `{"queryType":"quarantine"}`)["A"]
		if answer.Error != nil {
			t.Fatal(answer.Error)
		}
		frame := answer.Frames[0]
		reasons, _ := frame.FieldByName("reason")
		for i := 0; reasons != nil && i < reasons.Len(); i++ {
			if id, _ := frame.FieldByName("id"); reasons.At(i) == reason {
				return id.At(i).(int64)
			}
		}
	}
	t.Fatalf("nothing is in quarantine for %s", reason)
	return 0
}
