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

// causesShown is how many causes a sentence names.
const causesShown = 3

const (
	howToTest = "Publish testing first: a policy with «mode: testing» at https://mta-sts.%[1]s/.well-known/mta-sts.txt, " +
		"and a TXT record _mta-sts.%[1]s of «v=STSv1; id=…»."
	howToEnforce = "Change the mode in the policy to enforce, and then the id in the TXT record _mta-sts.%s."
)

func (r *testRun) judge(upTo time.Time) ReadinessRow {
	r.collect(upTo)
	row := ReadinessRow{
		Domain: r.domain, Mode: r.mode, Verdict: VerdictNo, Days: len(r.days), Reporters: slices.Sorted(maps.Keys(r.reporters)),
		TotalSessions: r.total.total, WouldFail: r.total.wouldFail, PolicyTrouble: r.total.trouble,
	}
	switch r.mode {
	case modeEnforce:
		row.Verdict = VerdictGo
		row.Reasons = r.enforced()
	case modeTesting:
		r.judgeTesting(&row)
	default:
		row.Mode = strings.TrimPrefix(r.mode, tlsrpt.PolicyNotFound)
		row.Reasons = r.withoutPolicy()
	}
	row.Reasons = append(row.Reasons, r.sayTrouble()...)
	return row
}

// withoutPolicy says why a domain without a policy can't go to enforce.
func (r *testRun) withoutPolicy() []string {
	publish := fmt.Sprintf(howToTest, r.domain)
	switch {
	case r.mode == modeNone:
		return []string{"The policy has the mode none, under which senders check nothing. " + publish}
	case r.mode == tlsrpt.PolicyNotFound:
		return []string{"Senders that had seen an MTA-STS policy find none any more. " + publish}
	case len(r.days) > 0:
		return []string{"Reports name an MTA-STS policy, but none tells its mode. Look at the policy itself: only one that was in testing can go to enforce."}
	case r.tlsaSessions > 0:
		return []string{
			"No sender has seen an MTA-STS policy. " + publish,
			fmt.Sprintf("DANE protects mail from senders that know it (%s), and not from others.", countOf(r.tlsaSessions, "session")),
		}
	}
	return []string{"No sender has seen an MTA-STS policy. " + publish}
}

// enforced says first that the decision is made, and what is refused under it.
func (r *testRun) enforced() []string {
	if week := r.since(r.now - ReadyCleanDays); week.wouldFail > 0 {
		return []string{fmt.Sprintf("Already enforced, and it refused %s of %s in the last %d days: %s.",
			grouped(week.wouldFail), countOf(week.total, "session"), ReadyCleanDays, r.sayCauses(r.now-ReadyCleanDays))}
	}
	last, ok := r.lastRefused()
	if !ok {
		return []string{"Already enforced, and nothing was refused."}
	}
	if r.since(last+1).total == 0 {
		return []string{fmt.Sprintf("Already enforced, and it refused %s of %s, the last on %s, since when none was reported: %s.",
			grouped(r.total.wouldFail), countOf(r.total.total, "session"), r.say(last), r.sayCauses(0))}
	}
	return []string{fmt.Sprintf("Already enforced, and nothing was refused %s.", r.saySince(last+1))}
}

// A hindrance is one thing that stands between testing and enforce.
type hindrance struct {
	sentence string
	// until is the day on which time alone ends it; 0 where it does not.
	until tlsrpt.Day
}

func (r *testRun) judgeTesting(row *ReadinessRow) {
	hindrances := slices.Concat(r.refusals(), r.gaps())
	if len(hindrances) == 0 {
		row.Verdict = VerdictGo
		row.Reasons = []string{
			r.sayClean() + " " + fmt.Sprintf(howToEnforce, r.domain),
		}
		if len(r.known) < ReadyReporters {
			row.Reasons = append(row.Reasons, fmt.Sprintf("Only %s reports on this domain: what other senders see is not known.", strings.Join(row.Reporters, ", ")))
		}
		return
	}
	row.Verdict = VerdictWait
	if r.failsNow() {
		row.Verdict = VerdictNo
	}
	goOn := tlsrpt.Day(0)
	for _, h := range hindrances {
		row.Reasons = append(row.Reasons, h.sentence)
		goOn = max(goOn, h.until)
	}
	if slices.ContainsFunc(hindrances, func(h hindrance) bool { return h.until == 0 }) {
		return
	}
	// What is due and not here yet can't make it go before tomorrow.
	goOn = max(goOn, r.now+1)
	row.GoOn = goOn.Time()
	row.Reasons = append(row.Reasons, fmt.Sprintf("Go on %s if nothing fails until then.", r.say(goOn)))
}

// failsNow tells whether enforce would refuse more than a stray session now.
func (r *testRun) failsNow() bool {
	week := r.since(r.heard - ReadyCleanDays + 1)
	return week.wouldFail > 0 && float64(week.wouldFail) >= ReadyRate*float64(week.total)
}

// refusals are the hindrances of sessions that would be refused.
func (r *testRun) refusals() []hindrance {
	last, ok := r.lastRefused()
	if !ok {
		return nil
	}
	quiet := tlsrpt.Day(ReadyCleanDays)
	if float64(r.total.wouldFail) >= ReadyRate*float64(r.total.total) {
		quiet = ReadyForgivenDays
	}
	var all []hindrance
	if r.heard-last < quiet {
		all = append(all, hindrance{
			sentence: fmt.Sprintf("Enforce would have refused %s of %s, the last on %s: %s.",
				grouped(r.total.wouldFail), countOf(r.total.total, "session"), r.say(last), r.sayCauses(0)),
			until: last + quiet + 1,
		})
	}
	for _, who := range slices.Sorted(maps.Keys(r.refused)) {
		failed := r.refused[who]
		// What failed on the last day heard was told above.
		if r.clean[who] > failed || failed == r.heard || r.heard-failed >= ReadyForgivenDays {
			continue
		}
		all = append(all, hindrance{
			sentence: fmt.Sprintf("%s has not reported since %s, when it told of sessions that enforce would refuse: %s. No one has confirmed the repair.",
				r.nameOf(who), r.say(failed), r.sayCauses(failed)),
			until: failed + ReadyForgivenDays + 1,
		})
	}
	return all
}

// gaps are the hindrances of what is not known yet.
func (r *testRun) gaps() []hindrance {
	var all []hindrance
	if silent := r.now - 1 - r.heard; silent > ReadyForgivenDays {
		all = append(all, hindrance{sentence: fmt.Sprintf("No report on it since that for %s: there is nothing to judge by.", r.say(r.heard))})
	}
	if days := int(r.heard-r.first) + 1; days < ReadyDays {
		all = append(all, hindrance{
			sentence: fmt.Sprintf("In testing, as seen by senders, for %s: wait for %d.", countOf(int64(days), "day"), ReadyDays),
			until:    r.first + ReadyDays,
		})
	}
	if heard := r.ids.count(r.reporters); heard < ReadyReporters && len(r.known) >= ReadyReporters {
		all = append(all, hindrance{sentence: fmt.Sprintf("Of %d reporters of this domain only %s has told of the policy in testing: wait for %d.",
			len(r.known), strings.Join(slices.Sorted(maps.Keys(r.reporters)), ", "), ReadyReporters)})
	}
	if r.total.total < ReadySessions {
		all = append(all, hindrance{sentence: fmt.Sprintf("Only %s under testing so far: wait for %d.", countOf(r.total.total, "session"), ReadySessions)})
	}
	return all
}

// sayClean tells of the time since the last session that would be refused.
func (r *testRun) sayClean() string {
	last, ok := r.lastRefused()
	if ok {
		return fmt.Sprintf("Nothing that enforce would refuse %s.", r.saySince(last+1))
	}
	return fmt.Sprintf("Nothing that enforce would refuse in %s.", r.sayHeard(0))
}

func (r *testRun) saySince(from tlsrpt.Day) string {
	return fmt.Sprintf("since %s, in %s", r.say(from), r.sayHeard(from))
}

// sayHeard counts what was reported from a day on.
func (r *testRun) sayHeard(from tlsrpt.Day) string {
	days, reporters := int64(0), map[string]bool{}
	for d := range r.days {
		if d >= from {
			days++
		}
	}
	for key := range r.cells {
		if key.day >= from && r.counts(key) {
			reporters[key.reporter] = true
		}
	}
	return fmt.Sprintf("%s from %s over %s", countOf(r.since(from).total, "session"), countOf(int64(r.ids.count(reporters)), "reporter"), countOf(days, "day"))
}

// sayTrouble tells of senders that could not get the policy.
func (r *testRun) sayTrouble() []string {
	if r.total.trouble == 0 {
		return nil
	}
	return []string{fmt.Sprintf("For %s the sender could not get a valid policy. This refuses no mail: without a policy in its cache a sender delivers all the same, unprotected.",
		countOf(r.total.trouble, "session"))}
}

// sayCauses names the causes seen from a day on, the largest first.
func (r *testRun) sayCauses(from tlsrpt.Day) string {
	sessions, reporters := map[cause]int64{}, map[cause]map[string]bool{}
	for why, seen := range r.causes {
		for _, s := range seen {
			if s.day < from {
				continue
			}
			if reporters[why] == nil {
				reporters[why] = map[string]bool{}
			}
			sessions[why] += s.sessions
			reporters[why][s.reporter] = true
		}
	}
	causes := slices.SortedFunc(maps.Keys(sessions), func(a, b cause) int {
		return cmp.Or(cmp.Compare(sessions[b], sessions[a]), cmp.Compare(a.resultType, b.resultType), cmp.Compare(a.mx, b.mx))
	})
	var said []string
	for _, why := range causes[:min(len(causes), causesShown)] {
		where := ""
		if why.mx != "" {
			where = " at " + why.mx
		}
		said = append(said, fmt.Sprintf("%s%s (%s, by %s)", cmp.Or(why.resultType, "no reason given"), where,
			grouped(sessions[why]), DomainList(slices.Sorted(maps.Keys(reporters[why])))))
	}
	if more := len(causes) - causesShown; more > 0 {
		said = append(said, countOf(int64(more), "more cause"))
	}
	return strings.Join(said, ", ")
}

// nameOf is the name that a reporter last had.
func (r *testRun) nameOf(who string) string {
	name, last := "", tlsrpt.Day(0)
	for key := range r.cells {
		if r.ids.of(key.reporter) == who && (key.day > last || key.day == last && key.reporter < name) {
			name, last = key.reporter, key.day
		}
	}
	return name
}

func (r *testRun) say(d tlsrpt.Day) string { return sayDay(d.Time(), r.now.Time()) }
