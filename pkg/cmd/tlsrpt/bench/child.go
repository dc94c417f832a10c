package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/footprint"
)

// A spent is what a child process needed.
type spent struct {
	took   time.Duration
	memory float64 // MiB resident at most; 0 where the system does not tell
	said   []byte  // to its standard output
}

// runChild runs a command to its end and watches its memory. What it says to
// its standard error is kept for the error, unless the command sends it elsewhere.
func runChild(ctx context.Context, command *exec.Cmd) (s spent, err error) {
	// Files, since what a child leaves behind would keep a pipe open.
	said, err := os.CreateTemp("", "tlsrpt-bench-child-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, said.Close(), os.Remove(said.Name())) }()
	complaints, err := os.CreateTemp("", "tlsrpt-bench-child-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, complaints.Close(), os.Remove(complaints.Name())) }()
	command.Stdout = said
	if command.Stderr == nil {
		command.Stderr = complaints
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return s, err
	}
	if err := s.watch(ctx, command); err != nil {
		words, _ := os.ReadFile(complaints.Name())
		return s, fmt.Errorf("%s: %w\n%s", command.Path, err, words)
	}
	s.took = time.Since(began)
	s.said, err = os.ReadFile(said.Name())
	return s, err
}

// watch looks at a started child's memory until it has ended.
func (s *spent) watch(ctx context.Context, command *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			_ = command.Process.Kill() // it may have ended by itself
			<-ended
			return ctx.Err()
		case <-look.C:
			_, most := memoryOf(command.Process.Pid)
			s.memory = max(s.memory, most)
		}
	}
}

// roles are what this program is as a child of itself, so that what is measured
// has a process, and so a memory, of its own. Each takes the flags -in and -store.
func roles() map[string]func(context.Context, options) error {
	return map[string]func(context.Context, options) error{
		"floor":  func(ctx context.Context, o options) error { return importFloor(ctx, o.in, o.store) },
		"reader": func(_ context.Context, o options) error { return readFloor(o.in) },
		"parser": func(_ context.Context, o options) error { return parseInRole(o.in, o.store) },
		"asker":  askInRole,
		"both":   compareInRole,
	}
}

// runRole runs this program in a role, with the plugin's bounds of memory.
func (l *lab) runRole(ctx context.Context, role string, more ...string) (spent, error) {
	self, err := os.Executable()
	if err != nil {
		return spent{}, err
	}
	command := exec.Command(self, append([]string{"-be", role}, more...)...)
	command.Env = append(os.Environ(), footprint.Environment()...)
	if talk, ok := l.talk.(*os.File); ok {
		command.Stderr = talk // how far long work has come
	}
	return runChild(ctx, command)
}
