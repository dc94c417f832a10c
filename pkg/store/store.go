package store

import (
	"context"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A Store keeps the reports of one data source. Its methods may be called from
// many goroutines.
type Store interface {
	Ingester
	Reader
	Reviser
	// Durable says whether what is committed survives the process.
	Durable() bool
	// Close ends the use of the store after writing what is open.
	Close() error
}

// An Ingester takes what the engine brings.
type Ingester interface {
	// Commit stores the deliveries in one transaction, in their order. It is
	// idempotent: an item that the ledger knows changes nothing.
	Commit(ctx context.Context, deliveries []Delivery) ([]Result, error)
	// States tells what the ledger knows of refs, in their order.
	States(ctx context.Context, sourceID string, refs []string) ([]source.State, error)
	// Acknowledgeable returns refs that are committed, not acknowledged, and
	// hold stored or duplicate documents only, oldest commit first.
	Acknowledgeable(ctx context.Context, sourceID, prefix string, limit int) ([]string, error)
	// Acknowledge makes ledger rows acknowledged.
	Acknowledge(ctx context.Context, sourceID string, refs []string) error

	// SaveSourceState keeps the state; FirstConfigured and FirstSync are kept
	// from before where they are zero.
	SaveSourceState(ctx context.Context, state SourceState) error
	// SourceStates returns what was saved, by source id.
	SourceStates(ctx context.Context) (map[string]SourceState, error)

	// AcquireLease takes or renews the right to poll and write, for ttl, and
	// tells who has it. It is got where holder equals owner.
	AcquireLease(ctx context.Context, owner string, ttl time.Duration) (holder string, err error)
	// ReleaseLease gives it back; another's lease is left alone.
	ReleaseLease(ctx context.Context, owner string) error

	// Retain drops reports of days before first with their rollups, in steps
	// that leave room for other writers. The ledger stays.
	Retain(ctx context.Context, first tlsrpt.Day) (dropped int64, err error)

	// RetryQuarantine returns up to limit quarantine ids with raw bytes, above
	// after, of the reason (empty is every reason), in order.
	RetryQuarantine(ctx context.Context, reason string, after int64, limit int) ([]int64, error)
	// Resolve replaces a quarantined document by what a new try made of it. Where
	// it fails again, its reason, tries and parser version are brought up to date.
	Resolve(ctx context.Context, quarantineID int64, document Document) (Outcome, error)
}

// A Reader answers queries.
type Reader interface {
	// Sessions sums summaries. Detail dimensions in GroupBy are an error; a
	// filter on one keeps the reports that have such a detail.
	Sessions(ctx context.Context, q SumQuery) ([]SessionRow, Cost, error)
	// FailureSums sums failure details by any dimensions.
	FailureSums(ctx context.Context, q SumQuery) ([]FailureSum, Cost, error)
	// Failures returns failure details; more says that the limit cut some off.
	Failures(ctx context.Context, q RowQuery) (rows []FailureRow, more bool, err error)
	// Reports returns pairs of report and policy domain, superseded ones too.
	Reports(ctx context.Context, q RowQuery) (rows []ReportRow, more bool, err error)
	// Reporters returns who reported on what in the selection, ordered by domain
	// and reporter. FirstReport and LastReport are of all time.
	Reporters(ctx context.Context, s Selection) ([]ReporterRow, error)
	// LastReports is [Reader.Reporters] without a time range, over what was
	// heard since the given day, with LastStored.
	LastReports(ctx context.Context, filters []Filter, authenticatedOnly bool, since tlsrpt.Day) ([]ReporterRow, error)
	// Policies returns the policies that reporters saw, in the order of domains,
	// one row a reporter and policy, of those whose days from First to Last
	// overlap the range, whatever the time field. First, Last and Reports are of
	// all time, among reports that the filters keep; bounds of lateness and
	// filters on detail dimensions are slow.
	Policies(ctx context.Context, s Selection) ([]PolicySeen, error)
	// Neighbors returns domains in the order in which they were first heard of, in
	// which their sums stand: who reads many of them some at a time reads
	// everything once.
	Neighbors(ctx context.Context, domains []string) ([]string, error)
	// Values returns the values of a dimension in the selection that contain
	// search, case-insensitively, in order.
	Values(ctx context.Context, d Dimension, s Selection, search string, limit int) (values []string, more bool, err error)

	// Accounts returns the account by source id.
	Accounts(ctx context.Context) (map[string]Account, error)
	// Quarantine returns what is in quarantine, put there in the selection's
	// time; of the filters only source and quarantineReason count.
	Quarantine(ctx context.Context, q RowQuery) (rows []QuarantineRow, more bool, err error)
	// QuarantineCounts counts arrivals in [from, to), also of what has left since.
	QuarantineCounts(ctx context.Context, from, to time.Time) ([]QuarantineCount, error)

	// Arrivals counts by source id what was seen in items committed in hours
	// that overlap [from, to), as [Account.Seen] does.
	Arrivals(ctx context.Context, from, to time.Time) (map[string]int64, error)

	// Report returns a report's document by the id of its row.
	Report(ctx context.Context, id int64) (RawDocument, error)
	// Quarantined returns a quarantined document, with its current problem.
	Quarantined(ctx context.Context, id int64) (RawDocument, Problem, error)
	// Revision grows with every commit that changes what is counted, by whichever
	// process: of one revision, the sums, policies and values of reports, and who
	// reported, stay the same.
	Revision(ctx context.Context) (int64, error)
	// QuarantineSize returns how many raw bytes are kept in quarantine.
	QuarantineSize(ctx context.Context) (bytes int64, err error)
	// Size returns the bytes the store takes on disk (or in memory) and the number of reports.
	Size(ctx context.Context) (bytes, reports int64, err error)
}
