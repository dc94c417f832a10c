package tlsrpt

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sts(domain string, ok, failed int64, details ...FailureDetail) Policy {
	return Policy{Type: PolicySTS, Domain: domain, Successful: ok, Failed: failed, Details: details}
}

func tlsa(domain string, ok, failed int64, details ...FailureDetail) Policy {
	return Policy{Type: PolicyTLSA, Domain: domain, Successful: ok, Failed: failed, Details: details}
}

func TestOverlaps(t *testing.T) {
	expired := FailureDetail{ResultType: "certificate-expired", ReceivingMXHostname: "mx1.example", FailedSessions: 3}
	expiredLess, expiredElsewhere := expired, expired
	expiredLess.FailedSessions, expiredElsewhere.ReceivingMXHostname = 2, "mx2.example"
	for _, c := range []struct {
		name   string
		report Report
		want   map[string]Overlap
	}{
		{"row 1: sts and tlsa with equal totals overlap wholly",
			Report{Policies: []Policy{sts("a.example", 2, 0), tlsa("a.example", 2, 0)}},
			map[string]Overlap{"a.example": {Total: 2}}},
		{"row 1: equal totals overlap in the smaller number of failures",
			Report{Policies: []Policy{sts("a.example", 7, 3, expired), tlsa("a.example", 8, 2, expiredLess)}},
			map[string]Overlap{"a.example": {Total: 10, Failed: 2, Details: map[DetailKey]int64{expired.Key(): 2}}}},
		{"details that stand under one type alone don't overlap",
			Report{Policies: []Policy{sts("a.example", 7, 3, expired), tlsa("a.example", 7, 3, expiredElsewhere)}},
			map[string]Overlap{"a.example": {Total: 10, Failed: 3}}},
		{"totals that differ don't overlap",
			Report{Reporter: "Example", Policies: []Policy{sts("a.example", 3, 0), tlsa("a.example", 2, 0)}}, map[string]Overlap{}},
		{"row 1: totals that differ overlap where Microsoft reports",
			Report{Reporter: "Microsoft Corporation", Policies: []Policy{sts("a.example", 3, 1), tlsa("a.example", 2, 0)}},
			map[string]Overlap{"a.example": {Total: 2}}},
		{"equal totals of no session don't overlap",
			Report{Policies: []Policy{sts("a.example", 0, 0), tlsa("a.example", 0, 0)}}, map[string]Overlap{}},
		{"policies of different domains don't overlap",
			Report{Policies: []Policy{sts("a.example", 2, 0), tlsa("b.example", 2, 0)}}, map[string]Overlap{}},
		{"policies of other types don't overlap",
			Report{Policies: []Policy{sts("a.example", 2, 0), {Type: PolicyNotFound, Domain: "a.example", Successful: 2}}}, nil},
		{"the policies of one type are summed",
			Report{Policies: []Policy{sts("a.example", 2, 1), sts("a.example", 3, 0), tlsa("a.example", 4, 2)}},
			map[string]Overlap{"a.example": {Total: 6, Failed: 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.report.Overlaps()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestDistinctIsBetweenTheLargerSideAndTheSum holds for every report: nothing is
// taken away that was said once, and nothing more than was said.
func TestDistinctIsBetweenTheLargerSideAndTheSum(t *testing.T) {
	name := rapid.SampledFrom([]string{"Microsoft Corporation", "Example"})
	kind := rapid.SampledFrom([]string{PolicySTS, PolicyTLSA, PolicyNotFound})
	host := rapid.SampledFrom([]string{"a.example", "b.example"})
	count := rapid.Int64Range(0, 5)
	detail := rapid.Custom(func(t *rapid.T) FailureDetail {
		return FailureDetail{
			ResultType:          rapid.SampledFrom([]string{"certificate-expired", "validation-failure"}).Draw(t, "result type"),
			ReceivingMXHostname: host.Draw(t, "mx"),
			ReceivingMXHelo:     host.Draw(t, "helo"),
			FailedSessions:      count.Draw(t, "failed"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		r := Report{Reporter: name.Draw(t, "reporter")}
		for range rapid.IntRange(0, 6).Draw(t, "policies") {
			r.Policies = append(r.Policies, Policy{
				Type: kind.Draw(t, "type"), Domain: host.Draw(t, "domain"),
				Successful: count.Draw(t, "successful"), Failed: count.Draw(t, "failed"),
				Details: rapid.SliceOfN(detail, 0, 4).Draw(t, "details"),
			})
		}
		overlaps := r.Overlaps()
		for _, domain := range []string{"a.example", "b.example"} {
			var sides [2]side
			for i := range r.Policies {
				if p := &r.Policies[i]; p.Domain == domain && p.Type != PolicyNotFound {
					sides[map[string]int{PolicySTS: 0, PolicyTLSA: 1}[p.Type]].add(p)
				}
			}
			o := overlaps[domain]
			checkBounds(t, "total", o.Total, sides[0].total, sides[1].total)
			checkBounds(t, "failed", o.Failed, sides[0].failed, sides[1].failed)
			checkBounds(t, "successful", o.Total-o.Failed, sides[0].total-sides[0].failed+sides[1].total-sides[1].failed, 1<<40)
			for key, n := range o.Details {
				checkBounds(t, "detail", n, sides[0].details[key], sides[1].details[key])
			}
			if equal := sides[0].present && sides[1].present && sides[0].total == sides[1].total; equal && o.Total != sides[0].total {
				t.Fatalf("totals of %d are equal, the overlap is %d", sides[0].total, o.Total)
			}
		}
	})
}

func checkBounds(t *rapid.T, what string, overlap, a, b int64) {
	if overlap < 0 || overlap > a || overlap > b {
		t.Fatalf("the overlap in %s is %d, outside of 0 to %d and %d", what, overlap, a, b)
	}
	if distinct := a + b - overlap; distinct < max(a, b) {
		t.Fatalf("distinct %s is %d, less than %d", what, distinct, max(a, b))
	}
}
