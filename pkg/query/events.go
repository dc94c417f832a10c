package query

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
)

// answerEvents tells what happened, oldest first; the limit keeps the newest.
func answerEvents(ctx context.Context, r *request) (data.Frames, error) {
	var rows []analytics.Event
	of := analytics.EventsInput{From: startOfDay(r.From), To: r.To, Counting: r.Counting, Now: r.now()}
	_, err := r.incidents(ctx, func(in analytics.IncidentInput, some []analytics.Incident) {
		of := of
		of.Sessions, of.Failures, of.Incidents = in.Sessions, in.Failures, some
		rows = append(rows, analytics.Events(of)...)
	})
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
	of.PolicyShifts, of.Reporters = analytics.PolicyShifts(policies), known
	for _, row := range known {
		if of.StoreFirst == 0 || row.FirstReport < of.StoreFirst {
			of.StoreFirst = row.FirstReport
		}
	}
	rows = append(rows, analytics.Events(of)...)
	analytics.SortEvents(rows)
	more := len(rows) > r.Limit
	rows = rows[max(len(rows)-r.Limit, 0):]
	frame := frames.Events(rows)
	r.notices(frame, r.cost, 0, 0, "")
	r.cutNotice(frame, more)
	return data.Frames{frame}, nil
}
