//go:build !unix

package loopback

import "os/exec"

// separate does nothing: Dovecot runs on Unix alone.
func separate(*exec.Cmd) {}

// killAll ends a server.
func killAll(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
