package sqlite

import (
	"context"
	"fmt"
)

// countRevision notes in the transaction that sums changed with it.
func (s *sums) countRevision(ctx context.Context, c *conn) error {
	if len(s.sessions) == 0 && len(s.sightings) == 0 {
		return nil
	}
	_, err := c.exec(ctx, "INSERT INTO meta (name, value) VALUES ('revision', 1) ON CONFLICT DO UPDATE SET value = value + 1")
	if err != nil {
		return fmt.Errorf("count the revision: %w", err)
	}
	return nil
}

// Revision grows with every commit that changes what is counted, whoever makes it.
func (s *Store) Revision(ctx context.Context) (revision int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		revision, err = meta(ctx, c, "revision")
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the revision: %w", err)
	}
	return revision, nil
}
