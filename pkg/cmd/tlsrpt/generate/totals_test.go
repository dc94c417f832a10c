package generate

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTotalsAgreeWithOneAnother(t *testing.T) {
	ledger := newGenerator(t, Options{PerDay: 2}).Ledger()
	for _, counting := range []Counting{Reported, Distinct} {
		all := Sum(slices.Values(ledger), counting)[Key()]
		if all.Failed == 0 || all.Successful < 10*all.Failed {
			t.Fatalf("%s: %+v is no plausible quarter", counting, all)
		}
		for _, by := range [][]Dimension{{ByDay}, {ByDomain}, {ByReporter}, {ByDay, ByDomain, ByReporter}} {
			var sum Sums
			for _, s := range Sum(slices.Values(ledger), counting, by...) {
				sum.Reports += s.Reports
				sum.Successful += s.Successful
				sum.Failed += s.Failed
				sum.Protected += s.Protected
			}
			if diff := cmp.Diff(all, sum); diff != "" {
				t.Errorf("%s by %v (-all +sum of the groups):\n%s", counting, by, diff)
			}
		}
		// In what is generated, the details of a policy add up to its summary.
		for _, by := range [][]Dimension{{}, {ByResultType}, {ByMX, ByNetwork}, {ByReceivingIP, BySendingIP, ByReasonCode}} {
			var sum int64
			for _, n := range SumDetails(slices.Values(ledger), counting, by...) {
				sum += n
			}
			if sum != all.Failed {
				t.Errorf("%s: details by %v add up to %d, summaries to %d", counting, by, sum, all.Failed)
			}
		}
	}
}

func TestCounting(t *testing.T) {
	failing := Detail{ResultType: "certificate-expired", ReceivingMX: "mx1.example.com", SendingMTAIP: "192.0.2.9"}
	with := func(d Detail, n int64) Detail { d.FailedSessions = n; return d }
	sts := Policy{Domain: "example.com", Type: "sts", Mode: "enforce", Successful: 90, Failed: 10,
		Details: []Detail{with(failing, 10)}}
	tlsa := Policy{Domain: "example.com", Type: "tlsa", Successful: 70, Failed: 30,
		Details: []Detail{with(failing, 12), {ResultType: "tlsa-invalid", FailedSessions: 18}}}
	smaller := tlsa
	smaller.Successful = 10
	eachFailure := map[string]int64{"certificate-expired": 22, "tlsa-invalid": 18}
	tlsaFailures := map[string]int64{"certificate-expired": 12, "tlsa-invalid": 18}
	twice := Sums{Reports: 1, Successful: 100, Failed: 40, Protected: 140}
	once := Sums{Reports: 1, Successful: 70, Failed: 30, Protected: 100}
	for name, c := range map[string]struct {
		entries                  []Entry
		reported, distinct       Sums
		reportedFail, distinctly map[string]int64
	}{
		"policies of equal totals tell the same sessions": {
			entries:      []Entry{{Reporter: "A", Policies: []Policy{sts, tlsa}}},
			reported:     Sums{Reports: 1, Successful: 160, Failed: 40, Protected: 200},
			distinct:     once,
			reportedFail: eachFailure,
			distinctly:   tlsaFailures,
		},
		"policies of other totals tell other sessions": {
			entries:      []Entry{{Reporter: "A", Policies: []Policy{sts, smaller}}},
			reported:     twice,
			distinct:     twice,
			reportedFail: eachFailure,
			distinctly:   eachFailure,
		},
		"Microsoft's tell the same sessions whatever their totals": {
			entries:      []Entry{{Reporter: "Microsoft Corporation", Policies: []Policy{sts, smaller}}},
			reported:     twice,
			distinct:     once,
			reportedFail: eachFailure,
			distinctly:   tlsaFailures,
		},
		"forged and duplicate reports count nothing": {
			entries: []Entry{
				{Reporter: "A", Policies: []Policy{sts}},
				{Reporter: "A", Policies: []Policy{tlsa}, Decoy: Forged},
				{Reporter: "A", Policies: []Policy{sts}, Decoy: Duplicate},
			},
			reported:     Sums{Reports: 1, Successful: 90, Failed: 10, Protected: 100},
			distinct:     Sums{Reports: 1, Successful: 90, Failed: 10, Protected: 100},
			reportedFail: map[string]int64{"certificate-expired": 10},
			distinctly:   map[string]int64{"certificate-expired": 10},
		},
	} {
		t.Run(name, func(t *testing.T) {
			entries := slices.Values(c.entries)
			for counting, want := range map[Counting]Sums{Reported: c.reported, Distinct: c.distinct} {
				if diff := cmp.Diff(map[string]Sums{"": want}, Sum(entries, counting)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", counting, diff)
				}
			}
			for counting, want := range map[Counting]map[string]int64{Reported: c.reportedFail, Distinct: c.distinctly} {
				if diff := cmp.Diff(want, SumDetails(entries, counting, ByResultType)); diff != "" {
					t.Errorf("details, %s (-want +got):\n%s", counting, diff)
				}
			}
		})
	}
}
