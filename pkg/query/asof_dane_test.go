package query

import (
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestDANEFailedSessions(t *testing.T) {
	timeout := detail("validation-failure", "mx1", "192.0.2.1", 7)
	timeout.Reason, timeout.ReasonCode = "read tcp: i/o timeout", "read tcp: i/o timeout"
	const expired, invalid, dnssec = "certificate-expired", "tlsa-invalid", "dnssec-invalid"
	reports := func(t *testing.T) *board {
		return newBoard(t,
			sent{day: "2026-03-08", policies: append(
				sts("a.example", 8, 5, detail(expired, "mx1", "192.0.2.1", 2), detail(dnssec, "mx1", "192.0.2.1", 3)),
				policy(tlsrpt.PolicyTLSA, "a.example", 90, 5, detail(expired, "mx1", "192.0.2.1", 1), detail(invalid, "mx1", "192.0.2.1", 4)))},
			sent{day: "2026-03-08", reporter: "Microsoft Corporation", policies: twice("b.example", 8, 2, detail(dnssec, "", "192.0.2.1", 2))},
			sent{day: "2026-03-08", reporter: "Comcast", policies: []tlsrpt.Policy{policy(tlsrpt.PolicyTLSA, "c.example", 90, 7, timeout)}},
			sent{day: "2026-03-08", policies: sts("c.example", 8, 2, detail(expired, "mx1", "192.0.2.1", 2))},
		)
	}
	for _, c := range []asOfCase{
		{"the three types under any policy, and every type under tlsa but cut connections, by domain and result type", reports,
			`"metric":"daneFailedSessions","groupBy":["policyDomain","resultType"]`, lastDay,
			[]string{"a.example/certificate-expired/1", "a.example/dnssec-invalid/3", "a.example/tlsa-invalid/4", "b.example/dnssec-invalid/2"}},
		{"by domain every domain has a row", reports,
			`"metric":"daneFailedSessions","groupBy":["policyDomain"]`, lastDay, []string{"a.example/8", "b.example/2", "c.example/0"}},
		{"a filter narrows it", reports,
			`"metric":"daneFailedSessions","groupBy":["policyDomain"],"filters":[{"dimension":"resultType","values":["certificate-expired"]}]`, lastDay,
			[]string{"a.example/1", "b.example/0", "c.example/0"}},
	} {
		c.run(t)
	}
}
