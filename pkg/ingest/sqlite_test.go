package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

func TestKilledAtAnyStepWithSQLite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a store for every step")
	}
	step := 1
	for killed := true; killed; step++ {
		path := filepath.Join(t.TempDir(), "tlsrpt.db")
		atNoon(t, func(t *testing.T) {
			killed = killAt(t, step, func() store.Store {
				s, err := sqlite.Open(t.Context(), path)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
	if step < 40 {
		t.Errorf("only %d steps", step)
	}
}

// childFolder names the folder that a child process works in.
const childFolder = "TLSRPT_INGEST_TEST_FOLDER"

// TestChildProcess is what TestKilledProcess starts: it reads the files of a
// folder into a store, deletes them, and ends when it has seen all of them.
func TestChildProcess(t *testing.T) {
	folder := os.Getenv(childFolder)
	if folder == "" {
		t.Skip("only runs as a child of TestKilledProcess")
	}
	server := folderServer(t, filepath.Join(folder, "items"))
	e := ingest.NewEngine(ingest.Options{
		OpenStore: func(ctx context.Context, _ ingest.Key) (store.Store, string, error) {
			s, err := sqlite.Open(ctx, filepath.Join(folder, "tlsrpt.db"))
			return s, "", err
		},
	})
	c := e.Use(theKey, config(server, time.Now()))
	for sourceStatus(c).LastSuccess.IsZero() {
		if failed := sourceStatus(c).LastError; failed != "" {
			t.Log(failed)
		}
		time.Sleep(5 * time.Millisecond)
	}
	closeEngine(t, e)
}

// folderServer serves the files of a folder, and deletes them.
func folderServer(t *testing.T, folder string) *fakeServer {
	server := &fakeServer{remove: true, chunk: 10}
	server.deleted = func(ref string) error {
		err := os.Remove(filepath.Join(folder, ref))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // by a process that was killed before it could note it
		}
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		body, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		server.add(fakeItem{ref: entry.Name(), received: time.Now(), body: body})
	}
	return server
}

func TestKilledProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	folder := t.TempDir()
	items := filepath.Join(folder, "items")
	if err := os.Mkdir(items, 0o700); err != nil {
		t.Fatal(err)
	}
	const count = 1000
	for i := range count {
		body := report("example.com", fmt.Sprint(i-i%100/99), time.Now()) // every hundredth is a twin
		if err := os.WriteFile(filepath.Join(items, fmt.Sprintf("%04d", i)), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(items, "0200-broken"), []byte(`{"policies":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		runChild(t, folder, 100*time.Millisecond+rand.N(100*time.Millisecond))
	}
	runChild(t, folder, time.Minute)

	s, err := sqlite.Open(t.Context(), filepath.Join(folder, "tlsrpt.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	accounts, err := s.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(store.Account{Stored: count - 10, Duplicate: 10, Quarantined: 1}, accounts["mb1"]); diff != "" {
		t.Errorf("the account (-want +got):\n%s", diff)
	}
	left, err := os.ReadDir(items)
	if err != nil || len(left) != 1 || left[0].Name() != "0200-broken" {
		t.Errorf("%d files are left in the folder, %v", len(left), err)
	}
}

// runChild runs the child process until it ends or is killed, and gives back
// the lease that it held, for which the next would have to wait.
func runChild(t *testing.T, folder string, life time.Duration) {
	t.Helper()
	ctx, kill := context.WithTimeout(t.Context(), life)
	defer kill()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChildProcess$", "-test.v")
	child.Env = append(os.Environ(), childFolder+"="+folder)
	out, err := child.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		t.Fatalf("the child failed: %v\n%s", err, out)
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(folder, "tlsrpt.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	holder, err := s.AcquireLease(t.Context(), "the test", time.Second)
	if err == nil {
		err = s.ReleaseLease(t.Context(), holder)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSamplesThroughSQLite(t *testing.T) {
	samples, err := filepath.Glob("../../../shared/samples/*/*.*")
	if err != nil || len(samples) == 0 {
		t.Skip("the samples are not beside the repository")
	}
	server := &fakeServer{}
	for _, name := range samples {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		server.add(fakeItem{ref: name, received: time.Now(), body: body})
	}
	s, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	settings := config(server, time.Now())
	settings.RetentionDays = 10000
	settings.Sources = append(settings.Sources, ingest.SourceConfig{
		ID: "wrong", Type: "imap", Open: func() (source.Source, error) { return nil, errors.New("no host") },
	})
	e := newEngine(s)
	c := e.Use(theKey, settings)
	for c.Status().Sources[0].LastSuccess.IsZero() {
		time.Sleep(10 * time.Millisecond)
	}
	accounts, err := s.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := accounts["mb1"]; got.Quarantined != 0 || got.Stored == 0 || got.Seen() != int64(len(samples)) {
		t.Errorf("of %d samples the account is %+v", len(samples), got)
	}
	states, err := s.SourceStates(t.Context())
	if err != nil || states["mb1"].FirstSync.IsZero() || !strings.Contains(states["wrong"].LastError, "no host") {
		t.Errorf("the states are %+v, %v", states, err)
	}
	closeEngine(t, e)
}
