package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/magefile/mage/sh"
)

// Fuzz runs every Go fuzz target there is, each for so long, and tells out what
// it found. The error names the targets that failed.
func Fuzz(ctx context.Context, out io.Writer, each time.Duration) (err error) {
	targets, err := fuzzTargets()
	if err != nil {
		return fmt.Errorf("list the fuzz targets: %w", err)
	}
	dir, err := os.MkdirTemp("", "tlsrpt-fuzz-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintf(out, "%d fuzz targets, %v each\n", len(targets), each)
	var failed []string
	for i, target := range targets {
		fmt.Fprintf(out, "%s: ", target)
		found, interrupted, err := target.run(dir, each)
		interrupted = interrupted || ctx.Err() != nil
		found.failed = err != nil && !interrupted
		fmt.Fprintln(out, found)
		if interrupted {
			return fmt.Errorf("interrupted: %d of %d fuzz targets had their time", i, len(targets))
		}
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s: %s", target, found))
			fmt.Fprintln(out, err)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d fuzz targets failed, and go test runs the inputs that are kept from now on:\n%s", len(failed), len(targets), strings.Join(failed, "\n"))
	}
	return nil
}

// A fuzzTarget is a fuzz function of a package, named by its import path and folder.
type fuzzTarget struct{ pkg, dir, name string }

func (t fuzzTarget) String() string { return t.pkg + " " + t.name }

// fuzzTargets asks the test binaries of all packages what they have.
func fuzzTargets() ([]fuzzTarget, error) {
	folders, err := sh.Output("go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}", "./...")
	if err != nil {
		return nil, err
	}
	list, err := sh.Output("go", "test", "-json", "-list", "^Fuzz", "./...")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, list)
	}
	return targetsIn(folders, list), nil
}

// targetsIn reads the fuzz targets out of a list of packages, each with its
// folder behind a tab, and of the events of `go test -json -list`.
func targetsIn(folders, list string) (targets []fuzzTarget) {
	dirs := map[string]string{}
	for line := range strings.Lines(folders) {
		if pkg, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			dirs[pkg] = dir
		}
	}
	for line := range strings.Lines(list) {
		var e testEvent
		if json.Unmarshal([]byte(line), &e) == nil && e.Action == "output" && strings.HasPrefix(e.Output, "Fuzz") {
			targets = append(targets, fuzzTarget{e.Package, dirs[e.Package], strings.TrimSpace(e.Output)})
		}
	}
	return targets
}

// run fuzzes with the package's own test binary, and not through `go test`,
// which tells it of no interrupt. What coverage finds is kept in Go's cache, as
// `go test` does, so that the next run goes on from there.
func (t fuzzTarget) run(dir string, each time.Duration) (found fuzzing, interrupted bool, err error) {
	binary := filepath.Join(dir, "fuzz.test.exe")
	if err := sh.Run("go", "test", "-c", "-fuzz", "^"+t.name+"$", "-o", binary, t.pkg); err != nil {
		return found, false, err
	}
	cache, err := sh.Output("go", "env", "GOCACHE")
	if err != nil {
		return found, false, err
	}
	command := exec.Command(binary, "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+each.String(),
		"-test.fuzzcachedir="+filepath.Join(cache, "fuzz", filepath.FromSlash(t.pkg)))
	var output strings.Builder
	command.Dir, command.Stdout, command.Stderr = t.dir, &output, &output
	interrupted, err = RunChild(command)
	found = fuzzingOf(output.String())
	if found.kept != "" {
		found.kept = filepath.Join(t.dir, found.kept)
	}
	if err == nil || endedWhileBusy(found, output.String()) {
		return found, interrupted, nil
	}
	return found, interrupted, fmt.Errorf("%s%s failed: %w", output.String(), t, err)
}
