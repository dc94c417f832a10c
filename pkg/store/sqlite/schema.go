package sqlite

import (
	"context"
	"embed"
	"fmt"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the statements that lead from each schema version to the
// next; the first makes version 1 of an empty file. They are in the order of
// their file names.
func migrations() ([]string, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	steps := make([]string, len(entries))
	for i, entry := range entries {
		statements, err := migrationFiles.ReadFile("migrations/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		steps[i] = string(statements)
	}
	return steps, nil
}

// migrate brings the schema to the version of the last step, each step in a
// transaction of its own. A store that is up to date is not locked.
func migrate(ctx context.Context, c *conn, steps []string) error {
	version, err := schemaVersion(ctx, c, len(steps))
	for err == nil && version < len(steps) {
		err = transact(ctx, c, func(ctx context.Context, c *conn) error {
			// Another process may have migrated while this one waited.
			if version, err = schemaVersion(ctx, c, len(steps)); err != nil || version == len(steps) {
				return err
			}
			if err := c.script(ctx, steps[version]); err != nil {
				return fmt.Errorf("migrate the store from version %d: %w", version, err)
			}
			version++
			return c.script(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", version, applicationID))
		})
	}
	return err
}

// schemaVersion reads the version, and refuses what is none of ours.
func schemaVersion(ctx context.Context, c *conn, newest int) (int, error) {
	version, err := c.integer(ctx, "PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	application, err := c.integer(ctx, "PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	objects, err := c.integer(ctx, "SELECT COUNT(*) FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	switch {
	case application != applicationID && (objects > 0 || version > 0):
		return 0, fmt.Errorf("%w: the file is a database of another program", store.ErrCorrupt)
	case version > int64(newest):
		return 0, fmt.Errorf("%w: its schema is version %d, this program knows up to %d: update the plugin, or point it at another file",
			store.ErrNewer, version, newest)
	}
	return int(version), nil
}
