package sqlite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/footprint"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// largeInto tells the child process of the test below which file to fill.
const largeInto = "TLSRPT_TEST_LARGE_INTO"

func TestReportsOf50000UniqueFailuresStayWithin256MiB(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds a report")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("nothing here tells how much memory a process has used")
	}
	child := exec.Command(os.Args[0], "-test.run=^TestLargeReportsInAProcessOfTheirOwn$", "-test.v")
	child.Env = append(append(os.Environ(), largeInto+"="+filepath.Join(t.TempDir(), "large.db")), footprint.Environment()...)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, said, ok := strings.Cut(line, "_test.go:"); ok {
			t.Log(strings.TrimSpace(said))
		}
	}
}

func TestLargeReportsInAProcessOfTheirOwn(t *testing.T) {
	path := os.Getenv(largeInto)
	if path == "" {
		t.Skip("runs as the child of TestReportsOf50000UniqueFailuresStayWithin256MiB only")
	}
	s := file(t, path)
	// The third supersedes the second.
	for i, id := range []string{"0", "1", "1"} {
		report := largeReportOf(i, id)
		d := delivery(fmt.Sprint(i), store.Document{Report: report, Raw: fmt.Appendf(nil, "%d", i), Judgement: store.Judgement{Trust: store.Unauthenticated}})
		d.Received = epoch.Add(-time.Duration(i) * time.Hour)
		commit(t, s, d)
	}
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(peak, &kib); err != nil || kib > 256<<10 {
		t.Fatalf("%d KiB were resident, %v", kib, err)
	}
	t.Logf("%d MiB were resident at most", kib>>10)
	recount(t, s)
}

func largeReportOf(n int, id string) *tlsrpt.Report {
	p := tlsrpt.Policy{Type: "sts", Domain: "a.example", Failed: 50_000}
	for i := range 50_000 {
		code := fmt.Sprintf("r%d-%d", n, i/3)
		p.Details = append(p.Details, tlsrpt.FailureDetail{
			ResultType: fmt.Sprintf("t%d-%d", n, i), FailedSessions: 1, ReceivingMXHostname: fmt.Sprintf("m%d-%d.example", n, i),
			SendingMTAIP: fmt.Sprintf("10.%d.%d.%d", n, i>>8, i&255), ReceivingIP: fmt.Sprintf("2001:db8:%d::%x", n, i),
			ReasonCode: code, Reason: code, AdditionalInformation: fmt.Sprintf("x%d-%d", n, i),
		})
	}
	return &tlsrpt.Report{Reporter: "Example Inc.", ReportID: id, Start: epoch, End: epoch.Add(24 * time.Hour), Policies: []tlsrpt.Policy{p}}
}
