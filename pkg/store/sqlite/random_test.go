package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// Few values each, so that they meet.
var (
	someDomains   = []string{"a.example", "b.example", "mx.c.example"}
	someReporters = []string{"Google Inc.", "Microsoft Corporation", "Mail.ru", "Example Inc.", "example.net"}
	someSources   = []string{"mailbox", "drop"}
	someSigners   = []string{"google.com", "", "evil.example", "example.net", "mail.example.net", "other.example", "third.example"}
	someClaimants = []string{"Example Inc.", "Example Inc.", "Example Inc.", "Example Inc.", "Example Inc.", "example.net", "Google Inc."}
	someContacts  = []string{"contact", "tls@google.com", "reports@example.net", "me@evil.example"}
	someTypes     = []string{"sts", "tlsa", "no-policy-found", "odd"}
	someModes     = []string{"enforce", "testing", ""}
	someStrings   = [][]string{{"version: STSv1"}, {"version: STSv1", "mode: testing"}, nil}
	someMXHosts   = [][]string{{"*.a.example"}, {"*.a.example"}, nil}
	someTrusts    = []store.Trust{store.Authenticated, store.Pending, store.Unverifiable, store.Unauthenticated}
	someResults   = []string{"certificate-expired", "starttls-not-supported", "sts-policy-fetch-error"}
	someReasons   = []string{"", "timeout"}
	someMXs       = []string{"mx1.a.example", "mx2.a.example", ""}
	someIPs       = []string{"192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", ""}
	// Around the ends of months of which one has 29 days.
	epoch = time.Date(2024, 1, 20, 0, 0, 0, 0, time.UTC)
)

func pick[V any](t *rapid.T, from []V, label string) V { return rapid.SampledFrom(from).Draw(t, label) }

func drawDetail(t *rapid.T) tlsrpt.FailureDetail {
	return tlsrpt.FailureDetail{
		ResultType: pick(t, someResults, "result"), Reason: pick(t, someReasons, "reason"), ReasonCode: "code",
		ReceivingMXHostname: pick(t, someMXs, "mx"), ReceivingIP: pick(t, someIPs, "receiving"), SendingMTAIP: pick(t, someIPs, "sending"),
		FailedSessions: rapid.Int64Range(0, 3).Draw(t, "failed sessions"), AdditionalInformation: "more", ReceivingMXHelo: "helo",
	}
}

func drawPolicy(t *rapid.T, domains []string) tlsrpt.Policy {
	p := tlsrpt.Policy{
		Type: pick(t, someTypes, "type"), Domain: pick(t, domains, "domain"),
		Strings: pick(t, someStrings, "strings"), MXHosts: pick(t, someMXHosts, "hosts"),
		Successful: rapid.Int64Range(0, 4).Draw(t, "successful"), Failed: rapid.Int64Range(0, 3).Draw(t, "failed"),
	}
	if p.Type == "sts" {
		p.Mode = pick(t, someModes, "mode")
	}
	p.Details = rapid.SliceOfN(rapid.Custom(drawDetail), 0, 3).Draw(t, "details")
	return p
}

func drawReport(t *rapid.T) *tlsrpt.Report {
	start := epoch.Add(time.Duration(pick(t, []int{0, 0, 1, 11, 12, 39, 40, 60}, "day")) * 24 * time.Hour)
	length := pick(t, []time.Duration{24 * time.Hour, 24 * time.Hour, time.Hour, 7 * 24 * time.Hour}, "length")
	domains := someDomains
	if rapid.Bool().Draw(t, "one domain") {
		domains = domains[:1]
	}
	return &tlsrpt.Report{
		Reporter: pick(t, someReporters, "reporter"), ReportID: pick(t, []string{"1", "2"}, "id"), ContactInfo: pick(t, someContacts, "contact"),
		Start: start, End: start.Add(length),
		Policies: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) tlsrpt.Policy { return drawPolicy(t, domains) }), 1, 4).Draw(t, "policies"),
		Warnings: []tlsrpt.Warning{{Code: "odd", Detail: "tolerated"}},
	}
}

// drawRival makes a report that claims to be another, or is it.
func drawRival(t *rapid.T, of *tlsrpt.Report) *tlsrpt.Report {
	r := *of
	switch rapid.IntRange(0, 3).Draw(t, "rival") {
	case 0:
		r.ContactInfo = pick(t, someContacts, "contact")
	case 1:
		r.Reporter = pick(t, someReporters, "reporter")
	case 2:
		r.Policies = append([]tlsrpt.Policy{}, of.Policies...)
		r.Policies[0].Failed = rapid.Int64Range(0, 3).Draw(t, "failed")
	}
	return &r
}

func drawJudgement(t *rapid.T) store.Judgement {
	return store.Judgement{
		Trust: pick(t, someTrusts, "trust"), Reason: "because", Route: pick(t, []store.Route{store.Direct, store.Drop}, "route"),
		SignedBy: pick(t, someSigners, "signer"),
	}
}

func drawDocument(t *rapid.T, earlier *[]*tlsrpt.Report) store.Document {
	judgement := drawJudgement(t)
	if rapid.IntRange(0, 9).Draw(t, "problem") == 0 {
		return store.Document{
			Problem: &store.Problem{Reason: pick(t, []string{"invalid-json", "foreign-domain"}, "reason"), Detail: "broken"},
			Raw:     []byte("{" + pick(t, someReasons, "raw")), Judgement: judgement,
		}
	}
	report := drawReport(t)
	if len(*earlier) > 0 && rapid.IntRange(0, 2).Draw(t, "again") > 0 {
		report = drawRival(t, pick(t, *earlier, "of"))
	}
	*earlier = append(*earlier, report)
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return store.Document{Report: report, Raw: raw, Judgement: judgement, Hints: tlsrpt.Hints{FileName: "a.json"}}
}

// drawClaim makes one of few documents that nearly all claim to be the same report.
func drawClaim(t *rapid.T, _ *[]*tlsrpt.Report) store.Document {
	r := &tlsrpt.Report{
		Reporter: pick(t, someClaimants, "reporter"),
		ReportID: pick(t, []string{"1", "2", "3", "4"}, "id"), ContactInfo: pick(t, []string{"", "", "", "", "reports@example.net"}, "contact"),
		Start: epoch, End: epoch.Add(24 * time.Hour),
		Policies: []tlsrpt.Policy{{Type: "sts", Domain: "a.example", Failed: rapid.Int64Range(0, 3).Draw(t, "failed")}},
		Warnings: []tlsrpt.Warning{{Code: "odd", Detail: "tolerated"}},
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	d := store.Document{Report: r, Raw: raw, Judgement: store.Judgement{
		Trust:    pick(t, []store.Trust{store.Authenticated, store.Authenticated, store.Authenticated, store.Pending, store.Unverifiable}, "trust"),
		SignedBy: pick(t, someSigners[1:], "signer"), Reason: "because", Route: store.Direct,
	}}
	if rapid.IntRange(0, 9).Draw(t, "problem") == 0 {
		d.Report, d.Problem = nil, &store.Problem{Reason: "foreign-domain"}
	}
	return d
}

type drawer func(*rapid.T, *[]*tlsrpt.Report) store.Document

func drawDrawer(t *rapid.T) drawer {
	if rapid.Bool().Draw(t, "claims") {
		return drawClaim
	}
	return drawDocument
}

func drawDelivery(t *rapid.T, draw drawer, earlier *[]*tlsrpt.Report) store.Delivery {
	d := store.Delivery{
		Source: pick(t, someSources, "source"), Ref: fmt.Sprint(rapid.IntRange(0, 200).Draw(t, "ref")), Size: 100,
		Received: epoch.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "received")) * time.Hour),
	}
	for range rapid.IntRange(0, 2).Draw(t, "documents") {
		d.Documents = append(d.Documents, draw(t, earlier))
	}
	for i := range d.Documents {
		if d.Documents[i].Trust == store.Pending {
			d.Documents[i].Mail = []byte(d.Source + "\x00" + d.Ref)
		}
	}
	if len(d.Documents) == 0 {
		d.Ignored = "not a report"
	}
	return d
}

func valuesOf(d store.Dimension) []string {
	switch d {
	case store.PolicyDomain:
		return someDomains
	case store.PolicyType:
		return someTypes
	case store.PolicyMode:
		return someModes
	case store.Reporter:
		return someReporters
	case store.Source:
		return someSources
	case store.ResultType:
		return someResults
	case store.ReasonCode:
		return someReasons
	case store.ReceivingMX:
		return someMXs
	case store.ReceivingIP, store.SendingMTAIP:
		return someIPs
	case store.SendingNetwork:
		return []string{"192.0.2.0/24", "2001:db8::/48", ""}
	}
	return []string{"authenticated", "pending", "unverifiable", "unauthenticated"}
}

var sessionDimensions = []store.Dimension{
	store.PolicyDomain, store.PolicyType, store.PolicyMode, store.Reporter, store.TrustDimension, store.Source,
}

func drawFilter(t *rapid.T, among []store.Dimension) store.Filter {
	f := store.Filter{Dimension: pick(t, among, "filter on"), Operator: pick(t, []store.Operator{"=", "!=", "=~", "!~"}, "operator")}
	candidates := append([]string{"no such value"}, valuesOf(f.Dimension)...)
	if f.Operator == store.Match || f.Operator == store.NotMatch {
		candidates = []string{"^a", "e", "^$", "[0-9]", "o.*e"}
	}
	f.Values = rapid.SliceOfN(rapid.SampledFrom(candidates), 0, 2).Draw(t, "values")
	return f
}

func drawSelection(t *rapid.T, dimensions []store.Dimension) store.Selection {
	s := store.Selection{
		TimeField:         pick(t, []store.TimeField{store.Period, store.Period, store.StoredTime}, "time field"),
		AuthenticatedOnly: rapid.IntRange(0, 4).Draw(t, "authenticated") == 0,
	}
	if rapid.Bool().Draw(t, "from") {
		hour := rapid.IntRange(-24, 80*24).Draw(t, "from hour")
		if rapid.Bool().Draw(t, "soon in a month") {
			hour = 24 * pick(t, []int{1, 2, 9, 12, 13, 14, 41, 42}, "from day")
		}
		s.From = epoch.Add(time.Duration(hour)*time.Hour + pick(t, []time.Duration{0, 30 * time.Minute, 1}, "beyond"))
	}
	if rapid.Bool().Draw(t, "to") {
		from := s.From
		if from.IsZero() {
			from = epoch
		}
		s.To = from.Add(time.Duration(rapid.IntRange(1, 80*24).Draw(t, "hours"))*time.Hour + pick(t, []time.Duration{0, 30 * time.Minute, 1}, "beyond"))
	}
	if rapid.IntRange(0, 4).Draw(t, "bounded") == 0 {
		s.MaxLateness = time.Duration(rapid.IntRange(1, 60*24*60).Draw(t, "lateness")) * time.Minute
	}
	s.Filters = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) store.Filter { return drawFilter(t, dimensions) }), 0, 2).Draw(t, "filters")
	return s
}

func drawSums(t *rapid.T, group, filter []store.Dimension) store.SumQuery {
	q := store.SumQuery{
		Selection: drawSelection(t, filter),
		GroupBy:   rapid.SliceOfNDistinct(rapid.SampledFrom(group), 0, 3, rapid.ID).Draw(t, "group by"),
		PerBucket: rapid.Bool().Draw(t, "per bucket"),
	}
	if len(q.GroupBy) > 0 && rapid.IntRange(0, 3).Draw(t, "among") == 0 {
		q.Among = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []string {
			values := make([]string, len(q.GroupBy))
			for i, d := range q.GroupBy {
				values[i] = pick(t, valuesOf(d), "of group")
			}
			return values
		}), 0, 3).Draw(t, "groups")
	}
	return q
}
