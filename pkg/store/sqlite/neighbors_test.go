package sqlite

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestNeighborsStandAsTheyWereFirstHeardOf(t *testing.T) {
	s := memory(t)
	for i, domain := range []string{"m.example", "z.example", "a.example", "m.example"} {
		r := &tlsrpt.Report{Reporter: "Google", ReportID: fmt.Sprint(i), Start: epoch, End: epoch.AddDate(0, 0, 1), Policies: []tlsrpt.Policy{{Type: tlsrpt.PolicySTS, Domain: domain, Successful: 1}}}
		must2(s.Commit(t.Context(), []store.Delivery{delivery(r.ReportID, document(t, r, store.Judgement{Trust: store.Authenticated, Route: store.Direct}))}))(t)
	}
	got := must2(s.Neighbors(t.Context(), []string{"a.example", "never.example", "z.example", "a.example", "m.example"}))(t)
	if want := []string{"m.example", "z.example", "a.example", "never.example"}; !slices.Equal(got, want) {
		t.Errorf("they are %q", got)
	}
}
