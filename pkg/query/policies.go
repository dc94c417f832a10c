package query

import (
	"context"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// answerPolicies tells of the policies that were seen on some day of the range.
// Older ones are read too, for what leaves parts out to stand with the whole.
func answerPolicies(ctx context.Context, r *request) (data.Frames, error) {
	of := r.ofDay()
	of.Model = Model{Filters: r.Filters, Trust: r.Trust, Limit: r.Limit}
	shown, err := judged(ctx, r, of, "policies", func(ctx context.Context, r *request) (firstOf[analytics.PolicyRow], error) {
		rows, err := r.policyRows(ctx)
		from := tlsrpt.DayOf(r.From)
		rows = slices.DeleteFunc(rows, func(p analytics.PolicyRow) bool { return p.LastSeen < from })
		return first(rows, r.Limit), err
	})
	if err != nil {
		return nil, err
	}
	frame := frames.Policies(shown.Rows)
	r.notices(frame, r.cost, len(shown.Rows), shown.Found, "policies")
	return data.Frames{frame}, nil
}

func (r *request) policyRows(ctx context.Context) (rows []analytics.PolicyRow, err error) {
	err = r.policiesByDomain(ctx, r.past(leadDays), func(seen []store.PolicySeen) {
		rows = append(rows, analytics.PolicyRows(seen)...)
	})
	slices.SortStableFunc(rows, func(a, b analytics.PolicyRow) int { return strings.Compare(a.Domain, b.Domain) })
	return rows, err
}
