//go:build mage

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/programs"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/targets"
)

// Default is what `go tool mage` does without a target.
var Default = Build

const (
	// tool is the command line, which has the demo.
	tool = "./pkg/cmd/tlsrpt"
	// bench is the command that measures.
	bench = "./pkg/cmd/tlsrpt/bench"
)

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
	if err := targets.InstallNodePackages(); err != nil {
		return fmt.Errorf("make the front end: %w", err)
	}
	return sh.RunV("npm", "run", "build")
}

// Package makes the zip that is unpacked into Grafana's folder of plugins.
func Package() error {
	if err := os.RemoveAll("dist"); err != nil {
		return err
	}
	mg.SerialDeps(BuildAll)
	name, err := targets.Pack("dist")
	if err != nil {
		return err
	}
	fmt.Printf("made %s: unpack it into Grafana's folder of plugins\n", name)
	return nil
}

// Demo shows the plugin at work on 90 days of made-up reports: in Grafana where one is found, otherwise here.
func Demo() error {
	args := []string{"demo", "--plugin", "dist"}
	if home, err := programs.GrafanaHome(); err == nil {
		mg.SerialDeps(Build)
		args = append(args, "--grafana", home)
	} else {
		mg.SerialDeps(Backend)
	}
	return targets.RunProgram(tool, args...)
}

// Screenshots takes the pictures of README.md and plugin.json anew, from the demo in a Grafana and with a Chromium.
func Screenshots() error {
	programs.InstallMissing(os.Stdout, programs.Dovecot, programs.Nginx, programs.Chromium)
	return inDemo("npx playwright test --config tests/screenshots.config.ts")
}

// inDemo runs a command with a Chromium against the demo in a Grafana. The
// error is [programs.ErrNotInstalled] where one of them is missing.
func inDemo(command string) error {
	home, err := programs.GrafanaHome()
	if err != nil {
		return err
	}
	if _, err := programs.Chromium.Find(); err != nil {
		return err
	}
	mg.SerialDeps(Build)
	return targets.RunProgram(tool, "demo", "--plugin", "dist", "--grafana", home, "--run", command)
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
	if err := sh.RunV("go", "vet", "-tags", "mage", "./..."); err != nil {
		return err
	}
	if err := sh.RunV("go", "tool", "staticcheck", "-tags", "mage", "./..."); err != nil {
		return err
	}
	if err := targets.FindNode(); err != nil {
		fmt.Printf("skipped: eslint and the type checker: %v\n", err)
		return nil
	}
	if err := targets.InstallNodePackages(); err != nil {
		return err
	}
	if err := sh.RunV("npm", "run", "typecheck"); err != nil {
		return err
	}
	return sh.RunV("npm", "run", "lint")
}

// Test runs the linters and all tests, and says what it skipped and why.
func Test() error {
	programs.InstallMissing(os.Stdout, programs.Dovecot, programs.Nginx, programs.Chromium, programs.JQ, programs.Prlimit)
	mg.SerialDeps(Lint)
	skipped, err := targets.GoTests(os.Stdout)
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

// testFrontend runs the unit tests of the front end, and the browser tests
// where a Grafana and a Chromium are found.
func testFrontend() (skipped []string, err error) {
	if err := targets.FindNode(); err != nil {
		return []string{fmt.Sprintf("front end, browser: %v", err)}, nil
	}
	if err := sh.RunV("npm", "test"); err != nil {
		return nil, err
	}
	err = inDemo("npm run test:e2e")
	if errors.Is(err, programs.ErrNotInstalled) {
		return []string{fmt.Sprintf("browser: %v", err)}, nil
	}
	return nil, err
}

// Bench measures how fast and how small everything is beside the floor and parsedmarc; -args passes flags on (-args="-only import,imap -reports 100000"; -args=-h tells them).
func Bench(args *string) error {
	programs.InstallMissing(os.Stdout, programs.Dovecot, programs.Nginx)
	var more []string
	if args != nil {
		more = strings.Fields(*args)
	}
	return targets.RunProgram(bench, more...)
}

// Soak ingests and queries at once for the time given (-length=10m; an hour by default), and tells whether memory and file handles stay flat.
func Soak(length *time.Duration) error {
	programs.InstallMissing(os.Stdout, programs.Dovecot)
	return targets.RunProgram(bench, "-soak", orElse(length, time.Hour).String())
}

// Faults breaks everything on purpose in the long form, which takes an hour, and prints a table of what came of it; `test` has the short form.
func Faults() error {
	programs.InstallMissing(os.Stdout, programs.Dovecot, programs.Nginx, programs.Prlimit)
	return targets.RunTests("pkg/cmd/tlsrpt/faults", "-test.timeout=12h", "-long")
}

// Fuzz runs every Go fuzz target there is, each for the time given (-each=10s; a minute by default), and tells what it found.
func Fuzz(ctx context.Context, each *time.Duration) error {
	return targets.Fuzz(ctx, os.Stdout, orElse(each, time.Minute))
}

// orElse is what a flag says, or what holds without it.
func orElse(flag *time.Duration, otherwise time.Duration) time.Duration {
	if flag == nil {
		return otherwise
	}
	return *flag
}
