package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/programs"
)

// TestAFileSizeLimitOfThePluginsProcessLosesNothingAndKillsNobody lets the
// system refuse what the plugin's process writes beyond some size of a file,
// with SIGXFSZ, and takes the limit away again.
func TestAFileSizeLimitOfThePluginsProcessLosesNothingAndKillsNobody(t *testing.T) {
	_, err := programs.Prlimit.Find()
	loopbacktest.Need(t, err)
	began, dovecot := time.Now(), startDovecot(t)
	limits, met := times(16, 300), 0
	p := newPost(t, 45, 4*limits)
	process := newProcess(t, dataSource(t, mailboxSettings(dovecot, dovecot.TLSPort, "delete"), dovecot.Password))
	process.start(t)
	process.pollAll(t, 0)
	random := rand.New(rand.NewPCG(11, 12))
	for range limits {
		p.bring(t, 4, inbox(dovecot))
		log, err := os.Stat(process.file(t) + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		process.limitFiles(t, fmt.Sprint(random.Int64N(log.Size()+1)))
		if process.fails(t, len(p.brought)) {
			if met++; met%8 == 1 {
				process.healthFails(t)
			}
		}
		process.limitFiles(t, "unlimited")
		process.pollAll(t, len(p.brought))
	}
	process.stop()
	equalsLedger(t, process.file(t), "mb1", p)
	untouched(t, dovecot, p, "delete")
	if met == 0 {
		t.Error("no limit was met")
	}
	measured(t, figure{"a limit on the size of files", met, p.reports(), "0 lost, 0 twice, 0 touched; the process lived on", time.Since(began)})
}

// limitFiles bounds how long the process may make a file, in bytes.
func (p *process) limitFiles(t *testing.T, bytes string) {
	t.Helper()
	said, err := exec.Command("prlimit", "--pid", fmt.Sprint(p.plugin.Pid()), "--fsize="+bytes+":unlimited").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// poll asks for a poll at once. It is refused where the plugin does not poll.
func (p *process) poll(ctx context.Context) {
	_, _, _ = p.plugin.Resource(ctx, "Editor", http.MethodPost, "sources/mb1/poll")
}

// pollAll is awaitAll, and polls at once.
func (p *process) pollAll(t *testing.T, brought int) {
	t.Helper()
	p.await(t, "everything is stored", func(s sourceState) bool {
		p.poll(t.Context())
		return s.State == "ok" && s.Pending == 0 && s.Seen >= int64(brought)
	})
}

// fails polls until the source says that the store fails, or until everything
// is stored nevertheless.
func (p *process) fails(t *testing.T, brought int) (failing bool) {
	t.Helper()
	p.await(t, "the limit is met, or does not matter", func(s sourceState) bool {
		p.poll(t.Context())
		failing = s.State == "failing"
		return failing || s.State == "ok" && s.Pending == 0 && s.Seen >= int64(brought)
	})
	return failing
}

// healthFails checks that health tells of the store; it waits some seconds for
// better news.
func (p *process) healthFails(t *testing.T) {
	t.Helper()
	health, err := p.plugin.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if health.Status != backend.HealthStatusError || !strings.Contains(health.Message, "report store") {
		t.Errorf("health is %v: %q", health.Status, health.Message)
	}
}
