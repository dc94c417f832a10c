package faults

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// A link is a connection to a server that can be made to fail.
type link struct {
	proxy *toxiproxy.Proxy
	port  int
	// toxics are the names of those at work.
	toxics []string
}

// newLink stands between a client and a port of this machine.
func newLink(t *testing.T, upstream int) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &link{proxy: toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", net.JoinHostPort("127.0.0.1", strconv.Itoa(upstream)))}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.Stop)
	_, port, err := net.SplitHostPort(l.proxy.Listen)
	if err != nil {
		t.Fatal(err)
	}
	if l.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return l
}

// add puts a toxic to work. The stream is "downstream", from the server, or
// "upstream".
func (l *link) add(t *testing.T, kind, stream string, attributes any) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"name": kind + "_" + stream, "type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(string(raw))); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	l.toxics = append(l.toxics, kind+"_"+stream)
}

// slow delays everything that the server says.
func (l *link) slow(t *testing.T, by time.Duration) {
	t.Helper()
	l.add(t, "latency", "downstream", map[string]int64{"latency": by.Milliseconds()})
}

// heal takes everything away again.
func (l *link) heal(t *testing.T) {
	t.Helper()
	for _, name := range l.toxics {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := l.proxy.Toxics.RemoveToxic(ctx, name)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	l.toxics = nil
}
