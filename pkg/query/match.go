package query

import (
	"regexp"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// passes says whether a value passes the query's filters on a dimension, for
// what does not come from the store.
func (r *request) passes(d store.Dimension, value string) bool {
	for _, f := range r.filters() {
		if f.Dimension == d && !keeps(f, value) {
			return false
		}
	}
	return true
}

// filtersBeyond says whether there is a filter on another dimension.
func (r *request) filtersBeyond(d store.Dimension) bool {
	return slices.ContainsFunc(r.filters(), func(f store.Filter) bool { return f.Dimension != d })
}

func keeps(f store.Filter, value string) bool {
	matches := slices.Contains(f.Values, value)
	if f.Operator == store.Match || f.Operator == store.NotMatch {
		matches = slices.ContainsFunc(f.Values, func(pattern string) bool {
			re, err := regexp.Compile(pattern)
			return err == nil && re.MatchString(value)
		})
	}
	negated := f.Operator == store.NotEqual || f.Operator == store.NotMatch
	return matches != negated
}
