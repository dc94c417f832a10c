package sqlite

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

var classes = map[store.Dimension]class{
	store.PolicyDomain: classDomain, store.PolicyType: classType, store.PolicyMode: classMode,
	store.Reporter: classReporter, store.Source: classSource,
	store.ResultType: classResult, store.ReasonCode: classReason, store.ReceivingMX: classMX,
	store.ReceivingIP: classReceivingIP, store.SendingMTAIP: classSendingIP, store.SendingNetwork: classNetwork,
	store.QuarantineReason: classQuarantine,
}

// idSet is the numbers that a filter names: it keeps those, or all others.
type idSet struct {
	ids    []int64
	except bool
}

// where collects conditions that are AND-ed.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// in keeps what set keeps. A list of ids is one argument whatever its length,
// so that the statement is prepared once.
func (w *where) in(column string, set idSet) {
	switch {
	case set.except:
		w.add(column+" NOT IN (SELECT value FROM json_each(?))", jsonList(set.ids))
	case len(set.ids) == 1:
		w.add(column+" = ?", set.ids[0])
	default:
		w.add(column+" IN (SELECT value FROM json_each(?))", jsonList(set.ids))
	}
}

func (w *where) clause() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.conditions, " AND ")
}

// resolve finds the numbers of a filter's values.
func (s *Store) resolve(ctx context.Context, c *conn, f store.Filter) (idSet, error) {
	matches, err := matcher(f)
	if err != nil {
		return idSet{}, err
	}
	set := idSet{ids: []int64{}, except: f.Operator == store.NotEqual || f.Operator == store.NotMatch}
	cl, ok := classes[f.Dimension]
	switch {
	case f.Dimension == store.TrustDimension:
		for n := 1; n < len(trusts); n++ {
			if matches(string(trusts[n])) {
				set.ids = append(set.ids, int64(n))
			}
		}
		return set, nil
	case !ok:
		return set, fmt.Errorf("filter on %q: no such dimension", f.Dimension)
	case f.Operator == store.Match || f.Operator == store.NotMatch:
		err := s.names.each(ctx, c, cl, func(e dictEntry) {
			if matches(e.value) {
				set.ids = append(set.ids, e.id)
			}
		})
		return set, err
	}
	for _, value := range f.Values {
		id, found, err := lookupID(ctx, c, cl, value)
		if err != nil {
			return set, err
		}
		if found {
			set.ids = append(set.ids, id)
		}
	}
	return set, nil
}

// matcher returns what tells whether a value is one that a filter names,
// whether the operator then keeps it or not.
func matcher(f store.Filter) (func(string) bool, error) {
	switch f.Operator {
	case store.Equal, store.NotEqual:
		return func(value string) bool { return slices.Contains(f.Values, value) }, nil
	case store.Match, store.NotMatch:
	default:
		return nil, fmt.Errorf("filter on %s: no operator %q", f.Dimension, f.Operator)
	}
	patterns := make([]*regexp.Regexp, len(f.Values))
	for i, value := range f.Values {
		var err error
		if patterns[i], err = regexp.Compile(value); err != nil {
			return nil, fmt.Errorf("filter on %s: %w", f.Dimension, err)
		}
	}
	return func(value string) bool {
		return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(value) })
	}, nil
}

// Far enough for any day, month or hour, and safe to count with.
const (
	longAgo = -1 << 40
	farOff  = 1 << 40
)

// bounds returns the first and last of the units, of so many seconds each,
// that overlap [from, to). Zero times are no bounds.
func bounds(from, to time.Time, unit int64) (first, last int64) {
	first, last = longAgo, farOff
	if !from.IsZero() {
		first = floorDiv(from.Unix(), unit)
	}
	if !to.IsZero() {
		last = floorDiv(ceilSeconds(to)-1, unit)
	}
	return first, last
}

func ceilSeconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// cut shortens rows that were asked for one beyond the limit.
func cut[R any](rows []R, limit int) (kept []R, more bool) {
	if len(rows) > limit {
		return rows[:limit], true
	}
	return rows, false
}
