package generate

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// A documentStyle is how a reporter writes its JSON.
type documentStyle struct {
	// indent is the indentation; empty writes one line.
	indent string
	// sortedKeys writes the keys of every object in alphabetical order.
	sortedKeys bool
	// endsBeforeMidnight tells the end of a day as 23:59:59.
	endsBeforeMidnight bool
	// mxHostList adds the policy's MX patterns as mx-host.
	mxHostList bool
	// tlsaInOneString tells the TLSA records as a JSON array inside a string.
	tlsaInOneString bool
	// expandedIPv6 writes IPv6 addresses in full, finalDots host names with a dot.
	expandedIPv6, finalDots bool
	// information is what additional-information URIs start with; empty for none.
	information string
}

// The wire types follow RFC 8460 section 4.4, in its order.
type (
	wireReport struct {
		OrganizationName string        `json:"organization-name"`
		DateRange        wireDateRange `json:"date-range"`
		ContactInfo      string        `json:"contact-info"`
		ReportID         string        `json:"report-id"`
		Policies         []wireResult  `json:"policies"`
	}
	wireDateRange struct {
		Start string `json:"start-datetime"`
		End   string `json:"end-datetime"`
	}
	wireResult struct {
		Policy  wirePolicy   `json:"policy"`
		Summary wireSummary  `json:"summary"`
		Details []wireDetail `json:"failure-details,omitempty"`
	}
	wirePolicy struct {
		Type   string   `json:"policy-type"`
		String []string `json:"policy-string,omitempty"`
		Domain string   `json:"policy-domain"`
		MXHost []string `json:"mx-host,omitempty"`
	}
	wireSummary struct {
		Successful int64 `json:"total-successful-session-count"`
		Failed     int64 `json:"total-failure-session-count"`
	}
	wireDetail struct {
		ResultType      string `json:"result-type"`
		SendingMTAIP    string `json:"sending-mta-ip,omitempty"`
		ReceivingMX     string `json:"receiving-mx-hostname,omitempty"`
		ReceivingMXHelo string `json:"receiving-mx-helo,omitempty"`
		ReceivingIP     string `json:"receiving-ip,omitempty"`
		FailedSessions  int64  `json:"failed-session-count"`
		AdditionalInfo  string `json:"additional-information,omitempty"`
		ReasonCode      string `json:"failure-reason-code,omitempty"`
	}
)

// document writes the entry's report as its reporter would.
func (s documentStyle) document(e *Entry, r *reporter, d *domain) []byte {
	end := e.End
	if s.endsBeforeMidnight && end.Sub(e.Start) == day {
		end = end.Add(-time.Second)
	}
	report := wireReport{
		OrganizationName: e.Reporter,
		DateRange:        wireDateRange{Start: e.Start.Format(time.RFC3339), End: end.Format(time.RFC3339)},
		ContactInfo:      r.contact,
		ReportID:         e.ReportID,
	}
	for _, p := range e.Policies {
		report.Policies = append(report.Policies, s.result(p, d))
	}
	return s.marshal(report)
}

func (s documentStyle) result(p Policy, d *domain) wireResult {
	result := wireResult{
		Policy:  wirePolicy{Type: p.Type, Domain: p.Domain},
		Summary: wireSummary{Successful: p.Successful, Failed: p.Failed},
	}
	switch {
	case p.Mode != "":
		result.Policy.String = d.policyLines()
		if s.mxHostList {
			result.Policy.MXHost = []string{d.mx[0].host, d.mx[1].host}
		}
	case p.Type == "tlsa":
		result.Policy.String = d.tlsaRecords()
		if s.tlsaInOneString {
			result.Policy.String = []string{string(mustMarshal(result.Policy.String))}
		}
	}
	for _, detail := range p.Details {
		result.Details = append(result.Details, s.detail(detail))
	}
	return result
}

func (s documentStyle) detail(d Detail) wireDetail {
	w := wireDetail{
		ResultType:      d.ResultType,
		SendingMTAIP:    s.ip(d.SendingMTAIP),
		ReceivingMX:     d.ReceivingMX,
		ReceivingMXHelo: d.ReceivingMXHelo,
		ReceivingIP:     s.ip(d.ReceivingIP),
		FailedSessions:  d.FailedSessions,
		AdditionalInfo:  d.AdditionalInfo,
		ReasonCode:      d.ReasonCode,
	}
	if s.finalDots && w.ReceivingMX != "" {
		w.ReceivingMX += "."
	}
	return w
}

func (s documentStyle) ip(canonical string) string {
	if !s.expandedIPv6 || canonical == "" {
		return canonical
	}
	return netip.MustParseAddr(canonical).StringExpanded()
}

func (s documentStyle) marshal(report wireReport) []byte {
	if s.sortedKeys {
		var tree any
		if err := json.Unmarshal(mustMarshal(report), &tree); err != nil {
			panic(fmt.Sprintf("generate: read back own JSON: %v", err))
		}
		return s.indented(tree)
	}
	if s.indent == "" {
		return mustMarshal(report)
	}
	return s.indented(report)
}

func (s documentStyle) indented(v any) []byte {
	out, err := json.MarshalIndent(v, "", s.indent)
	if err != nil {
		panic(fmt.Sprintf("generate: write JSON: %v", err))
	}
	return append(out, '\n')
}

// mustMarshal is for values that are made of strings and numbers alone.
func mustMarshal(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("generate: write JSON: %v", err))
	}
	return out
}
