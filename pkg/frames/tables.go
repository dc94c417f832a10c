package frames

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// Failures returns the table of failure details. Its time is the day of the
// period, or for the time field "stored" the commit.
func Failures(rows []store.FailureRow, field store.TimeField) *data.Frame {
	type row = store.FailureRow
	meaningOf := explainer()
	return table(len(rows),
		column(rows, "time", "Time", "The UTC day of the report's period, or when it was stored", func(r row) time.Time {
			if field == store.StoredTime {
				return r.Stored
			}
			return r.Day.Time()
		}),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain", func(r row) string { return Clean(r.Policy.Domain) })),
		column(rows, "policyType", "Policy type", "The policy that the sender applied", func(r row) string { return Clean(r.Policy.Type) }),
		column(rows, "reporter", "Reporter", "Who reports", func(r row) string { return Clean(r.Reporter) }),
		column(rows, "resultType", "Result type", "What failed (RFC 8460 section 4.3)", func(r row) string { return Clean(r.Detail.ResultType) }),
		column(rows, "reasonCode", "Reason", "The sender's reason code, without its volatile parts", func(r row) string { return Text(r.Detail.Reason) }),
		showHostNames(column(rows, "receivingMx", "MX", "The receiving mail server's host name", func(r row) string { return Clean(r.Detail.ReceivingMXHostname) })),
		showHostNames(column(rows, "receivingMxHelo", "MX greeting", "How the receiving mail server named itself", func(r row) string { return Text(r.Detail.ReceivingMXHelo) })),
		column(rows, "receivingIp", "MX address", "The receiving mail server's address", func(r row) string { return Clean(r.Detail.ReceivingIP) }),
		column(rows, "sendingMtaIp", "Sending address", "The sending mail server's address", func(r row) string { return Clean(r.Detail.SendingMTAIP) }),
		withUnit(column(rows, "failedSessions", "Failed sessions", "As reported in this failure detail", func(r row) int64 { return r.Detail.FailedSessions }), "short"),
		column(rows, "category", "Category", "What part of the set-up it concerns", func(r row) string { return meaningOf(r).Category }),
		column(rows, "meaning", "Meaning", "What the result type means, and the reason where it is known", func(r row) string { return meaningOf(r).Meaning }),
		column(rows, "fix", "What to do", "Where to start", func(r row) string { return meaningOf(r).FixFor(r.Policy.Domain) }),
		column(rows, "additionalInformation", "Additional information", "The sender's own words or address; not checked", func(r row) string { return Text(r.Detail.AdditionalInformation) }),
		column(rows, "trust", "Trust", "Whether the report is known to come from its reporter", func(r row) string { return string(r.Trust) }),
		column(rows, "reportId", "Report id", "The reporter's own id", func(r row) string { return Clean(r.ReportID) }),
		column(rows, "reasonCodeRaw", "Reason as sent", "The sender's reason code, whole", func(r row) string { return Text(r.Detail.ReasonCode) }),
		column(rows, "policyMode", "Mode", "The mode of the MTA-STS policy", func(r row) string { return Clean(r.Policy.Mode) }),
		column(rows, "fault", "Likely fault of", "Whose doing it likely is", func(r row) string { return string(meaningOf(r).Fault) }),
		column(rows, "command", "Command", "A line for a shell that shows the trouble from outside", func(r row) string {
			return meaningOf(r).CommandFor(r.Policy.Domain, r.Detail.ReceivingMXHostname)
		}),
		column(rows, "senderSees", "Senders see", "What people who send mail to the domain notice of it", func(r row) string { return meaningOf(r).SenderSees }),
	)
}

// explainer returns what explains failures. Few kinds of them make many rows, and
// each column asks: a kind is looked up once.
func explainer() func(store.FailureRow) analytics.Meaning {
	type kind struct{ resultType, reason string }
	known := map[kind]analytics.Meaning{}
	return func(r store.FailureRow) analytics.Meaning {
		k := kind{r.Detail.ResultType, r.Detail.Reason}
		m, ok := known[k]
		if !ok {
			m = analytics.Explain(k.resultType, k.reason)
			known[k] = m
		}
		return m
	}
}

// Reports returns the table of pairs of report and policy domain.
func Reports(rows []store.ReportRow, field store.TimeField, counting analytics.Counting) *data.Frame {
	type row = store.ReportRow
	sums := func(r row) analytics.Sums {
		return analytics.Sums{Successful: r.Total - r.Failed, Failed: r.Failed, OverlapTotal: r.OverlapTotal, OverlapFailed: r.OverlapFailed}
	}
	return table(len(rows),
		column(rows, "time", "Time", "The UTC day of the report's period, or when it was stored", func(r row) time.Time {
			if field == store.StoredTime {
				return r.Stored
			}
			return r.Day.Time()
		}),
		column(rows, "start", "Start", "Start of the period, UTC", func(r row) time.Time { return r.Start }),
		column(rows, "end", "End", "End of the period, UTC", func(r row) time.Time { return r.End }),
		column(rows, "received", "Received", "When it arrived", func(r row) time.Time { return r.Received }),
		column(rows, "stored", "Stored", "When it was committed", func(r row) time.Time { return r.Stored }),
		column(rows, "reporter", "Reporter", "Who reports", func(r row) string { return Clean(r.Reporter) }),
		showHostNames(column(rows, "policyDomain", "Domain", "The receiving domain", func(r row) string { return Clean(r.PolicyDomain) })),
		withUnit(column(rows, "totalSessions", "Total sessions", "Failed ones included", func(r row) int64 { return sums(r).Total(counting) }), "short"),
		withUnit(column(rows, "failedSessions", "Failed sessions", "As the summary says", func(r row) int64 { return sums(r).FailedSessions(counting) }), "short"),
		column(rows, "trust", "Trust", "Whether the report is known to come from its reporter", func(r row) string { return string(r.Judgement.Trust) }),
		column(rows, "trustReason", "Why", "Why it is trusted or not", func(r row) string { return Text(r.Judgement.Reason) }),
		showHostNames(column(rows, "signedBy", "Signed by", "The domain of the DKIM signature that decided", func(r row) string { return Clean(r.Judgement.SignedBy) })),
		column(rows, "status", "Status", "Superseded reports are not in the numbers", func(r row) string {
			if r.Superseded {
				return "superseded"
			}
			return "counted"
		}),
		column(rows, "delivery", "Delivery", "By which way it came", func(r row) string { return string(r.Judgement.Route) }),
		withUnit(column(rows, "deliveries", "Deliveries", "How often the same document came", func(r row) int64 { return int64(r.Deliveries) }), "short"),
		column(rows, "warnings", "Warnings", "What was odd about it and tolerated", func(r row) string { return Text(strings.Join(r.Warnings, "; ")) }),
		column(rows, "contactInfo", "Contact", "The reporter's contact; not checked", func(r row) string { return Clean(r.ContactInfo) }),
		column(rows, "reportId", "Report id", "The reporter's own id", func(r row) string { return Clean(r.ReportID) }),
		column(rows, "source", "Source", "The mailbox or drop that it came by first", func(r row) string { return Clean(r.Source) }),
		column(rows, "id", "Id", "The report's number in this store", func(r row) int64 { return r.ID }),
	)
}

// A SourceRow is a source with its state and its account.
type SourceRow struct {
	ID, Name, Type, State string
	LastPoll, LastSuccess time.Time // zero: never
	LastError             string
	// Lag is how many seconds ago LastSuccess was; nil: never.
	Lag *float64
	store.Account
}

// Sources returns the table of sources.
func Sources(rows []SourceRow) *data.Frame {
	return table(len(rows),
		column(rows, "source", "Source", "The source's id in the settings", func(r SourceRow) string { return Clean(r.ID) }),
		column(rows, "name", "Name", "The source's name in the settings", func(r SourceRow) string { return Clean(r.Name) }),
		column(rows, "type", "Type", "imap or https", func(r SourceRow) string { return r.Type }),
		column(rows, "state", "State", "ok, syncing, failing, idle or misconfigured", func(r SourceRow) string { return r.State }),
		column(rows, "lastPoll", "Last poll", "When the last poll began, whether it succeeded or not", func(r SourceRow) *time.Time { return timeOrNull(r.LastPoll) }),
		column(rows, "lastSuccess", "Last success", "The last poll that saw the whole source", func(r SourceRow) *time.Time { return timeOrNull(r.LastSuccess) }),
		column(rows, "lastError", "Last error", "What is wrong; empty after a success", func(r SourceRow) string { return Text(r.LastError) }),
		withUnit(column(rows, "seen", "Seen", "Stored, duplicate, quarantined and ignored together", func(r SourceRow) int64 { return r.Seen() }), "short"),
		withUnit(column(rows, "stored", "Stored", "Reports that are in the numbers or superseded", func(r SourceRow) int64 { return r.Stored }), "short"),
		withUnit(column(rows, "duplicate", "Duplicate", "The same document, delivered again", func(r SourceRow) int64 { return r.Duplicate }), "short"),
		withUnit(column(rows, "quarantined", "Quarantined", "What could not be used", func(r SourceRow) int64 { return r.Quarantined }), "short"),
		withUnit(column(rows, "ignored", "Ignored", "What is no TLS report, or too old", func(r SourceRow) int64 { return r.Ignored }), "short"),
		withUnit(column(rows, "pending", "Pending", "Committed, and not yet moved, marked or deleted on the server", func(r SourceRow) int64 { return r.Pending }), "short"),
		withUnit(column(rows, "lag", "Lag", "Time since the last success", func(r SourceRow) *float64 { return r.Lag }), "s"),
	)
}

// Quarantine returns the table of what could not be used.
func Quarantine(rows []store.QuarantineRow) *data.Frame {
	type row = store.QuarantineRow
	return table(len(rows),
		column(rows, "time", "Time", "When it was put in", func(r row) time.Time { return r.Time }),
		column(rows, "reason", "Reason", "Why it is in quarantine, in a word", func(r row) string { return Clean(r.Problem.Reason) }),
		column(rows, "detail", "Detail", "What is wrong with it", func(r row) string { return Text(r.Problem.Detail) }),
		column(rows, "source", "Source", "The source's id in the settings", func(r row) string { return Clean(r.Source) }),
		column(rows, "reference", "Reference", "Where it lies in the source", func(r row) string { return Clean(r.Ref) }),
		withUnit(column(rows, "size", "Size", "Of the raw bytes, also when they are no longer kept", func(r row) int64 { return r.Size }), "bytes"),
		withUnit(column(rows, "tries", "Tries", "How often it was tried", func(r row) int64 { return int64(r.Tries) }), "short"),
		column(rows, "parserVersion", "Parser", "The parser that tried last", func(r row) int64 { return int64(r.ParserVersion) }),
		column(rows, "id", "Id", "The document's number in this store", func(r row) int64 { return r.ID }),
		column(rows, "meaning", "Meaning", "What the reason means", func(r row) string { return reasonMeaning(r.Problem.Reason).Meaning }),
		column(rows, "fix", "What to do", "Where to start", func(r row) string { return reasonMeaning(r.Problem.Reason).Fix }),
	)
}
