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
	found, err := r.troubles(ctx)
	if err != nil {
		return nil, err
	}
	rows := found.Incidents.Rows[:min(r.Limit, len(found.Incidents.Rows))]
	frame := frames.Incidents(rows)
	r.notices(frame, r.cost, len(rows), found.Incidents.Found, "incidents")
	return data.Frames{frame}, nil
}

// troubles are the incidents of a range as the query types tell of them that a
// dashboard asks at once.
type troubles struct {
	Incidents firstOf[analytics.Incident]
	// Findings are those of a status.
	Findings []analytics.Finding
	// Events are the newest.
	Events firstOf[analytics.Event]
}

// rowsTogether is how many rows are made at least, for answers with different
// limits to share them.
const rowsTogether = 500

func (r *request) troubles(ctx context.Context) (troubles, error) {
	of := r.ofDay()
	of.Model, of.Domains = Model{Filters: r.Filters, Counting: r.Counting, Trust: r.Trust, Limit: max(r.Limit, rowsTogether)}, nil
	return judged(ctx, r, of, "troubles", judgeTroubles)
}

// judgeTroubles looks so far before the range that first days are right. Only of
// domains with a failure is more read than that there is none, some domains at
// a time, of which no more is kept than is told.
func judgeTroubles(ctx context.Context, r *request) (t troubles, err error) {
	past := r.past(leadDays)
	detailed := past
	detailed.Filters = r.filters()
	sums, err := r.failureSums(ctx, store.SumQuery{Selection: detailed, GroupBy: []store.Dimension{store.PolicyDomain}})
	if err != nil {
		return t, err
	}
	failing := failingDomains(sums)
	defer r.begin(len(failing))()
	var lately []analytics.Incident
	judge := func(ctx context.Context, r *request, domains []string) (incidentPart, error) {
		in, err := r.incidentInput(ctx, within(detailed, domains), within(past, domains), domains)
		return r.incidentPart(in), err
	}
	parts, err := r.parts(ctx, failing)
	if err != nil {
		return t, err
	}
	err = inParts(ctx, r, parts, judge, func(part incidentPart) {
		t.addIncidents(part.overlapping, r.Limit)
		t.addEvents(part.events, r.Limit)
		lately = append(lately, part.lately...)
	})
	if err != nil {
		return t, err
	}
	analytics.SortIncidents(lately)
	t.Findings = analytics.IncidentFindings(lately, r.now())
	return t, nil
}

// An incidentPart is what is told of the incidents of some domains.
type incidentPart struct {
	overlapping, lately []analytics.Incident
	events              []analytics.Event
}

func (r *request) incidentPart(in analytics.IncidentInput) (part incidentPart) {
	from, some := startOfDay(r.From), analytics.Incidents(in)
	part.overlapping = analytics.Overlapping(some, from, r.To)
	part.events = analytics.Events(analytics.EventsInput{
		From: from, To: r.To, Counting: r.Counting, Now: r.now(), Sessions: in.Sessions, Failures: in.Failures, Incidents: some,
	})
	part.lately = slices.DeleteFunc(some, func(i analytics.Incident) bool { return !i.Lately(r.now()) })
	return part
}

func (t *troubles) addIncidents(some []analytics.Incident, limit int) {
	rows := append(t.Incidents.Rows, some...)
	analytics.SortIncidents(rows)
	t.Incidents = firstOf[analytics.Incident]{first(rows, limit).Rows, t.Incidents.Found + len(some)}
}

func (t *troubles) addEvents(some []analytics.Event, limit int) {
	rows := append(t.Events.Rows, some...)
	analytics.SortEvents(rows)
	t.Events = firstOf[analytics.Event]{slices.Clone(rows[max(len(rows)-limit, 0):]), t.Events.Found + len(some)}
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
	in.ExpectedNext = func(domain, reporter string) time.Time {
		c, _ := p.of(domain, reporter)
		return c.ExpectedNext
	}
	in.FailuresOnly = func(domain, reporter string) bool {
		c, _ := p.of(domain, reporter)
		return c.Kind == analytics.FailuresOnly
	}
	in.GoesOnAs = func(domain, reporter string) string {
		c, _ := p.of(domain, reporter)
		return c.GoesOnAs
	}
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
