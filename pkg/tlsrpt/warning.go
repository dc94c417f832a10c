package tlsrpt

import "fmt"

// The values of [Warning.Code]. A report has at most one warning of each.
const (
	// WarnByteOrderMark: the document starts with a byte order mark.
	WarnByteOrderMark = "byte-order-mark"
	// WarnInvalidUTF8: bytes that are no UTF-8 were replaced.
	WarnInvalidUTF8 = "invalid-utf-8"
	// WarnTrailingData: something follows the report's JSON object.
	WarnTrailingData = "trailing-data"
	// WarnDuplicateKey: an object names a key twice; the last one counts.
	WarnDuplicateKey = "duplicate-key"
	// WarnUnexpectedValue: a value has a JSON type that can't be used.
	WarnUnexpectedValue = "unexpected-value"
	// WarnTruncated: a string is longer than its bound.
	WarnTruncated = "truncated"
	// WarnCoercedCount: a session count is a string, or no whole number.
	WarnCoercedCount = "coerced-count"
	// WarnInvalidCount: a session count is no number, and counts as 0.
	WarnInvalidCount = "invalid-count"
	// WarnClampedCount: a session count is negative or over [MaxCount].
	WarnClampedCount = "clamped-count"
	// WarnMissingSummary: a policy has no summary; its sessions count as none.
	WarnMissingSummary = "missing-summary"
	// WarnDetailsDiffer: failure details add up to more or less than the summary.
	WarnDetailsDiffer = "details-differ"
	// WarnInferredReporter: organization-name is missing.
	WarnInferredReporter = "inferred-reporter"
	// WarnMissingContact: contact-info is missing or null.
	WarnMissingContact = "missing-contact-info"
	// WarnMissingReportID: report-id is missing.
	WarnMissingReportID = "missing-report-id"
	// WarnInferredDomain: policy-domain is missing.
	WarnInferredDomain = "inferred-domain"
	// WarnInvalidDomain: a policy was left out, its policy-domain is no host name.
	WarnInvalidDomain = "invalid-domain"
	// WarnMissingPolicyType: policy-type is missing.
	WarnMissingPolicyType = "missing-policy-type"
	// WarnInvalidAddress: an IP address can't be read.
	WarnInvalidAddress = "invalid-address"
	// WarnInferredPeriod: the date-range is unusable, the file name has one.
	WarnInferredPeriod = "inferred-period"
	// WarnTimeFormat: a time is not as RFC 3339 wants it.
	WarnTimeFormat = "time-format"
	// WarnTimeZone: a time has no zone; it is read as UTC.
	WarnTimeZone = "time-without-zone"
	// WarnNotMidnight: the period doesn't start at midnight UTC.
	WarnNotMidnight = "period-not-midnight"
	// WarnEmptyPeriod: the period ends where it starts.
	WarnEmptyPeriod = "empty-period"
	// WarnFuturePeriod: the period starts after the report came, see
	// [Report.FutureWarning].
	WarnFuturePeriod = "period-in-future"
)

// A warner collects warnings, one a code, however large the report.
type warner struct {
	warnings []Warning
	counts   []int
}

// warn notes a warning. Of those that share a code the first is told in full.
func (w *warner) warn(code, format string, args ...any) {
	if w.again(code) {
		return
	}
	w.warnings = append(w.warnings, Warning{Code: code, Detail: fmt.Sprintf(format, args...)})
	w.counts = append(w.counts, 1)
}

// again counts a warning whose code is noted already. Asked before warn, it
// spares words for what a document may hold millions of.
func (w *warner) again(code string) bool {
	for i := range w.warnings {
		if w.warnings[i].Code == code {
			w.counts[i]++
			return true
		}
	}
	return false
}

// all returns the warnings in the order of their first sight.
func (w *warner) all() []Warning {
	for i, n := range w.counts {
		if n > 1 {
			w.warnings[i].Detail += fmt.Sprintf(" (and %d more like it)", n-1)
		}
	}
	return w.warnings
}
