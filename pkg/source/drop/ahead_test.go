package drop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// serveSlowly is a drop of so many files, newest last, whose replies give waits
// for; it counts the files that are asked for and not given out yet.
func serveSlowly(t *testing.T, files int, give func(r *http.Request)) (s *Source, most *atomic.Int64) {
	t.Helper()
	var open atomic.Int64
	most = new(atomic.Int64)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			var rows []string
			for i := range files {
				rows = append(rows, fmt.Sprintf(`{"name":"%03d","type":"file","mtime":%q,"size":3}`, i, noon.Add(time.Duration(i)*time.Minute).Format(http.TimeFormat)))
			}
			_, _ = io.WriteString(w, "["+strings.Join(rows, ",")+"]")
			return
		}
		now := open.Add(1)
		defer open.Add(-1)
		for before := most.Load(); before < now && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		give(r)
		_, _ = io.WriteString(w, r.URL.Path[len(r.URL.Path)-3:])
	}))
	t.Cleanup(server.Close)
	s, err := New(Config{URL: server.URL + "/", HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, most
}

// soon waits for a channel to be closed, but not for ever.
func soon(t *testing.T, closed <-chan struct{}, what string) {
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("waited in vain for", what)
	}
}

func TestFilesAreFetchedTwoAtATimeAndHandedOverInTheirOrder(t *testing.T) {
	const files = 20
	newest, next := make(chan struct{}), make(chan struct{})
	s, most := serveSlowly(t, files, func(r *http.Request) {
		// The newest is answered after the one behind it.
		switch {
		case strings.HasSuffix(r.URL.Path, "/019"):
			close(newest)
			soon(t, next, "the second file to be asked for")
		case strings.HasSuffix(r.URL.Path, "/018"):
			soon(t, newest, "the first file to be asked for")
			close(next)
		}
	})
	l := newLedger()
	mustPoll(t, s, l)
	var want []string
	for i := range files {
		want = append(want, fmt.Sprintf("%03d", files-1-i))
	}
	if diff := cmp.Diff(want, l.names()); diff != "" {
		t.Error("not newest first:", diff)
	}
	for name, body := range l.bodies {
		if body != name {
			t.Errorf("%s was handed over with the body of %s", name, body)
		}
	}
	if got := most.Load(); got != fetchAtOnce {
		t.Errorf("%d files were fetched at once, want %d", got, fetchAtOnce)
	}
}

// A fullLedger fails where it gets one item.
type fullLedger struct {
	*ledger
	at   string
	wait func()
}

var errFull = errors.New("the disk is full")

func (l fullLedger) Put(ctx context.Context, item source.Item) error {
	if item.Name == l.at {
		l.wait()
		return errFull
	}
	return l.ledger.Put(ctx, item)
}

func TestAPollThatFailsLeavesNoDownloadBehind(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan struct{})
	s, _ := serveSlowly(t, 20, func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/015") {
			close(asked)
			<-r.Context().Done() // only its client's hanging up ends it
			close(ended)
		}
	})
	l := fullLedger{newLedger(), "016", func() { soon(t, asked, "the next file to be asked for") }}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Poll(ctx, time.Time{}, l); !errors.Is(err, errFull) {
		t.Fatalf("got %v", err)
	}
	soon(t, ended, "the file's download to end")
	if want := []string{"019", "018", "017"}; !slices.Equal(l.names(), want) {
		t.Errorf("handed over %v, want %v", l.names(), want)
	}
}
