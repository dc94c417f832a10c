package ingest

import (
	"slices"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// under returns the domains that a report counts for, and whether any were left out.
func under(r *Rules, report []string, further func(string) bool) (domains []string, leftOut bool) {
	var read tlsrpt.Report
	for _, domain := range report {
		read.Policies = append(read.Policies, tlsrpt.Policy{Domain: domain})
	}
	if _, ok := r.apply(&read, further); !ok {
		return nil, true
	}
	for _, policy := range read.Policies {
		domains = append(domains, policy.Domain)
	}
	return domains, len(read.Policies) < len(report)
}

func distinct(domains []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(domains)))
}

// Of all pairs of settings from a small world, and all reports of it: whatever
// the second would read otherwise is in the scope, and no domain that counted
// is lost but by the map.
func TestTheScopeNamesEveryReportThatWouldBeReadOtherwise(t *testing.T) {
	names := []string{"a.example", "b.example", "x.a.example"}
	lists := [][]string{nil, {"a.example"}, {"b.example"}, {"a.example", "b.example"}, {"*.a.example"}, {"*.a.example", "b.example"}}
	maps := []map[string]string{nil}
	for _, host := range names {
		for _, domain := range append([]string{"other.example"}, names...) {
			maps = append(maps, map[string]string{host: domain})
		}
	}
	maps = append(maps, map[string]string{"a.example": "b.example", "b.example": "a.example"})
	var settings []*Rules
	for _, list := range lists {
		for _, mapped := range maps {
			settings = append(settings, NewRules(list, mapped))
		}
	}
	nothing := func(string) bool { return false }
	for _, before := range settings {
		for _, now := range settings {
			earlier := readings{before.readWith(), now.readWith()}
			scope := earlier.scope(now.readWith(), true)
			for bits := 1; bits < 1<<len(names); bits++ {
				var report []string
				for i, name := range names {
					if bits>>i&1 == 1 {
						report = append(report, name)
					}
				}
				stood, leftOut := under(before, report, nothing)
				if stood == nil {
					continue // it is in quarantine
				}
				stands, _ := under(now, report, func(domain string) bool { return earlier.counted(domain, stood) })
				named := scope.LeftOut && leftOut || slices.ContainsFunc(stood, func(domain string) bool { return slices.Contains(scope.Domains, domain) })
				if !slices.Equal(distinct(stood), distinct(stands)) && !named {
					t.Fatalf("%v stands under %v, read with %+v, and would stand under %v, read with %+v; the scope is %+v",
						report, stood, before.readWith(), stands, now.readWith(), scope)
				}
				if len(stands) < len(stood) {
					t.Fatalf("%v stood under %v, read with %+v, and stands under %v, read with %+v",
						report, stood, before.readWith(), stands, now.readWith())
				}
			}
		}
	}
}

func TestWhatReportsAreReadWithHasOneForm(t *testing.T) {
	one := NewRules([]string{"b.example", "*.Example.org", "A.example."}, map[string]string{"MX.example.": "b.example"}).readWith()
	two := NewRules([]string{"a.example", "b.example", "*.example.org", "b.example"}, map[string]string{"mx.example": "b.example."}).readWith()
	if !one.equal(two) {
		t.Errorf("%+v is not %+v", one, two)
	}
	var none *Rules
	if !none.readWith().equal(NewRules(nil, nil).readWith()) || none.readWith().equal(one) {
		t.Errorf("%+v", none.readWith())
	}
}
