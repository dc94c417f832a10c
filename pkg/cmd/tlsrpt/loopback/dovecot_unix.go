//go:build unix

package loopback

import (
	"os/exec"
	"syscall"
)

// separate gives a server a process group of its own, before it starts.
func separate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killAll ends a server and all its children at once.
func killAll(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // none may be left
}
