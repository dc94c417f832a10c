package loopback

import (
	"fmt"
	"os"
	"time"
)

// shortTempDir makes a folder whose name leaves room for Dovecot's sockets:
// the path of one has at most about 100 bytes.
func shortTempDir() (string, error) {
	parent := os.TempDir()
	if len(parent) > 40 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "dovecot-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// removeFolder removes a server's files, if dir is not empty. What was killed
// may still write one for a moment.
func removeFolder(dir string) error {
	for try := 1; ; try++ {
		err := os.RemoveAll(dir)
		if err == nil {
			return nil
		}
		if try == 100 {
			return fmt.Errorf("remove a server's folder: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
