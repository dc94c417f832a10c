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

// answerEvents tells what happened, oldest first; the limit keeps the newest.
func answerEvents(ctx context.Context, r *request) (data.Frames, error) {
	of := r.ofDay()
	found, err := r.troubles(ctx)
	if err != nil {
		return nil, err
	}
	of.Model, of.Domains = Model{Filters: r.Filters, Counting: r.Counting, Trust: r.Trust, Limit: r.Limit}, nil
	others, err := judged(ctx, r, of, "other events", otherEvents)
	if err != nil {
		return nil, err
	}
	found.Events.Rows = slices.Clone(found.Events.Rows)
	found.addEvents(others.Rows, r.Limit)
	rows := found.Events.Rows
	for i := range rows {
		// What goes on does so until now, not until some time of the day.
		if rows[i].TimeEnd.Equal(of.now()) {
			rows[i].TimeEnd = r.now()
		}
	}
	frame := frames.Events(rows)
	r.notices(frame, r.cost, 0, 0, "")
	r.cutNotice(frame, found.Events.Found+others.Found-len(others.Rows) > len(rows))
	return data.Frames{frame}, nil
}

// otherEvents are the newest of those that are told of no failure.
func otherEvents(ctx context.Context, r *request) (newest firstOf[analytics.Event], err error) {
	of := analytics.EventsInput{From: startOfDay(r.From), To: r.To, Counting: r.Counting, Now: r.now()}
	policies, err := r.policyRows(ctx)
	if err != nil {
		return newest, err
	}
	if of.PolicyLosses, err = r.policyLosses(ctx, policies); err != nil {
		return newest, err
	}
	known, err := r.knownSince(ctx, 0, nil)
	if err != nil {
		return newest, err
	}
	of.PolicyShifts, of.Reporters = analytics.PolicyShifts(policies), known
	for _, row := range known {
		if of.StoreFirst == 0 || row.FirstReport < of.StoreFirst {
			of.StoreFirst = row.FirstReport
		}
	}
	rows := analytics.Events(of)
	return firstOf[analytics.Event]{slices.Clone(rows[max(len(rows)-r.Limit, 0):]), len(rows)}, nil
}

// policyLosses reads days only of the domains where some sessions were under an
// MTA-STS policy and others found none, some domains at a time.
func (r *request) policyLosses(ctx context.Context, policies []analytics.PolicyRow) ([]analytics.PolicyLoss, error) {
	with, lost := map[string]bool{}, []string{}
	for _, p := range policies {
		with[p.Domain] = with[p.Domain] || p.Type == tlsrpt.PolicySTS
		// Rows of a domain stand with MTA-STS first.
		if p.Type == tlsrpt.PolicyNotFound && with[p.Domain] {
			lost = append(lost, p.Domain)
		}
	}
	var all []analytics.PolicyLoss
	parts, err := r.parts(ctx, slices.Compact(lost))
	if err != nil {
		return nil, err
	}
	for _, domains := range parts {
		rows, err := r.sessions(ctx, store.SumQuery{Selection: within(r.past(leadDays), domains), PerBucket: true, GroupBy: analytics.PolicyLossSessions()})
		if err != nil {
			return nil, err
		}
		all = append(all, analytics.PolicyLosses(rows)...)
	}
	slices.SortStableFunc(all, func(a, b analytics.PolicyLoss) int { return strings.Compare(a.Domain, b.Domain) })
	return all, nil
}
