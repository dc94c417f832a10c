package analytics

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The kinds of a [Finding], in the order in which equally severe ones are told.
const (
	KindSource          = "source"
	KindIncident        = "incident"
	KindMode            = "mode"
	KindProtection      = "protection"
	KindDomain          = "domain"
	KindReporter        = "reporter"
	KindQuarantine      = "quarantine"
	KindSynchronisation = "synchronisation"
	KindSetup           = "setup"
	KindWell            = "well"
)

// A Finding is one thing that a person should know, in a sentence or two.
type Finding struct {
	Severity Severity
	Sentence string
	// PolicyDomain is empty for what concerns no domain or several.
	PolicyDomain string
	// Count is how many failed sessions, domains, sessions or documents it is about.
	Count int64
	Kind  string
}

// SourceHealth is how one source is doing. The words of State are those of the
// sources query.
type SourceHealth struct {
	ID, Name, State string
	// LastError is a sentence without secrets; empty after a success.
	LastError string
	// LastSuccess is zero before the first one; Configured is when the source was
	// first heard of.
	LastSuccess, Configured time.Time
	PollInterval            time.Duration
	// Syncing: it was never seen whole yet.
	Syncing bool
}

// Heard is the evidence that all is well.
type Heard struct {
	// Day is the last day with a report; zero when none was ever stored.
	// Reporters and Domains are those of that day.
	Day                time.Time
	Reporters, Domains int
	// Sessions and Failed are of the Days days up to now.
	Days             int
	Sessions, Failed int64
}

// StatusInput is what [Status] looks at.
type StatusInput struct {
	Now time.Time
	// Domains are the literal names in the settings.
	Domains []string
	// StoreError is why nothing can be stored or read, in a sentence; else empty.
	StoreError string
	Sources    []SourceHealth
	Heard      Heard
	// Incidents are those of [Incidents] that go on or ended lately; OfIncidents
	// are the [IncidentFindings] of others.
	Incidents   []Incident
	OfIncidents []Finding
	// Cadences are of reporters over all their domains, as [Survey.AllCadences] has
	// them; those that are silent are told.
	Cadences []Cadence
	// Silences are of domains; those that are silent are told.
	Silences []Silence
	// ModeDrops and ProtectionLosses are of domains; those that are lost are told.
	ModeDrops        []ModeDrop
	ProtectionLosses []ProtectionLoss
	// Unreadable are documents that went to quarantine in the last 24 hours, those
	// for foreign domains left out, of Seen in that time.
	Unreadable, Seen int64
}

// Status says in sentences whether all is well, worst first: a row for each
// thing that is not, and one that all is well, with the evidence, where nothing
// wants a person. During a first synchronisation, when little is known yet, it
// says so and raises no alarm but for sources.
func Status(in StatusInput) []Finding {
	findings := in.sources()
	if missing, ok := in.setup(); ok {
		return sortedFindings(append(findings, missing))
	}
	syncing := slices.ContainsFunc(in.Sources, SourceHealth.syncing)
	findings = append(findings, IncidentFindings(in.Incidents, in.Now)...)
	findings = append(findings, in.OfIncidents...)
	if !syncing {
		findings = append(findings, in.policies()...)
		findings = append(findings, in.silence()...)
		findings = append(findings, in.quarantine()...)
	}
	calm := true
	for i := range findings {
		if syncing && findings[i].Kind == KindIncident {
			findings[i].Severity = Info
		}
		calm = calm && findings[i].Severity.rank() <= Info.rank()
	}
	switch {
	case syncing:
		findings = append(findings, in.synchronisation())
	case calm && !in.Heard.Day.IsZero():
		findings = append(findings, in.allWell())
	}
	return sortedFindings(findings)
}

// sortedFindings orders findings by severity, kind, count and domain.
func sortedFindings(findings []Finding) []Finding {
	kinds := []string{
		KindSource, KindIncident, KindMode, KindProtection, KindDomain, KindReporter, KindQuarantine, KindSynchronisation, KindSetup, KindWell,
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity.rank(), a.Severity.rank()),
			cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
			cmp.Compare(b.Count, a.Count),
			strings.Compare(a.PolicyDomain, b.PolicyDomain),
			strings.Compare(a.Sentence, b.Sentence),
		)
	})
	return findings
}

func (s SourceHealth) syncing() bool { return s.Syncing || s.State == "syncing" }

// title is what people call the source.
func (s SourceHealth) title() string {
	if s.Name != "" {
		return s.Name
	}
	return s.ID
}

// silentFor is how long the source was not read, under the rule of the alert on
// the collection: 0 during a first synchronisation, which may take long.
func (s SourceHealth) silentFor(now time.Time) time.Duration {
	since := s.LastSuccess
	if since.IsZero() {
		since = s.Configured
	}
	if since.IsZero() || s.State == "syncing" || s.State == "idle" {
		return 0
	}
	return now.Sub(since)
}
