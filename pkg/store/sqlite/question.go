package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// filtered is a filter whose values are resolved.
type filtered struct {
	dimension store.Dimension
	set       idSet
}

// question is a selection with its grouping in the terms of the tables.
type question struct {
	groupBy     []store.Dimension
	filters     []filtered // AuthenticatedOnly among them
	timeField   store.TimeField
	perBucket   bool
	first, last int64 // days or hours
	maxLate     int64 // hours; -1 is no bound
	among       []filtered
	eachDomain  string // the expression of the one domain that is asked for, instead of a filter
}

// question resolves the filters. Filters without values say nothing.
func (s *Store) question(ctx context.Context, c *conn, selection store.Selection) (*question, error) {
	q := &question{timeField: selection.TimeField, maxLate: -1}
	unit := int64(86400)
	switch q.timeField {
	case store.StoredTime:
		unit = 3600
	case store.Period, "":
		q.timeField = store.Period
	default:
		return nil, fmt.Errorf("no time field %q", q.timeField)
	}
	q.first, q.last = bounds(selection.From, selection.To, unit)
	if selection.MaxLateness > 0 {
		q.maxLate = int64(selection.MaxLateness / time.Hour)
	}
	for _, f := range selection.Filters {
		if len(f.Values) == 0 {
			continue
		}
		if _, ok := columns[f.Dimension]; !ok {
			return nil, fmt.Errorf("filter on %q: reports have no such dimension", f.Dimension)
		}
		set, err := s.resolve(ctx, c, f)
		if err != nil {
			return nil, err
		}
		q.filters = append(q.filters, filtered{f.Dimension, set})
	}
	if selection.AuthenticatedOnly {
		q.filters = append(q.filters, filtered{store.TrustDimension, idSet{ids: []int64{authenticated}}})
	}
	return q, nil
}

// sumQuestion makes a question of a query for sums.
func (s *Store) sumQuestion(ctx context.Context, c *conn, query store.SumQuery) (*question, error) {
	q, err := s.question(ctx, c, query.Selection)
	if err != nil {
		return nil, err
	}
	q.groupBy, q.perBucket = query.GroupBy, query.PerBucket
	for i, d := range q.groupBy {
		if _, ok := columns[d]; !ok {
			return nil, fmt.Errorf("group by %q: reports have no such dimension", d)
		}
		if slices.Contains(q.groupBy[:i], d) {
			return nil, fmt.Errorf("group by %s: named twice", d)
		}
		if query.Among == nil {
			continue
		}
		values := map[string]bool{}
		for _, group := range query.Among {
			if len(group) != len(q.groupBy) {
				return nil, fmt.Errorf("a group of %d values among groups of %d", len(group), len(q.groupBy))
			}
			values[group[i]] = true
		}
		set, err := s.resolve(ctx, c, store.Filter{Dimension: d, Operator: store.Equal, Values: keysOfSet(values)})
		if err != nil {
			return nil, err
		}
		q.among = append(q.among, filtered{d, set})
	}
	return q, nil
}

func keysOfSet(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// byKind tells whether policy type or mode is grouped or filtered by.
func (q *question) byKind() bool {
	return slices.ContainsFunc(q.groupBy, isKind) || slices.ContainsFunc(q.filters, func(f filtered) bool { return isKind(f.dimension) })
}

func isKind(d store.Dimension) bool { return d == store.PolicyType || d == store.PolicyMode }

// columns returns the columns that an answer needs.
func (q *question) columns() map[string]bool {
	needed := map[string]bool{}
	for _, d := range q.groupBy {
		needed[columns[d]] = true
	}
	for _, f := range q.filters {
		needed[columns[f.dimension]] = true
	}
	return needed
}

// splitDetails takes the filters on failure details out of the question.
func (q *question) splitDetails() []filtered { return q.split(store.Dimension.Detail) }

// splitKinds takes the filters on policy type and mode out of the question.
func (q *question) splitKinds() []filtered { return q.split(isKind) }

func (q *question) split(goes func(store.Dimension) bool) (gone []filtered) {
	var stay []filtered
	for _, f := range q.filters {
		if goes(f.dimension) {
			gone = append(gone, f)
		} else {
			stay = append(stay, f)
		}
	}
	q.filters = stay
	return gone
}

// domains returns a filter that names the domains to look at, if there is one.
func (q *question) domains() (idSet, bool) {
	for _, list := range [][]filtered{q.among, q.filters} {
		for _, f := range list {
			if f.dimension == store.PolicyDomain && !f.set.except {
				return f.set, true
			}
		}
	}
	return idSet{}, false
}
