package endtoend

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestTheProcessTellsItsMemoryAndHandles holds what the README says of the
// running plugin's metrics beside those of its own.
func TestTheProcessTellsItsMemoryAndHandles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the process tells its memory and handles on Linux alone")
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Prometheus metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	names := regexp.MustCompile("`((?:process|go)_\\w+)").FindAllStringSubmatch(section, -1)
	if len(names) == 0 {
		t.Fatal("README.md names none")
	}
	plugin := startWithDemoData(t)
	exported, err := plugin.plugin.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, []string{"", "tlsrpt_store_reports"}) {
		if !strings.Contains(exported, "\n"+name[1]) {
			t.Errorf("the running plugin does not export %s", name[1])
		}
	}
}
