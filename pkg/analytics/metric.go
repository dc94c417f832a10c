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
	// CompletenessShare is of days, see [Survey.Completeness], and not of sessions.
	CompletenessShare Metric = "completeness"
)

// The metrics that tell how things stand at the end of a range, made for
// alert rules.
const (
	ReportAge         Metric = "reportAge"
	PollAge           Metric = "pollAge"
	Quarantined       Metric = "quarantined"
	NewFailedSessions Metric = "newFailedSessions"

	Overdue         Metric = "overdue"
	HistoryDays     Metric = "historyDays"
	SilentDays      Metric = "silentDays"
	Enforced        Metric = "enforced"
	ModeDropped     Metric = "modeDropped"
	ProtectionLost  Metric = "protectionLost"
	DetailReporters Metric = "detailReporters"
	DetailSightings Metric = "detailSightings"
	DetailRepeats   Metric = "detailRepeats"
	MXFailureShare  Metric = "mxFailureShare"
	CleanReports    Metric = "cleanReports"
	LastFailing     Metric = "lastFailing"
	NextReport      Metric = "nextReport"
	PollsMissed     Metric = "pollsMissed"
	Arrivals        Metric = "arrivals"

	DANEFailedSessions Metric = "daneFailedSessions"
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
	case CompletenessShare:
		return s.Coverage / float64(max(s.CoveredDays, 1))
	default:
		return float64(s.FailedSessions(c))
	}
}

// Unit is the metric's unit in Grafana's words.
func (m Metric) Unit() string {
	switch m {
	case FailureRate, ProtectedShare, CompletenessShare, ProtectionLost, MXFailureShare:
		return "percentunit"
	case ReportAge, PollAge:
		return "s"
	case HistoryDays, SilentDays:
		return "d"
	case Enforced, ModeDropped:
		return "bool"
	case LastFailing, NextReport:
		// Grafana's units for points in time count milliseconds.
		return "none"
	default:
		return "short"
	}
}

// descriptions say what each metric counts, for a person.
var descriptions = map[Metric]string{
	FailedSessions:     "Sessions that reporters say failed",
	SuccessfulSessions: "Sessions that reporters say succeeded",
	TotalSessions:      "Sessions that reporters tried, failed ones included",
	FailureRate:        "Failed by total sessions, 0 to 1",
	Reports:            "Pairs of report and policy domain",
	ProtectedShare:     "The part of the sessions under an MTA-STS or DANE policy, 0 to 1",
	ReportersFailing:   "Reporters that saw a failed session",
	CompletenessShare:  "Reporters heard of those expected that day, 0 to 1; of several days the mean",
	ReportAge:          "Seconds since the last report was stored, up to the last successful poll",
	PollAge:            "Seconds since the last successful poll, or since the source was first configured",
	Quarantined:        "Documents that went to quarantine in the range",
	NewFailedSessions:  "Failed sessions of result types that the domain did not have before the range",
	Overdue:            "The reporter's own cadences missed, up to the last successful poll; 0 before its tenth report",
	HistoryDays:        "Days since the domain's first report",
	SilentDays:         "Days since the last report where all reporters of the domain are overdue, else 0",
	Enforced:           "1 where senders must use TLS: the last known mode is enforce, or TLSA records were seen in 14 days",
	ModeDropped:        "1 where the newest reports show an MTA-STS policy that left enforce",
	ProtectionLost:     "The share of sessions that found no policy, of a domain that was protected in the 14 days before; else 0",
	DetailReporters:    "Reporters among the failure details of the range",
	DetailSightings:    "Pairs of reporter and day among the failure details of the range",
	DetailRepeats:      "The larger of the reporters that saw the failure on one day and the days on which one reporter saw it",
	MXFailureShare:     "Failed sessions at the MX by all sessions of the reporters that named it, 0 to 1: it fails at least so often",
	CleanReports:       "Reports of a later period than the last failing one, with sessions and without the failure, by reporters that saw it",
	LastFailing:        "The end of the last failing period, in seconds since 1970",
	NextReport:         "Before when nothing new can be known of the failure, in seconds since 1970: the end of the next period of a reporter that saw it, or when the first of the failures leaves the range, whichever is sooner; 0 where a report may come at any time",
	PollsMissed:        "The age of the last successful poll in poll intervals",
	Arrivals:           "Documents seen in the range",
	DANEFailedSessions: "Failed sessions of tlsa-invalid, dnssec-invalid and dane-required, and of every other result type under tlsa but for cut connections",
}

// Description says what the metric counts, for a person.
func (m Metric) Description() string { return descriptions[m] }
