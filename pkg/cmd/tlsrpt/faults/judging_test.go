package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/signing"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/imap"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// A judging is a process of an engine whose DNS can be out of order: the plugin
// asks the system's, which no test can break for it.
type judging struct {
	Port           int
	Password, CA   string
	File, DNSFails string
}

// judgingVariable holds the judging, as JSON, of a process that this program is.
const judgingVariable = "TLSRPT_FAULTS_JUDGING"

// TestKilledWhileJudgingEveryMailIsJudgedOnce kills a process while it reads
// and judges mails, and judges those again that DNS left undecided.
func TestKilledWhileJudgingEveryMailIsJudgedOnce(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	dir := t.TempDir()
	j := judging{Port: dovecot.TLSPort, Password: dovecot.Password, CA: dovecot.CA, File: storeFile(t), DNSFails: filepath.Join(dir, "dns-fails")}
	kills, undecided := times(20, 300), 0
	p := newPost(t, 47, 20*kills)
	p.seal = func(entry generate.Entry, mail []byte) []byte {
		if entry.Submitter == "" || entry.Decoy == generate.Forged {
			return mail
		}
		sealed, err := signing.Sign(entry.Submitter, mail)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	random := rand.New(rand.NewPCG(13, 14))
	for kill := range kills {
		// Every other process has no DNS, and the next judges what that left.
		if kill%2 == 0 {
			p.bring(t, 40, inbox(dovecot))
			if err := os.WriteFile(j.DNSFails, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(j.DNSFails); err != nil {
			t.Fatal(err)
		}
		before := j.count(t, "SELECT COUNT(*) FROM pending_mail")
		judged := max(0, before-1-random.Int64N(60))
		child := j.start(t)
		awaitThat(t, "the process works", func() bool {
			now := j.count(t, "SELECT COUNT(*) FROM pending_mail")
			return kill%2 == 0 && now > before || kill%2 == 1 && now <= judged
		})
		time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
		child.kill(t)
		if j.count(t, "SELECT COUNT(*) FROM pending_mail") > 0 {
			undecided++
		}
	}
	last := j.start(t)
	want := p.account()
	awaitThat(t, "everything is stored and judged", func() bool {
		return j.count(t, "SELECT SUM(stored + duplicate + quarantined + ignored) FROM account") == want.Seen() &&
			j.count(t, "SELECT SUM(waiting) FROM account") == 0 && j.count(t, "SELECT COUNT(*) FROM pending_mail") == 0
	})
	last.stop(t)
	equalsLedger(t, j.File, "mb1", p)
	untouched(t, dovecot, p, "delete")
	j.allJudged(t, p)
	if undecided == 0 {
		t.Error("no kill left a mail undecided")
	}
	measured(t, figure{"kill -9 while judging", kills, p.reports(), fmt.Sprintf("0 lost, 0 twice, 0 touched, 0 undecided; %d kills left some undecided", undecided), time.Since(began)})
}

// count asks the file that the process may be writing to; 0 before it is there.
func (j judging) count(t *testing.T, query string) int64 {
	t.Helper()
	if _, err := os.Stat(j.File); errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	return max(0, number(t, j.File, query))
}

// allJudged checks that every report that counts is authenticated, and none
// that was forged.
func (j judging) allJudged(t *testing.T, p *post) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), j.File)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	counted := map[int64]bool{}
	for _, row := range rows {
		if row.Superseded {
			continue
		}
		counted[row.ID] = true
		if row.Judgement.Trust != store.Authenticated {
			t.Errorf("report %s of %s is %s: %s", row.ReportID, row.Reporter, row.Judgement.Trust, row.Judgement.Reason)
		}
	}
	if len(counted) != p.reports() {
		t.Errorf("%d reports count, of %d that are genuine", len(counted), p.reports())
	}
}

type child struct {
	command *exec.Cmd
	// life ends the process where it is closed.
	life io.WriteCloser
}

func (j judging) start(t *testing.T) *child {
	t.Helper()
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program)
	command.Env, command.Stderr = append(os.Environ(), judgingVariable+"="+string(raw)), os.Stderr
	life, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{command, life}
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.command.Wait() // it was killed
}

// stop ends the process in an orderly way.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := errors.Join(c.life.Close(), c.command.Wait()); err != nil {
		t.Error(err)
	}
}

// judgeInChild is what the process does, with its judging as JSON.
func judgeInChild(raw string) (code int) {
	var j judging
	err := json.Unmarshal([]byte(raw), &j)
	if err == nil {
		err = j.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run reads and judges until this process's input ends.
func (j judging) run() error {
	engine := ingest.NewEngine(ingest.Options{
		Resolver: j,
		OpenStore: func(ctx context.Context, _ ingest.Key) (store.Store, string, error) {
			s, err := sqlite.Open(ctx, j.File)
			return s, "", err
		},
	})
	engine.Use(theKey, ingest.Config{
		Sources: []ingest.SourceConfig{{
			ID: "mb1", Name: "Reports", Type: "imap", PollInterval: 100 * time.Millisecond,
			Open: func() (source.Source, error) {
				return imap.New(imap.Config{
					Host: "127.0.0.1", Port: j.Port, Username: user, Password: j.Password, TLSCACert: j.CA, AfterProcessing: imap.Delete,
				})
			},
		}},
		Authentication: "dkim", RetentionDays: 36500, Updated: time.Now(), Fingerprint: "1",
	})
	_, _ = io.Copy(io.Discard, os.Stdin)
	return engine.Close(context.Background())
}

// LookupTXT answers as [net.Resolver] does, a little later, or not at all.
func (j judging) LookupTXT(_ context.Context, name string) ([]string, error) {
	time.Sleep(2 * time.Millisecond)
	if _, err := os.Stat(j.DNSFails); err == nil {
		return nil, signing.Broken(name)
	}
	return signing.LookupTXT(name)
}
