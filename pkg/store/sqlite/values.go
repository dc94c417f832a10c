package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// Values returns the values of a dimension in the selection.
func (s *Store) Values(ctx context.Context, d store.Dimension, selection store.Selection, search string, limit int) (values []string, more bool, err error) {
	err = s.snapshot(ctx, func(c *conn) error {
		switch {
		case d == store.QuarantineReason:
			values, err = s.quarantineReasons(ctx, c, selection)
		case columns[d] == "":
			err = fmt.Errorf("no dimension %q", d)
		default:
			values, err = s.reportValues(ctx, c, d, selection, search, limit)
		}
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list values of %s: %w", d, err)
	}
	values = slices.DeleteFunc(values, func(v string) bool { return !contains(v, search) })
	slices.Sort(values)
	if limit > 0 {
		values, more = cut(values, limit)
	}
	return values, more, nil
}

func contains(value, search string) bool {
	return search == "" || strings.Contains(strings.ToLower(value), strings.ToLower(search))
}

func (s *Store) reportValues(ctx context.Context, c *conn, d store.Dimension, selection store.Selection, search string, limit int) ([]string, error) {
	q, err := s.question(ctx, c, selection)
	if err != nil {
		return nil, err
	}
	q.groupBy = []store.Dimension{d}
	there, err := extentOf(ctx, c)
	if err != nil {
		return nil, err
	}
	pick, packed := sessionPlan, packedIDs[sessionSums]
	if d.Detail() {
		pick, packed = failurePlan, packedIDs[failureSums]
	}
	p := pick(q, there)
	if p.packed() {
		ids, err := packed(ctx, c, q, p)
		if err != nil {
			return nil, err
		}
		return s.valuesOf(ctx, c, q, ids)
	}
	if d == store.PolicyDomain && p.parts[0].leading != "" {
		return s.domainValues(ctx, c, q, p, search, limit)
	}
	groups := newGrouped[struct{}](q)
	statement, args := p.statement(q, nil)
	err = c.query(ctx, statement, args, func(r row) error {
		groups.at(q.key(r, q.plainColumns()+1))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.valuesOf(ctx, c, q, &groups.groups)
}

// packedIDs returns the groups that a packed plan selects.
func packedIDs[S comparable, P measured[S]](ctx context.Context, c *conn, q *question, p plan) (*tuples, error) {
	groups, err := packedGroups[S, P](ctx, c, q, p)
	if err != nil {
		return nil, err
	}
	return &groups.groups, nil
}

// valuesOf returns the words of groups by one dimension.
func (s *Store) valuesOf(ctx context.Context, c *conn, q *question, ids *tuples) ([]string, error) {
	groups, _, err := groupWords(ctx, c, s.names, q, ids)
	return slices.Concat(groups...), err
}

// domainStep is how many domains are looked for in one statement.
const domainStep = 500

// domainValues goes through the domains in order until the limit is passed, and
// asks of each whether there is a report. That is a seek a domain, where going
// through the reports of all domains would read every day of each.
func (s *Store) domainValues(ctx context.Context, c *conn, q *question, p plan, search string, limit int) ([]string, error) {
	var candidates []dictEntry
	err := s.names.each(ctx, c, classDomain, func(e dictEntry) {
		if contains(e.value, search) {
			candidates = append(candidates, e)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(candidates, func(a, b dictEntry) int { return strings.Compare(a.value, b.value) })
	q.eachDomain = "j.value"
	w := p.conditions(q, p.parts[0])
	statement := "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM " + p.parts[0].from + " " + w.clause() + ")"
	var values []string
	for step := range slices.Chunk(candidates, domainStep) {
		ids, words := make([]int64, len(step)), make(map[int64]string, len(step))
		for i, e := range step {
			ids[i], words[e.id] = e.id, e.value
		}
		err := c.query(ctx, statement, append([]any{jsonList(ids)}, w.args...), func(r row) error {
			values = append(values, words[r.int(0)])
			return nil
		})
		if err != nil || limit > 0 && len(values) > limit {
			return values, err
		}
	}
	return values, nil
}

// quarantineReasons returns the reasons of what arrived in the selection's time.
func (s *Store) quarantineReasons(ctx context.Context, c *conn, selection store.Selection) ([]string, error) {
	w := where{}
	if err := s.quarantineFilters(ctx, c, &w, selection); err != nil {
		return nil, err
	}
	first, last := bounds(selection.From, selection.To, 3600)
	w.add("q.hour BETWEEN ? AND ?", first, last)
	var values []string
	err := c.query(ctx, "SELECT DISTINCT d.value FROM quarantine_hour q CROSS JOIN dict d ON d.id = q.reason "+w.clause(), w.args, func(r row) error {
		values = append(values, r.text(0))
		return nil
	})
	return values, err
}
