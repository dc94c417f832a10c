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
	of := r.ofDay()
	of.Model = Model{Filters: r.Filters, Counting: r.Counting, Trust: r.Trust, Limit: r.Limit}
	shown, err := judged(ctx, r, of, "incidents", func(ctx context.Context, r *request) (firstOf[analytics.Incident], error) {
		all, err := r.incidents(ctx, nil)
		return first(analytics.Overlapping(all, startOfDay(r.From), r.To), r.Limit), err
	})
	if err != nil {
		return nil, err
	}
	frame := frames.Incidents(shown.Rows)
	r.notices(frame, r.cost, len(shown.Rows), shown.Found, "incidents")
	return data.Frames{frame}, nil
}

// incidents looks so far before the range that first days are right. Only of
// domains with a failure is more read than that there is none, some domains at
// a time; also, where there is one, is shown what was read and made of it.
func (r *request) incidents(ctx context.Context, also func(analytics.IncidentInput, []analytics.Incident)) ([]analytics.Incident, error) {
	past := r.past(leadDays)
	detailed := past
	detailed.Filters = r.filters()
	failing, err := r.failureSums(ctx, store.SumQuery{Selection: detailed, GroupBy: []store.Dimension{store.PolicyDomain}})
	if err != nil {
		return nil, err
	}
	var all []analytics.Incident
	for domains := range slices.Chunk(failingDomains(failing), domainsAtOnce) {
		in, err := r.incidentInput(ctx, within(detailed, domains), within(past, domains), domains)
		if err != nil {
			return nil, err
		}
		some := analytics.Incidents(in)
		if also != nil {
			also(in, some)
		}
		all = append(all, some...)
	}
	analytics.SortIncidents(all)
	return all, nil
}

// incidentInput reads what incidents of some domains are made of: failure
// details by one selection, and all else by the other.
func (r *request) incidentInput(ctx context.Context, detailed, past store.Selection, domains []string) (analytics.IncidentInput, error) {
	in := analytics.IncidentInput{Counting: r.Counting, UpTo: r.heardUpTo(), Now: r.now()}
	by := func(s store.Selection, dimensions ...store.Dimension) store.SumQuery {
		return store.SumQuery{Selection: s, PerBucket: true, GroupBy: dimensions}
	}
	var err error
	in.Failures, err = r.failureSums(ctx, by(detailed,
		store.PolicyDomain, store.ResultType, store.Reporter, store.ReceivingMX, store.SendingNetwork, store.ReasonCode))
	if err != nil {
		return in, err
	}
	if in.Sessions, err = r.sessions(ctx, by(past, store.PolicyDomain, store.Reporter)); err != nil {
		return in, err
	}
	if in.Modes, err = r.sessions(ctx, by(past, store.PolicyDomain, store.PolicyType, store.PolicyMode)); err != nil {
		return in, err
	}
	if in.MXHosts, err = r.mxHosts(ctx, past); err != nil {
		return in, err
	}
	known, err := r.knownSince(ctx, 0, domains)
	if err != nil {
		return in, err
	}
	r.pairCadences(analytics.Histories(in.Sessions, known, r.Counting, r.live())).tell(&in)
	return in, nil
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
