package query

import (
	"context"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// daneTypes are the result types that tell of DANE (RFC 8460 section 4.3.2.1),
// also where the sender found no TLSA record and names another policy.
var daneTypes = []string{"tlsa-invalid", "dnssec-invalid", "dane-required"}

// daneFailures tells the failed sessions of those types under any policy, and
// of every other type under tlsa, but for connections that were cut: these say
// nothing of DANE, and now and then there are some. No two filters of a query
// can say «or».
func (r *request) daneFailures(ctx context.Context) ([]asOfValue, error) {
	groupBy := []store.Dimension{store.PolicyDomain, store.ResultType, store.ReasonCode}
	selection := func(more ...store.Filter) store.Selection {
		s := r.selection()
		s.Filters = append(slices.Clone(s.Filters), more...)
		return s
	}
	ofTypes := selection(store.Filter{Dimension: store.ResultType, Operator: store.Equal, Values: daneTypes})
	others := selection(
		store.Filter{Dimension: store.PolicyType, Operator: store.Equal, Values: []string{tlsrpt.PolicyTLSA}},
		store.Filter{Dimension: store.ResultType, Operator: store.NotEqual, Values: daneTypes},
	)
	var values []asOfValue
	for _, s := range []store.Selection{ofTypes, others} {
		sums, err := r.failureSums(ctx, store.SumQuery{Selection: s, GroupBy: groupBy})
		if err != nil {
			return nil, err
		}
		for _, f := range sums {
			if cutOff(f.Group[1], f.Group[2]) {
				continue
			}
			values = append(values, asOfValue{
				at: []label{{store.PolicyDomain, f.Group[0]}, {store.ResultType, f.Group[1]}}, value: float64(r.failed(f)),
			})
		}
	}
	return r.withQuietDomains(ctx, values)
}

// cutOff says whether a reason tells of a connection that was cut or timed out.
func cutOff(resultType, reason string) bool {
	return resultType == "validation-failure" && analytics.Explain(resultType, reason).Category == "Connection"
}
