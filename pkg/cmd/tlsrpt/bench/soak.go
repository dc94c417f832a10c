package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

const (
	soakDomains = 100
	// soakSamples is how often memory, file handles and the store are looked at.
	soakSamples = 120
	// soakFlat is by how much the last quarter may lie above the second; the
	// first warms up. Beside it, memory may grow by soakMemory MiB and handles
	// by soakHandles.
	soakFlat    = 1.10
	soakMemory  = 8.0
	soakHandles = 2.0
)

// errGrows is what a soak fails with.
var errGrows = errors.New("not flat")

// A sample is what the plugin needed at a moment, and did since the one before.
type sample struct {
	memory  float64 // MiB resident
	handles int
	store   int64 // bytes
	stored  int
	queries int
	slowest time.Duration
}

// soakFor delivers mails and asks every shipped query, one after the other,
// for so long, and watches the plugin's memory, its file handles and its store.
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
	timed, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	delivering := make(chan error, 1)
	go func() {
		defer cancel()
		delivering <- deliverMails(timed, dovecot)
	}()
	samples, err := l.watch(timed, plugin, queries, length/soakSamples)
	cancel()
	if err := errors.Join(err, <-delivering, ctx.Err()); err != nil {
		return err
	}
	return l.judgeSoak(length, samples)
}

// deliverMails brings report mails of ever newer days, 20 a second, until ctx ends.
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
	due := time.Now().Add(every)
	p := l.progress("soak", soakSamples)
	now := sample{}
	for i := 0; ; i++ {
		q := queries[i%len(queries)]
		asked := time.Now()
		answers, err := plugin.Query(ctx, backend.DataQuery{RefID: "A", JSON: q.model, MaxDataPoints: 400, TimeRange: backend.TimeRange{From: asked.Add(-q.span), To: asked}})
		if err == nil {
			err = answers["A"].Error
		}
		now.queries++
		now.slowest = max(now.slowest, time.Since(asked))
		isDue := time.Now().After(due)
		if err == nil && isDue {
			now.memory, _ = memoryOf(plugin.Pid())
			now.handles, now.store = handlesOf(plugin.Pid()), sizeOf(plugin.store())
			now.stored, _, err = plugin.stored(ctx)
		}
		switch {
		case ctx.Err() != nil: // whatever else it says
			return samples, nil
		case err != nil:
			return samples, fmt.Errorf("%s: %w", q.name, err)
		case isDue:
			samples = append(samples, now)
			p.at(len(samples))
			now, due = sample{}, due.Add(every)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A quarter is a fourth of the samples, put together.
type quarter struct {
	memory, handles         float64 // means
	mostMemory              float64
	mostHandles             int
	store                   int64 // at its end
	stored, queries, arrive int
	slowest                 time.Duration
}

// quartersOf puts the samples together; false where there are too few.
func quartersOf(samples []sample) (quarters [4]quarter, enough bool) {
	n := len(samples) / 4
	if n == 0 {
		return quarters, false
	}
	samples = samples[len(samples)-4*n:]
	before := 0
	for i := range quarters {
		q := &quarters[i]
		for _, s := range samples[i*n : (i+1)*n] {
			q.memory += s.memory / float64(n)
			q.handles += float64(s.handles) / float64(n)
			q.mostMemory, q.mostHandles = max(q.mostMemory, s.memory), max(q.mostHandles, s.handles)
			q.store, q.stored = s.store, s.stored
			q.queries, q.slowest = q.queries+s.queries, max(q.slowest, s.slowest)
		}
		q.arrive, before = q.stored-before, q.stored
	}
	return quarters, true
}

// judgeSoak prints the quarters and fails where memory or file handles grow,
// or where nothing was stored in one.
func (l *lab) judgeSoak(length time.Duration, samples []sample) error {
	quarters, enough := quartersOf(samples)
	if !enough {
		return fmt.Errorf("%d samples are too few to tell anything: soak for longer", len(samples))
	}
	s := l.sheet(fmt.Sprintf("Ingest and queries together for %v", length.Round(time.Second)),
		"Quarter", "Memory, MiB", "Most, MiB", "File handles", "Most", "Store, MiB", "Stored", "Store a report, B", "Queries", "Slowest, ms")
	var failed error
	for i, q := range quarters {
		s.row(i+1, whole(q.memory), whole(q.mostMemory), fmt.Sprintf("%.1f", q.handles), q.mostHandles, mib(q.store), q.arrive, q.store/int64(max(q.stored, 1)), q.queries, milliseconds(q.slowest))
		if q.arrive <= 0 {
			failed = errors.Join(failed, fmt.Errorf("nothing was stored in quarter %d", i+1))
		}
	}
	s.print()
	second, last := quarters[1], quarters[3]
	for _, judged := range []struct {
		name         string
		before, then float64
		more         float64
	}{
		{"memory", second.memory, last.memory, soakMemory}, {"file handles", second.handles, last.handles, soakHandles},
	} {
		if judged.then == 0 {
			failed = errors.Join(failed, fmt.Errorf("this system does not tell a process's %s", judged.name))
			continue
		}
		flat := judged.then <= max(judged.before*soakFlat, judged.before+judged.more)
		fmt.Fprintf(l.out, "%s from the second quarter to the last: %.1f to %.1f, %s\n", judged.name, judged.before, judged.then, goal(flat, "flat"))
		if !flat {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", judged.name, errGrows))
		}
	}
	most := 0.0
	for _, q := range quarters {
		most = max(most, q.mostMemory)
	}
	fmt.Fprintf(l.out, "memory at most: %.0f MiB, %s\n", most, goalOfMemory(most))
	if most > goalMemory {
		failed = errors.Join(failed, fmt.Errorf("memory: %.0f MiB", most))
	}
	return failed
}
