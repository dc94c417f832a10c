package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// fuzzTargets reads the test files of all packages. To ask the test binaries
// would start the servers of those that have some.
func fuzzTargets() (targets []fuzzTarget, err error) {
	list, err := sh.Output("go", "list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		return nil, err
	}
	for packages := json.NewDecoder(strings.NewReader(list)); ; {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			return targets, nil
		} else if err != nil {
			return nil, err
		}
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			for _, declaration := range parsed.Decls {
				if f, ok := declaration.(*ast.FuncDecl); ok && isFuzzTarget(f) {
					targets = append(targets, fuzzTarget{p.ImportPath, p.Dir, f.Name.Name})
				}
			}
		}
	}
}

// isFuzzTarget tells whether a function is func Fuzz…(f *testing.F).
func isFuzzTarget(f *ast.FuncDecl) bool {
	if f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Fuzz") || f.Type.Params.NumFields() != 1 {
		return false
	}
	pointer, ok := f.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := pointer.X.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "F"
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
