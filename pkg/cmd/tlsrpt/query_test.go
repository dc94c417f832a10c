package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// filled is a store with some reports.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, mail := range mails(t, 3) {
		write(t, filepath.Join(dir, "in", string(rune('a'+i))+".eml"), mail)
	}
	store := filepath.Join(dir, "s.sqlite")
	imported(t, store, filepath.Join(dir, "in"))
	return store
}

func TestAnswersAreTablesCSVOrJSON(t *testing.T) {
	store := filled(t)
	ask := func(args ...string) string {
		out, _, err := run(t.Context(), append([]string{"query", "--store", store}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const query = `{"queryType":"summary","metric":"reports","groupBy":["policyDomain"]}`
	if out := ask(query); !strings.Contains(out, "│ policyDomain") || !strings.Contains(out, "example.com") {
		t.Errorf("the table is\n%s", out)
	}
	if out := ask("--format", "csv", query); !strings.HasPrefix(out, "policyDomain,reports\n") {
		t.Errorf("the CSV is\n%s", out)
	}
	var frames data.Frames
	if err := json.Unmarshal([]byte(ask("--format", "json", query)), &frames); err != nil || len(frames) != 1 || frames[0].Fields[0].Len() == 0 {
		t.Errorf("the JSON holds %v, %v", frames, err)
	}
	if out := ask("--to", "2001-01-01", query); out != "no data\n" {
		t.Errorf("no data is told as %q", out)
	}
	if out := ask("--to", "2001-01-01", "--format", "csv", query); out != "" {
		t.Errorf("no data as CSV is %q", out)
	}
}

func TestImportedFilesAreASourceOfTheirOwn(t *testing.T) {
	store := filled(t)
	lines := strings.Split(answer(t, store, `{"queryType":"sources"}`), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "import,Imported files,import,idle,2") {
		t.Errorf("the sources are %q", lines)
	}
	// What was imported whole can be judged: nobody waits for the rest of it.
	if status := answer(t, store, `{"queryType":"status"}`); strings.Contains(status, "first time") {
		t.Errorf("the status is\n%s", status)
	}
}

func TestAStoreIsReadWhileAnotherHasIt(t *testing.T) {
	file := filled(t)
	held, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if _, err := held.AcquireLease(t.Context(), "grafana/1#x", time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := answer(t, file, `{"queryType":"summary","metric":"reports"}`); !strings.HasPrefix(got, "reports\n") {
		t.Errorf("the answer is %q", got)
	}
}

func TestAFileThatIsNoStoreIsLeftAlone(t *testing.T) {
	database := filepath.Join(t.TempDir(), "other.sqlite")
	other, err := sql.Open("sqlite", database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "CREATE TABLE something (a)"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"an empty file": "", "a text": strings.Repeat("hello ", 1000), "a database of another program": string(foreign),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			write(t, file, []byte(content))
			_, _, err := run(t.Context(), "query", "--store", file, `{"queryType":"sources"}`)
			if err == nil || !strings.Contains(err.Error(), "--store "+file) {
				t.Errorf("the error is %v", err)
			}
			if now, err := os.ReadFile(file); err != nil || string(now) != content {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestNoCellIsAFormulaForASpreadsheet(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "example.com": "example.com", "-1.5": "-1.5", "0.25": "0.25",
		"=1+1": "'=1+1", "+1+1": "'+1+1", "-1+1": "'-1+1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1",
	} {
		if got := disarm(cell); got != want {
			t.Errorf("%q becomes %q, not %q", cell, got, want)
		}
	}
}

func TestARangeEndsWithTheWholeOfItsLastDay(t *testing.T) {
	now := time.Date(2026, 3, 7, 15, 0, 0, 0, time.UTC)
	for _, c := range []struct{ from, to, first, last string }{
		{"", "", "2026-02-05T15:00:00Z", "2026-03-07T15:00:00Z"},
		{"2026-01-01", "2026-01-31", "2026-01-01T00:00:00Z", "2026-01-31T23:59:59.999Z"},
		{"2026-01-01", "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T23:59:59.999Z"},
		{"2026-01-01T10:00:00+02:00", "2026-01-02T00:00:00Z", "2026-01-01T08:00:00Z", "2026-01-02T00:00:00Z"},
	} {
		r, err := readRange(c.from, c.to, now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{c.first, c.last}, []string{r.From.Format(time.RFC3339Nano), r.To.Format(time.RFC3339Nano)}); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", c.from, c.to, diff)
		}
	}
}

func TestTheExitCodeTellsWhatHappened(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		code int
		says string
	}{
		{"all is well", t.Context(), nil, 0, ""},
		{"help was asked for", t.Context(), flag.ErrHelp, 0, ""},
		{"a wrong command line was said already", t.Context(), errUsage, 2, ""},
		{"a failure is said", t.Context(), errors.New("no luck"), 1, "tlsrpt: no luck\n"},
		{"an interrupt is no failure", interrupted, context.Canceled, 130, "tlsrpt: interrupted\n"},
		{"a failure at an interrupt is said", interrupted, errors.New("no luck"), 1, "tlsrpt: no luck\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := exitCode(c.ctx, c.err, &out); code != c.code || out.String() != c.says {
				t.Errorf("%d, %q", code, out.String())
			}
		})
	}
}
