package drop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// A ledger is a Sink in memory that acknowledges what was flushed.
type ledger struct {
	states    map[string]source.State
	committed map[string]bool
	bodies    map[string]string
	items     []source.Item
	skipped   map[string]source.SkipReason
	order     []string
	total     int
}

func newLedger() *ledger {
	return &ledger{states: map[string]source.State{}, committed: map[string]bool{},
		bodies: map[string]string{}, skipped: map[string]source.SkipReason{}}
}

func (l *ledger) States(_ context.Context, refs []string) ([]source.State, error) {
	states := make([]source.State, len(refs))
	for i, ref := range refs {
		if ref == "" {
			return nil, errors.New("an empty reference")
		}
		states[i] = l.states[ref]
	}
	return states, nil
}

func (l *ledger) Total(n int) { l.total = n }

func (l *ledger) Put(_ context.Context, item source.Item) error {
	body, err := io.ReadAll(item.Body)
	if err != nil {
		return err
	}
	item.Body = nil
	l.items = append(l.items, item)
	l.order = append(l.order, item.Ref)
	l.bodies[item.Name] = string(body)
	l.states[item.Ref] = source.Committed
	return nil
}

func (l *ledger) Skip(_ context.Context, item source.Item, reason source.SkipReason, _ string) error {
	l.skipped[item.Name] = reason
	l.states[item.Ref] = source.Committed
	return nil
}

func (l *ledger) Flush(context.Context) error {
	for _, ref := range l.order {
		l.committed[ref] = true
	}
	return nil
}

func (l *ledger) Acknowledgeable(_ context.Context, prefix string, limit int) ([]string, error) {
	var refs []string
	for _, ref := range l.order {
		if l.committed[ref] && l.states[ref] == source.Committed && strings.HasPrefix(ref, prefix) && len(refs) < limit {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

func (l *ledger) Acknowledged(_ context.Context, refs []string) error {
	for _, ref := range refs {
		l.states[ref] = source.Acknowledged
	}
	return nil
}

// names returns the names handed over, in their order.
func (l *ledger) names() []string {
	var names []string
	for _, item := range l.items {
		names = append(names, item.Name)
	}
	return names
}

// A stored file of a drop.
type stored struct {
	body     string
	modified time.Time
	// listedSize is announced instead of the size, where it is not zero.
	listedSize int
	// status is answered instead of the file, where it is not zero.
	status int
}

// A webDrop is a web server with files by path, and the listing in one style.
type webDrop struct {
	*httptest.Server
	mu       sync.Mutex
	style    Listing
	apache   bool
	files    map[string]stored
	requests []string
	// without are header fields that are left out, such as ETag.
	without []string
	noHead  bool
	// deleteStatus is answered to DELETE instead of deleting.
	deleteStatus int
	user, pass   string
}

func newWebDrop(t *testing.T, style Listing) *webDrop {
	t.Helper()
	d := &webDrop{style: style, files: map[string]stored{}}
	d.Server = httptest.NewTLSServer(d)
	t.Cleanup(d.Close)
	return d
}

// put stores a file under the drop's folder.
func (d *webDrop) put(name, body string, modified time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files["/tlsrpt/"+name] = stored{body: body, modified: modified}
}

// change changes a stored file.
func (d *webDrop) change(name string, how func(*stored)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files["/tlsrpt/"+name]
	how(&f)
	d.files["/tlsrpt/"+name] = f
}

// asked counts the requests of a method for files, not for folders, and forgets all.
func (d *webDrop) asked(method string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, request := range d.requests {
		if strings.HasPrefix(request, method+" ") && !strings.HasSuffix(request, "/") {
			n++
		}
	}
	d.requests = nil
	return n
}

func (d *webDrop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r.Method+" "+r.URL.Path)
	if user, pass, _ := r.BasicAuth(); user != d.user || pass != d.pass {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	f, ok := d.files[r.URL.Path]
	switch {
	case strings.HasSuffix(r.URL.Path, "/"):
		io.WriteString(w, d.index(r.URL.Path))
	case !ok:
		http.NotFound(w, r)
	case f.status != 0:
		if f.status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		}
		w.WriteHeader(f.status)
	case r.Method == http.MethodHead && d.noHead:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Method == http.MethodDelete && d.deleteStatus != 0:
		w.WriteHeader(d.deleteStatus)
	case r.Method == http.MethodDelete:
		delete(d.files, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		header := http.Header{
			"Etag":          {fmt.Sprintf(`"%x-%x"`, f.modified.Unix(), len(f.body))},
			"Last-Modified": {f.modified.UTC().Format(http.TimeFormat)},
		}
		for name, value := range header {
			if !slices.Contains(d.without, name) {
				w.Header()[name] = value
			}
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.body))
	}
}

// index writes the listing of a folder in the drop's style.
func (d *webDrop) index(folder string) string {
	rows := map[string]stored{}
	for path, f := range d.files {
		if rest, ok := strings.CutPrefix(path, folder); ok {
			if sub, _, below := strings.Cut(rest, "/"); below {
				rows[sub+"/"] = stored{modified: f.modified}
			} else {
				rows[rest] = f
			}
		}
	}
	var out strings.Builder
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range rows {
			if !yield(name) {
				return
			}
		}
	})
	for i, name := range names {
		f := rows[name]
		f.modified = f.modified.UTC()
		size := cmp.Or(f.listedSize, len(f.body))
		plain, isFolder := strings.CutSuffix(name, "/")
		switch {
		case d.style == NginxJSON && isFolder:
			fmt.Fprintf(&out, "%s{ \"name\":%q, \"type\":\"directory\", \"mtime\":%q }\n", comma(i), plain, f.modified.Format(http.TimeFormat))
		case d.style == NginxJSON:
			fmt.Fprintf(&out, "%s{ \"name\":%q, \"type\":\"file\", \"mtime\":%q, \"size\":%d }\n", comma(i), name, f.modified.Format(http.TimeFormat), size)
		case d.style == Manifest:
			out.WriteString(name + "\n")
		case d.apache:
			fmt.Fprintf(&out, `<tr><td valign="top"><a href="%[1]s"><img src="/icons/unknown.gif" alt="[   ]"></a></td><td><a href="%[1]s">%[2]s</a></td>`+
				`<td align="right">%[3]s  </td><td align="right">%.1[4]fK</td><td>&nbsp;</td></tr>`+"\n",
				url.PathEscape(plain)+strings.Repeat("/", len(name)-len(plain)), name, f.modified.Format("2006-01-02 15:04"), float64(size)/1024)
		default:
			fmt.Fprintf(&out, "<a href=\"%s\">%s</a>   %s   %d\r\n", url.PathEscape(plain)+strings.Repeat("/", len(name)-len(plain)), name, f.modified.Format("02-Jan-2006 15:04"), size)
		}
	}
	switch {
	case d.style == NginxJSON:
		return "[\n" + out.String() + "]\n"
	case d.style == Manifest:
		return out.String()
	case d.apache:
		return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><head><title>Index of ` + folder + `</title></head><body><h1>Index</h1><table>` +
			`<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>` +
			`<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td></tr>` + out.String() + "</table></body></html>"
	}
	return "<html>\r\n<head><title>Index of " + folder + "</title></head>\r\n<body>\r\n<h1>Index of " + folder +
		"</h1><hr><pre><a href=\"../\">../</a>\r\n" + out.String() + "</pre><hr></body>\r\n</html>\r\n"
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// open returns the source of the drop; edit may be nil.
func (d *webDrop) open(t *testing.T, edit func(*Config)) *Source {
	t.Helper()
	c := Config{URL: d.URL + "/tlsrpt/", HTTPClient: d.Client()}
	if edit != nil {
		edit(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// mustPoll polls and fails the test on an error.
func mustPoll(t *testing.T, s *Source, l *ledger) {
	t.Helper()
	if err := s.Poll(t.Context(), time.Time{}, l); err != nil {
		t.Fatal(err)
	}
}

// settingOf returns the setting that err names.
func settingOf(t *testing.T, err error) string {
	t.Helper()
	var named *source.Error
	if !errors.As(err, &named) {
		t.Fatalf("got %v (%T), want a *source.Error", err, err)
	}
	return named.Setting
}
