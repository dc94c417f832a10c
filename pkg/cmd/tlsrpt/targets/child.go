// Package targets does what the targets of the Magefile take more than a few
// commands for: it runs children that are told of interrupts, sums up Go's
// tests, fuzzes, and packs the plugin. All of it works in the repository's root.
package targets

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/magefile/mage/sh"
)

// lookEvery is how often a child's parent is looked for.
const lookEvery = 500 * time.Millisecond

// RunProgram builds a command and runs it on this process's own streams as
// [RunChild] does.
func RunProgram(source string, args ...string) error {
	return runBuilt([]string{"build"}, source, func(binary string) *exec.Cmd { return exec.Command(binary, args...) })
}

// RunTests builds a folder's tests and runs them there, with flags of the test
// binary (-test.timeout), as [RunChild] does.
func RunTests(folder string, flags ...string) error {
	return runBuilt([]string{"test", "-c"}, "./"+filepath.ToSlash(folder), func(binary string) *exec.Cmd {
		command := exec.Command(binary, flags...)
		command.Dir = folder
		return command
	})
}

// runBuilt builds a package into a folder that is removed again, and runs what
// the binary's command is.
func runBuilt(build []string, source string, command func(binary string) *exec.Cmd) (err error) {
	dir, err := os.MkdirTemp("", "tlsrpt-tool-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "tlsrpt")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if err := sh.RunV("go", append(build, "-o", binary, source)...); err != nil {
		return err
	}
	c := command(binary)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	_, err = RunChild(c)
	return err
}

// RunChild runs a command and tells it of interrupts, so that it can end its
// own children. It returns how the command ended, and whether it was told to.
func RunChild(command *exec.Cmd) (interrupted bool, err error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := command.Start(); err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	// SIGTERM to `go tool mage` ends that alone, and leaves this process to
	// another parent.
	parent, look := os.Getppid(), time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-signals:
		case <-look.C:
			if os.Getppid() == parent {
				continue
			}
		case err := <-ended:
			return interrupted, err
		}
		interrupted = true
		_ = command.Process.Signal(os.Interrupt) // it may know already, or be ending
	}
}
