package query

import (
	"context"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func answerIncidents(ctx context.Context, r *request) (data.Frames, error) {
	t, err := r.troubles(ctx)
	if err != nil {
		return nil, err
	}
	rows := analytics.Overlapping(t.incidents, startOfDay(r.From), r.To)
	found := len(rows)
	rows = rows[:min(r.Limit, found)]
	frame := frames.Incidents(rows)
	r.notices(frame, r.cost, len(rows), found, "incidents")
	return data.Frames{frame}, nil
}

// A troubles is what was reported of the domains that have failures, and what
// is made of it.
type troubles struct {
	sessions  []store.SessionRow
	failures  []store.FailureSum
	incidents []analytics.Incident
}

// troubles looks so far before the range that first days are right. Only of
// domains with a failure is more read than that there is none.
func (r *request) troubles(ctx context.Context) (troubles, error) {
	var t troubles
	selection := r.past(leadDays)
	detailed := selection
	detailed.Filters = r.filters()
	var err error
	t.failures, err = r.failureSums(ctx, store.SumQuery{Selection: detailed, PerBucket: true, GroupBy: []store.Dimension{
		store.PolicyDomain, store.ResultType, store.Reporter, store.ReceivingMX, store.SendingNetwork, store.ReasonCode,
	}})
	if err != nil {
		return t, err
	}
	domains := failingDomains(t.failures)
	if len(domains) == 0 {
		return t, nil
	}
	selection = within(selection, domains)
	in := analytics.IncidentInput{Counting: r.Counting, Failures: t.failures, UpTo: r.heardUpTo(), Now: r.now()}
	by := func(dimensions ...store.Dimension) store.SumQuery {
		return store.SumQuery{Selection: selection, PerBucket: true, GroupBy: dimensions}
	}
	if t.sessions, err = r.sessions(ctx, by(store.PolicyDomain, store.Reporter)); err != nil {
		return t, err
	}
	in.Sessions = t.sessions
	if in.Modes, err = r.sessions(ctx, by(store.PolicyDomain, store.PolicyType, store.PolicyMode)); err != nil {
		return t, err
	}
	if in.MXHosts, err = r.mxHosts(ctx, selection); err != nil {
		return t, err
	}
	known, err := r.knownSince(ctx, 0, domains)
	if err != nil {
		return t, err
	}
	r.pairCadences(analytics.Histories(t.sessions, known, r.Counting, r.live())).tell(&in)
	t.incidents = analytics.Incidents(in)
	return t, nil
}

// tell says what is known of the reporters of incidents.
func (p pairCadences) tell(in *analytics.IncidentInput) {
	in.ExpectedNext = func(domain, reporter string) time.Time { return p[[2]string{domain, reporter}].ExpectedNext }
	in.FailuresOnly = func(domain, reporter string) bool {
		return p[[2]string{domain, reporter}].Kind == analytics.FailuresOnly
	}
	in.GoesOnAs = func(domain, reporter string) string { return p[[2]string{domain, reporter}].GoesOnAs }
}

func failingDomains(failures []store.FailureSum) []string {
	var domains []string
	for _, f := range failures {
		if f.Failed > 0 {
			domains = append(domains, f.Group[0])
		}
	}
	slices.Sort(domains)
	return slices.Compact(domains)
}

// mxHosts are the MX hosts and patterns that policies of the domains name.
func (r *request) mxHosts(ctx context.Context, s store.Selection) (map[string][]string, error) {
	seen, err := r.policies(ctx, s)
	if err != nil {
		return nil, err
	}
	hosts := map[string][]string{}
	for _, p := range seen {
		for _, host := range p.MXHosts {
			if !slices.Contains(hosts[p.Domain], host) {
				hosts[p.Domain] = append(hosts[p.Domain], host)
			}
		}
	}
	return hosts, nil
}

func startOfDay(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
