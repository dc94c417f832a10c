package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

const (
	soakDomains = 100
	// soakSamples is how often memory and file handles are looked at.
	soakSamples = 60
	// soakFlat is by how much the last third may lie above the middle one.
	soakFlat = 1.10
)

// A sample is what the plugin's process needed at a moment.
type sample struct {
	at      time.Duration
	memory  float64
	handles int
	stored  int
	queries int
	slowest time.Duration
}

// soakFor delivers mails and asks every shipped query, one after the other,
// for so long, and watches the plugin's memory and file handles.
func (l *lab) soakFor(ctx context.Context, length time.Duration) error {
	queries, err := shippedQueries()
	if err != nil {
		return err
	}
	dovecot, err := loopback.StartDovecot(ctx, loopback.DovecotOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = dovecot.Close() }()
	settings := mailboxSettings(dovecot)
	settings["sources"].([]any)[0].(map[string]any)["pollInterval"] = "1s"
	settings["sources"].([]any)[0].(map[string]any)["afterProcessing"] = "delete"
	plugin, err := l.startPlugin(filepath.Join(l.dir, "soak"), settings, dovecot.Password)
	if err != nil {
		return err
	}
	defer plugin.Stop()
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	delivering := make(chan error, 1)
	go func() { delivering <- deliverMails(ctx, dovecot) }()
	samples, failed := l.watch(ctx, plugin, queries, length/soakSamples)
	if err := errors.Join(failed, <-delivering); err != nil && ctx.Err() == nil {
		return err
	}
	l.printSoak(length, samples)
	return nil
}

// deliverMails brings report mails of ever newer days, 20 a second.
func deliverMails(ctx context.Context, dovecot *loopback.Dovecot) error {
	for seed := uint64(1); ; seed++ {
		generator, err := generate.New(generate.Options{Seed: seed, Domains: soakDomains, Days: 90})
		if err != nil {
			return err
		}
		for item := range generator.Items() {
			if item.Kind != generate.Mail {
				continue
			}
			if err := dovecot.Append(user, "INBOX", item.Received, item.Bytes); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// watch asks queries until ctx ends, and takes a sample at every interval.
func (l *lab) watch(ctx context.Context, plugin *hosted, queries []shipped, every time.Duration) (samples []sample, err error) {
	began, due := time.Now(), time.Now().Add(every)
	now := sample{}
	for i := 0; ctx.Err() == nil; i++ {
		q := queries[i%len(queries)]
		asked := time.Now()
		answers, err := plugin.Query(ctx, backend.DataQuery{RefID: "A", JSON: q.model, MaxDataPoints: 400, TimeRange: backend.TimeRange{From: asked.Add(-q.span), To: asked}})
		if ctx.Err() != nil {
			return samples, nil
		}
		if err == nil {
			err = answers["A"].Error
		}
		if err != nil {
			return samples, fmt.Errorf("%s: %w", q.name, err)
		}
		now.queries++
		now.slowest = max(now.slowest, time.Since(asked))
		if time.Now().After(due) {
			now.at = time.Since(began)
			now.memory, _ = memoryOf(plugin.Pid())
			now.handles = handlesOf(plugin.Pid())
			if now.stored, _, err = plugin.stored(ctx); err != nil && ctx.Err() == nil {
				return samples, err
			}
			samples = append(samples, now)
			fmt.Fprintf(l.out, "%v: %.0f MiB, %d file handles, %d stored, %d queries\n", now.at.Round(time.Second), now.memory, now.handles, now.stored, now.queries)
			now, due = sample{}, due.Add(every)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return samples, nil
}

// printSoak compares the last third with the one before it: the first warms up.
func (l *lab) printSoak(length time.Duration, samples []sample) {
	third := len(samples) / 3
	if third == 0 {
		fmt.Fprintln(l.out, "It was too short to tell anything.")
		return
	}
	s := l.sheet(fmt.Sprintf("Ingest and queries together for %v", length.Round(time.Second)),
		"Third", "Memory, MiB", "Most, MiB", "File handles", "Most", "Stored", "Queries", "Slowest, ms")
	var memory, handles [3]float64
	for i, name := range []string{"first", "middle", "last"} {
		part := samples[i*third : (i+1)*third]
		most, open, queries, slowest := 0.0, 0, 0, time.Duration(0)
		for _, p := range part {
			memory[i] += p.memory / float64(third)
			handles[i] += float64(p.handles) / float64(third)
			most, open = max(most, p.memory), max(open, p.handles)
			queries, slowest = queries+p.queries, max(slowest, p.slowest)
		}
		s.row(name, fmt.Sprintf("%.0f", memory[i]), fmt.Sprintf("%.0f", most), fmt.Sprintf("%.1f", handles[i]), open, part[len(part)-1].stored, queries, milliseconds(slowest))
	}
	s.print()
	flat := func(v [3]float64) bool { return v[2] <= math.Max(v[1]*soakFlat, v[1]+2) }
	fmt.Fprintf(l.out, "Memory: %s. File handles: %s.\n", goal(flat(memory), "flat from the middle third to the last"), goal(flat(handles), "flat"))
}
