package query

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
)

// answerEvents tells what happened, oldest first; the limit keeps the newest.
func answerEvents(ctx context.Context, r *request) (data.Frames, error) {
	t, err := r.troubles(ctx)
	if err != nil {
		return nil, err
	}
	policies, err := r.policyRows(ctx)
	if err != nil {
		return nil, err
	}
	known, err := r.knownSince(ctx, 0, nil)
	if err != nil {
		return nil, err
	}
	in := analytics.EventsInput{
		From: startOfDay(r.From), To: r.To, Counting: r.Counting, Sessions: t.sessions, Failures: t.failures,
		Incidents: t.incidents, PolicyShifts: analytics.PolicyShifts(policies), Reporters: known, Now: r.now(),
	}
	for _, row := range known {
		if in.StoreFirst == 0 || row.FirstReport < in.StoreFirst {
			in.StoreFirst = row.FirstReport
		}
	}
	rows := analytics.Events(in)
	more := len(rows) > r.Limit
	rows = rows[max(len(rows)-r.Limit, 0):]
	frame := frames.Events(rows)
	r.notices(frame, r.cost, 0, 0, "")
	r.cutNotice(frame, more)
	return data.Frames{frame}, nil
}
