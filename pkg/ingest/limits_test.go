package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A floodSource puts bodies that are made as they are asked for.
type floodSource struct {
	fakeSource
	bodies int
	body   func(i int) []byte
}

func (f *floodSource) Poll(ctx context.Context, _ source.Since, sink source.Sink) error {
	for i := range f.bodies {
		item := source.Item{Ref: fmt.Sprint(i), Received: time.Now(), Size: -1, Body: bytes.NewReader(f.body(i))}
		if err := sink.Put(ctx, item); err != nil {
			return err
		}
	}
	return sink.Flush(ctx)
}

// A leanStore keeps no documents.
type leanStore struct{ *fakeStore }

func (l leanStore) Commit(ctx context.Context, deliveries []store.Delivery) ([]store.Result, error) {
	for _, d := range deliveries {
		for i := range d.Documents {
			d.Documents[i].Raw = nil
		}
	}
	return l.fakeStore.Commit(ctx, deliveries)
}

// detailed is a report of about 17 MB with 50,000 failure details.
func detailed() []byte {
	var b bytes.Buffer
	head, tail, _ := strings.Cut(string(report("example.com", "1", time.Now())), "}]}")
	fmt.Fprintf(&b, `%s},"failure-details":[`, strings.TrimSuffix(head, "}"))
	for i := range 50_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.1","receiving-mx-hostname":"mx%d.example.com",`+
			`"failed-session-count":1,"additional-information":"%s","failure-reason-code":"X509 %d"}`, i, strings.Repeat("y", 150), i)
	}
	b.WriteString("]}]}" + tail)
	return b.Bytes()
}

func TestLargeItemsStayWithinTheMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes some 70 MB")
	}
	details, padding := gzipped(detailed()), gzipped(padded("1", 19<<20))
	flood := &floodSource{fakeSource: fakeSource{&fakeServer{}}, bodies: 6, body: func(i int) []byte {
		switch i % 3 {
		case 0:
			return details
		case 1:
			return padding
		}
		return bytes.Repeat([]byte("x"), 15<<20)
	}}
	s := newFakeStore()
	settings := config(flood.server, time.Now())
	settings.Sources[0].Open = func() (source.Source, error) { return flood, nil }
	e := newEngine(leanStore{s})
	c := e.Use(theKey, settings)
	var peak uint64
	for sourceStatus(c).LastPoll.IsZero() || sourceStatus(c).Polling {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapInuse)
		time.Sleep(20 * time.Millisecond)
	}
	closeEngine(t, e)
	if mib := peak >> 20; mib > 240 {
		t.Errorf("the heap grew to %d MiB", mib)
	}
	if got := s.account("mb1"); got.Quarantined != 0 || got.Ignored != 2 || got.Seen() != 6 {
		t.Errorf("the account is %+v", got)
	}
}
