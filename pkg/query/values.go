package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A DimensionRequest asks for the values of a dimension, for variables and
// for the suggestions of editors. Zero times are no bounds.
type DimensionRequest struct {
	Dimension store.Dimension
	Filters   []Filter
	From, To  time.Time
	Search    string
	Limit     int
}

// DimensionValues returns the values in order; more says that the limit cut
// some off. Configured sources are listed also when nothing came by them.
func DimensionValues(ctx context.Context, env Environment, d DimensionRequest) (values []string, more bool, err error) {
	if err := oneOf("dimension", d.Dimension, append(slices.Clone(dimensions), store.QuarantineReason)); err != nil {
		return nil, false, err
	}
	m := Defaults()
	m.QueryType, m.Filters = "reports", d.Filters
	m.fillDefaults()
	if d.Dimension == store.QuarantineReason {
		m.QueryType = "quarantine"
	}
	if err := m.check(); err != nil {
		return nil, false, err
	}
	values, more, err = env.Store.Values(ctx, d.Dimension, m.selection(d.From, d.To), d.Search, d.Limit)
	if err != nil {
		return nil, false, fmt.Errorf("read the values of %s: %w", d.Dimension, err)
	}
	if d.Dimension == store.Source {
		for _, s := range env.Sources {
			if strings.Contains(strings.ToLower(s.ID), strings.ToLower(d.Search)) && !slices.Contains(values, s.ID) {
				values = append(values, s.ID)
			}
		}
		slices.Sort(values)
	}
	return values, more, nil
}
