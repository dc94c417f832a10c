package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A tenure is what a store knows of the lease that was taken through it. Every
// transaction renews it, since a renewal that waits for a long one comes too
// late; and nobody else can take it while a transaction holds the write lock.
type tenure struct {
	mu      sync.Mutex
	owner   string // empty where none was taken, or it is lost
	ttl     time.Duration
	until   time.Time // as committed
	writing bool      // a transaction is under way that began with the lease held
}

// leaseMargin is how much of a lease may be gone when a transaction leaves it alone.
const leaseMargin = time.Second

func (t *tenure) take(owner string, ttl time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owner, t.ttl, t.until = owner, ttl, now.Add(ttl)
}

func (t *tenure) leave(owner string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner == owner {
		t.owner = ""
	}
}

// has tells whether an owner holds the lease for certain.
func (t *tenure) has(owner string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owner == owner && owner != "" && (t.writing || now.Before(t.until))
}

// begin finds at the start of a transaction whether the lease is still held.
func (t *tenure) begin(ctx context.Context, c *conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner == "" {
		return nil
	}
	held, err := c.integer(ctx, "SELECT EXISTS (SELECT 1 FROM lease WHERE owner = ?)", t.owner)
	if err != nil {
		return fmt.Errorf("read the lease: %w", err)
	}
	if t.writing = held != 0; !t.writing {
		t.owner = ""
	}
	return nil
}

// renew renews the lease in a transaction, and returns until when.
func (t *tenure) renew(ctx context.Context, c *conn, now time.Time) (until time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	until = now.Add(t.ttl)
	if !t.writing || until.Sub(t.until) < leaseMargin {
		return t.until, nil
	}
	if _, err := c.exec(ctx, "UPDATE lease SET until = ? WHERE owner = ?", until.UnixNano(), t.owner); err != nil {
		return t.until, fmt.Errorf("renew the lease: %w", err)
	}
	return until, nil
}

// end notes until when the lease is taken after a transaction; the zero time is
// that it was undone.
func (t *tenure) end(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = false
	if !until.IsZero() {
		t.until = until
	}
}

// write runs f in a transaction, as [Store.transaction] does, and renews the
// lease at its end where it was taken through this store.
func (s *Store) write(ctx context.Context, f func(context.Context, *conn) error) error {
	var until time.Time
	return s.transaction(ctx, func(ctx context.Context, c *conn) error {
		if err := s.tenure.begin(ctx, c); err != nil {
			return err
		}
		err := f(ctx, c)
		if err == nil {
			until, err = s.tenure.renew(ctx, c, s.now())
		}
		return err
	}, func(committed bool) {
		if !committed {
			until = time.Time{}
		}
		s.tenure.end(until)
	})
}

// AcquireLease takes or renews the lease, and tells who has it. Processes
// compare by their own clocks, which on one machine are one. An owner that has
// it keeps it where ctx ends while a transaction of its own is under way.
func (s *Store) AcquireLease(ctx context.Context, owner string, ttl time.Duration) (holder string, err error) {
	var taken time.Time
	err = s.transaction(ctx, func(ctx context.Context, c *conn) error {
		now := s.now()
		// A lease that ends later than any ttl allows was taken under a clock
		// that has since been set back.
		_, err := c.exec(ctx, `INSERT INTO lease (id, owner, until) VALUES (1, ?, ?) ON CONFLICT DO UPDATE
			SET owner = excluded.owner, until = excluded.until WHERE owner = excluded.owner OR until <= ? OR until > ?`,
			owner, now.Add(ttl).UnixNano(), now.UnixNano(), now.Add(max(ttl, longestLease)).UnixNano())
		if err != nil {
			return err
		}
		if _, err = c.first(ctx, "SELECT owner FROM lease", nil, func(r row) { holder = r.text(0) }); err != nil {
			return err
		}
		taken = now
		return nil
	}, func(committed bool) {
		if committed && holder == owner {
			s.tenure.take(owner, ttl, taken)
		}
	})
	if late := errors.Is(err, context.DeadlineExceeded); late && s.tenure.has(owner, s.now()) {
		// The wait was for a transaction of this process, which renews it.
		return owner, nil
	}
	if err != nil {
		return "", fmt.Errorf("take the lease: %w", err)
	}
	return holder, nil
}

// longestLease is far above any lease that is taken.
const longestLease = time.Hour

// ReleaseLease gives the lease back, if owner has it.
func (s *Store) ReleaseLease(ctx context.Context, owner string) error {
	err := s.transaction(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM lease WHERE owner = ?", owner)
		return err
	}, func(committed bool) {
		if committed {
			s.tenure.leave(owner)
		}
	})
	if err != nil {
		return fmt.Errorf("release the lease: %w", err)
	}
	return nil
}
