package tlsrpt

import "bytes"

// A field is a key of the report's JSON that means something (RFC 8460 section
// 4.4), whatever its spelling.
type field uint8

const (
	fieldUnknown field = iota
	fieldOrganizationName
	fieldDateRange
	fieldStart
	fieldEnd
	fieldContactInfo
	fieldReportID
	fieldPolicies
	fieldPolicy
	fieldPolicyType
	fieldPolicyString
	fieldPolicyDomain
	fieldMXHost
	fieldSummary
	fieldSuccessful
	fieldFailed
	fieldDetails
	fieldResultType
	fieldSendingMTAIP
	fieldReceivingIP
	fieldReceivingMXHostname
	fieldReceivingMXHelo
	fieldFailedSessions
	fieldAdditionalInformation
	fieldReasonCode
)

// fields maps keys to fields. The second spellings are those of drafts and of
// reporters that followed them.
var fields = map[string]field{
	"organization-name":              fieldOrganizationName,
	"date-range":                     fieldDateRange,
	"start-datetime":                 fieldStart,
	"end-datetime":                   fieldEnd,
	"contact-info":                   fieldContactInfo,
	"report-id":                      fieldReportID,
	"policies":                       fieldPolicies,
	"policy":                         fieldPolicy,
	"policy-type":                    fieldPolicyType,
	"policy-string":                  fieldPolicyString,
	"policy-domain":                  fieldPolicyDomain,
	"mx-host":                        fieldMXHost,
	"mx-host-pattern":                fieldMXHost,
	"summary":                        fieldSummary,
	"total-successful-session-count": fieldSuccessful,
	"total-failure-session-count":    fieldFailed,
	"failure-details":                fieldDetails,
	"result-type":                    fieldResultType,
	"sending-mta-ip":                 fieldSendingMTAIP,
	"receiving-ip":                   fieldReceivingIP,
	"receiving-mx-hostname":          fieldReceivingMXHostname,
	"receiving-mx-helo":              fieldReceivingMXHelo,
	"failed-session-count":           fieldFailedSessions,
	"additional-information":         fieldAdditionalInformation,
	"additional-info-uri":            fieldAdditionalInformation,
	"failure-reason-code":            fieldReasonCode,
	"failure-error-code":             fieldReasonCode,
}

// fieldOf finds a key's field, also with other case or with underscores.
func fieldOf(key []byte) field {
	if f, ok := fields[string(key)]; ok {
		return f
	}
	const longest = len("total-successful-session-count")
	if len(key) > longest || bytes.IndexFunc(key, isOtherSpelling) < 0 {
		return fieldUnknown
	}
	return fields[string(bytes.ReplaceAll(bytes.ToLower(key), []byte("_"), []byte("-")))]
}

// isOtherSpelling tells the characters that the usual spellings don't have.
func isOtherSpelling(r rune) bool { return r == '_' || 'A' <= r && r <= 'Z' }

// A fieldSet holds the fields that an object has named.
type fieldSet uint32

func (s fieldSet) has(f field) bool { return s&(1<<f) != 0 }

func (s *fieldSet) add(f field) { *s |= 1 << f }
