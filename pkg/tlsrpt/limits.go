package tlsrpt

// ParserVersion grows whenever the decoder reads a document otherwise than
// before, so that stores know which raw documents to read again.
const ParserVersion = 2

// What one document may hold. Over a bound on size, depth or number the
// document is an [Error]; longer strings are truncated with a warning.
const (
	// MaxDocument is the size of an inflated document in bytes.
	MaxDocument = 20 << 20
	// MaxDepth is how deep objects and arrays may nest.
	MaxDepth = 32
	// MaxPolicies is the number of policies of a report.
	MaxPolicies = 10_000
	// MaxDetails is the number of failure details of a report, over all policies.
	MaxDetails = 50_000
	// MaxLines is the number of policy lines and MX patterns of a report, over
	// all policies.
	MaxLines = 200_000
	// MaxHost is the length of a host name in bytes.
	MaxHost = 255
	// MaxID is the length of ids, names of organizations and types in bytes.
	MaxID = 512
	// MaxText is the length of free text in bytes.
	MaxText = 2 << 10
	// maxReason is the length of a normalized reason, which has to fit a legend.
	maxReason = 256
	// maxReasonBytes is how much of a report's different reason codes is
	// normalized with care; the rest is normalized coarsely.
	maxReasonBytes = 128 << 10
	// maxQuoted is how much of one JSON string is looked at: more than any
	// kept string, so that a TLSA record set inside a string can be unwrapped.
	maxQuoted = 64 << 10
	// maxNamedKeys is how many keys of a foreign document an error names.
	maxNamedKeys = 20
)
