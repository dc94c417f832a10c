package analytics

import "github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"

// Counting says what is done about sessions that one report names twice.
type Counting string

// The countings of the public contract.
const (
	// Distinct takes away what was said twice; the default.
	Distinct Counting = "distinct"
	// Reported sums every policy of a report.
	Reported Counting = "reported"
)

// Sums are the additive numbers of one group or bucket.
type Sums struct {
	Reports, Successful, Failed, Protected int64
	OverlapTotal, OverlapFailed            int64
	// ReportersFailing counts reporters with a failed session. It adds up
	// only over groups that tell reporters apart.
	ReportersFailing int64
	// Coverage adds up the completeness of CoveredDays days.
	Coverage    float64
	CoveredDays int64
}

// Add adds one row of the store.
func (s *Sums) Add(r store.SessionRow) {
	s.Reports += r.Reports
	s.Successful += r.Successful
	s.Failed += r.Failed
	s.Protected += r.Protected
	s.OverlapTotal += r.OverlapTotal
	s.OverlapFailed += r.OverlapFailed
}

// AddFailure adds failed sessions of failure details.
func (s *Sums) AddFailure(f store.FailureSum) {
	s.Failed += f.Failed
	s.OverlapFailed += f.Overlap
}

// Total is the number of sessions.
func (s Sums) Total(c Counting) int64 {
	total := s.Successful + s.Failed
	if c == Distinct {
		total -= s.OverlapTotal
	}
	return max(total, 0)
}

// FailedSessions is the number of failed sessions.
func (s Sums) FailedSessions(c Counting) int64 {
	failed := s.Failed
	if c == Distinct {
		failed -= s.OverlapFailed
	}
	return max(failed, 0)
}

// SuccessfulSessions is the number of successful sessions.
func (s Sums) SuccessfulSessions(c Counting) int64 {
	return max(s.Total(c)-s.FailedSessions(c), 0)
}

// FailureRate is failed by total sessions, 0 to 1; 0 without a session.
func (s Sums) FailureRate(c Counting) float64 {
	return ratio(s.FailedSessions(c), s.Total(c))
}

// ProtectedShare is the part of the sessions under sts or tlsa policies, 0 to
// 1; 0 without a session. What was said twice stands under both.
func (s Sums) ProtectedShare(c Counting) float64 {
	protected := s.Protected
	if c == Distinct {
		protected -= s.OverlapTotal
	}
	return ratio(max(protected, 0), s.Total(c))
}

func ratio(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}

// A groupMemo remembers what belongs to the groups of rows. All rows that the
// store tells of a group share its words: what belongs to them is found by where
// these are, and only once by what they say.
type groupMemo[V any] map[*string]V

// of returns what find finds for a group of at least one word.
func (m groupMemo[V]) of(group []string, find func() V) V {
	v, known := m[&group[0]]
	if !known {
		v = find()
		m[&group[0]] = v
	}
	return v
}
