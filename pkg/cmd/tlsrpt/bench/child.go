package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// A spent is what a child process needed.
type spent struct {
	took   time.Duration
	memory float64 // MiB at most
}

// runChild runs a command to its end and watches its memory.
func runChild(ctx context.Context, name string, args ...string) (spent, error) {
	command := exec.CommandContext(ctx, name, args...)
	// A file, since what a child leaves behind would keep a pipe open.
	said, err := os.CreateTemp("", "tlsrpt-bench-child-")
	if err != nil {
		return spent{}, err
	}
	defer func() { _, _ = said.Close(), os.Remove(said.Name()) }()
	command.Stdout, command.Stderr = said, said
	began := time.Now()
	if err := command.Start(); err != nil {
		return spent{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	var s spent
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			s.took = time.Since(began)
			if err != nil {
				words, _ := os.ReadFile(said.Name())
				return s, fmt.Errorf("%s: %w\n%s", name, err, words)
			}
			return s, nil
		case <-look.C:
			_, most := memoryOf(command.Process.Pid)
			s.memory = max(s.memory, most)
		}
	}
}
