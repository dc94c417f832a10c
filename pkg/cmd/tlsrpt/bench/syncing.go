package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

const (
	// syncTime bounds a synchronisation.
	syncTime = time.Hour
	// lookInterval is the time between questions how much is stored.
	lookInterval = 20 * time.Millisecond
)

// A server is where the mails are synchronised from.
type server struct {
	io.Closer
	settings map[string]any
	password string
	// bare gets everything once and throws the bytes away.
	bare func() (time.Duration, error)
}

// A syncing is a synchronisation from one kind of server.
type syncing struct {
	name, title, bareName string
	start                 func(context.Context, *lab, *corpus) (*server, error)
	// goal is at least how many times as fast as the file import it is to be; 0 is none.
	goal float64
}

// run synchronises everything from a server that it starts, beside the bare
// fetch of the same.
func (y syncing) run(ctx context.Context, l *lab) error {
	mails, err := l.corpusOnce()
	if err != nil {
		return err
	}
	n := len(mails.files)
	s := l.sheet(fmt.Sprintf(y.title, n), "What", "Reports/s", "Time", "Memory, MiB", "Store, MiB", "Number to reach")
	server, err := y.start(ctx, l, mails)
	if errors.Is(err, loopback.ErrNotInstalled) {
		s.row("skipped: " + err.Error())
		s.print()
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	if err := l.importOnce(ctx); err != nil {
		return err
	}
	// Once before, so that the server has read everything for both.
	if _, err := server.bare(); err != nil {
		return err
	}
	bare, err := server.bare()
	if err != nil {
		return err
	}
	ours, err := l.synchronise(ctx, y.name, server, n)
	if err != nil {
		return err
	}
	speed, imported, least := ours.rate(n), l.imported.rate(n), spent{took: bare}.rate(n)
	toImport := ratio(speed, imported) + " the file import"
	if y.goal > 0 {
		toImport = goal(speed >= y.goal*imported, fmt.Sprintf("at least %.1f× the file import (%s)", y.goal, ratio(speed, imported)))
	}
	s.row("the plugin, from its start", int(speed), ours.took.Round(time.Millisecond), whole(ours.memory), mib(sizeOf(ours.store)), toImport)
	s.row(y.bareName, int(least), bare.Round(time.Millisecond), "", "", "ours "+ratio(speed, least))
	s.row("tlsrpt import of the same mails", int(imported), l.imported.took.Round(time.Millisecond), whole(l.imported.memory), mib(sizeOf(l.importStore())), "")
	s.row("its memory at most", "", "", whole(ours.memory), "", goalOfMemory(ours.memory))
	s.row(fmt.Sprintf("its memory %v after all was read", l.quiet), "", "", whole(ours.idle), "", goalOfIdleMemory(ours.idle))
	s.row("its store", "", "", "", mib(sizeOf(ours.store)), goalOfStore(sizeOf(ours.store), mails.compressed, n))
	s.row(fmt.Sprintf("its stop with %d of %d stored", ours.stopped, n), "", ours.stop.Round(time.Millisecond), "", "", goalOfStop(ours, n))
	s.print()
	return nil
}

func goalOfStop(ours synchronised, n int) string {
	if ours.stopped >= n {
		return "not measured: it was done before it could be stopped"
	}
	return goal(ours.stop <= goalStop, "within 2 s")
}

// A synchronised is what a synchronisation needed.
type synchronised struct {
	spent
	store string
	// idle is what was resident once all was quiet, in MiB.
	idle float64
	// stop is how long stopping another took that had stored so many, stopped.
	stop    time.Duration
	stopped int
}

// synchronise starts the plugin and measures until everything is stored, and
// before that how long stopping one in the midst of it takes.
func (l *lab) synchronise(ctx context.Context, name string, from *server, n int) (s synchronised, err error) {
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	early, err := l.startPlugin(filepath.Join(l.dir, name+"-stopped"), from.settings, from.password)
	if err != nil {
		return s, err
	}
	s.stopped, err = early.awaitStored(ctx, n/4, l.progress("synchronise a part of "+name, n/4))
	began := time.Now()
	early.Stop()
	s.stop = time.Since(began)
	if err != nil {
		return s, err
	}
	began = time.Now()
	plugin, err := l.startPlugin(filepath.Join(l.dir, name), from.settings, from.password)
	if err != nil {
		return s, err
	}
	defer plugin.Stop()
	if _, err := plugin.awaitStored(ctx, n, l.progress("synchronise "+name, n)); err != nil {
		return s, err
	}
	s.took, s.store = time.Since(began), plugin.store()
	_, s.memory = memoryOf(plugin.Pid())
	time.Sleep(l.quiet)
	s.idle, _ = memoryOf(plugin.Pid())
	return s, nil
}
