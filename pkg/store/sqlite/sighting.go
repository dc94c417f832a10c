package sqlite

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// sighting is the key of the table of that name: a policy as a reporter saw it.
type sighting struct{ domain, reporter, kind, strings, mx, trust, source int64 }

// sightingChange is what a transaction changes of one row of it: reports, and
// the extremes of what was added and of what was taken back.
type sightingChange struct {
	reports        int64
	added, removed span
}

// sight counts a policy once where a report names it twice.
func (s *sums) sight(f *facts, sign int64) {
	named := make(map[sighting]bool, len(f.policies))
	for i := range f.policies {
		p := &f.policies[i]
		key := sighting{p.domain, f.reporter, p.kind, p.strings, p.mx, f.trust, f.source}
		if named[key] {
			continue
		}
		named[key] = true
		change := s.sightings[key]
		if change == nil {
			change = new(sightingChange)
			s.sightings[key] = change
		}
		change.reports += sign
		if sign > 0 {
			change.added.take(f.day, f.stored)
		} else {
			change.removed.take(f.day, f.stored)
		}
	}
}

func compareSightings(a, b sighting) int {
	return cmp.Or(
		cmp.Compare(a.domain, b.domain), cmp.Compare(a.reporter, b.reporter), cmp.Compare(a.kind, b.kind), cmp.Compare(a.strings, b.strings),
		cmp.Compare(a.mx, b.mx), cmp.Compare(a.trust, b.trust), cmp.Compare(a.source, b.source))
}

const sightingKey = "domain = ? AND reporter = ? AND kind = ? AND strings = ? AND mx = ? AND trust = ? AND source = ?"

func (k sighting) args() []any {
	return []any{k.domain, k.reporter, k.kind, k.strings, k.mx, k.trust, k.source}
}

// flushSightings writes what was seen, and finds new extremes where an old one
// was taken back. It reads rows as they are after the change.
func (s *sums) flushSightings(ctx context.Context, c *conn) error {
	for _, key := range slices.SortedFunc(maps.Keys(s.sightings), compareSightings) {
		change := s.sightings[key]
		if err := change.write(ctx, c, key); err != nil {
			return err
		}
		if !change.removed.some {
			continue
		}
		if err := change.settle(ctx, c, key); err != nil {
			return err
		}
	}
	return nil
}

func (ch *sightingChange) write(ctx context.Context, c *conn, key sighting) error {
	if !ch.added.some {
		_, err := c.exec(ctx, "UPDATE sighting SET reports = reports + ? WHERE "+sightingKey, append([]any{ch.reports}, key.args()...)...)
		return err
	}
	_, err := c.exec(ctx, `INSERT INTO sighting (domain, reporter, kind, strings, mx, trust, source, first_day, last_day, reports)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
		first_day = min(first_day, excluded.first_day), last_day = max(last_day, excluded.last_day), reports = reports + excluded.reports`,
		append(key.args(), ch.added.firstDay, ch.added.lastDay, ch.reports)...)
	return err
}

// The rows of a sighting from a day on, and up to one.
const (
	sightingRows = ` FROM policy p CROSS JOIN report r ON r.id = p.report
		WHERE r.reporter = ? AND r.trust = ? AND r.source = ? AND r.superseded = 0 AND p.kind = ? AND p.strings = ? AND p.mx = ? AND p.domain = ?`
	nextSighted = "SELECT p.day" + sightingRows + " AND p.day >= ? ORDER BY p.day LIMIT 1"
	lastSighted = "SELECT p.day" + sightingRows + " AND p.day <= ? ORDER BY p.day DESC LIMIT 1"
)

func (ch *sightingChange) settle(ctx context.Context, c *conn, key sighting) error {
	var reports, firstDay, lastDay int64
	_, err := c.first(ctx, "SELECT reports, first_day, last_day FROM sighting WHERE "+sightingKey, key.args(), func(r row) {
		reports, firstDay, lastDay = r.int(0), r.int(1), r.int(2)
	})
	if err != nil {
		return err
	}
	if reports == 0 {
		_, err := c.exec(ctx, "DELETE FROM sighting WHERE "+sightingKey, key.args()...)
		return err
	}
	if ch.removed.firstDay > firstDay && ch.removed.lastDay < lastDay {
		return nil
	}
	args := []any{key.reporter, key.trust, key.source, key.kind, key.strings, key.mx, key.domain}
	if ch.removed.firstDay <= firstDay {
		if firstDay, err = c.integer(ctx, nextSighted, append(args, firstDay)...); err != nil {
			return err
		}
	}
	if ch.removed.lastDay >= lastDay {
		if lastDay, err = c.integer(ctx, lastSighted, append(args, lastDay)...); err != nil {
			return err
		}
	}
	_, err = c.exec(ctx, "UPDATE sighting SET first_day = ?, last_day = ? WHERE "+sightingKey, append([]any{firstDay, lastDay}, key.args()...)...)
	return err
}
