// Package programs finds the programs of others that the demo, tests and
// measurements run, and says how to get one that is missing. It imports the
// standard library alone, since the Magefile is built with it.
package programs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNotInstalled is what the errors for a missing program wrap: each names the
// program, and how to install it.
var ErrNotInstalled = errors.New("not installed")

// A Program is a command of which Debian has a package.
type Program string

const (
	Dovecot  Program = "dovecot"
	Nginx    Program = "nginx"
	Chromium Program = "chromium"
	JQ       Program = "jq"
	Prlimit  Program = "prlimit"
)

// Package is the program's Debian package.
func (p Program) Package() string {
	switch p {
	case Dovecot:
		return "dovecot-imapd"
	case Prlimit:
		return "util-linux"
	}
	return string(p)
}

// Find returns the program's path: on PATH, or in the sbin beside a bin there.
// The error wraps [ErrNotInstalled].
func (p Program) Find() (path string, err error) {
	if path, err = exec.LookPath(string(p)); err == nil {
		return path, nil
	}
	// Debian has servers in sbin, where only root's PATH leads to.
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.Base(dir) != "bin" {
			continue
		}
		if path, err = exec.LookPath(filepath.Join(filepath.Dir(dir), "sbin", string(p))); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is %w: `apt-get install %s` installs it on Debian and Ubuntu, and so does `go tool mage test` when root runs it", p, ErrNotInstalled, p.Package())
}
