package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/programs"
)

const root = "../../../.."

// pluginDir is a folder with a backend of this very tree.
var pluginDir string

// TestMain builds the backend once, and keeps the demos' folders together.
func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "tlsrpt-plugin-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// Dovecot's user must get through.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return 1, err
	}
	pluginDir = dir
	if err := host.Build(root, dir); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func options(out *bytes.Buffer) Options {
	return Options{PluginDir: pluginDir, Root: root, Out: out, Generate: generate.Options{Days: 12}}
}

func TestTheDemoEndsWellWhereAllNumbersAgree(t *testing.T) {
	jq, noJQ := programs.JQ.Find()
	const builtIn = "with built-in servers"
	for name, path := range map[string]string{"with the servers of this machine": os.Getenv("PATH"), builtIn: t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", path)
			var out bytes.Buffer
			if err := Run(t.Context(), options(&out)); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			for _, want := range []string{
				"TLS-RPT: Overview ═══", "TLS-RPT: Failures ═══", "═══ Alert rule: ", "checks agree, on every metric, grouping and counting, and on the account",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not print %q", want)
				}
			}
			if strings.Contains(out.String(), "\x1b") {
				t.Error("it prints colours where there is no terminal")
			}
			total := regexp.MustCompile(`as reported, are (\d+)\.`).FindStringSubmatch(out.String())
			command := regexp.MustCompile(`jq -s .*`).FindString(out.String())
			if total == nil || command == "" {
				t.Fatalf("there is no total or no way to reproduce it in\n%s", out.String())
			}
			if name == builtIn && strings.Count(out.String(), "a built-in ") != 2 {
				t.Errorf("it does not name two built-in servers in\n%s", out.String())
			}
			t.Run("and the printed command gives the total", func(t *testing.T) {
				loopbacktest.Need(t, noJQ)
				run := exec.CommandContext(t.Context(), "/bin/sh", "-c", strings.Replace(command, "jq", jq, 1))
				if got, err := run.CombinedOutput(); err != nil || strings.TrimSpace(string(got)) != total[1] {
					t.Errorf("jq gives %s and not %s: %v", got, total[1], err)
				}
			})
		})
	}
}

func TestTheDemoFailsWhereANumberIsWrong(t *testing.T) {
	for name, falsify := range map[string]func([]generate.Entry){
		"one failed session more in a report": func(ledger []generate.Entry) {
			i := slices.IndexFunc(ledger, func(e generate.Entry) bool { return e.Decoy == generate.Genuine && len(e.Policies) > 0 })
			ledger[i].Policies[0].Failed++
		},
		"a duplicate that is said to be none": func(ledger []generate.Entry) {
			i := slices.IndexFunc(ledger, func(e generate.Entry) bool { return e.Decoy == generate.Duplicate })
			ledger[i].Decoy = generate.Genuine
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			dir, err := os.MkdirTemp("", "tlsrpt-demo-")
			if err != nil {
				t.Fatal(err)
			}
			s := &show{Options: options(&out), folder: dir}
			defer func() { _ = s.close() }()
			if err := s.prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			falsify(s.made.ledger)
			err = s.inTerminal(t.Context())
			if err == nil || !strings.Contains(err.Error(), "do not agree with the ledger") || !strings.Contains(out.String(), "WRONG") {
				t.Errorf("the error is %v", err)
			}
			if strings.Contains(out.String(), "checks agree") {
				t.Error("it says that the numbers agree")
			}
		})
	}
}

func TestWithoutABuiltPluginTheDemoSaysHowToBuildIt(t *testing.T) {
	var out bytes.Buffer
	o := options(&out)
	o.PluginDir = t.TempDir()
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "go tool mage demo") || out.Len() > 0 {
		t.Errorf("%v, after printing %q", err, out.String())
	}
	o = options(&out)
	o.Root = t.TempDir()
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "project's root") {
		t.Error(err)
	}
}

// atOnce is how long ending may take on a busy machine: a part of what the demo
// takes there.
const atOnce = 30 * time.Second

func TestAnInterruptEndsTheDemoAtOnce(t *testing.T) {
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		defer cancel()
		var out bytes.Buffer
		o := options(&out)
		o.Generate.Days = 90
		started := time.Now()
		err := Run(ctx, o)
		if err == nil {
			continue // it was faster
		}
		if ctx.Err() == nil || time.Since(started) > after+atOnce {
			t.Errorf("it ended after %s: %v", time.Since(started), err)
		}
	}
}

// realMailbox is what a person has at a provider: a Dovecot with a private CA.
func realMailbox(t *testing.T) (*loopback.Dovecot, *Mailbox) {
	t.Helper()
	dovecot := loopbacktest.Dovecot(t, loopback.DovecotOptions{})
	if _, err := dovecot.CreateFolder("me@example.com", "INBOX"); err != nil {
		t.Fatal(err)
	}
	mailbox, err := ParseMailbox("imaps://me@example.com@127.0.0.1:" + strconv.Itoa(dovecot.TLSPort) + "/INBOX")
	if err != nil {
		t.Fatal(err)
	}
	mailbox.Password, mailbox.CA = dovecot.Password, dovecot.CA
	return dovecot, mailbox
}

// stored are the mails of the mailbox's INBOX, with their flags.
func stored(t *testing.T, dovecot *loopback.Dovecot) []loopback.StoredMail {
	t.Helper()
	mails, err := dovecot.Mails("me@example.com", "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	return mails
}

func TestARealMailboxIsShownAndLeftAsItWas(t *testing.T) {
	dovecot, mailbox := realMailbox(t)
	generator, err := generate.New(generate.Options{Days: 5})
	if err != nil {
		t.Fatal(err)
	}
	_, err = generate.WriteTo(generator.Items(), generate.MailTo(func(received time.Time, mail []byte) error {
		return dovecot.Append("me@example.com", "INBOX", received, mail)
	}))
	if err != nil {
		t.Fatal(err)
	}
	// One mail was read and answered before.
	maildir := dovecot.Folder("me@example.com", "INBOX")
	fresh, err := os.ReadDir(filepath.Join(maildir, "new"))
	if err != nil || len(fresh) == 0 {
		t.Fatal("there is no mail", err)
	}
	if err := os.Rename(filepath.Join(maildir, "new", fresh[0].Name()), filepath.Join(maildir, "cur", fresh[0].Name()+":2,RS")); err != nil {
		t.Fatal(err)
	}
	before := stored(t, dovecot)
	var out bytes.Buffer
	o := options(&out)
	o.Mailbox = mailbox
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"opened read-only (EXAMINE)", "as me@example.com", "TLS-RPT: Overview ═══", "nothing there was changed", "GRAFANA_HOME"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q", want)
		}
	}
	if strings.Contains(out.String(), mailbox.Password+" ") {
		t.Error("it prints the password")
	}
	if diff := cmp.Diff(before, stored(t, dovecot)); diff != "" {
		t.Errorf("the mailbox changed (-before +after):\n%s", diff)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "tlsrpt-demo-*", "data")); err != nil || slices.ContainsFunc(left, holdsMailbox) {
		t.Errorf("reports of the mailbox are left in %v (%v)", left, err)
	}
}

// holdsMailbox tells a demo of a real mailbox, which made up no mails.
func holdsMailbox(data string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(data), "mails"))
	return err != nil
}

func TestAnEmptyMailboxEndsWellWithAHint(t *testing.T) {
	_, mailbox := realMailbox(t)
	var out bytes.Buffer
	o := options(&out)
	o.Mailbox = mailbox
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "There is no TLS report in the folder INBOX") || !strings.Contains(out.String(), "_smtp._tls.") {
		t.Errorf("there is no hint in\n%s", out.String())
	}
}

func TestAWrongPasswordOrCertificateIsSaid(t *testing.T) {
	_, mailbox := realMailbox(t)
	for name, c := range map[string]struct {
		change func(*Mailbox)
		want   string
	}{
		"a wrong password":               {func(m *Mailbox) { m.Password = "not-this-one" }, "password"},
		"an authority that nobody knows": {func(m *Mailbox) { m.CA = "" }, "certificate"},
		"a folder that is not there":     {func(m *Mailbox) { m.Folder = "Nowhere" }, "Nowhere"},
		"a port where nobody listens":    {func(m *Mailbox) { m.Port = 1 }, "port"},
		"a certificate of no authority":  {func(m *Mailbox) { m.CA = "no PEM" }, "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := *mailbox
			c.change(&changed)
			var out bytes.Buffer
			o := options(&out)
			o.Mailbox = &changed
			err := Run(t.Context(), o)
			if err == nil || !strings.Contains(out.String(), c.want) || strings.Contains(out.String()+err.Error(), "not-this-one") {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}
