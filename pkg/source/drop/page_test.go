package drop

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAPageIsNotTakenForAnEmptyIndex(t *testing.T) {
	tests := []struct {
		name, page string
		listing    Listing
		setting    string
	}{
		{"somebody's page", "<!doctype html><title>Welcome</title><h1>It works!</h1><a href=\"/\">Home</a><a href=\"https://nginx.org/\">nginx</a>", Auto, "url"},
		{"a page without any link", "<html><body><p>Reports go here</body></html>", Auto, "url"},
		{"a page that names the folder", "<h1>Reports in /tlsrpt</h1><a href=\"https://example.com/\">us</a>", Auto, "url"},
		{"XML", "<?xml version=\"1.0\"?>\n<list>\n<file mtime=\"2026-10-01T12:00:00Z\" size=\"2\">a.json</file>\n</list>", Auto, "url"},
		{"a page where the settings say that it is an index", "<h1>It works!</h1>", HTML, ""},
		{"nginx's empty index", "<html>\r\n<head><title>Index of /tlsrpt/</title></head>\r\n<body>\r\n<h1>Index of /tlsrpt/</h1><hr><pre><a href=\"../\">../</a>\r\n</pre><hr></body>\r\n</html>\r\n", Auto, ""},
		{"Apache's empty index", "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n<html>\n <head>\n  <title>Index of /tlsrpt</title>\n </head>\n <body>\n<h1>Index of /tlsrpt</h1>\n<ul><li><a href=\"/\"> Parent Directory</a></li>\n</ul>\n</body></html>", Auto, ""},
		{"an empty index behind a proxy", "<title>Index of /srv/drop/</title><a href=\"../\">../</a>", Auto, ""},
		{"Caddy's empty index", "<!DOCTYPE html><html><head><title>/tlsrpt/</title></head><body><h1><a href=\"../\">site</a> / tlsrpt</h1></body></html>", Auto, ""},
		{"an empty index of Python's", "<title>Directory listing for /tlsrpt/</title><ul></ul>", Auto, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, tt.page)
			}))
			defer server.Close()
			s, err := New(Config{URL: server.URL + "/tlsrpt/", Listing: tt.listing, HTTPClient: server.Client()})
			if err != nil {
				t.Fatal(err)
			}
			_, checked := s.Check(t.Context())
			polled := s.Poll(t.Context(), time.Time{}, newLedger())
			for _, err := range []error{checked, polled} {
				switch {
				case tt.setting == "" && err != nil:
					t.Error(err)
				case tt.setting != "" && (settingOf(t, err) != tt.setting || !strings.Contains(err.Error(), "a page and no listing")):
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestAPageInASubfolderIsToldAndTheRestIsRead(t *testing.T) {
	paths, err := serve(t, func(folder string) string {
		if folder == "/tlsrpt/" {
			return `<a href="sub/">sub</a><a href="good">good</a>`
		}
		return "<h1>It works!</h1>"
	})
	if len(paths) != 1 || settingOf(t, err) != "url" {
		t.Errorf("read %v, error %v", paths, err)
	}
}
