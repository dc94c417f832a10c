package analytics

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// LearnDays and learnReports say how far back a cadence is learned from: as
// many days, or further, until there are as many days with a report. So what
// was long ago does not hide that a reporter has changed its ways.
const (
	LearnDays    = 28
	learnReports = 14
)

const (
	// minDaysHeard is on how many days a reporter must have been heard for its
	// cadence to be known: a first week tells nothing of week-ends.
	minDaysHeard = 7
	// pauseGaps is from how many gaps on the longest one is taken for a pause,
	// such as a summer's, that says nothing of the days around it.
	pauseGaps = 10
	// dailyShare is on which share of days a daily reporter is heard: one day of
	// seven without a report is a habit already.
	dailyShare = 0.9
	// usualPercent of the gaps are as long as a cadence or shorter.
	usualPercent = 90
)

const (
	// onlyFailing is on how many days a reporter must have told of failures, and
	// cleanWithout on how many others saw none and it was silent, until it is
	// taken for one that reports on failures only.
	onlyFailing  = 3
	cleanWithout = 7
)

// habit tells how often the line reports.
func (l *line) habit() (CadenceKind, int) {
	gaps := recentGaps(l.days)
	every := usualGap(gaps)
	known := len(l.days) >= minDaysHeard
	switch {
	case known && dailyBy(gaps):
		return Daily, every
	case l.failuresOnly():
		return FailuresOnly, every
	case known:
		return MailDays, every
	}
	return UnknownCadence, every
}

// failuresOnly tells a reporter that is heard on failing days alone from one
// that nothing but fails for: of the first kind are those who kept silent on
// days that others found clean.
func (l *line) failuresOnly() bool {
	switch known, _ := tlsrpt.KnownReporter(l.reporter); known.Cadence {
	case tlsrpt.CadenceFailuresOnly:
		return true
	case tlsrpt.CadenceDaily, tlsrpt.CadenceMailDays:
		return false
	}
	return !l.clean && len(l.days) >= onlyFailing && l.cleanWithout >= cleanWithout
}

// recentStart returns the index of the first of the days that the cadence at
// the last of them is learned from.
func recentStart(days []tlsrpt.Day) int {
	last := len(days) - 1
	from, _ := slices.BinarySearch(days, days[last]-LearnDays)
	far, _ := slices.BinarySearch(days, days[last]-CadenceDays)
	return max(min(from, last+1-learnReports), far)
}

// recentGaps returns the days between reports, shortest first, without the one
// that is taken for a pause.
func recentGaps(days []tlsrpt.Day) []int {
	if len(days) < 2 {
		return nil
	}
	recent := days[recentStart(days):]
	gaps := make([]int, 0, len(recent))
	for i := 1; i < len(recent); i++ {
		gaps = append(gaps, int(recent[i]-recent[i-1]))
	}
	slices.Sort(gaps)
	if len(gaps) >= pauseGaps {
		gaps = gaps[:len(gaps)-1]
	}
	return gaps
}

// usualGap is the wait that nine of ten gaps keep to, and so long that no gap,
// except for one pause, would have counted as silence.
func usualGap(gaps []int) int {
	n := len(gaps)
	if n == 0 {
		return 1
	}
	usual := gaps[(n*usualPercent+99)/100-1]
	return max(usual, (gaps[n-1]+SilentAfter-1)/SilentAfter, 1)
}

// dailyBy tells whether reports so far apart are daily ones.
func dailyBy(gaps []int) bool {
	var span int
	for _, g := range gaps {
		span += g
	}
	return span > 0 && float64(len(gaps)) >= dailyShare*float64(span)
}

// remarks are the sentences of a cadence's note, most important first.
func (l *line) remarks(c Cadence, upTo time.Time) []string {
	var all []string
	if l.goesOnAs != "" {
		all = append(all, fmt.Sprintf("It goes on as %s.", l.goesOnAs))
	}
	if len(l.was) > 0 {
		all = append(all, fmt.Sprintf("It was %s before.", strings.Join(l.was, ", ")))
	}
	switch {
	case l.goesOnAs != "":
	case c.Kind == FailuresOnly:
		all = append(all, "It reports on failures only: its silence is good news.")
	case c.Kind == UnknownCadence && len(l.days) == 0:
		all = append(all, fmt.Sprintf("It has not reported for more than %d days.", CadenceDays))
	case c.Kind == UnknownCadence:
		all = append(all, fmt.Sprintf("It was heard on %s, too few to know its cadence.", countOf(int64(len(l.days)), "day")))
	case c.Overdue > 0:
		all = append(all, fmt.Sprintf("It used to report %s, and last did for %s.", everyWords(c.Every), sayDay(c.Last.Time(), upTo)))
	}
	if known, ok := tlsrpt.KnownReporter(l.reporter); ok && c.State != ReporterReporting && l.goesOnAs == "" {
		all = append(all, known.Note)
	}
	return all
}

func (c *Cadence) note(sentences ...string) {
	if c.Note != "" {
		sentences = append([]string{c.Note}, sentences...)
	}
	c.Note = strings.Join(sentences, " ")
}

func everyWords(days int) string {
	if days == 1 {
		return "every day"
	}
	return fmt.Sprintf("at least every %d days", days)
}

// countOf says a number of things: "1 day", "1,200 days".
func countOf(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// grouped writes a number with a comma between its thousands.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
