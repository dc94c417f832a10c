package drop

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestResolveKeepsWithinTheFolder(t *testing.T) {
	here := base{origin: "https://drop.example.com", path: "/tlsrpt/"}
	tests := map[string]string{
		"a.json":                                 "/tlsrpt/a.json",
		"./a.json":                               "/tlsrpt/a.json",
		"/tlsrpt/a.json":                         "/tlsrpt/a.json",
		"https://drop.example.com/tlsrpt/a.json": "/tlsrpt/a.json",
		"https://DROP.example.com:443/tlsrpt/a":  "/tlsrpt/a",
		"sub/":                                   "/tlsrpt/sub/",
		"sub/../a.json":                          "/tlsrpt/a.json",
		"a%21b%20c":                              "/tlsrpt/a!b%20c",
		"%61.json":                               "/tlsrpt/a.json",
		"a%3Fb":                                  "/tlsrpt/a%3Fb",
		"../":                                    "",
		"../other/a.json":                        "",
		"/etc/passwd":                            "",
		"/tlsrptother/a":                         "",
		"%2e%2e/a.json":                          "",
		"%2E%2E%2Fa.json":                        "",
		"sub/%2e%2e/%2e%2e/a":                    "",
		"a%2fb":                                  "",
		"..\\a":                                  "",
		"a%5c..%5cb":                             "",
		"a%00b":                                  "",
		"a%0d%0ab":                               "",
		"sub//a":                                 "",
		"?C=M;O=A":                               "",
		"a.json?x=1":                             "",
		"a.json#x":                               "",
		"":                                       "",
		"./":                                     "",
		"#":                                      "",
		"//evil.example/tlsrpt/a":                "",
		"https://evil.example/tlsrpt/a":          "",
		"http://drop.example.com/tlsrpt/a":       "",
		"https://drop.example.com:444/tlsrpt/a":  "",
		"https://u:p@drop.example.com/tlsrpt/a":  "",
		"https://drop.example.com@evil.example/a": "",
		"https://drop.example.com.evil.example/a": "",
		"javascript:alert(1)":                     "",
		"mailto:a@example.com":                    "",
		"data:text/html,a":                        "",
		"%zz":                                     "",
	}
	for reference, want := range tests {
		got, ok := here.resolve(reference)
		if want != "" {
			want = here.origin + want
		}
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %v, want %q", reference, got, ok, want)
		}
	}
}

func TestParseListingTellsTheKindsApart(t *testing.T) {
	tests := []struct {
		name, data string
		kind       Listing
		references []string
		wrong      bool
	}{
		{"nginx JSON", `[ {"name":"a", "type":"file", "mtime":"Thu, 01 Oct 2026 12:00:00 GMT", "size":1} ]`, NginxJSON, []string{"./a"}, false},
		{"nginx JSON behind a BOM", "\uFEFF" + ` [{"name":"a","type":"file"}]`, NginxJSON, []string{"./a"}, false},
		{"an empty array", "[\n]", NginxJSON, nil, false},
		{"a socket among files", `[{"name":"a","type":"other"}]`, NginxJSON, nil, false},
		{"a folder called ..", `[{"name":"..","type":"directory"}]`, NginxJSON, []string{"./../"}, false},
		{"a JSON manifest", `["a", "b/c d", "e:f"]`, Manifest, []string{"./a", "./b/c%20d", "./e:f"}, false},
		{"a manifest of lines", "a\r\nb%20c\n\n/tlsrpt/d\n", Manifest, []string{"./a", "./b%2520c", "/tlsrpt/d"}, false},
		{"a manifest of addresses", "https://h/a%20b\n", Manifest, []string{"https://h/a%20b"}, false},
		{"nothing", "", Manifest, nil, false},
		{"an index", `<a href="a&amp;b">x</a>`, HTML, []string{"a&b"}, false},
		{"an index in capitals", `<HTML><A NAME=x HREF=a>x</A>`, HTML, []string{"a"}, false},
		{"a report", `{"organization-name": "x"}`, "", nil, true},
		{"an array of numbers", `[1, 2]`, "", nil, true},
		{"a broken array", `[{"name":"a"}`, "", nil, true},
		{"gzip", "\x1f\x8b\x08", "", nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			kind, entries, err := parseListing(Auto, []byte(test.data), false)
			if (err != nil) != test.wrong {
				t.Fatal(err)
			}
			if test.wrong {
				return
			}
			var references []string
			for _, e := range entries {
				references = append(references, e.reference)
			}
			if diff := cmp.Diff(test.references, references); diff != "" || kind != test.kind {
				t.Errorf("kind %s, references %s", kind, diff)
			}
		})
	}
}

func TestParseHTMLReadsTheTimeBesideALink(t *testing.T) {
	for _, row := range []string{
		`<a href="a">a</a>    01-Oct-2026 12:00      1234`,
		`<tr><td><a href="a">a 2020-01-01 00:00</a></td><td align="right">2026-10-01 12:00  </td><td>1.2K</td></tr>`,
	} {
		entries := parseHTML([]byte("<html>" + row + `<a href="b">b</a>`))
		if len(entries) != 2 || !entries[0].mtime.Equal(noon) || !entries[1].mtime.IsZero() {
			t.Errorf("%s: got %+v", row, entries)
		}
	}
}

// serve polls a server that answers folders with index and files with "{}",
// and returns the paths of the files that were handed over.
func serve(t *testing.T, index func(folder string) string) ([]string, error) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.EscapedPath(), "/tlsrpt/") || strings.Contains(r.URL.Path, "..") {
			t.Errorf("asked for %s", r.URL)
		}
		if strings.HasSuffix(r.URL.Path, "/") {
			io.WriteString(w, index(r.URL.Path))
			return
		}
		w.Header().Set("ETag", `"1"`)
		io.WriteString(w, "{}")
	}))
	defer server.Close()
	s, err := New(Config{URL: server.URL + "/tlsrpt/", HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	err = s.Poll(t.Context(), time.Time{}, l)
	var paths []string
	for _, ref := range l.order {
		address, _ := refAddress(ref)
		u, parseErr := url.Parse(address)
		if parseErr != nil {
			t.Error(parseErr)
			continue
		}
		paths = append(paths, u.Path)
	}
	return paths, err
}

func TestHostileListings(t *testing.T) {
	row := `{"name":"%05d.json","type":"file","mtime":"Thu, 01 Oct 2026 12:00:00 GMT","size":2},`
	many := func(row string, n int) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, row, i)
		}
		return out.String()
	}
	tests := []struct {
		name    string
		index   func(folder string) string
		files   int
		setting string
	}{
		{"traversal", func(string) string {
			return `[{"name":"../../etc/passwd","type":"file"},{"name":"..","type":"directory"},{"name":"a\\..\\b","type":"file"},` +
				`{"name":"good","type":"file"}]`
		}, 1, ""},
		{"links to elsewhere", func(string) string {
			return `<a href="//evil.example/a">a</a><a href="/etc/passwd">b</a><a href="%2e%2e/c">c</a><a href="good">d</a><a href="?C=N">e</a>`
		}, 1, ""},
		{"10,000 files", func(string) string {
			return "[" + strings.TrimSuffix(many(row, maxListingEntries), ",") + "]"
		}, maxListingEntries, ""},
		{"10,001 files", func(string) string {
			return "[" + strings.TrimSuffix(many(row, maxListingEntries+1), ",") + "]"
		}, maxListingEntries, "url"},
		{"more than 1 MiB of nginx JSON", func(string) string {
			return "[" + strings.TrimSuffix(many(`{"name":"%05d","type":"file","mtime":"Thu, 01 Oct 2026 12:00:00 GMT","size":2,"x":"`+
				strings.Repeat("x", 1<<16)+`"},`, 20), ",") + "]"
		}, 15, "url"},
		{"more than 1 MiB of lines", func(string) string {
			return many("%05d"+strings.Repeat("x", 4000)+"\n", 300)
		}, 261, "url"},
		{"more than 1 MiB of one line", func(string) string { return strings.Repeat("x", 2<<20) }, 0, "url"},
		{"an endless tag", func(string) string { return "<a href=" + strings.Repeat("x", 2<<20) }, 0, "url"},
		{"folders without end", func(string) string {
			return `[{"name":"loop","type":"directory"},{"name":"self","type":"directory"},{"name":"a","type":"file"}]`
		}, 7, ""},
		{"a thousand folders in each of a thousand", func(folder string) string {
			if strings.Count(folder, "/") < 4 {
				return "[" + strings.TrimSuffix(many(`{"name":"%05d","type":"directory"},`, maxFolders), ",") + "]"
			}
			return "[]"
		}, 0, "url"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			paths, err := serve(t, test.index)
			if len(paths) != test.files {
				t.Errorf("%d files were read, want %d", len(paths), test.files)
			}
			switch {
			case test.setting == "" && err != nil:
				t.Error(err)
			case test.setting != "" && settingOf(t, err) != test.setting:
				t.Errorf("got %v, want one that names %s", err, test.setting)
			}
		})
	}
}

func TestRedirectsWithinTheOriginAreFollowed(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/old":
			http.Redirect(w, r, "/new/", http.StatusMovedPermanently)
		case "/new/":
			io.WriteString(w, "a.json\n")
		case "/new/a.json":
			http.Redirect(w, r, "/files/1", http.StatusFound)
		case "/files/1":
			w.Header().Set("ETag", `"1"`)
			io.WriteString(w, "{}")
		default:
			t.Errorf("asked for %s", r.URL)
		}
	}))
	defer server.Close()
	s, err := New(Config{URL: server.URL + "/old", HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	mustPoll(t, s, l)
	if diff := cmp.Diff([]string{server.URL + `/new/a.json etag "1"`}, l.order); diff != "" {
		t.Error(diff)
	}
}

func FuzzListing(f *testing.F) {
	for _, seed := range []string{
		`[ {"name":"a!b.json.gz", "type":"file", "mtime":"Thu, 01 Oct 2026 12:00:00 GMT", "size":1}, {"name":"..","type":"directory"} ]`,
		`["a", "../b", "https://drop.example.com/tlsrpt/%2e%2e/"]`,
		"a\r\n../b\n%2e%2e\n",
		`<html><a href="../">../</a><a href="a%2fb">x</a> 01-Oct-2026 12:00 1<A HREF='//evil/'>`,
		"\uFEFF[{", "<",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	here := base{origin: "https://drop.example.com", path: "/tlsrpt/"}
	f.Fuzz(func(t *testing.T, data []byte, cut bool) {
		for _, want := range []Listing{Auto, NginxJSON, HTML, Manifest} {
			kind, entries, err := parseListing(want, data, cut)
			if err == nil && (kind == Auto || want != Auto && kind != want) {
				t.Fatalf("%s became %s", want, kind)
			}
			for _, e := range entries {
				address, ok := here.resolve(e.reference)
				if !ok {
					continue
				}
				u, err := url.Parse(address)
				if err != nil || u.Host != "drop.example.com" || u.Scheme != "https" || u.RawQuery != "" || !strings.HasPrefix(u.Path, here.path) ||
					strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path, "\\") || strings.ContainsAny(address, " \r\n") {
					t.Fatalf("%q became %q", e.reference, address)
				}
				if again, ok := here.resolve(address); !ok || again != address {
					t.Fatalf("%q is not stable: %q", address, again)
				}
				_ = nameOf(address)
			}
		}
	})
}
