package analytics

// A Metric is a number that trends and summaries show.
type Metric string

// The metrics over sessions.
const (
	FailedSessions     Metric = "failedSessions"
	SuccessfulSessions Metric = "successfulSessions"
	TotalSessions      Metric = "totalSessions"
	FailureRate        Metric = "failureRate"
	Reports            Metric = "reports"
	ProtectedShare     Metric = "protectedShare"
	ReportersFailing   Metric = "reportersFailing"
)

// The metrics that tell how things stand at the end of a range, made for
// alert rules.
const (
	ReportAge         Metric = "reportAge"
	PollAge           Metric = "pollAge"
	Quarantined       Metric = "quarantined"
	NewFailedSessions Metric = "newFailedSessions"
)

// Value computes a metric over sessions.
func (m Metric) Value(s Sums, c Counting) float64 {
	switch m {
	case SuccessfulSessions:
		return float64(s.SuccessfulSessions(c))
	case TotalSessions:
		return float64(s.Total(c))
	case FailureRate:
		return s.FailureRate(c)
	case Reports:
		return float64(s.Reports)
	case ProtectedShare:
		return s.ProtectedShare(c)
	case ReportersFailing:
		return float64(s.ReportersFailing)
	default:
		return float64(s.FailedSessions(c))
	}
}

// Unit is the metric's unit in Grafana's words.
func (m Metric) Unit() string {
	switch m {
	case FailureRate, ProtectedShare:
		return "percentunit"
	case ReportAge, PollAge:
		return "s"
	default:
		return "short"
	}
}

// Description says what the metric counts, for a person.
func (m Metric) Description() string {
	switch m {
	case FailedSessions:
		return "Sessions that reporters say failed"
	case SuccessfulSessions:
		return "Sessions that reporters say succeeded"
	case TotalSessions:
		return "Sessions that reporters tried, failed ones included"
	case FailureRate:
		return "Failed by total sessions, 0 to 1"
	case Reports:
		return "Pairs of report and policy domain"
	case ProtectedShare:
		return "The part of the sessions under an MTA-STS or DANE policy, 0 to 1"
	case ReportersFailing:
		return "Reporters that saw a failed session"
	case ReportAge:
		return "Seconds since the last report was stored, up to the last successful poll"
	case PollAge:
		return "Seconds since the last successful poll, or since the source was first configured"
	case Quarantined:
		return "Documents that went to quarantine in the range"
	case NewFailedSessions:
		return "Failed sessions of result types that the domain did not have before the range"
	}
	return ""
}
