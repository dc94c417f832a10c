package analytics

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// pollsLate is after how long without a successful poll a source is late, if
	// it is not polled more seldom; after pollsDead nobody can trust what is shown.
	pollsLate = 6 * time.Hour
	pollsDead = day
	// firstReports is how long a new record may take to bring the first report.
	firstReports = 3 * day
	// sameTrouble is from how many domains on equal incidents are told as one.
	sameTrouble = 4
)

func (in StatusInput) sources() []Finding {
	var findings []Finding
	add := func(severity Severity, format string, args ...any) {
		findings = append(findings, Finding{Severity: severity, Kind: KindSource, Count: 1, Sentence: fmt.Sprintf(format, args...)})
	}
	if in.StoreError != "" {
		add(Critical, "Reports can't be stored: %s", asSentence(in.StoreError))
	}
	for _, s := range in.Sources {
		silent := s.silentFor(in.Now)
		why := "."
		if s.LastError != "" {
			why = ": " + asSentence(s.LastError)
		}
		switch {
		case silent >= pollsDead:
			add(Critical, "%s was not read for %s, so what is shown here is old%s", s.title(), sayAge(silent), why)
		case s.State == "misconfigured":
			add(Warning, "%s can't be read as it is set up%s", s.title(), why)
		case silent >= max(pollsLate, 6*s.PollInterval):
			add(Warning, "%s was not read for %s%s", s.title(), sayAge(silent), why)
		case s.State == "failing":
			add(Info, "%s could not be read just now and is tried again%s", s.title(), why)
		}
	}
	return findings
}

// setup tells what is missing before there can be any report, when there is
// nothing else to tell.
func (in StatusInput) setup() (Finding, bool) {
	if !in.Heard.Day.IsZero() {
		return Finding{}, false
	}
	if len(in.Sources) == 0 {
		return Finding{Severity: Info, Kind: KindSetup, Sentence: "No source is set up: add the mailbox or the drop where your TLS reports arrive in the settings of this data source."}, true
	}
	if slices.ContainsFunc(in.Sources, func(s SourceHealth) bool { return s.syncing() || s.State != "ok" && s.State != "idle" }) {
		return Finding{}, false // First things first: the sources have to be read.
	}
	domain := "your domain"
	record := "_smtp._tls in front of its name"
	if len(in.Domains) == 1 {
		domain = in.Domains[0]
		record = "_smtp._tls." + domain
	}
	f := Finding{
		Severity: Info, Kind: KindSetup,
		Sentence: fmt.Sprintf("No report has arrived yet. Reports on %s come when DNS has the TXT record %s with «v=TLSRPTv1; rua=mailto:» and the address of the mailbox; the first ones take a day or two.", domain, record),
	}
	since := time.Time{}
	for _, s := range in.Sources {
		if since.IsZero() || s.Configured.Before(since) {
			since = s.Configured
		}
	}
	if !since.IsZero() && in.Now.Sub(since) > firstReports {
		f.Severity = Warning
	}
	return f, true
}

// Lately says whether the incident goes on or ended lately.
func (i Incident) Lately(now time.Time) bool {
	return i.State == IncidentOpen || now.Sub(i.LastDay) <= 8*day
}

// IncidentFindings tells open ones, each by its verdict; one for domains that share an
// MX and its trouble; one for all that may be chance; and those that ended lately.
func IncidentFindings(incidents []Incident, now time.Time) []Finding {
	var findings []Finding
	var chance []Incident
	shared := map[string][]Incident{}
	var order []string
	for _, i := range incidents {
		switch {
		case i.Few:
			if i.State == IncidentOpen {
				chance = append(chance, i)
			}
		case i.Lately(now):
			key := strings.Join(append([]string{i.State, string(i.Severity), i.ResultType}, i.MXs...), "\x00")
			if len(i.MXs) == 0 {
				key += "\x00" + i.PolicyDomain
			}
			if len(shared[key]) == 0 {
				order = append(order, key)
			}
			shared[key] = append(shared[key], i)
		}
	}
	for _, key := range order {
		if same := shared[key]; len(same) >= sameTrouble {
			findings = append(findings, together(same, now))
			continue
		}
		for _, i := range shared[key] {
			findings = append(findings, incidentFinding(i))
		}
	}
	return append(findings, chanceFindings(chance)...)
}

func incidentFinding(i Incident) Finding {
	return Finding{
		Severity: i.Severity, Kind: KindIncident, PolicyDomain: i.PolicyDomain, Count: i.FailedSessions,
		Sentence: i.PolicyDomain + ": " + i.Verdict,
	}
}

// together tells incidents of many domains at the same MX hosts as one.
func together(same []Incident, now time.Time) Finding {
	first, last := same[0].FirstDay, same[0].LastDay
	var failed int64
	var domains []string
	for _, i := range same {
		domains = append(domains, i.PolicyDomain)
		failed += i.FailedSessions
		if i.FirstDay.Before(first) {
			first = i.FirstDay
		}
		if i.LastDay.After(last) {
			last = i.LastDay
		}
	}
	slices.Sort(domains)
	when := "since " + sayDay(first, now)
	if same[0].State == IncidentEnded {
		when = "from " + sayDay(first, now) + " to " + sayDay(last, now)
	}
	hosts := listed(same[0].MXs)
	if n := len(same[0].MXs); n > 3 {
		hosts = countOf(int64(n), "MX host")
	}
	brief := Explain(same[0].ResultType, same[0].Reason).Brief
	return Finding{
		Severity: same[0].Severity, Kind: KindIncident, Count: failed,
		Sentence: fmt.Sprintf("%s (%s), at %s, %s: %s; %s failed.", countOf(int64(len(same)), "domain"), someOf(domains), hosts, when, brief, countOf(failed, "session")),
	}
}

func chanceFindings(few []Incident) []Finding {
	if len(few) == 0 {
		return nil
	}
	if len(few) == 1 {
		return []Finding{incidentFinding(few[0])}
	}
	var failed int64
	domains := map[string]bool{}
	for _, i := range few {
		failed += i.FailedSessions
		domains[i.PolicyDomain] = true
	}
	return []Finding{{
		Severity: Info, Kind: KindIncident, Count: failed,
		Sentence: fmt.Sprintf("%s of %s failed, so few that it may be chance.", countOf(failed, "session"), countOf(int64(len(domains)), "domain")),
	}}
}

func (in StatusInput) policies() []Finding {
	var findings []Finding
	for _, m := range in.ModeDrops {
		after := "is no longer found since"
		if m.To != tlsrpt.PolicyNotFound {
			after = "went to " + m.To + " on"
		}
		findings = append(findings, Finding{
			Severity: Warning, Kind: KindMode, PolicyDomain: m.Domain, Count: int64(len(m.Reporters)),
			Sentence: fmt.Sprintf("%s: the MTA-STS policy was enforce and %s %s, as %s saw it. Put it back if nobody meant that.",
				m.Domain, after, sayDay(m.Day.Time(), in.Now), countOf(int64(len(m.Reporters)), "reporter")),
		})
	}
	for _, p := range in.ProtectionLosses {
		if !p.Lost {
			continue
		}
		findings = append(findings, Finding{
			Severity: Warning, Kind: KindProtection, PolicyDomain: p.Domain, Count: p.Without,
			Sentence: fmt.Sprintf("%s: %s of sessions find no policy, and %s were under one before. Look at the _mta-sts record, the policy file and the TLSA records.",
				p.Domain, percent(p.Share()), percent(p.Before)),
		})
	}
	return findings
}

func (in StatusInput) silence() []Finding {
	var findings []Finding
	for _, s := range in.Silences {
		if !s.Silent {
			continue
		}
		how := "each of its reporters is overdue"
		if s.Together {
			how = "all its reporters stopped within days of each other"
		}
		findings = append(findings, Finding{
			Severity: Warning, Kind: KindDomain, PolicyDomain: s.Domain, Count: int64(s.Days),
			Sentence: fmt.Sprintf("%s: no report since that for %s, and %s. See that DNS still has _smtp._tls.%s and that its address takes mail.",
				s.Domain, sayDay(s.Last.Time(), in.Now), how, s.Domain),
		})
	}
	for _, c := range in.Cadences {
		if c.State != ReporterSilent {
			continue
		}
		f := Finding{
			Severity: Warning, Kind: KindReporter, Count: int64(len(c.Domains)),
			Sentence: fmt.Sprintf("%s is silent on %s: its last report is for %s, and by its own habit %s missing.",
				bounded(c.Reporter), someOf(c.Domains), sayDay(c.Last.Time(), in.Now), countOf(c.Overdue, "report")+" "+isAre(int(c.Overdue))),
		}
		if len(c.Domains) == 1 {
			f.PolicyDomain = c.Domains[0]
		}
		findings = append(findings, f)
	}
	return findings
}

// quarantine warns under the rule of the alert on it.
func (in StatusInput) quarantine() []Finding {
	share := ratio(in.Unreadable, max(in.Seen, in.Unreadable))
	if in.Unreadable < 3 || share < 0.05 {
		return nil
	}
	return []Finding{{
		Severity: Warning, Kind: KindQuarantine, Count: in.Unreadable,
		Sentence: fmt.Sprintf("%s of %s that came in 24 hours could not be used (%s). They are kept in quarantine with the reason.",
			grouped(in.Unreadable), countOf(max(in.Seen, in.Unreadable), "document"), percent(share)),
	}}
}

func (in StatusInput) synchronisation() Finding {
	var names []string
	for _, s := range in.Sources {
		if s.syncing() {
			names = append(names, s.title())
		}
	}
	return Finding{
		Severity: Info, Kind: KindSynchronisation, Count: int64(len(names)),
		Sentence: fmt.Sprintf("%s %s read for the first time, newest reports first, so nothing here is complete yet.", listed(names), isAre(len(names))),
	}
}

func (in StatusInput) allWell() Finding {
	h := in.Heard
	if h.Sessions == 0 {
		return Finding{
			Severity: Info, Kind: KindWell,
			Sentence: fmt.Sprintf("No report told of a session in %s. The last one was for %s, and nobody is overdue.", countOf(int64(h.Days), "day"), sayDay(h.Day, in.Now)),
		}
	}
	when := "on " + sayDay(h.Day, in.Now)
	if h.Day.Equal(in.Now.UTC().Truncate(day).Add(-day)) {
		when = "yesterday"
	}
	failed := "no session failed"
	if h.Failed > 0 {
		failed = fmt.Sprintf("%s of %s failed (%s)", grouped(h.Failed), countOf(h.Sessions, "session"), percent(ratio(h.Failed, h.Sessions)))
	}
	return Finding{
		Severity: OK, Kind: KindWell, Count: h.Failed,
		Sentence: fmt.Sprintf("All is well: %s told of %s %s, and %s in %s.",
			countOf(int64(h.Reporters), "reporter"), countOf(int64(h.Domains), "domain"), when, failed, countOf(int64(h.Days), "day")),
	}
}

// someOf names the first few of many names, and how many more there are.
func someOf(names []string) string {
	if len(names) <= 3 {
		return listed(names)
	}
	return fmt.Sprintf("%s and %s more", strings.Join(names[:3], ", "), grouped(int64(len(names)-3)))
}

// asSentence ends a text with a full stop.
func asSentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// sayAge says how long something takes in hours or days.
func sayAge(d time.Duration) string {
	if d < 2*day {
		return countOf(int64(d/time.Hour), "hour")
	}
	return countOf(int64(d/day), "day")
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
