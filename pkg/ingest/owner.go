package ingest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// ownerName names this process as host/pid, with a random end, since process
// ids come back after a restart.
func ownerName() string {
	return fmt.Sprintf("%s/%d#%08x", hostName(), os.Getpid(), rand.Uint32())
}

func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return host
}

// gone says that a lease's owner is a process of this machine that has ended:
// its lease need not be waited for. An owner of another form may be alive.
func gone(owner string) bool {
	host, rest, _ := strings.Cut(owner, "/")
	number, _, ok := strings.Cut(rest, "#")
	pid, err := strconv.Atoi(number)
	if !ok || err != nil || pid <= 0 || host != hostName() {
		return false
	}
	if pid == os.Getpid() {
		return true // in a container each start may get the same id
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return runtime.GOOS == "windows" // elsewhere it does not look
	}
	defer func() { _ = process.Release() }()
	return errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
