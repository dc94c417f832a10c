package tlsrpt

// The values of [Error.Reason]. They are stable: stores and alert rules keep them.
const (
	// ReasonInvalidJSON documents are no JSON, or end too early.
	ReasonInvalidJSON = "invalid-json"
	// ReasonNotRFC8460 documents are JSON, but no TLS report.
	ReasonNotRFC8460 = "not-rfc8460"
	// ReasonNoPolicies reports have an empty list of policies.
	ReasonNoPolicies = "no-policies"
	// ReasonInvalidDomain reports have no policy with a domain that is a host name.
	ReasonInvalidDomain = "invalid-domain"
	// ReasonInvalidPeriod reports have no usable date-range, nor a file name with one.
	ReasonInvalidPeriod = "invalid-period"
	// ReasonEncoding documents are in UTF-16 or UTF-32, where JSON has to be UTF-8.
	ReasonEncoding = "unsupported-encoding"
	// ReasonTooLarge documents are over [MaxDocument].
	ReasonTooLarge = "too-large"
	// ReasonTooDeep documents nest over [MaxDepth] levels.
	ReasonTooDeep = "too-deep"
	// ReasonTooMany documents hold too many policies, failure details or lines.
	ReasonTooMany = "too-many"
)

// An Error is why a document can't be read as a report.
type Error struct {
	// Reason is a stable word, one of the Reason constants.
	Reason string
	// Sentence says it for a person. What it quotes from the document is short
	// and without control characters.
	Sentence string
	// Err is the cause; it may be nil.
	Err error
}

// Error returns "reason: sentence".
func (e *Error) Error() string { return e.Reason + ": " + e.Sentence }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
