package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
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
	values, more, err = readValues(ctx, env.Store, d, m.selection(d.From, d.To))
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

// maxForeign is how many names in other scripts are looked through.
const maxForeign = 10_000

// readValues reads values that contain the search. The store knows names in
// other scripts by their A-labels: those are searched as people see them.
func readValues(ctx context.Context, reports store.Reader, d DimensionRequest, s store.Selection) ([]string, bool, error) {
	if !frames.IsHostName(d.Dimension) || isASCII(d.Search) {
		return reports.Values(ctx, d.Dimension, s, d.Search, d.Limit)
	}
	candidates, more, err := reports.Values(ctx, d.Dimension, s, "xn--", maxForeign)
	if err != nil {
		return nil, false, err
	}
	search := strings.ToLower(d.Search)
	name, isName := tlsrpt.NormalizeDomain(d.Search)
	values := slices.DeleteFunc(candidates, func(v string) bool {
		return !strings.Contains(frames.HostName(v), search) && (!isName || !strings.Contains(v, name))
	})
	if len(values) > d.Limit {
		return values[:d.Limit], true, nil
	}
	return values, more, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
