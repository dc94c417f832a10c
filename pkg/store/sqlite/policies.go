package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// seenPolicy is a policy with its reporter, in numbers of the dictionary.
type seenPolicy struct {
	domain, reporter, policyType, mode, strings, mx int64
	first, last, reports                            int64
}

// Policies returns the policies that reporters saw. Bounds of lateness and
// filters on failure details are answered from rows.
func (s *Store) Policies(ctx context.Context, selection store.Selection) ([]store.PolicySeen, error) {
	var rows []store.PolicySeen
	err := s.snapshot(ctx, func(c *conn) error {
		selection.TimeField = store.Period
		q, err := s.question(ctx, c, selection)
		if err != nil {
			return err
		}
		var seen []seenPolicy
		statement, args := policiesSeen(q)
		err = c.query(ctx, statement, args, func(r row) error {
			seen = append(seen, seenPolicy{r.int(0), r.int(1), r.int(2), r.int(3), r.int(4), r.int(5), r.int(6), r.int(7), r.int(8)})
			return nil
		})
		if err != nil {
			return err
		}
		rows, err = s.policyRows(ctx, c, seen)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return rows, nil
}

// policiesSeen selects by all of a policy's days: the range is compared with
// the first and the last.
func policiesSeen(q *question) (string, []any) {
	first, last := q.first, q.last
	q.first, q.last = longAgo, farOff
	measures := "MIN(t.first_day), MAX(t.last_day), SUM(t.reports)"
	p := plan{column: inTable, parts: []part{{from: "sighting t"}}}
	w := where{}
	if details := q.splitDetails(); q.maxLate >= 0 || len(details) > 0 {
		measures = "MIN(t.day), MAX(t.day), COUNT(DISTINCT t.report)"
		p = rowPlan(q, "policy", details)
		w = p.conditions(q, p.parts[0])
	} else {
		for _, f := range q.filters {
			w.dimension(f, p.column)
		}
	}
	return fmt.Sprintf(`SELECT t.domain, %s, k.type, k.mode, t.strings, t.mx, %s FROM %s CROSS JOIN kind k ON k.id = t.kind %s
		GROUP BY 1, 2, 3, 4, 5, 6 HAVING MIN(%s) <= ? AND MAX(%s) >= ?`, p.column("reporter"), measures, p.parts[0].from, w.clause(),
		p.day("first_day"), p.day("last_day")), append(w.args, last, first)
}

// day returns where the first or last day of a row stands.
func (p *plan) day(rolledUp string) string {
	if p.rows {
		return "t.day"
	}
	return "t." + rolledUp
}

// policyRows puts the words to policies, in order of domain, type, mode,
// reporter and what the policy says.
func (s *Store) policyRows(ctx context.Context, c *conn, seen []seenPolicy) ([]store.PolicySeen, error) {
	ids := map[int64]bool{}
	for i := range seen {
		p := &seen[i]
		for _, id := range [...]int64{p.domain, p.reporter, p.policyType, p.mode, p.strings, p.mx} {
			ids[id] = true
		}
	}
	words, err := s.names.of(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	lists := map[int64][]string{}
	ranks, order := ranked(words), make([][4]int32, len(seen))
	rows := make([]store.PolicySeen, len(seen))
	for i := range seen {
		p := &seen[i]
		rows[i] = store.PolicySeen{
			Domain: words[p.domain], Type: words[p.policyType], Mode: words[p.mode], Reporter: words[p.reporter],
			First: tlsrpt.Day(p.first), Last: tlsrpt.Day(p.last), Reports: p.reports,
		}
		if rows[i].Strings, err = list(lists, words, p.strings); err != nil {
			return nil, err
		}
		if rows[i].MXHosts, err = list(lists, words, p.mx); err != nil {
			return nil, err
		}
		order[i] = [...]int32{ranks[p.domain], ranks[p.policyType], ranks[p.mode], ranks[p.reporter]}
	}
	return ordered(rows, order, func(a, b *store.PolicySeen) int {
		return cmp.Or(slices.Compare(a.Strings, b.Strings), slices.Compare(a.MXHosts, b.MXHosts))
	}), nil
}

// list returns the list of strings behind a number, and remembers it in known.
func list(known map[int64][]string, words map[int64]string, id int64) ([]string, error) {
	if read, ok := known[id]; ok {
		return read, nil
	}
	read, err := listOf(words[id])
	if err != nil {
		return nil, fmt.Errorf("read list: %w", err)
	}
	known[id] = read
	return read, nil
}
