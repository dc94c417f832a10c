package analytics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// The kinds of an [Event].
const (
	EventIncident     = "incident"
	EventFirstFailure = "firstFailure"
	EventPolicyChange = "policyChange"
	EventNewReporter  = "newReporter"
)

// newTypeDays is on how many earlier days a domain must have been reported on for
// a failure type to be new, as in the alert on new failure types.
const newTypeDays = 14

// An Event is an annotation: a point in time, or a region where TimeEnd is set.
type Event struct {
	// Time and TimeEnd bound the event; TimeEnd is zero for a point.
	Time, TimeEnd time.Time
	Title, Text   string
	Tags          []string
	PolicyDomain  string
	Kind          string
}

// EventsInput is what [Events] looks at. Sessions and Failures are grouped and
// begin as in [IncidentInput].
type EventsInput struct {
	// From and To bound what is returned, half open; a zero time is no bound.
	From, To time.Time
	// Counting is Distinct where empty.
	Counting Counting
	Sessions []store.SessionRow
	Failures []store.FailureSum

	Incidents    []Incident
	PolicyShifts []PolicyShift
	PolicyLosses []PolicyLoss
	// Reporters are who reported on what; FirstReport is of all time.
	Reporters []store.ReporterRow
	// StoreFirst is the first day that the store has a report for: everybody's
	// first report is then, so it is no event; 0 is not known.
	StoreFirst tlsrpt.Day
	// Now ends the region of an open incident, and tells which year need not be named.
	Now time.Time
}

// Events returns what happened in a range, oldest first.
func Events(in EventsInput) []Event {
	if in.Counting == "" {
		in.Counting = Distinct
	}
	var events []Event
	events = append(events, in.incidents()...)
	events = append(events, in.firstFailures()...)
	events = append(events, in.policyShifts()...)
	events = append(events, in.policyLosses()...)
	events = append(events, in.newReporters()...)
	events = slices.DeleteFunc(events, func(e Event) bool {
		end := e.TimeEnd
		if end.IsZero() {
			end = e.Time.Add(1)
		}
		return !in.From.IsZero() && !end.After(in.From) || !in.To.IsZero() && !e.Time.Before(in.To)
	})
	SortEvents(events)
	return events
}

// SortEvents orders events as [Events] does.
func SortEvents(events []Event) {
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.PolicyDomain, b.PolicyDomain), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Title, b.Title))
	})
}

// incidents are regions from the start of the first bad day to the end of the
// last, and to now while open. What may be chance is none.
func (in EventsInput) incidents() []Event {
	var events []Event
	for _, i := range in.Incidents {
		if i.Few {
			continue
		}
		end := i.LastDay.Add(day)
		if i.State == IncidentOpen && in.Now.After(end) {
			end = in.Now
		}
		events = append(events, Event{
			Time: i.FirstDay, TimeEnd: end, Kind: EventIncident, PolicyDomain: i.PolicyDomain,
			Title: fmt.Sprintf("%s: %s (%s)", i.PolicyDomain, bounded(i.ResultType), i.State),
			Text:  i.Verdict + " " + i.Fix,
			Tags:  []string{EventIncident, i.ResultType, i.State},
		})
	}
	return events
}

// firstFailures are the first bad days of each result type of a domain that
// was reported on before, on days enough to know that it is new.
func (in EventsInput) firstFailures() []Event {
	type kind struct{ domain, resultType string }
	first := map[kind]tlsrpt.Day{}
	failed := map[kind]int64{}
	for _, row := range in.Failures {
		var sums Sums
		sums.AddFailure(row)
		n := sums.FailedSessions(in.Counting)
		if n == 0 {
			continue
		}
		k, on := kind{row.Group[0], row.Group[1]}, tlsrpt.DayOf(row.Bucket)
		if before, seen := first[k]; !seen || on < before {
			first[k], failed[k] = on, 0
		}
		if on == first[k] {
			failed[k] += n
		}
	}
	domains := map[string]bool{}
	for k := range first {
		domains[k.domain] = true
	}
	reported := in.daysReported(domains)
	var events []Event
	for k, on := range first {
		earlier, _ := slices.BinarySearch(reported[k.domain], on)
		if earlier < newTypeDays {
			continue
		}
		events = append(events, Event{
			Time: on.Time(), Kind: EventFirstFailure, PolicyDomain: k.domain,
			Title: fmt.Sprintf("%s: first %s", k.domain, bounded(k.resultType)),
			Text: fmt.Sprintf("%s failed with %s, which none of the reports of %s before told of. %s",
				countOf(failed[k], "session"), bounded(k.resultType), countOf(int64(earlier), "day"), MeaningOf(k.resultType).Meaning),
			Tags: []string{EventFirstFailure, k.resultType},
		})
	}
	return events
}

// daysReported are the days with a session of the given domains, in order.
func (in EventsInput) daysReported(domains map[string]bool) map[string][]tlsrpt.Day {
	days := make(map[string][]tlsrpt.Day, len(domains))
	var last *store.SessionRow
	for i := range in.Sessions {
		row := &in.Sessions[i]
		domain := row.Group[0]
		if row.Successful+row.Failed == 0 || last != nil && domain == last.Group[0] && row.Bucket.Equal(last.Bucket) {
			continue // What was said of a domain on a day stands together mostly.
		}
		if last = row; domains[domain] {
			days[domain] = append(days[domain], tlsrpt.DayOf(row.Bucket))
		}
	}
	for domain := range days {
		days[domain] = sortedDays(days[domain])
	}
	return days
}

func (in EventsInput) policyShifts() []Event {
	var events []Event
	for _, c := range in.PolicyShifts {
		events = append(events, Event{
			Time: c.Day.Time(), Kind: EventPolicyChange, PolicyDomain: c.Domain,
			Title: fmt.Sprintf("%s: %s policy changed", c.Domain, c.Type),
			Text:  fmt.Sprintf("%s saw it: %s", countOf(int64(len(c.Reporters)), "reporter"), asSentence(c.String())),
			Tags:  []string{EventPolicyChange, c.Type},
		})
	}
	return events
}

func (in EventsInput) policyLosses() []Event {
	var events []Event
	for _, l := range in.PolicyLosses {
		what := "no longer found"
		if l.Again {
			what = "found again"
		}
		events = append(events, Event{
			Time: l.Day.Time(), Kind: EventPolicyChange, PolicyDomain: l.Domain,
			Title: fmt.Sprintf("%s: %s policy %s", l.Domain, tlsrpt.PolicySTS, what),
			Text:  fmt.Sprintf("%s saw it: policy %s.", countOf(int64(len(l.Reporters)), "reporter"), what),
			Tags:  []string{EventPolicyChange, tlsrpt.PolicySTS},
		})
	}
	return events
}

// newReporters are the first reports of reporters on a domain, one event for all
// that begin on one day. The store's own first day brings nothing new, and
// neither does a known reporter's new name.
func (in EventsInput) newReporters() []Event {
	first := map[[2]string]store.ReporterRow{} // by domain and organization
	for _, r := range in.Reporters {
		organization := r.Reporter
		if known, ok := tlsrpt.KnownReporter(organization); ok {
			organization = known.Name
		}
		key := [2]string{r.PolicyDomain, organization}
		before, seen := first[key]
		if !seen || r.FirstReport < before.FirstReport || r.FirstReport == before.FirstReport && r.Reporter < before.Reporter {
			first[key] = r
		}
	}
	type beginning struct {
		domain string
		on     tlsrpt.Day
	}
	names := map[beginning][]string{}
	for _, r := range first {
		if r.FirstReport > in.StoreFirst {
			b := beginning{r.PolicyDomain, r.FirstReport}
			names[b] = append(names[b], r.Reporter)
		}
	}
	var events []Event
	for b, reporters := range names {
		slices.Sort(reporters)
		title := fmt.Sprintf("%s: %s reports", b.domain, reporters[0])
		if len(reporters) > 1 {
			title = fmt.Sprintf("%s: %d new reporters", b.domain, len(reporters))
		}
		events = append(events, Event{
			Time: b.on.Time(), Kind: EventNewReporter, PolicyDomain: b.domain, Title: title,
			Text: fmt.Sprintf("First report of %s on %s.", someOf(reporters), b.domain),
			Tags: []string{EventNewReporter},
		})
	}
	return events
}
