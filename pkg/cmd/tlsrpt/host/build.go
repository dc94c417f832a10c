package host

import (
	"fmt"
	"os"
	"os/exec"
)

// Build builds the backend of the source tree at root into a plugin's folder.
func Build(root, dir string) error {
	build := exec.Command("go", "build", "-o", Binary(dir), "./pkg")
	build.Dir, build.Stderr = root, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the backend: %w", err)
	}
	return nil
}
