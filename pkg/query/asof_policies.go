package query

import (
	"context"
	"maps"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// modeDays is how far back the last known mode is looked for.
	modeDays = heardDays
	// tlsaDays is for how long TLSA records count as there once they were seen:
	// few reporters look at them.
	tlsaDays = 14
)

// strictness orders the modes of RFC 8461 section 5, the strictest highest.
var strictness = map[string]int{"none": 1, "testing": 2, "enforce": 3}

// enforced tells for every domain whether senders must use TLS.
func (r *request) enforced(ctx context.Context) ([]asOfValue, error) {
	of := r.ofDay()
	of.Model, of.Domains, of.From, of.To = Model{Filters: r.Filters, Trust: r.Trust}, nil, time.Time{}, time.Time{}
	enforced, err := judged(ctx, r, of, "enforced", enforcedDomains)
	if err != nil {
		return nil, err
	}
	return r.flags(ctx, maps.Clone(enforced))
}

func enforcedDomains(ctx context.Context, r *request) (map[string]bool, error) {
	enforced := map[string]bool{}
	tlsa, err := r.sessions(ctx, store.SumQuery{
		Selection: ofType(r.lately(tlsaDays), tlsrpt.PolicyTLSA), GroupBy: []store.Dimension{store.PolicyDomain},
	})
	if err != nil {
		return nil, err
	}
	for _, row := range tlsa {
		enforced[row.Group[0]] = row.Successful+row.Failed > 0
	}
	modes, err := r.lastModes(ctx)
	if err != nil {
		return nil, err
	}
	for domain, mode := range modes {
		enforced[domain] = enforced[domain] || mode == "enforce"
	}
	return enforced, nil
}

// lastModes are the last known modes of the domains, the strictest of several
// on one day. Days are read of those domains alone that had several.
func (r *request) lastModes(ctx context.Context) (map[string]string, error) {
	q := store.SumQuery{
		Selection: ofType(r.lately(modeDays), tlsrpt.PolicySTS), GroupBy: []store.Dimension{store.PolicyDomain, store.PolicyMode},
	}
	rows, err := r.sessions(ctx, q)
	if err != nil {
		return nil, err
	}
	modes := map[string]string{}
	var several []string
	for _, row := range rows {
		domain, mode := row.Group[0], row.Group[1]
		switch {
		case strictness[mode] == 0:
		case modes[domain] == "":
			modes[domain] = mode
		default:
			several = append(several, domain)
		}
	}
	if len(several) == 0 {
		return modes, nil
	}
	q.Selection, q.PerBucket = within(q.Selection, several), true
	if rows, err = r.sessions(ctx, q); err != nil {
		return nil, err
	}
	last := map[string]time.Time{}
	for _, row := range rows {
		domain, mode := row.Group[0], row.Group[1]
		newer := row.Bucket.After(last[domain])
		if strictness[mode] > 0 && (newer || row.Bucket.Equal(last[domain]) && strictness[mode] > strictness[modes[domain]]) {
			last[domain], modes[domain] = row.Bucket, mode
		}
	}
	return modes, nil
}

func ofType(s store.Selection, policyType string) store.Selection {
	s.Filters = append(s.Filters[:len(s.Filters):len(s.Filters)], store.Filter{Dimension: store.PolicyType, Operator: store.Equal, Values: []string{policyType}})
	return s
}

// modeDropped tells for every domain whether its policy left enforce.
func (r *request) modeDropped(ctx context.Context) ([]asOfValue, error) {
	drops, err := r.modeDrops(ctx)
	if err != nil {
		return nil, err
	}
	dropped := map[string]bool{}
	for _, d := range drops {
		// The newest first is what a first synchronisation brings: a mode of long
		// ago may be the last that is known of a domain now.
		dropped[d.Domain] = !r.syncing()
	}
	return r.flags(ctx, dropped)
}

// flags are 1 for the domains so marked, and 0 for all others that have a row.
func (r *request) flags(ctx context.Context, marked map[string]bool) ([]asOfValue, error) {
	var values []asOfValue
	for domain, is := range marked {
		if is {
			values = append(values, asOfValue{at: []label{{store.PolicyDomain, domain}}, value: 1})
		} else {
			delete(marked, domain)
		}
	}
	return r.addQuietDomains(ctx, values, marked)
}

// protectionLost tells for every domain which share of the sessions of the
// range found no policy, where before it nearly all did.
func (r *request) protectionLost(ctx context.Context) ([]asOfValue, error) {
	losses, err := r.protectionLosses(ctx, r.selection())
	if err != nil {
		return nil, err
	}
	var values []asOfValue
	domains := map[string]bool{}
	for _, l := range losses {
		if l.Lost && !r.syncing() {
			domains[l.Domain] = true
			values = append(values, asOfValue{at: []label{{store.PolicyDomain, l.Domain}}, value: l.Share()})
		}
	}
	return r.addQuietDomains(ctx, values, domains)
}
