package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// SaveSourceState keeps a source's state.
func (s *Store) SaveSourceState(ctx context.Context, state store.SourceState) error {
	err := s.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, `INSERT INTO source_state (source, first_configured, last_poll, last_success, first_sync, last_error)
			VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			first_configured = CASE excluded.first_configured WHEN 0 THEN first_configured ELSE excluded.first_configured END,
			first_sync = CASE excluded.first_sync WHEN 0 THEN first_sync ELSE excluded.first_sync END,
			last_poll = excluded.last_poll, last_success = excluded.last_success, last_error = excluded.last_error`,
			state.Source, nanos(state.FirstConfigured), nanos(state.LastPoll), nanos(state.LastSuccess), nanos(state.FirstSync), state.LastError)
		return err
	})
	if err != nil {
		return fmt.Errorf("save the state of source %s: %w", state.Source, err)
	}
	return nil
}

// SourceStates returns what was saved, by source id.
func (s *Store) SourceStates(ctx context.Context) (map[string]store.SourceState, error) {
	states := map[string]store.SourceState{}
	err := s.read(ctx, func(c *conn) error {
		return c.query(ctx, "SELECT source, first_configured, last_poll, last_success, first_sync, last_error FROM source_state", nil, func(r row) error {
			states[r.text(0)] = store.SourceState{
				Source: r.text(0), FirstConfigured: fromNanos(r.int(1)), LastPoll: fromNanos(r.int(2)),
				LastSuccess: fromNanos(r.int(3)), FirstSync: fromNanos(r.int(4)), LastError: r.text(5),
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the states of sources: %w", err)
	}
	return states, nil
}

// nanos tells a time in nanoseconds since 1970; the zero time is 0.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
