package tlsrpt

import "time"

// MaxCount is the largest session count that is kept; larger ones are clamped
// to it, with a warning, so that sums over many rows cannot overflow.
const MaxCount = 1_000_000_000

// A Report is one SMTP TLS report (RFC 8460 section 4.4).
type Report struct {
	// Reporter is who reports: the organization-name, else the name that
	// [Hints] offer. Control and bidirectional characters are removed. Never
	// empty: it is "unknown" when nothing names a reporter.
	Reporter string
	// OrganizationName is the organization-name as said; empty when missing.
	OrganizationName string
	// ContactInfo is the contact-info as said; empty when missing or null.
	ContactInfo string
	// ReportID is the report-id, an opaque string; empty when missing.
	ReportID string
	// Start and End bound the date-range, half open, in UTC. An end of
	// 23:59:59 is told as the midnight that follows.
	Start, End time.Time
	// Policies are the policies in the order of the report.
	Policies []Policy
	// Warnings tell all that the decoder had to tolerate, in order.
	Warnings []Warning
}

// A Policy is one element of "policies" (RFC 8460 section 4.4): the policy
// that was applied, and how the sessions under it went.
type Policy struct {
	// Type is the policy-type in lower case: sts, tlsa, no-policy-found, or
	// what else was said.
	Type string
	// Mode is the mode of an MTA-STS policy (RFC 8461 section 3.2): enforce,
	// testing or none; empty for other types and where the policy string has none.
	Mode string
	// Domain is the policy-domain as lower-case A-labels without a final dot.
	Domain string
	// Strings is the policy-string, an element a line, unwrapped where an
	// element is itself a JSON array, otherwise as said.
	Strings []string
	// MXHosts are the MX patterns of mx-host, lower case, without "mx:" and brackets.
	MXHosts []string
	// Successful and Failed are the session counts of the summary, 0 to [MaxCount].
	Successful, Failed int64
	// Details are the failure-details in the order of the report.
	Details []FailureDetail
}

// A FailureDetail is one element of "failure-details" (RFC 8460 section 4.4).
// Absent strings are empty.
type FailureDetail struct {
	// ResultType is the result-type (RFC 8460 section 4.3), lower case, or
	// what else was said.
	ResultType string
	// SendingMTAIP and ReceivingIP are canonical addresses (RFC 5952), without
	// brackets and with mapped IPv4 unmapped, or empty.
	SendingMTAIP, ReceivingIP string
	// ReceivingMXHostname is the receiving-mx-hostname as lower-case A-labels without a final dot.
	ReceivingMXHostname string
	// ReceivingMXHelo is the first line of the receiving-mx-helo.
	ReceivingMXHelo string
	// FailedSessions is the failed-session-count, 0 to [MaxCount].
	FailedSessions int64
	// AdditionalInformation is the additional-information: a URI as the RFC
	// wants it, or free text. Data from a stranger, never a link.
	AdditionalInformation string
	// ReasonCode is the failure-reason-code as said.
	ReasonCode string
	// Reason is ReasonCode without its volatile parts (addresses, ids, serial
	// numbers, times): the form that groups. See [NormalizeReason].
	Reason string
}

// A Warning tells one thing that was tolerated.
type Warning struct {
	// Code is a short stable word, such as "inferred-domain".
	Code string
	// Detail says what was found and what was made of it, in a short sentence.
	Detail string
}

// String returns "code: detail".
func (w Warning) String() string {
	if w.Detail == "" {
		return w.Code
	}
	return w.Code + ": " + w.Detail
}

// Hints name what the report itself may leave out: the headers of the mail
// that carried it (RFC 8460 section 5.3) and its file name (section 5.1).
type Hints struct {
	// ReportDomain is the TLS-Report-Domain header.
	ReportDomain string `json:"reportDomain,omitempty"`
	// Submitter is the TLS-Report-Submitter header.
	Submitter string `json:"submitter,omitempty"`
	// FromDomain is the domain of the From header.
	FromDomain string `json:"fromDomain,omitempty"`
	// FileName is the name of the attachment or file, without a path.
	FileName string `json:"fileName,omitempty"`
}

// Day is a day in UTC, counted from 1970-01-01.
type Day int32

// DayOf returns the UTC day that holds t.
func DayOf(t time.Time) Day {
	s := t.Unix()
	d := s / 86400
	if s%86400 < 0 {
		d--
	}
	return Day(d)
}

// Time returns the midnight (UTC) that starts the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String returns the day as YYYY-MM-DD.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Day returns the one day that the report counts for: the UTC day that holds
// the middle of its period, or the first day of a period of over 48 hours.
func (r *Report) Day() Day {
	length := r.End.Sub(r.Start)
	if length > 48*time.Hour {
		return DayOf(r.Start)
	}
	return DayOf(r.Start.Add(length / 2))
}
