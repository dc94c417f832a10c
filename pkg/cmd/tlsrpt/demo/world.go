package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// The sources of a replay, as the demo's settings name them.
const (
	replayMailbox = "mb1"
	replayDrop    = "drop1"
)

// replayBatch is how many items go into one commit.
const replayBatch = 200

// A world is a store and its alert rules, with a clock that a replay sets. What
// arrives goes through the plugin's own pipeline.
type world struct {
	// now is what the store's clock shows.
	now      time.Time
	store    *sqlite.Store
	pipeline *ingest.Pipeline
	watches  []*watched
	sources  []query.Source
	arrivals func() (generate.Item, bool)
	stop     func()
	// waiting is the next item, which has not arrived yet.
	waiting *generate.Item
	// stored are the hours in which something was committed, by hours since 1970.
	stored map[int64]bool
}

// newWorld starts with an empty store whose sources are configured at a moment.
func newWorld(ctx context.Context, items iter.Seq[generate.Item], start time.Time) (*world, error) {
	rules, err := alertrules.Shipped()
	if err != nil {
		return nil, err
	}
	w := &world{now: start, stored: map[int64]bool{}, pipeline: &ingest.Pipeline{
		Judge: mailreport.NewAuthenticator(mailreport.ModeHeaders, generate.AuthservID, nil),
	}}
	if w.store, err = sqlite.OpenMemory(ctx, sqlite.WithClock(func() time.Time { return w.now })); err != nil {
		return nil, err
	}
	for id, kind := range map[string]string{replayMailbox: "imap", replayDrop: "https"} {
		w.sources = append(w.sources, query.Source{
			SourceRow:       frames.SourceRow{ID: id, Name: id, Type: kind, State: string(ingest.Syncing)},
			FirstConfigured: start, PollInterval: 5 * time.Minute,
		})
	}
	for _, rule := range rules.Rules() {
		made, err := newWatched(rule)
		if err != nil {
			return nil, err
		}
		w.watches = append(w.watches, made)
	}
	w.arrivals, w.stop = iter.Pull(items)
	return w, nil
}

func (w *world) close() error {
	w.stop()
	return w.store.Close()
}

// poll brings in everything that arrived before a moment, and says how many
// items these were.
func (w *world) poll(ctx context.Context, at time.Time) (int, error) {
	w.now = at
	polled := 0
	var batch []store.Delivery
	commit := func() error {
		if len(batch) == 0 {
			return nil
		}
		w.stored[hourOf(at)] = true
		_, err := w.store.Commit(ctx, batch)
		batch = batch[:0]
		return err
	}
	for {
		item, ok := w.next(at)
		if !ok {
			break
		}
		polled++
		if batch = append(batch, w.pipeline.Process(ctx, fileOf(item))); len(batch) == replayBatch {
			if err := commit(); err != nil {
				return polled, fmt.Errorf("store what arrived by %s: %w", at, err)
			}
		}
	}
	if err := commit(); err != nil {
		return polled, fmt.Errorf("store what arrived by %s: %w", at, err)
	}
	for i := range w.sources {
		s := &w.sources[i]
		s.State, s.LastPoll, s.LastSuccess = string(ingest.OK), at, at
		if s.FirstSync.IsZero() {
			s.FirstSync = at
		}
	}
	return polled, ctx.Err()
}

// next returns the next item that arrived before a moment.
func (w *world) next(before time.Time) (generate.Item, bool) {
	if w.waiting == nil {
		item, ok := w.arrivals()
		if !ok {
			return item, false
		}
		w.waiting = &item
	}
	if !w.waiting.Received.Before(before) {
		return generate.Item{}, false
	}
	item := *w.waiting
	w.waiting = nil
	return item, true
}

// down is a poll that fails.
func (w *world) down(at time.Time) {
	w.now = at
	for i := range w.sources {
		w.sources[i].State, w.sources[i].LastPoll, w.sources[i].LastError = string(ingest.Failing), at, "No connection."
	}
}

func fileOf(item generate.Item) ingest.File {
	f := ingest.File{Source: replayMailbox, Ref: item.Item, Received: item.Received, Mail: true, Route: store.Direct, Body: item.Bytes}
	if item.Kind == generate.File {
		f.Source, f.Name, f.Mail, f.Route, f.Assume = replayDrop, item.Item, false, store.Drop, true
	}
	return f
}

func (w *world) answer(ctx context.Context, m query.Model, from, to time.Time) (data.Frames, error) {
	return query.Answer(ctx, query.Environment{Store: w.store, Sources: w.sources}, m, query.Range{From: from, To: to})
}

// answerJSON answers a query as it stands in a dashboard.
func (w *world) answerJSON(ctx context.Context, raw json.RawMessage, from, to time.Time) (data.Frames, error) {
	m, err := query.Parse(raw)
	if err != nil {
		return nil, err
	}
	return w.answer(ctx, m, from, to)
}

func hourOf(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }
