package endtoend

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
)

// parentVariable makes the test binary a process that runs a plugin, from the
// folder it names, and does nothing else until it is killed.
const parentVariable = "TLSRPT_TEST_PARENT_OF"

func beParent(dir string) {
	plugin, err := host.Start(host.Options{Dir: dir, DataDir: os.Getenv("TLSRPT_TEST_DATA")}, backend.DataSourceInstanceSettings{UID: "tlsrpt"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(plugin.Pid())
	select {}
}

func TestAPluginWhoseGrafanaWasKilledEnds(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+pluginDir, "TLSRPT_TEST_DATA="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parent.Process.Kill() }) // where the test ended before that
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent says %q", line)
	}
	if !alive(pid) {
		t.Fatal("the plugin does not run: the test proves nothing")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	for deadline := time.Now().Add(patience); alive(pid); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the plugin, process %d, still runs", pid)
		}
	}
}

// alive says whether a process runs; one that has ended and that nobody has
// waited for does not.
func alive(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil || errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // no such files here: the signal has told
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
