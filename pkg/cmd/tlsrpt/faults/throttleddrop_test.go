package faults

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/drop"
)

// A throttledDrop stands before a drop and refuses some requests.
type throttledDrop struct {
	mu     sync.Mutex
	status int // 0 refuses none
	// passes is how many requests are let through before.
	passes int
	met    bool
}

func (d *throttledDrop) refuses() (status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status == 0 {
		return 0
	}
	if d.passes > 0 {
		d.passes--
		return 0
	}
	d.met = true
	return d.status
}

func (d *throttledDrop) set(status, passes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status, d.passes, d.met = status, passes, false
}

// lift ends it, and tells whether any request was refused.
func (d *throttledDrop) lift() (met bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status = 0
	return d.met
}

// TestADropThatThrottlesIsObeyedAndLosesNothing throttles from each request of
// a poll on: its listing, its downloads and its deletions.
func TestADropThatThrottlesIsObeyedAndLosesNothing(t *testing.T) {
	const wish = 92 * time.Second
	began, nginx := time.Now(), startNginx(t)
	behind, err := url.Parse(nginx.URL)
	if err != nil {
		t.Fatal(err)
	}
	var throttled throttledDrop
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: behind.Scheme, Host: behind.Host})
	proxy.Transport = impatient(t, nginx.CA).Transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := throttled.refuses(); status != 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wish.Seconds())))
			w.WriteHeader(status)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	rounds := times(1, 20)
	p := newPost(t, 50, 2*7*3*rounds)
	r := run(t, storeFile(t), "drop1", "https", func() (source.Source, error) {
		return drop.New(drop.Config{
			URL: server.URL + behind.Path, Auth: drop.Basic, Username: nginx.Username, Password: nginx.Password,
			AfterProcessing: drop.Delete, HTTPClient: server.Client(),
		})
	})
	r.poll(t)
	put, met := filesInto(nginx), 0
	for range rounds {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			for passes := range 7 {
				p.bring(t, 3, put)
				throttled.set(status, passes)
				s := r.pollUntilFailed(t)
				if !throttled.lift() {
					t.Errorf("request %d of a poll never came", passes)
				}
				met++
				if due := time.Until(s.NextPoll); due < wish-2*time.Second {
					t.Errorf("request %d answered with %d: the next poll is due in %v: %q", passes, status, due, s.LastError)
				}
				if s = r.poll(t); s.LastError != "" {
					t.Errorf("request %d answered with %d: afterwards %q", passes, status, s.LastError)
				}
			}
		}
	}
	r.awaitAll(t, p)
	r.stop(t)
	equalsLedger(t, r.file, "drop1", p)
	onlyOthersLeft(t, nginx, p)
	measured(t, figure{"a drop throttled", met, p.reports(), "0 lost, 0 twice, 0 touched", time.Since(began)})
}
