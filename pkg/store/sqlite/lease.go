package sqlite

import (
	"context"
	"fmt"
	"time"
)

// AcquireLease takes or renews the lease, and tells who has it. Processes
// compare by their own clocks, which on one machine are one.
func (s *Store) AcquireLease(ctx context.Context, owner string, ttl time.Duration) (holder string, err error) {
	err = s.write(ctx, func(ctx context.Context, c *conn) error {
		now := s.now()
		// A lease that ends later than any ttl allows was taken under a clock
		// that has since been set back.
		_, err := c.exec(ctx, `INSERT INTO lease (id, owner, until) VALUES (1, ?, ?) ON CONFLICT DO UPDATE
			SET owner = excluded.owner, until = excluded.until WHERE owner = excluded.owner OR until <= ? OR until > ?`,
			owner, now.Add(ttl).UnixNano(), now.UnixNano(), now.Add(max(ttl, longestLease)).UnixNano())
		if err != nil {
			return err
		}
		_, err = c.first(ctx, "SELECT owner FROM lease", nil, func(r row) { holder = r.text(0) })
		return err
	})
	if err != nil {
		return "", fmt.Errorf("take the lease: %w", err)
	}
	return holder, nil
}

// longestLease is far above any lease that is taken.
const longestLease = time.Hour

// ReleaseLease gives the lease back, if owner has it.
func (s *Store) ReleaseLease(ctx context.Context, owner string) error {
	err := s.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM lease WHERE owner = ?", owner)
		return err
	})
	if err != nil {
		return fmt.Errorf("release the lease: %w", err)
	}
	return nil
}
