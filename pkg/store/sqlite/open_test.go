package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func file(t testing.TB, path string, options ...Option) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, options...)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func TestOpenCreatesFoldersAndFileForTheUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "100% odd?name#.db")
	s := file(t, path)
	if !s.Durable() {
		t.Error("a file is not durable")
	}
	_, err := s.Commit(t.Context(), newTraffic(1).deliveries(t, 1))
	must(t, err)
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]fs.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(name)
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// openReaders counts those of the connections for reading that are open and free.
func openReaders(s *Store) (open int) {
	for range len(s.reading) {
		c := <-s.reading
		if c != nil {
			open++
		}
		s.reading <- c
	}
	return open
}

func TestNoMoreReadersAreOpenThanWereNeededAtOnce(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "s.db")
	must(t, file(t, path).Close())
	s := file(t, path)
	if open := openReaders(s); open != 1 {
		t.Errorf("a start opens %d readers", open)
	}
	for range 10 {
		must2(s.Revision(ctx))(t)
	}
	if open := openReaders(s); open != 1 {
		t.Errorf("one after the other, queries open %d readers", open)
	}
	must(t, s.read(ctx, func(*conn) error { return discard(s.Revision(ctx)) }))
	if open := openReaders(s); open != 2 {
		t.Errorf("two at once open %d readers", open)
	}
	for range 10 {
		must2(s.Revision(ctx))(t)
	}
	if open := openReaders(s); open != 2 {
		t.Errorf("after them, queries open %d readers", open)
	}
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	newer, foreign, text := filepath.Join(t.TempDir(), "newer.db"), filepath.Join(t.TempDir(), "foreign.db"), filepath.Join(t.TempDir(), "text.db")
	for path, statements := range map[string]string{newer: "PRAGMA user_version = 99", foreign: "PRAGMA application_id = 7"} {
		s, err := Open(t.Context(), path)
		must(t, err)
		must(t, s.write(t.Context(), func(ctx context.Context, c *conn) error { return c.script(ctx, statements) }))
		must(t, s.Close())
	}
	must(t, os.WriteFile(text, []byte("This is a text, and much longer than a header of SQLite would be. It is no database at all, by any measure."), 0o600))
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"a later schema":                {newer, store.ErrNewer},
		"a database of another program": {foreign, store.ErrCorrupt},
		"no database":                   {text, store.ErrCorrupt},
		"a folder":                      {t.TempDir(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), c.path)
			t.Log(err)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAnOlderSchemaIsBroughtUpToDateInSteps(t *testing.T) {
	steps, err := migrations()
	must(t, err)
	next := append(steps, "ALTER TABLE report ADD COLUMN extra INTEGER; UPDATE meta SET value = 7 WHERE name = 'reports'",
		"CREATE TABLE another (id INTEGER PRIMARY KEY)")
	s := file(t, filepath.Join(t.TempDir(), "store.db"))
	must(t, s.read(t.Context(), func(c *conn) error {
		must(t, c.script(t.Context(), "PRAGMA query_only = OFF"))
		must(t, migrate(t.Context(), c, next))
		version, err := c.integer(t.Context(), "PRAGMA user_version")
		must(t, err)
		value, err := c.integer(t.Context(), "SELECT value FROM meta WHERE name = 'reports'")
		must(t, err)
		if version != int64(len(next)) || value != 7 {
			t.Errorf("version %d, value %d", version, value)
		}
		return nil
	}))
}

func TestAMigrationThatFailsChangesNothing(t *testing.T) {
	steps, err := migrations()
	must(t, err)
	broken := append(steps, "CREATE TABLE half (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (1)")
	s := file(t, filepath.Join(t.TempDir(), "store.db"))
	must(t, s.read(t.Context(), func(c *conn) error {
		must(t, c.script(t.Context(), "PRAGMA query_only = OFF"))
		if err := migrate(t.Context(), c, broken); err == nil {
			t.Error("no error")
		}
		n, err := c.integer(t.Context(), "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'")
		must(t, err)
		version, err := c.integer(t.Context(), "PRAGMA user_version")
		must(t, err)
		if n != 0 || version != int64(len(steps)) {
			t.Errorf("%d tables, version %d", n, version)
		}
		return nil
	}))
}

func TestAnEmptyStoreOfTheFirstVersionOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(t.Context(), path)
	must(t, err)
	steps, err := migrations()
	must(t, err)
	must(t, s.Close())
	must(t, os.Remove(path))
	s = newStore(nil)
	s.dsn = fileURI(path)
	c, err := s.connect(t.Context(), writerCacheKiB)
	must(t, err)
	must(t, migrate(t.Context(), c, steps[:1]))
	must(t, c.close())
	_, err = file(t, path).Commit(t.Context(), newTraffic(1).deliveries(t, 1))
	must(t, err)
}

func TestAStoreFullOfReportsSaysSoAndGoesOnOnceThereIsRoom(t *testing.T) {
	ctx := t.Context()
	s := file(t, filepath.Join(t.TempDir(), "store.db"))
	tr := newTraffic(10)
	_, err := s.Commit(ctx, tr.deliveries(t, 20))
	must(t, err)
	limit := func(statement string) {
		c := <-s.writing
		defer func() { s.writing <- c }()
		must(t, c.script(ctx, statement))
	}
	limit("PRAGMA max_page_count = 1")
	batch := tr.deliveries(t, 200)
	if _, err = s.Commit(ctx, batch); !errors.Is(err, store.ErrFull) {
		t.Fatalf("got %v, want %v", err, store.ErrFull)
	}
	if _, reports, err := s.Size(ctx); err != nil || reports != 20 {
		t.Fatalf("%d reports, %v", reports, err)
	}
	limit("PRAGMA max_page_count = 1000000")
	results, err := s.Commit(ctx, batch)
	must(t, err)
	if results[0].Outcomes[0] != store.Stored {
		t.Errorf("outcome %s", results[0].Outcomes[0])
	}
	recount(t, s)
}

func TestAStoreThatMayNotBeWrittenSaysSoAndUndoes(t *testing.T) {
	ctx := t.Context()
	s := file(t, filepath.Join(t.TempDir(), "store.db"))
	only := func(statement string) {
		c := <-s.writing
		defer func() { s.writing <- c }()
		must(t, c.script(ctx, statement))
	}
	only("PRAGMA query_only = ON")
	batch := newTraffic(10).deliveries(t, 10)
	if _, err := s.Commit(ctx, batch); !errors.Is(err, store.ErrReadOnly) {
		t.Fatalf("got %v, want %v", err, store.ErrReadOnly)
	}
	only("PRAGMA query_only = OFF")
	_, err := s.Commit(ctx, batch)
	must(t, err)
	recount(t, s)
}

func TestACommitThatIsCancelledChangesNothing(t *testing.T) {
	s := memory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, newTraffic(1).deliveries(t, 1)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, reports, err := s.Size(t.Context()); err != nil || reports != 0 {
		t.Errorf("%d reports, %v", reports, err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s, err := OpenMemory(t.Context())
	must(t, err)
	must(t, s.Close())
	must(t, s.Close())
	if _, err := s.Accounts(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("reading: %v", err)
	}
	if _, err := s.Commit(t.Context(), nil); !errors.Is(err, errClosed) {
		t.Errorf("writing: %v", err)
	}
}
