package store

import (
	"errors"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A Dimension is what numbers are grouped and filtered by.
type Dimension string

// The dimensions of the public contract. Those from ResultType on come from
// failure details; Source is that of the earliest delivery.
const (
	PolicyDomain   Dimension = "policyDomain"
	PolicyType     Dimension = "policyType"
	PolicyMode     Dimension = "policyMode"
	Reporter       Dimension = "reporter"
	TrustDimension Dimension = "trust"
	Source         Dimension = "source"

	ResultType     Dimension = "resultType"
	ReasonCode     Dimension = "reasonCode"
	ReceivingMX    Dimension = "receivingMx"
	ReceivingIP    Dimension = "receivingIp"
	SendingMTAIP   Dimension = "sendingMtaIp"
	SendingNetwork Dimension = "sendingNetwork"

	// QuarantineReason groups quarantine rows only.
	QuarantineReason Dimension = "quarantineReason"
)

// Detail says whether the dimension comes from failure details.
func (d Dimension) Detail() bool {
	switch d {
	case ResultType, ReasonCode, ReceivingMX, ReceivingIP, SendingMTAIP, SendingNetwork:
		return true
	}
	return false
}

// Operator compares a dimension with a filter's values.
type Operator string

// The operators. Regular expressions are RE2 and match anywhere unless anchored.
const (
	Equal    Operator = "="
	NotEqual Operator = "!="
	Match    Operator = "=~"
	NotMatch Operator = "!~"
)

// A Filter keeps what has (or for != and !~ has not) one of the values. A
// filter without values keeps everything. A filter on a detail dimension keeps
// reports that have such a detail, or in [Store.FailureSums] such details.
type Filter struct {
	Dimension Dimension
	Operator  Operator
	Values    []string
}

// TimeField says which time of a report is meant.
type TimeField string

// The time fields.
const (
	// Period is the UTC day that the report counts for.
	Period TimeField = "period"
	// StoredTime is when the report was committed, by the hour.
	StoredTime TimeField = "stored"
)

// A Selection says which reports are meant. Superseded reports never are.
type Selection struct {
	// From and To bound the time, half open. A day or hour belongs to the
	// range when it overlaps it. Zero times are no bounds.
	From, To  time.Time
	TimeField TimeField
	Filters   []Filter
	// AuthenticatedOnly leaves out all but authenticated reports.
	AuthenticatedOnly bool
	// MaxLateness leaves out reports that were stored more than that after
	// their period ended, judged in whole hours; 0 is no bound.
	MaxLateness time.Duration
}

// A SumQuery asks for sums by group, and by day or hour where PerBucket is set.
type SumQuery struct {
	Selection
	GroupBy []Dimension
	// PerBucket tells sums a UTC day (or for StoredTime an hour) apart.
	PerBucket bool
	// Among keeps only these groups, each as long as GroupBy; nil keeps all.
	Among [][]string
	// Largest keeps the largest groups of FailureSums, without PerBucket and Among.
	Largest Ranking
}

// A Ranking is by failed sessions. Of a hundred thousand groups of failure
// details few are shown: the others need no names.
type Ranking struct {
	// Most is how many groups are kept, with all that equal the last of them; 0 keeps all.
	Most int
	// Distinct leaves out what was said twice.
	Distinct bool
}

// A SessionRow holds the sums of one group, and one bucket.
type SessionRow struct {
	// Bucket is the start of the day or hour; zero without PerBucket.
	Bucket time.Time
	// Group holds the values in the order of GroupBy.
	Group []string
	// Reports counts pairs of report and policy domain.
	Reports int64
	// Successful and Failed sum the summaries of every policy, as reported.
	Successful, Failed int64
	// Protected is the part of Successful+Failed under sts or tlsa policies.
	Protected int64
	// OverlapTotal and OverlapFailed are what reports said twice; zero where the
	// query groups or filters by policy type or mode.
	OverlapTotal, OverlapFailed int64
}

// A FailureSum holds the failed sessions of one group of failure details.
type FailureSum struct {
	Bucket time.Time
	Group  []string
	// Failed is the sum as reported, Overlap what of it was said twice (zero
	// where the query groups or filters by policy type or mode).
	Failed, Overlap int64
}

// Cost says how a query was answered.
type Cost struct {
	// Rows is set when no rollup could answer and single reports were read.
	Rows bool
	// Groups is how many groups there are where the query asked for the largest.
	Groups int
}

// A RowQuery asks for single rows, newest first.
type RowQuery struct {
	Selection
	// Limit is the largest number of rows; it must be above 0.
	Limit int
}

// A FailureRow is one failure detail with its report.
type FailureRow struct {
	Day      tlsrpt.Day
	Stored   time.Time
	Policy   tlsrpt.Policy // Domain, Type and Mode only
	Reporter string
	Detail   tlsrpt.FailureDetail
	Trust    Trust
	ReportID string
	// ID is the report's id in the store, as in [ReportRow].
	ID int64
}

// A ReportRow is one pair of report and policy domain.
type ReportRow struct {
	ID               int64
	Day              tlsrpt.Day
	Start, End       time.Time
	Received, Stored time.Time
	Reporter         string
	PolicyDomain     string
	Total, Failed    int64 // as reported
	OverlapTotal     int64
	OverlapFailed    int64
	Judgement        Judgement // of the delivery that decided
	Superseded       bool
	Deliveries       int
	Warnings         []string
	ContactInfo      string
	ReportID         string
	Source           string
}

// A ReporterRow tells what one reporter has said of one domain.
type ReporterRow struct {
	Reporter, PolicyDomain string
	// FirstReport and LastReport are days of periods.
	FirstReport, LastReport tlsrpt.Day
	// LastStored is when the last report was committed.
	LastStored    time.Time
	Reports, Days int64
}

// A PolicySeen tells of one reporter that it saw one policy of a domain.
type PolicySeen struct {
	// Domain, Type, Mode, Strings and MXHosts are those of [tlsrpt.Policy].
	Domain, Type, Mode string
	Strings, MXHosts   []string
	Reporter           string
	// First and Last are the first and the last day of a period in which it did.
	First, Last tlsrpt.Day
	// Reports counts its reports that name the policy.
	Reports int64
}

// A QuarantineRow is one document that could not be used.
type QuarantineRow struct {
	ID            int64
	Time          time.Time // when it was put in
	Problem       Problem
	Source, Ref   string
	Size          int64 // of the raw bytes, also when they are gone; of the item where there never were any
	Tries         int
	ParserVersion int
}

// QuarantineCount counts arrivals in quarantine.
type QuarantineCount struct {
	Source, Reason string
	Count          int64
}

// RawDocument is a document as it was kept.
type RawDocument struct {
	// Raw is the inflated document, or the bytes as they came.
	Raw      []byte
	Hints    tlsrpt.Hints
	Received time.Time
	Source   string
	Ref      string
	// Domains are the policy domains that a stored report counts for, and
	// Warnings those of its last reading; empty for what is in quarantine.
	Domains  []string
	Warnings []string
	Judgement
}

// ErrNotFound is returned for an id that the store does not hold.
var ErrNotFound = errors.New("not found in the store")

// ErrRawGone is returned for raw bytes that made room for newer ones.
var ErrRawGone = errors.New("the raw bytes are no longer kept")
