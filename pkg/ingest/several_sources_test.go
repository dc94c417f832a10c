package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// largeItems is a source of small reports with a large one among each three.
type largeItems struct{ id string }

func (l largeItems) Poll(ctx context.Context, _ source.Since, sink source.Sink) error {
	for i := range 60 {
		body := report("example.com", fmt.Sprint(l.id, i), time.Now())
		if i%3 == 0 {
			body = append(body, bytes.Repeat([]byte(" "), 2<<20)...)
		}
		item := source.Item{Ref: fmt.Sprint(i), Received: time.Now(), Size: int64(len(body)), Body: bytes.NewReader(body)}
		if err := sink.Put(ctx, item); err != nil {
			return err
		}
	}
	return sink.Flush(ctx)
}

func (largeItems) Wait(ctx context.Context) error        { <-ctx.Done(); return ctx.Err() }
func (largeItems) Check(context.Context) (string, error) { return "", nil }
func (largeItems) Close() error                          { return nil }

// More sources than workers must not take all of these while each waits for
// room in its queue, since what has to leave the queue needs a worker.
func TestMoreSourcesThanWorkersReadLargeItems(t *testing.T) {
	settings := ingest.Config{Updated: time.Now()}
	for n := range 5 {
		id := fmt.Sprint("source", n)
		settings.Sources = append(settings.Sources, ingest.SourceConfig{
			ID: id, Type: "https", PollInterval: time.Hour, Open: func() (source.Source, error) { return largeItems{id}, nil },
		})
	}
	e := newEngine(newFakeStore())
	defer closeEngine(t, e)
	c := e.Use(theKey, settings)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		done := true
		for _, s := range c.Status().Sources {
			done = done && !s.LastSuccess.IsZero()
		}
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the polls do not end: %+v", c.Status().Sources)
		}
	}
}
