package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	driver "modernc.org/sqlite"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const (
	readers        = 4
	defaultCap     = 1 << 30
	defaultMailCap = 256 << 20
	applicationID  = 0x544c5352 // "TLSR"
	busyTimeout    = 10 * time.Second
	// The allocator of pure Go gives a page of 4 KiB 8: a cache takes twice its size.
	writerCacheKiB = 16 << 10
	readerCacheKiB = 2 << 10
)

var _ store.Store = (*Store)(nil)

// Store is a [store.Store] in one SQLite database.
type Store struct {
	path     string // empty in memory
	dsn      string
	now      func() time.Time
	keepRaw  int64
	keepMail int64
	document *codec

	writing chan *conn    // holds the one writer while nobody writes
	reading chan *conn    // holds the readers that are free; nil ones are not open yet
	closed  chan struct{} // closed when Close begins
	closing sync.Once
	memory  *sync.RWMutex // in memory, where readers and the writer exclude each other
	names   *names
	strings *interner // the writer's; guarded by holding the writer
	tenure  tenure
}

// An Option changes how a store is opened.
type Option func(*Store)

// WithQuarantineCap bounds the raw bytes that quarantine keeps; the default is 1 GiB.
func WithQuarantineCap(bytes int64) Option { return func(s *Store) { s.keepRaw = bytes } }

// WithPendingMailCap bounds the packed bytes of the mails that are kept to be
// judged again; the default is 256 MiB. What came with the oldest becomes
// unverifiable when they must go.
func WithPendingMailCap(bytes int64) Option { return func(s *Store) { s.keepMail = bytes } }

// WithClock sets what tells the time, which says when reports are stored and
// leases end; the default is [time.Now].
func WithClock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// Open opens the store in the file at path, or creates it, and its folders, for
// the user alone. It brings an older store up to date first, which can take
// seconds for ten million rows. A file that can't be opened or written is an
// error of package os or [store.ErrReadOnly], one that a later version wrote
// [store.ErrNewer], one that is no store [store.ErrCorrupt].
func Open(ctx context.Context, path string, options ...Option) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// SQLite gives its other files the mode of this one.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := newStore(options)
	s.path, s.dsn = path, fileURI(path)
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// OpenMemory makes a store that ends with the process.
func OpenMemory(ctx context.Context, options ...Option) (*Store, error) {
	s := newStore(options)
	// A leading slash makes SQLite share the database between connections.
	s.dsn = "file:/tlsrpt-" + rand.Text() + "?vfs=memdb"
	s.memory = new(sync.RWMutex)
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(options []Option) *Store {
	s := &Store{
		now: time.Now, keepRaw: defaultCap, keepMail: defaultMailCap,
		writing: make(chan *conn, 1), reading: make(chan *conn, readers), closed: make(chan struct{}),
		names: newNames(), strings: newInterner(),
	}
	for _, option := range options {
		option(s)
	}
	return s
}

// fileURI escapes what SQLite would read as parameters.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a Windows drive
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

func (s *Store) open(ctx context.Context) error {
	var err error
	if s.document, err = newCodec(); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	writer, err := s.connect(ctx, writerCacheKiB)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if err := s.prepareFile(ctx, writer); err != nil {
		return errors.Join(fmt.Errorf("open store: %w", err), writer.close())
	}
	s.writing <- writer
	for range readers {
		s.reading <- nil
	}
	if err := s.upgrade(ctx); err != nil {
		return errors.Join(fmt.Errorf("open store: %w", err), s.Close())
	}
	return nil
}

func (s *Store) prepareFile(ctx context.Context, writer *conn) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	// The journal's mode stands in the file: another program's must not get ours.
	if _, err := schemaVersion(ctx, writer, len(steps)); err != nil {
		return err
	}
	if s.memory == nil {
		if _, err := writer.exec(ctx, "PRAGMA journal_mode = WAL"); err != nil {
			return err
		}
	}
	return migrate(ctx, writer, steps)
}

func (s *Store) connect(ctx context.Context, cacheKiB int) (*conn, error) {
	connector, err := driver.NewConnector(s.dsn)
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, typed(ctx, err)
	}
	c := newConn(raw)
	// A checkpoint every 16 MiB of log rather than 4: batches touch pages all
	// over the file, and many of them again in the next batch.
	err = c.script(ctx, fmt.Sprintf(`
		PRAGMA busy_timeout = %d;
		PRAGMA synchronous = FULL;
		PRAGMA temp_store = MEMORY;
		PRAGMA cache_size = -%d;
		PRAGMA wal_autocheckpoint = 4096;
		PRAGMA journal_size_limit = 67108864;
		PRAGMA trusted_schema = OFF;`, busyTimeout.Milliseconds(), cacheKiB))
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// Durable says whether the store is a file.
func (s *Store) Durable() bool { return s.memory == nil }

var errClosed = errors.New("the store is closed")

// Close waits for who reads and writes, and closes the connections. Later
// calls of other methods are errors, of Close nothing.
func (s *Store) Close() error {
	var failed error
	s.closing.Do(func() {
		close(s.closed)
		for range readers {
			if c := <-s.reading; c != nil {
				failed = errors.Join(failed, c.close())
			}
		}
		// The last to close brings the log into the file.
		failed = errors.Join(failed, (<-s.writing).close())
	})
	return failed
}

// take waits for a connection.
func (s *Store) take(ctx context.Context, from chan *conn) (*conn, error) {
	select {
	case <-s.closed:
		return nil, errClosed
	default:
	}
	select {
	case c := <-from:
		return c, nil
	case <-s.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reader waits for a connection for reading. One that is open comes first: it has
// its statements and some pages, which another would read and keep once more.
func (s *Store) reader(ctx context.Context) (*conn, error) {
	c, err := s.take(ctx, s.reading)
	for tries := 1; err == nil && c == nil && tries < readers; tries++ {
		select {
		case next := <-s.reading:
			s.reading <- c
			c = next
		default:
		}
	}
	return c, err
}

// read lends f a connection for reading.
func (s *Store) read(ctx context.Context, f func(*conn) error) error {
	c, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { s.reading <- c }()
	if s.memory != nil {
		s.memory.RLock()
		defer s.memory.RUnlock()
	}
	if c == nil {
		opened, err := s.connect(ctx, readerCacheKiB)
		if err != nil {
			return err
		}
		if _, err := opened.exec(ctx, "PRAGMA query_only = ON"); err != nil {
			return errors.Join(err, opened.close())
		}
		c = opened
	}
	return f(c)
}

// snapshot is read with one state of the store for all of f.
func (s *Store) snapshot(ctx context.Context, f func(*conn) error) error {
	return s.read(ctx, func(c *conn) error {
		if _, err := c.exec(ctx, "BEGIN"); err != nil {
			return err
		}
		// There is nothing to commit, and nothing to say if it can't end.
		defer func() { _, _ = c.exec(context.WithoutCancel(ctx), "ROLLBACK") }()
		return f(c)
	})
}

// transaction runs f in a transaction, which is undone when f or the commit
// errs, and tells ended which. Once begun it is not interrupted by ctx; f asks
// ctx where it can stop.
func (s *Store) transaction(ctx context.Context, f func(context.Context, *conn) error, ended func(committed bool)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.take(ctx, s.writing)
	if err != nil {
		return err
	}
	defer func() { s.writing <- c }()
	if s.memory != nil {
		s.memory.Lock()
		defer s.memory.Unlock()
	}
	// The driver watches a context that can end with a goroutine a statement.
	steady := context.WithoutCancel(ctx)
	s.strings.begin()
	defer s.strings.rollback()
	committed := false
	defer func() { ended(committed) }()
	if err := transact(steady, c, f); err != nil {
		return err
	}
	committed = true
	s.strings.commit()
	return nil
}

// transact runs f in a transaction, which is undone unless all went well.
func transact(ctx context.Context, c *conn, f func(context.Context, *conn) error) error {
	if _, err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			// After some errors SQLite has rolled back by itself, and says
			// that there is no transaction.
			_, _ = c.exec(ctx, "ROLLBACK")
		}
	}()
	if err := f(ctx, c); err != nil {
		return err
	}
	_, err := c.exec(ctx, "COMMIT")
	done = err == nil
	return err
}

// Size returns the bytes of the store's files, or in memory of its pages, and
// the number of reports.
func (s *Store) Size(ctx context.Context) (bytes, reports int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		if reports, err = c.integer(ctx, "SELECT value FROM meta WHERE name = 'reports'"); err != nil {
			return err
		}
		bytes, err = c.integer(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("measure store: %w", err)
	}
	if s.path != "" {
		if log, err := os.Stat(s.path + "-wal"); err == nil {
			bytes += log.Size()
		}
	}
	return bytes, reports, nil
}
