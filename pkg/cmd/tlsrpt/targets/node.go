package targets

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/magefile/mage/sh"
)

// FindNode returns an error that says how to get Node where npm is not on the
// path.
func FindNode() error {
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm is not installed: it comes with Node, of which 20 to 24 will do, from nodejs.org")
	}
	return nil
}

// InstallNodePackages runs npm ci unless what is installed fits the lock file.
func InstallNodePackages() error {
	if err := FindNode(); err != nil {
		return err
	}
	installed, err := os.Stat(filepath.Join("node_modules", ".package-lock.json"))
	locked, lockErr := os.Stat("package-lock.json")
	if err == nil && lockErr == nil && !locked.ModTime().After(installed.ModTime()) {
		return nil
	}
	return sh.RunV("npm", "ci", "--no-audit", "--no-fund")
}
