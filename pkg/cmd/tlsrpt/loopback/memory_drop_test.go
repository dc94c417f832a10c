package loopback_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

// A dropClient asks a drop with the right password, unless told otherwise.
type dropClient struct {
	*testing.T
	drop *loopback.MemoryDrop
	http *http.Client
}

func startMemoryDrop(t *testing.T) dropClient {
	t.Helper()
	drop, err := loopback.StartMemoryDrop(t.Context(), loopback.MemoryDropOptions{Username: "reader", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(drop.CA)}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := drop.Close(); err != nil {
			t.Error(err)
		}
	})
	return dropClient{t, drop, client}
}

func (c dropClient) do(method, name string, change func(*http.Request)) (*http.Response, string) {
	c.Helper()
	r, err := http.NewRequest(method, c.drop.URL+name, nil)
	if err != nil {
		c.Fatal(err)
	}
	r.SetBasicAuth("reader", "secret")
	if change != nil {
		change(r)
	}
	response, err := c.http.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	return response, string(body)
}

func (c dropClient) put(name, content string) {
	c.Helper()
	if err := c.drop.Put(name, arrived, []byte(content)); err != nil {
		c.Fatal(err)
	}
}

func TestMemoryDropListsAsNginxDoes(t *testing.T) {
	c := startMemoryDrop(t)
	c.put("google.com!example.com!1!2!001.json.gz", "abc")
	c.put("2026-05/report", "defgh")
	if err := os.WriteFile(filepath.Join(c.drop.Dir, ".unfinished"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(c.drop.Dir, "2026-05"), arrived, arrived); err != nil {
		t.Fatal(err)
	}
	response, body := c.do("GET", "", nil)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %s", response.Status, response.Header.Get("Content-Type"))
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	const mtime = "Wed, 13 May 2026 11:43:02 GMT"
	want := []map[string]any{
		{"name": "2026-05", "type": "directory", "mtime": mtime},
		{"name": "google.com!example.com!1!2!001.json.gz", "type": "file", "mtime": mtime, "size": 3.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
	if response, body := c.do("GET", "2026-05", nil); response.Request.URL.Path != "/2026-05/" || len(body) == 0 {
		t.Errorf("a folder without its slash leads to %s", response.Request.URL)
	}
}

func TestMemoryDropServesFilesWithTheirVersion(t *testing.T) {
	c := startMemoryDrop(t)
	c.put("a", "abc")
	response, body := c.do("GET", "a", nil)
	etag := response.Header.Get("ETag")
	if body != "abc" || etag == "" || response.Header.Get("Last-Modified") != "Wed, 13 May 2026 11:43:02 GMT" {
		t.Errorf("%q with %v", body, response.Header)
	}
	response, _ = c.do("GET", "a", func(r *http.Request) { r.Header.Set("If-None-Match", etag) })
	if response.StatusCode != http.StatusNotModified {
		t.Errorf("asked with its ETag: %s", response.Status)
	}
}

func TestMemoryDropAnswersWhatItRefuses(t *testing.T) {
	c := startMemoryDrop(t)
	c.put("sub/a", "abc")
	anonymous := func(r *http.Request) { r.Header.Del("Authorization") }
	wrong := func(r *http.Request) { r.SetBasicAuth("reader", "wrong") }
	for name, step := range map[string]struct {
		method, name string
		change       func(*http.Request)
		status       int
	}{
		"no password is unauthorized":       {"GET", "", anonymous, http.StatusUnauthorized},
		"a wrong password is unauthorized":  {"DELETE", "sub/a", wrong, http.StatusUnauthorized},
		"what is not there is not found":    {"GET", "b", nil, http.StatusNotFound},
		"what is not there can't be gone":   {"DELETE", "b", nil, http.StatusNotFound},
		"a folder is not deleted":           {"DELETE", "sub", nil, http.StatusConflict},
		"other methods are not allowed":     {"PUT", "a", nil, http.StatusMethodNotAllowed},
		"nothing above the folder is there": {"GET", "sub/..%2f..%2f..%2fetc%2fpasswd", nil, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if response, body := c.do(step.method, step.name, step.change); response.StatusCode != step.status {
				t.Errorf("%s: %s", response.Status, body)
			}
		})
	}
}

func TestMemoryDropDeletesFiles(t *testing.T) {
	c := startMemoryDrop(t)
	c.put("a", "abc")
	c.put("b", "abc")
	if response, _ := c.do("DELETE", "a", nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %s", response.Status)
	}
	if response, _ := c.do("GET", "a", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("after DELETE: %s", response.Status)
	}
	if response, _ := c.do("GET", "b", nil); response.StatusCode != http.StatusOK {
		t.Errorf("the other: %s", response.Status)
	}
}

func TestMemoryDropRemovesItsOwnFolderAlone(t *testing.T) {
	given := t.TempDir()
	for _, dir := range []string{"", given} {
		drop, err := loopback.StartMemoryDrop(t.Context(), loopback.MemoryDropOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := drop.Put("a", time.Now(), nil); err != nil {
			t.Error(err)
		}
		if err := drop.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(drop.Dir); (err == nil) != (dir == given) {
			t.Errorf("%s after Close: %v", drop.Dir, err)
		}
	}
}
