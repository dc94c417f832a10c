package tlsrpt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const exampleReport = `{
  "organization-name": "Example Inc.",
  "date-range": {"start-datetime": "2026-03-01T00:00:00Z", "end-datetime": "2026-03-01T23:59:59Z"},
  "contact-info": "tls-reports@example.com",
  "report-id": "2026-03-01T00:00:00Z_example.org",
  "policies": [{
    "policy": {
      "policy-type": "sts",
      "policy-string": ["version: STSv1", "mode: testing", "mx: *.example.org", "max_age: 604800"],
      "policy-domain": "example.org",
      "mx-host": ["*.example.org"]
    },
    "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 3},
    "failure-details": [{
      "result-type": "certificate-expired",
      "sending-mta-ip": "2001:db8:abcd:0012::1",
      "receiving-mx-hostname": "mx1.example.org",
      "failed-session-count": "3"
    }]
  }]
}`

func ExampleDecode() {
	report, err := tlsrpt.Decode(strings.NewReader(exampleReport), tlsrpt.Hints{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Reporter, report.Day())
	for _, p := range report.Policies {
		fmt.Println(p.Domain, p.Type, p.Mode, p.Successful, p.Failed)
		for _, d := range p.Details {
			fmt.Println(d.ResultType, d.ReceivingMXHostname, tlsrpt.Network(d.SendingMTAIP), d.FailedSessions)
		}
	}
	fmt.Println(report.Warnings)
	// Output:
	// Example Inc. 2026-03-01
	// example.org sts testing 5326 3
	// certificate-expired mx1.example.org 2001:db8:abcd::/48 3
	// [coerced-count: failed-session-count is the string «3»]
}

func ExampleDecode_notAReport() {
	_, err := tlsrpt.Decode(strings.NewReader(`{"failed-connections": 2, "email-server": "mx.example.org"}`), tlsrpt.Hints{})
	var reason *tlsrpt.Error
	if errors.As(err, &reason) {
		fmt.Println(reason.Reason)
		fmt.Println(reason.Sentence)
	}
	// Output:
	// not-rfc8460
	// The document has no policies, so it is no TLS report (RFC 8460 section 4.4). Its keys are: failed-connections, email-server.
}

func ExampleReport_Overlaps() {
	report := tlsrpt.Report{Policies: []tlsrpt.Policy{
		{Type: "sts", Domain: "example.org", Successful: 40, Failed: 2},
		{Type: "tlsa", Domain: "example.org", Successful: 41, Failed: 1},
	}}
	overlap := report.Overlaps()["example.org"]
	fmt.Println("distinct:", 42+42-overlap.Total, "failed:", 2+1-overlap.Failed)
	// Output: distinct: 42 failed: 2
}

func BenchmarkDecode(b *testing.B) {
	document := []byte(exampleReport)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tlsrpt.DecodeBytes(document, tlsrpt.Hints{}); err != nil {
			b.Fatal(err)
		}
	}
}
