package query

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A Filter is a filter as it stands in JSON.
type Filter struct {
	Dimension store.Dimension `json:"dimension"`
	Operator  store.Operator  `json:"operator"`
	Values    []string        `json:"values"`
}

// trustValues are the values of the dimension trust, the only one whose values
// are ours and not those of reports.
var trustValues = []string{
	string(store.Authenticated), string(store.Unverifiable), string(store.Unauthenticated), string(store.Pending),
}

// filterSettings are the keys of a filter.
var filterSettings = []string{"dimension", "operator", "values"}

// UnmarshalJSON reads a filter. An unknown key is an [*Error]: a misspelled
// operator would otherwise be taken for the default.
func (f *Filter) UnmarshalJSON(raw []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(filterSettings, key) {
			return refuse("unknown setting %q in a filter; allowed are %s", key, list(filterSettings))
		}
	}
	type plain Filter
	return json.Unmarshal(raw, (*plain)(f))
}

// asStored is the filter with values in the form in which they are stored: the
// names of hosts are lower-case A-labels there, whatever a person wrote. A
// value with the guard that frames put before formulas is meant without it.
func (f Filter) asStored() store.Filter {
	if f.Operator != store.Equal && f.Operator != store.NotEqual {
		return store.Filter(f)
	}
	values := make([]string, 0, len(f.Values))
	for _, v := range f.Values {
		if plain, guarded := frames.Unguard(v); guarded {
			// Variables hold values without a guard: both are meant.
			values = append(values, plain)
		}
		if name, ok := tlsrpt.NormalizeDomain(v); ok && frames.IsHostName(f.Dimension) {
			v = name
		}
		values = append(values, v)
	}
	return store.Filter{Dimension: f.Dimension, Operator: f.Operator, Values: values}
}

func (m *Model) checkFilters() error {
	allowed := dimensions
	if m.QueryType == "quarantine" {
		allowed = []store.Dimension{store.Source, store.QuarantineReason}
	}
	if m.QueryType == "summary" && slices.Contains(m.metrics(), analytics.Quarantined) {
		allowed = []store.Dimension{store.Source, store.QuarantineReason}
	}
	for _, f := range m.Filters {
		if len(f.Values) == 0 && f.Dimension == "" {
			continue
		}
		if err := oneOf("dimension", f.Dimension, allowed); err != nil {
			return err
		}
		if err := oneOf("operator", f.Operator, operators); err != nil {
			return err
		}
		if err := f.checkValues(); err != nil {
			return err
		}
	}
	return nil
}

func (f Filter) checkValues() error {
	for _, v := range f.Values {
		if f.Operator == store.Match || f.Operator == store.NotMatch {
			if _, err := regexp.Compile(v); err != nil {
				return refuse("the filter on %s holds %q, which is no regular expression (RE2): %v", f.Dimension, v, err)
			}
			continue
		}
		if f.Dimension == store.TrustDimension {
			if err := oneOf("value of trust", v, trustValues); err != nil {
				return err
			}
		}
	}
	return nil
}

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
