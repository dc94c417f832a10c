package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-mbox"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// run runs a command as from a shell.
func run(ctx context.Context, args ...string) (out, complaints string, err error) {
	var o, e bytes.Buffer
	err = dispatch(ctx, args, streams{in: os.Stdin, out: &o, err: &e})
	return o.String(), e.String(), err
}

// account is the line that adds up.
func account(out string) string {
	return regexp.MustCompile(`(?m)^\d+ seen = .*$`).FindString(out)
}

func imported(t *testing.T, store string, paths ...string) string {
	t.Helper()
	out, complaints, err := run(t.Context(), append([]string{"import", "--store", store}, paths...)...)
	if err != nil {
		t.Fatalf("import: %v\n%s%s", err, out, complaints)
	}
	return out
}

func answer(t *testing.T, store string, query string) string {
	t.Helper()
	out, complaints, err := run(t.Context(), "query", "--store", store, "--from", "2020-01-01", "--format", "csv", query)
	if err != nil {
		t.Fatalf("query: %v\n%s", err, complaints)
	}
	return out
}

const byDomain = `{"queryType":"summary","metrics":["totalSessions","failedSessions","reports"],"groupBy":["policyDomain","reporter"]}`

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func items(t *testing.T, days int) []generate.Item {
	t.Helper()
	g, err := generate.New(generate.Options{Days: days})
	if err != nil {
		t.Fatal(err)
	}
	var all []generate.Item
	for item := range g.Items() {
		all = append(all, item)
	}
	return all
}

// mails are generated ones; the last says something with "From" in it.
func mails(t *testing.T, days int) [][]byte {
	t.Helper()
	var all [][]byte
	for _, item := range items(t, days) {
		if item.Kind == generate.Mail {
			all = append(all, item.Bytes)
		}
	}
	return append(all, []byte("From: a@example.com\r\nSubject: hello\r\n\r\nHello,\r\n\r\nFrom us all,\r\n\r\nFrom the heart\r\n"))
}

func TestAFolderAnMboxAndAMaildirOfTheSameMailsGiveTheSameNumbers(t *testing.T) {
	dir := t.TempDir()
	var mboxFile bytes.Buffer
	w := mbox.NewWriter(&mboxFile)
	for i, mail := range mails(t, 20) {
		write(t, filepath.Join(dir, "folder", fmt.Sprintf("%04d.eml", i)), mail)
		write(t, filepath.Join(dir, "Maildir", []string{"cur", "new"}[i%2], fmt.Sprintf("%d.M1P1.host:2,S", i)), mail)
		message, err := w.CreateMessage("a@example.com", time.Now())
		if err == nil {
			_, err = message.Write(mail)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "mbox"), mboxFile.Bytes())
	write(t, filepath.Join(dir, "Maildir", "dovecot-uidlist"), []byte("3 V1 N1"))
	write(t, filepath.Join(dir, "Maildir", "tmp", "unfinished"), []byte("From: a@exa"))
	accounts, answers := map[string]string{}, map[string]string{}
	for _, kind := range []string{"folder", "mbox", "Maildir"} {
		store := filepath.Join(dir, kind+".sqlite")
		accounts[kind], answers[kind] = account(imported(t, store, filepath.Join(dir, kind))), answer(t, store, byDomain)
	}
	for kind := range accounts {
		if accounts[kind] != accounts["folder"] || answers[kind] != answers["folder"] {
			t.Errorf("%s: %s, but the folder: %s\n%s\n%s", kind, accounts[kind], accounts["folder"], answers[kind], answers["folder"])
		}
	}
	// All in one store: the documents are the same.
	store := filepath.Join(dir, "folder.sqlite")
	imported(t, store, filepath.Join(dir, "mbox"), filepath.Join(dir, "Maildir"))
	if got := answer(t, store, byDomain); got != answers["folder"] {
		t.Errorf("a second way changed the numbers to\n%s", got)
	}
}

func TestADocumentCountsTheSameInEveryWrapping(t *testing.T) {
	var genuine []generate.Item
	for _, item := range items(t, 5) {
		if item.Decoy == generate.Genuine {
			genuine = append(genuine, item)
		}
	}
	dir := t.TempDir()
	for i, item := range genuine {
		var gz, archive bytes.Buffer
		g := gzip.NewWriter(&gz)
		_, _ = g.Write(item.Document)
		_ = g.Close()
		z := zip.NewWriter(&archive)
		member, err := z.Create("report.json")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = member.Write(item.Document)
		_ = z.Close()
		for name, content := range map[string][]byte{"json": item.Document, "json.gz": gz.Bytes(), "zip": archive.Bytes()} {
			write(t, filepath.Join(dir, name, fmt.Sprintf("%d.%s", i, name)), content)
		}
	}
	store := filepath.Join(dir, "reports.sqlite")
	first := imported(t, store, filepath.Join(dir, "json"))
	numbers := answer(t, store, byDomain)
	want := fmt.Sprintf("%d seen = %[1]d stored + 0 duplicate + 0 quarantined + 0 ignored.", len(genuine))
	if account(first) != want {
		t.Errorf("JSON: %s, not %s", account(first), want)
	}
	for _, kind := range []string{"json.gz", "zip"} {
		want := fmt.Sprintf("%d seen = 0 stored + %[1]d duplicate + 0 quarantined + 0 ignored.", len(genuine))
		if got := account(imported(t, store, filepath.Join(dir, kind))); got != want {
			t.Errorf("%s: %s, not %s", kind, got, want)
		}
	}
	if got := answer(t, store, byDomain); got != numbers {
		t.Errorf("another wrapping changed the numbers to\n%s", got)
	}
}

func TestASecondImportChangesNothing(t *testing.T) {
	dir := t.TempDir()
	for i, mail := range mails(t, 5) {
		write(t, filepath.Join(dir, fmt.Sprintf("%d.eml", i)), mail)
	}
	store := filepath.Join(dir, "reports.sqlite") // between the input
	imported(t, store, dir)
	before := answer(t, store, byDomain) + accounts(t, store)
	again := imported(t, store, dir)
	if got := account(again); got != "0 seen = 0 stored + 0 duplicate + 0 quarantined + 0 ignored." {
		t.Errorf("the second account is %q", got)
	}
	if !strings.Contains(again, "were imported before and changed nothing") {
		t.Errorf("it does not say that all was known: %s", again)
	}
	if after := answer(t, store, byDomain) + accounts(t, store); after != before {
		t.Errorf("the numbers changed from\n%s to\n%s", before, after)
	}
}

// accounts are the sources without what changes with time.
func accounts(t *testing.T, store string) string {
	t.Helper()
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z|,[\d.e-]*\n`)
	return times.ReplaceAllString(answer(t, store, `{"queryType":"sources"}`), "")
}

func TestWhatCannotBeReadIsNamedAndTheRestImported(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.eml"), mails(t, 2)[0])
	broken := filepath.Join(dir, "broken.json")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), broken); err != nil {
		t.Skip("links can't be made: ", err)
	}
	missing := filepath.Join(dir, "missing")
	out, complaints, err := run(t.Context(), "import", "--store", filepath.Join(t.TempDir(), "s.sqlite"), missing, dir)
	if err == nil || !strings.Contains(err.Error(), "2 paths could not be read") {
		t.Errorf("the error is %v", err)
	}
	for _, path := range []string{broken, missing} {
		if !strings.Contains(complaints, "can't read "+path) {
			t.Errorf("%s is not named in %q", path, complaints)
		}
	}
	if !strings.HasPrefix(account(out), "1 seen = 1 stored") {
		t.Errorf("the rest is not imported: %s", out)
	}
}

func TestAFolderThatMayNotBeEnteredIsNamed(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root, and who runs Windows, may enter every folder: run the tests as another user to see it")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "closed", "a.eml"), []byte("Subject: a\n\n"))
	if err := os.Chmod(filepath.Join(dir, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o755) }()
	_, complaints, err := run(t.Context(), "import", "--store", filepath.Join(dir, "s.sqlite"), dir)
	if err == nil || !strings.Contains(complaints, "closed: permission denied") {
		t.Errorf("%v, %q", err, complaints)
	}
}

func TestLinksAreFollowedToFilesAndWhereTheyAreNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "real", "a.eml"), mails(t, 2)[0])
	write(t, filepath.Join(dir, "real", "deep", "b.eml"), mails(t, 2)[1])
	for link, target := range map[string]string{"named": "real", "real/loop": "../real", "other.eml": "real/a.eml"} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(dir, link)); err != nil {
			t.Skip("links can't be made: ", err)
		}
	}
	out, complaints, err := run(t.Context(), "import", "--store", filepath.Join(t.TempDir(), "s"), filepath.Join(dir, "named"), filepath.Join(dir, "other.eml"))
	if err != nil || !strings.HasPrefix(out, "Read 3 files with 3 mails and documents") || !strings.Contains(complaints, "loop: it is a link to a folder") {
		t.Errorf("%v\n%s%s", err, out, complaints)
	}
}

func TestNothingToImportIsNoFailure(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(t.TempDir(), "s.sqlite")
	if out := imported(t, store, dir); !strings.Contains(out, "no file to import") {
		t.Errorf("an empty folder: %q", out)
	}
	if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a store was made for nothing: %v", err)
	}
	write(t, filepath.Join(dir, "mbox"), nil)
	if out := imported(t, store, dir); !strings.HasPrefix(account(out), "0 seen") {
		t.Errorf("an mbox without a mail: %q", out)
	}
}

func TestAHugeMailGoesToQuarantineAndTheNextIsStored(t *testing.T) {
	dir := t.TempDir()
	huge := append([]byte("From a@example.com Sat Mar  7 10:00:00 2026\nSubject: huge\n\n"), bytes.Repeat([]byte("0123456789abcde\n"), 1<<20)...)
	good := append([]byte("\nFrom a@example.com Sat Mar  7 10:00:00 2026\n"), mails(t, 2)[0]...)
	write(t, filepath.Join(dir, "mbox"), append(huge, good...))
	store := filepath.Join(dir, "s.sqlite")
	if got := account(imported(t, store, filepath.Join(dir, "mbox"))); got != "2 seen = 1 stored + 0 duplicate + 1 quarantined + 0 ignored." {
		t.Error(got)
	}
	if got := answer(t, store, `{"queryType":"quarantine"}`); !strings.Contains(got, "too-large") || !strings.Contains(got, "mail 1 of "+filepath.Join(dir, "mbox")) {
		t.Error(got)
	}
}

func TestAStoreInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in", "a.eml"), mails(t, 2)[0])
	file := filepath.Join(dir, "s.sqlite")
	held, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if _, err := held.AcquireLease(t.Context(), "grafana/1#x", time.Minute); err != nil {
		t.Fatal(err)
	}
	_, _, err = run(t.Context(), "import", "--store", file, filepath.Join(dir, "in"))
	if err == nil || !strings.Contains(err.Error(), "--store") || !strings.Contains(err.Error(), "in use by grafana/1") || !strings.Contains(err.Error(), "stop Grafana") {
		t.Errorf("the error is %v", err)
	}
	if got := answer(t, file, `{"queryType":"reports"}`); got != "" {
		t.Errorf("something was imported: %s", got)
	}
	if err := held.ReleaseLease(t.Context(), "grafana/1#x"); err != nil {
		t.Fatal(err)
	}
	imported(t, file, filepath.Join(dir, "in"))
	if holder, err := held.AcquireLease(t.Context(), "grafana/1#x", time.Minute); err != nil || holder != "grafana/1#x" {
		t.Errorf("the lease was not given back: %s, %v", holder, err)
	}
}

func TestAnInterruptedImportCanBeFinished(t *testing.T) {
	dir := t.TempDir()
	all := mails(t, 30)
	for i, mail := range all {
		write(t, filepath.Join(dir, "in", fmt.Sprintf("%04d.eml", i)), mail)
	}
	whole, cut := filepath.Join(dir, "whole.sqlite"), filepath.Join(dir, "cut.sqlite")
	imported(t, whole, filepath.Join(dir, "in"))
	interrupted := 0
	for wait := 5 * time.Millisecond; ; wait += 30 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		out, _, err := run(ctx, "import", "--store", cut, filepath.Join(dir, "in"))
		ended := ctx.Err() != nil
		cancel()
		if err == nil {
			break
		}
		if !ended {
			t.Fatal(err)
		}
		if strings.Contains(out, "It was interrupted") {
			interrupted++
		}
	}
	if interrupted == 0 {
		t.Error("no import was interrupted while it was reading")
	}
	if want, got := answer(t, whole, byDomain), answer(t, cut, byDomain); want != got {
		t.Errorf("the numbers differ from a whole import:\n%s\n%s", got, want)
	}
}

func TestWrongFlagsAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.json")
	write(t, file, []byte("{}"))
	store := filepath.Join(t.TempDir(), "s.sqlite")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no command", nil, "Usage"},
		{"an unknown command", []string{"improt"}, `there is no command "improt"`},
		{"import without a store", []string{"import", file}, "--store is missing"},
		{"import of nothing", []string{"import", "--store", store}, "nothing to import"},
		{"an unknown flag", []string{"import", "--stroe", store}, "stroe"},
		{"an unknown authentication", []string{"import", "--store", store, "--authentication", "spf", file}, `"spf" is unknown: allowed are dkim, headers, off`},
		{"headers of an unnamed server", []string{"import", "--store", store, "--authentication", "headers", file}, "--authserv-id"},
		{"a server's name without headers", []string{"import", "--store", store, "--authserv-id", "mx.example.com", file}, "--authentication headers"},
		{"a broken domain", []string{"import", "--store", store, "--domains", "example.com,*.*", file}, `--domains: "*.*"`},
		{"a store that is a folder", []string{"import", "--store", filepath.Dir(file), file}, "--store"},
		{"query without a store", []string{"query", "{}"}, "--store is missing"},
		{"query of nothing", []string{"query", "--store", store}, "the query is missing"},
		{"two queries", []string{"query", "--store", store, "{}", "{}"}, "one query"},
		{"an unknown format", []string{"query", "--store", store, "--format", "xml", "{}"}, `--format: "xml"`},
		{"a broken time", []string{"query", "--store", store, "--from", "yesterday", "{}"}, `--from: "yesterday"`},
		{"a range that runs backwards", []string{"query", "--store", store, "--from", "2026-02-01", "--to", "2026-01-01", "{}"}, "must start before it ends"},
		{"an unknown query type", []string{"query", "--store", store, `{"queryType":"trends"}`}, "trend"},
		{"a store that is not there", []string{"query", "--store", store, `{"queryType":"trend"}`}, "--store " + store},
		{"words behind demo", []string{"demo", "now"}, "flags alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, complaints, err := run(t.Context(), c.args...)
			if err == nil || !strings.Contains(complaints+err.Error(), c.want) {
				t.Errorf("it says %q, %v and not %q", complaints, err, c.want)
			}
			if out != "" {
				t.Errorf("it prints %q", out)
			}
		})
	}
	if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a wrong command made the store: %v", err)
	}
}
