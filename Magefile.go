//go:build mage

package main

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"
)

// Default is what `go tool mage` does without a target.
var Default = Build

const grafanaPackage = "/usr/share/grafana"

func init() {
	// plugin.json lies at the root, the one source of truth.
	err := build.SetBeforeBuildCallback(func(c build.Config) (build.Config, error) {
		c.PluginJSONPath = "."
		return c, nil
	})
	if err != nil {
		panic(err)
	}
}

// Build makes the front end and this platform's backend in dist/.
func Build() error {
	mg.SerialDeps(Frontend, Backend)
	return nil
}

// BuildAll makes the front end and the backends for Linux, macOS and Windows on amd64 and arm64 in dist/.
func BuildAll() error {
	mg.SerialDeps(Frontend)
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			fmt.Printf("backend for %s on %s\n", system, arch)
			if err := (build.Build{}).Custom(system, arch); err != nil {
				return fmt.Errorf("build for %s on %s: %w", system, arch, err)
			}
		}
	}
	return nil
}

// Backend makes this platform's backend in dist/.
func Backend() error { return build.Build{}.Custom(runtime.GOOS, runtime.GOARCH) }

// Frontend makes the front end, with plugin.json and the dashboards, in dist/.
func Frontend() error {
	if err := installNodePackages(); err != nil {
		return err
	}
	return sh.RunV("npm", "run", "build")
}

// Package makes the zip that is unpacked into Grafana's folder of plugins.
func Package() error {
	if err := os.RemoveAll("dist"); err != nil {
		return err
	}
	mg.SerialDeps(BuildAll)
	id, version, err := pluginVersion()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s.zip", id, version)
	if err := zipFolder("dist", id, name); err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	fmt.Printf("made %s: unpack it into Grafana's folder of plugins\n", name)
	return nil
}

// Demo shows the plugin at work on 90 days of made-up reports: in Grafana where one is found, otherwise here.
func Demo() error {
	args := []string{"demo", "--plugin", "dist"}
	if home := grafanaHome(); home != "" {
		mg.SerialDeps(Build)
		args = append(args, "--grafana", home)
	} else {
		mg.SerialDeps(Backend)
	}
	return runTool(args...)
}

// Screenshots takes the pictures of README.md and plugin.json anew, from the demo in a Grafana and with a Chromium.
func Screenshots() error {
	home := grafanaHome()
	if home == "" {
		return errors.New("no Grafana is found in GRAFANA_HOME, in " + grafanaPackage + " or on the path")
	}
	mg.SerialDeps(Build)
	return runTool("demo", "--plugin", "dist", "--grafana", home, "--run", "npx playwright test --config tests/screenshots.config.ts")
}

// runTool runs the command line.
func runTool(args ...string) error { return runProgram("./pkg/cmd/tlsrpt", args...) }

// runProgram builds a command and runs it as a child that is told of
// interrupts, so that it can end its own children.
func runProgram(source string, args ...string) (err error) {
	dir, err := os.MkdirTemp("", "tlsrpt-tool-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tool := filepath.Join(dir, "tlsrpt")
	if runtime.GOOS == "windows" {
		tool += ".exe"
	}
	if err := sh.RunV("go", "build", "-o", tool, source); err != nil {
		return err
	}
	command := exec.Command(tool, args...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	_, err = runChild(command)
	return err
}

// runChild runs a command and tells it of interrupts, so that it can end its
// own children. It returns how the command ended, and whether it was told to.
func runChild(command *exec.Cmd) (interrupted bool, err error) {
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
	parent, look := os.Getppid(), time.NewTicker(500*time.Millisecond)
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

// Lint runs gofmt, go vet, staticcheck, and where Node is there eslint and the type checker.
func Lint() error {
	unformatted, err := sh.Output("gofmt", "-l", "pkg", "Magefile.go")
	if err != nil {
		return err
	}
	if unformatted != "" {
		return fmt.Errorf("gofmt would change:\n%s", unformatted)
	}
	if err := sh.RunV("go", "vet", "./..."); err != nil {
		return err
	}
	if err := sh.RunV("go", "tool", "staticcheck", "./..."); err != nil {
		return err
	}
	if !hasNode() {
		fmt.Println("skipped: eslint and the type checker (Node 20 to 24 is not installed)")
		return nil
	}
	if err := installNodePackages(); err != nil {
		return err
	}
	if err := sh.RunV("npm", "run", "typecheck"); err != nil {
		return err
	}
	return sh.RunV("npm", "run", "lint")
}

// Test runs the linters and all tests, and says what it skipped and why.
func Test() error {
	installDebianPackages()
	mg.SerialDeps(Lint)
	skipped, err := testGo()
	if err != nil {
		return err
	}
	more, err := testFrontend()
	if err != nil {
		return err
	}
	skipped = append(skipped, more...)
	if len(skipped) == 0 {
		fmt.Println("\nNothing was skipped.")
		return nil
	}
	fmt.Println("\nSkipped:")
	for _, s := range skipped {
		fmt.Println("  " + s)
	}
	return nil
}

// Bench measures how fast and how small everything is beside the floor and parsedmarc; -args passes flags on (-args="-only import,imap -reports 100000"; -args=-h tells them).
func Bench(args *string) error {
	var more []string
	if args != nil {
		more = strings.Fields(*args)
	}
	return runProgram("./pkg/cmd/tlsrpt/bench", more...)
}

// soakTime is how long Soak ingests and queries unless told otherwise.
const soakTime = time.Hour

// Soak ingests and queries at once for the time given (-length=10m; an hour by default), and tells whether memory and file handles stay flat.
func Soak(length *time.Duration) error {
	if length == nil {
		length = new(time.Duration)
		*length = soakTime
	}
	return runProgram("./pkg/cmd/tlsrpt/bench", "-soak", length.String())
}

// Faults breaks everything on purpose in the long form, which takes hours, and prints a table of what came of it; `test` has the short form.
func Faults() (err error) {
	installDebianPackages()
	dir, err := os.MkdirTemp("", "tlsrpt-faults-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	const folder = "pkg/cmd/tlsrpt/faults"
	tests := filepath.Join(dir, "faults.test.exe")
	if err := sh.RunV("go", "test", "-c", "-o", tests, "./"+folder); err != nil {
		return err
	}
	command := exec.Command(tests, "-test.timeout=12h", "-long")
	command.Dir, command.Stdout, command.Stderr = folder, os.Stdout, os.Stderr
	_, err = runChild(command)
	return err
}

// fuzzTime is how long each fuzz target runs unless told otherwise.
const fuzzTime = time.Minute

// Fuzz runs every Go fuzz target there is, each for the time given (-each=10s; a minute by default), and tells what it found.
func Fuzz(ctx context.Context, each *time.Duration) (err error) {
	if each == nil {
		each = new(time.Duration)
		*each = fuzzTime
	}
	targets, err := fuzzTargets()
	if err != nil {
		return fmt.Errorf("list the fuzz targets: %w", err)
	}
	dir, err := os.MkdirTemp("", "tlsrpt-fuzz-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Printf("%d fuzz targets, %v each\n", len(targets), *each)
	var failed []string
	for i, target := range targets {
		fmt.Printf("%s: ", target)
		found, interrupted, err := target.run(dir, *each)
		fmt.Println(found)
		if interrupted || ctx.Err() != nil {
			return fmt.Errorf("interrupted: %d of %d fuzz targets had their time", i, len(targets))
		}
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s: %s", target, found))
			fmt.Println(err)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d fuzz targets failed, and go test runs their inputs from now on:\n%s", len(failed), len(targets), strings.Join(failed, "\n"))
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
	dirs := map[string]string{}
	for line := range strings.Lines(folders) {
		if pkg, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			dirs[pkg] = dir
		}
	}
	list, err := sh.Output("go", "test", "-json", "-list", "^Fuzz", "./...")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, list)
	}
	var targets []fuzzTarget
	for line := range strings.Lines(list) {
		var e testEvent
		if json.Unmarshal([]byte(line), &e) == nil && e.Action == "output" && strings.HasPrefix(e.Output, "Fuzz") {
			targets = append(targets, fuzzTarget{e.Package, dirs[e.Package], strings.TrimSpace(e.Output)})
		}
	}
	return targets, nil
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
	interrupted, err = runChild(command)
	if found = fuzzingOf(output.String()); found.kept != "" {
		found.kept = filepath.Join(t.dir, found.kept)
	}
	if err != nil && found.kept == "" && strings.Contains(output.String(), "\n    context deadline exceeded\n") {
		err = nil // Go fails a run whose time ends while a worker is busy, though nothing is wrong
	}
	if err != nil {
		return found, interrupted, fmt.Errorf("%s%s failed: %w", output.String(), t, err)
	}
	return found, interrupted, nil
}

// fuzzing is what one target's run came to.
type fuzzing struct{ executions, inputs, kept string }

// String says it in a sentence.
func (f fuzzing) String() string {
	switch {
	case f.kept != "":
		return "FAILED on the input that is kept in " + f.kept
	case f.executions == "":
		return "nothing was executed"
	}
	return fmt.Sprintf("found nothing wrong in %s executions; %s new inputs reach new code", f.executions, f.inputs)
}

var (
	fuzzProgress = regexp.MustCompile(`execs: (\d+)(?: .*new interesting: (\d+))?`)
	fuzzKept     = regexp.MustCompile(`Failing input written to (\S+)`)
)

// fuzzingOf reads a fuzz run's last account of itself.
func fuzzingOf(output string) fuzzing {
	f := fuzzing{inputs: "0"}
	if all := fuzzProgress.FindAllStringSubmatch(output, -1); len(all) > 0 {
		last := all[len(all)-1]
		f.executions = last[1]
		if last[2] != "" {
			f.inputs = last[2]
		}
	}
	if kept := fuzzKept.FindStringSubmatch(output); kept != nil {
		f.kept = kept[1]
	}
	return f
}

// testFrontend runs the unit tests of the front end, and the browser tests
// where a Grafana and a Chromium are found.
func testFrontend() (skipped []string, err error) {
	if !hasNode() {
		return []string{"front end, browser: Node 20 to 24 is not installed"}, nil
	}
	if err := sh.RunV("npm", "test"); err != nil {
		return nil, err
	}
	home := grafanaHome()
	if home == "" {
		return []string{"browser: no Grafana is found in GRAFANA_HOME, in " + grafanaPackage + " or on the path"}, nil
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		return []string{"browser: chromium is not installed"}, nil
	}
	mg.SerialDeps(Build)
	return nil, runTool("demo", "--plugin", "dist", "--grafana", home, "--run", "npm run test:e2e")
}

// A testEvent is a line of `go test -json`.
type testEvent struct{ Action, Package, Test, Output string }

// testGo runs the Go tests and prints what failed, each package's result, and
// a closing count.
func testGo() (skipped []string, err error) {
	command := exec.Command("go", "test", "-json", "-timeout", "20m", "./...")
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	passed, failed := 0, 0
	output := map[string][]string{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e testEvent
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		name := e.Package + " " + e.Test
		switch {
		case e.Action == "output" || e.Action == "build-output":
			output[name] = append(output[name], e.Output)
		case e.Action == "fail":
			failed += oneTest(e)
			fmt.Print(strings.Join(output[name], ""))
		case e.Action == "skip" && e.Test != "":
			skipped = append(skipped, name+": "+reason(output[name]))
		case e.Action == "pass" && e.Test == "":
			fmt.Print(last(output[name]))
		case e.Action == "pass":
			passed++
		}
		if e.Action == "pass" || e.Action == "skip" {
			delete(output, name)
		}
	}
	err = errors.Join(lines.Err(), command.Wait())
	fmt.Printf("go: %d passed, %d failed, %d skipped\n", passed, failed, len(skipped))
	return skipped, err
}

func oneTest(e testEvent) int {
	if e.Test == "" {
		return 0
	}
	return 1
}

func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// reason is what a skipped test said: the line before its closing "--- SKIP".
func reason(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if !strings.HasPrefix(strings.TrimSpace(line), "---") && !strings.HasPrefix(line, "===") {
			return strings.TrimSpace(line)
		}
	}
	return "no reason given"
}

// installDebianPackages installs the servers and the browser that tests use,
// where this is root's Debian or Ubuntu. Without them those tests are skipped.
func installDebianPackages() {
	missing := missingPackages(map[string]string{"dovecot": "dovecot-imapd", "nginx": "nginx", "chromium": "chromium", "jq": "jq"})
	if len(missing) == 0 || os.Geteuid() != 0 {
		return
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return
	}
	fmt.Printf("installing %s for the tests\n", strings.Join(missing, ", "))
	env := map[string]string{"DEBIAN_FRONTEND": "noninteractive"}
	if _, err := sh.Exec(env, io.Discard, os.Stderr, "apt-get", "update"); err != nil {
		fmt.Println("the package lists can't be brought up to date:", err)
	}
	args := append([]string{"install", "-y", "--no-install-recommends"}, missing...)
	if _, err := sh.Exec(env, io.Discard, os.Stderr, "apt-get", args...); err != nil {
		fmt.Println("they can't be installed, so their tests are skipped:", err)
	}
}

func missingPackages(packageOf map[string]string) []string {
	var missing []string
	for command, name := range packageOf {
		_, err := exec.LookPath(command)
		if err != nil && !exists("/usr/sbin/"+command) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// grafanaHome finds a Grafana: GRAFANA_HOME ("none" is none), the official
// package's folder, or the one that the command on the path belongs to.
func grafanaHome() string {
	if home, ok := os.LookupEnv("GRAFANA_HOME"); ok && home != "" {
		if home == "none" {
			return ""
		}
		return home
	}
	if exists(filepath.Join(grafanaPackage, "bin", "grafana")) {
		return grafanaPackage
	}
	command, err := exec.LookPath("grafana")
	if err != nil {
		return ""
	}
	if command, err = filepath.EvalSymlinks(command); err != nil {
		return ""
	}
	home := filepath.Dir(filepath.Dir(command))
	if !exists(filepath.Join(home, "conf", "defaults.ini")) {
		return ""
	}
	return home
}

func hasNode() bool {
	_, err := exec.LookPath("npm")
	return err == nil
}

// installNodePackages runs npm ci unless what is installed fits the lock file.
func installNodePackages() error {
	if !hasNode() {
		return errors.New("the front end needs Node 20 to 24 with npm on the path")
	}
	installed, err := os.Stat(filepath.Join("node_modules", ".package-lock.json"))
	locked, lockErr := os.Stat("package-lock.json")
	if err == nil && lockErr == nil && !locked.ModTime().After(installed.ModTime()) {
		return nil
	}
	return sh.RunV("npm", "ci", "--no-audit", "--no-fund")
}

func pluginVersion() (id, version string, err error) {
	var p struct {
		ID   string
		Info struct{ Version string }
	}
	raw, err := os.ReadFile(filepath.Join("dist", "plugin.json"))
	if err != nil {
		return "", "", err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", "", fmt.Errorf("read dist/plugin.json: %w", err)
	}
	return p.ID, p.Info.Version, nil
}

// zipFolder packs a folder under another name, with the executable bits.
func zipFolder(folder, as, name string) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	archive := zip.NewWriter(file)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header, err := zip.FileInfoHeader(info)
		if err != nil {
			return err
		}
		header.Name = as + "/" + filepath.ToSlash(strings.TrimPrefix(path, folder+string(filepath.Separator)))
		header.Method = zip.Deflate
		target, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		content, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(target, content)
		return errors.Join(err, content.Close())
	})
	return errors.Join(err, archive.Close())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
