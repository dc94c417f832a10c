package analytics

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A tally adds up failed sessions by name.
type tally map[string]int64

func (t tally) add(name string, n int64) {
	if name != "" {
		t[name] += n
	}
}

// largest returns the names, largest first, equal ones by name.
func (t tally) largest() []string {
	names := slices.Sorted(maps.Keys(t))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(t[b], t[a]) })
	return names
}

// incident tells one stretch of a trouble.
func (h *history) incident(resultType string, t *trouble, s *stretch) Incident {
	in := Incident{
		PolicyDomain: h.domain, ResultType: resultType,
		State: IncidentOpen, FirstDay: s.first.Time(), LastDay: s.last.Time(), LastCleanDay: h.lastClean(t, s.first),
	}
	if s.ended {
		in.State = IncidentEnded
	} else {
		in.NextReport, in.Unconfirmed = h.dueNext(s)
	}
	if s.clean != 0 {
		in.CleanSince = s.clean.Time()
	}
	reporters, worstDay := h.tallyInto(&in, t, s)
	theirs := h.countSessions(&in, s)
	in.Few = few(in, theirs, worstDay)
	for _, reporter := range reporters {
		in.Reporters = append(in.Reporters, h.name(reporter))
	}

	meaning := Explain(resultType, in.Reason)
	in.PolicyMode = h.mode(s.last, resultType, meaning.Category == "DANE")
	mx := ""
	if len(in.MXs) > 0 {
		mx = in.MXs[0]
	}
	in.Fix, in.Command = meaning.FixFor(h.domain), meaning.CommandFor(h.domain, mx)
	in.SenderSees, in.Fault = meaning.SenderSees, meaning.Fault
	in.Severity = in.severity(h.in.UpTo)
	in.Verdict = h.verdict(in, s, reporters, meaning.Brief)
	return in
}

// tallyInto adds up the failures of a stretch, and returns the reporters that saw
// it, most failures first, and the failed sessions of the worst day.
func (h *history) tallyInto(in *Incident, t *trouble, s *stretch) (reporters []string, worstDay int64) {
	byReporter, mxs, networks, reasons := tally{}, tally{}, tally{}, tally{}
	for on, failures := range t.days {
		if on < s.first || on > s.last {
			continue
		}
		var failed int64
		for _, f := range failures {
			failed += f.failed
			byReporter.add(f.reporter, f.failed)
			mxs.add(f.mx, f.failed)
			networks.add(f.network, f.failed)
			reasons.add(f.reason, f.failed)
		}
		in.FailedSessions += failed
		worstDay = max(worstDay, failed)
	}
	in.MXs, in.Networks = mxs.largest(), networks.largest()
	if known := reasons.largest(); len(known) > 0 {
		in.Reason = known[0]
	}
	return byReporter.largest(), worstDay
}

// countSessions counts who was heard in a stretch and what they said, and
// returns the sessions of those that saw the trouble.
func (h *history) countSessions(in *Incident, s *stretch) (theirs int64) {
	heard := map[string]bool{}
	for reporter := range s.seen {
		heard[reporter] = true
	}
	for reporter, v := range h.voices {
		_, saw := s.seen[reporter]
		for _, d := range v.from(s.first) {
			if d.on > s.last {
				break
			}
			heard[reporter] = true
			in.Sessions += d.sessions
			if saw {
				theirs += d.sessions
			}
		}
	}
	// Details may tell of more than the summary does.
	in.Sessions = max(in.Sessions, in.FailedSessions)
	in.Share = ratio(in.FailedSessions, in.Sessions)
	in.ReportersHeard = len(heard)
	return theirs
}

// few says that so little of what the reporters that saw it sent has failed that
// it may be chance: connections are cut and time out for no lasting cause.
func few(in Incident, theirs, worstDay int64) bool {
	own := 1.0
	if theirs > 0 {
		own = ratio(in.FailedSessions, theirs)
	}
	switch {
	case in.FailedSessions == 1:
		return own < 0.5
	case worstDay < 3:
		return own < 0.05 && in.Share < 0.01
	}
	return own < 0.01 && in.Share < 0.001
}

// verdict says in one or two sentences who sees what where and since when, and
// how sure that is.
func (h *history) verdict(in Incident, s *stretch, reporters []string, brief string) string {
	parts := []string{capital(h.who(reporters, in.ReportersHeard))}
	for _, part := range []string{h.where(in), h.from(in, s), h.when(in)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := fmt.Sprintf("%s: %s; %s of %s failed (%s).", strings.Join(parts, ", "), strings.ReplaceAll(brief, "DOMAIN", h.domain),
		grouped(in.FailedSessions), countOf(in.Sessions, "session"), percent(in.Share))
	if in.Few {
		text = strings.TrimSuffix(text, ".") + ", so few that it may be chance."
	}
	return text + h.since(in, s)
}

// since says who told what after the last bad day. Those that have not told of a
// session since are named: that others were clean does not speak for them.
func (h *history) since(in Incident, s *stretch) string {
	clean, waiting := h.told(s)
	alone := ""
	if len(clean) > 0 {
		who, _ := h.called(clean)
		alone = " Clean since for " + who + " alone"
	}
	switch {
	case !in.CleanSince.IsZero() && len(waiting) > 0:
		return " Clean since " + sayDay(in.CleanSince, h.in.Now) + "; " + h.notHeard(s, waiting) + "."
	case !in.CleanSince.IsZero():
		return " Clean since " + sayDay(in.CleanSince, h.in.Now) + "."
	case in.State == IncidentEnded:
		return " None has been told since, by reporters that tell of failures only."
	case in.Unconfirmed && alone != "":
		return alone + ". Not confirmed since: " + h.notHeard(s, waiting) + "."
	case in.Unconfirmed:
		return " Not confirmed since: " + h.silence(s, waiting) + "."
	case alone != "":
		return alone + "; " + h.notHeard(s, waiting) + "."
	}
	return ""
}

// who says which of the reporters that were heard saw it.
func (h *history) who(reporters []string, heard int) string {
	names := make([]string, 0, 3)
	for _, reporter := range reporters[:min(len(reporters), 3)] {
		names = append(names, h.shortName(reporter))
	}
	n := len(reporters)
	switch {
	case heard == 1:
		return names[0] + ", the only reporter heard"
	case n == 2 && heard == 2:
		return "both reporters, " + listed(names)
	case n == heard:
		return fmt.Sprintf("all %d reporters", n)
	case n == 1:
		return fmt.Sprintf("only %s (1 of %d reporters)", names[0], heard)
	case n <= 3:
		return fmt.Sprintf("%s (%d of %d reporters)", listed(names), n, heard)
	}
	return fmt.Sprintf("%d of %d reporters", n, heard)
}

// where says which MX hosts it is about: «only» where another is known.
func (h *history) where(in Incident) string {
	n, known := len(in.MXs), len(h.mxHosts)
	switch {
	case n == 0:
		return ""
	case n == known && n == 2:
		return "both MX hosts"
	case n == known && n > 1:
		return fmt.Sprintf("all %d MX hosts", n)
	case n > 3:
		return fmt.Sprintf("%d of %d MX hosts", n, known)
	case n < known:
		return "only " + listed(in.MXs)
	}
	return "at " + listed(in.MXs)
}

// from says which sending networks it comes from: «only» where its reporters
// are known to send from another as well.
func (h *history) from(in Incident, s *stretch) string {
	switch len(in.Networks) {
	case 0:
		return ""
	case 1:
	default:
		return fmt.Sprintf("from %d sending networks", len(in.Networks))
	}
	for reporter := range s.seen {
		if len(h.networks[reporter]) > 1 {
			return "only from " + bounded(in.Networks[0])
		}
	}
	return "from " + bounded(in.Networks[0])
}

// when says from when to when. An incident without a clean day before it may
// have begun before the first report.
func (h *history) when(in Incident) string {
	first := sayDay(in.FirstDay, h.in.Now)
	earlier := ""
	if in.LastCleanDay.IsZero() {
		earlier = " or earlier"
	}
	switch {
	case in.State == IncidentOpen:
		return "since " + first + earlier
	case in.FirstDay.Equal(in.LastDay):
		return "on " + first
	case in.FirstDay.Month() == in.LastDay.Month() && in.FirstDay.Year() == in.LastDay.Year():
		return fmt.Sprintf("%d%s to %s", in.FirstDay.Day(), earlier, sayDay(in.LastDay, h.in.Now))
	}
	return first + earlier + " to " + sayDay(in.LastDay, h.in.Now)
}

// silence says who has not reported since when.
func (h *history) silence(s *stretch, waiting []Witness) string {
	if h.lastHeard <= s.last {
		return "nobody has reported on " + h.domain + " since " + sayDay(h.lastHeard.Time(), h.in.Now)
	}
	return h.notHeard(s, waiting)
}

// notHeard says since when some witnesses have not reported.
func (h *history) notHeard(s *stretch, waiting []Witness) string {
	who, have := h.called(waiting)
	last := tlsrpt.Day(0)
	for _, w := range waiting {
		last = max(last, h.voices[w.Reporter].heard)
	}
	if last > s.last {
		return fmt.Sprintf("%s %s had no session since %s", who, have, sayDay(s.last.Time(), h.in.Now))
	}
	return fmt.Sprintf("%s %s not reported since %s", who, have, sayDay(last.Time(), h.in.Now))
}

// called names witnesses, up to three, and says their verb.
func (h *history) called(witnesses []Witness) (who, have string) {
	names := make([]string, 0, 3)
	for _, w := range witnesses[:min(len(witnesses), 3)] {
		names = append(names, h.shortName(w.Reporter))
	}
	switch {
	case len(witnesses) > 3:
		return fmt.Sprintf("%d reporters that saw it", len(witnesses)), "have"
	case len(witnesses) > 1:
		return listed(names), "have"
	}
	return listed(names), "has"
}

// shortName is what people call a reporter, within the room of a sentence.
func (h *history) shortName(reporter string) string {
	name := h.name(reporter)
	if known, ok := tlsrpt.KnownReporter(name); ok {
		return known.Name
	}
	return bounded(name)
}

// sayDay says a day as «14 May», with the year where it is not that of now.
func sayDay(t, now time.Time) string {
	if t.UTC().Year() == now.UTC().Year() {
		return t.UTC().Format("2 January")
	}
	return t.UTC().Format("2 January 2006")
}

// listed joins names: "a", "a and b", "a, b and c".
func listed(names []string) string {
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = bounded(name)
	}
	if len(short) < 2 {
		return strings.Join(short, "")
	}
	last := len(short) - 1
	return strings.Join(short[:last], ", ") + " and " + short[last]
}

// bounded keeps a stranger's name within the room of a sentence.
func bounded(name string) string {
	if runes := []rune(name); len(runes) > 80 {
		return string(runes[:79]) + "…"
	}
	return name
}

// percent says a share of 0 to 1, never as nothing where it is something.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.001:
		return "under 0.1%"
	case share > 0.999 && share < 1:
		return "over 99.9%"
	case share == 0 || share == 1:
		return fmt.Sprintf("%.0f%%", share*100)
	}
	return fmt.Sprintf("%.1f%%", share*100)
}

// capital makes the first letter one that starts a sentence, where it is of an
// English word and not of a reporter's name.
func capital(s string) string {
	for _, word := range []string{"only ", "all ", "both "} {
		if strings.HasPrefix(s, word) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}
