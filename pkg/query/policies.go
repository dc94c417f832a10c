package query

import (
	"context"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// answerPolicies tells of the policies that were seen on some day of the range.
// Older ones are read too, for what leaves parts out to stand with the whole.
func answerPolicies(ctx context.Context, r *request) (data.Frames, error) {
	rows, err := r.policyRows(ctx)
	if err != nil {
		return nil, err
	}
	first := tlsrpt.DayOf(r.From)
	rows = slices.DeleteFunc(rows, func(p analytics.PolicyRow) bool { return p.LastSeen < first })
	found := len(rows)
	rows = rows[:min(r.Limit, found)]
	frame := frames.Policies(rows)
	r.notices(frame, r.cost, len(rows), found, "policies")
	return data.Frames{frame}, nil
}

func (r *request) policyRows(ctx context.Context) ([]analytics.PolicyRow, error) {
	seen, err := r.policies(ctx, r.past(leadDays))
	if err != nil {
		return nil, err
	}
	return analytics.PolicyRows(seen), nil
}
