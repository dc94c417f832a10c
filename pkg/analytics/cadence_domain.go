package analytics

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	// togetherDays is within how many days the reporters of a domain fall silent
	// for it to be the domain's doing.
	togetherDays = 7
	// domainSilentDays is after how many days without a report a domain whose
	// reporters are all overdue is silent.
	domainSilentDays = 7
	// othersHeard is from how many reporters on it is strange that a reporter
	// which reports widely does not.
	othersHeard = 3
	// namesShown is how many names a list in a sentence has.
	namesShown = 5
)

// Silence says whether a whole domain has fallen silent.
type Silence struct {
	Domain string
	Silent bool
	// Last is the day of the last report, Days how many days ago it ended.
	Last tlsrpt.Day
	Days int
	// Together: its reporters stopped within days of each other, as they do
	// where a domain is retired or its record is gone.
	Together bool
	// Sentence says it for a person; empty where the domain is not silent.
	Sentence string
}

// DomainSilence tells from the cadences of a domain's reporters, as [Cadences]
// has them, whether all of them are overdue and the last report is at least
// seven days old. Those who can't be overdue have no say.
func DomainSilence(domain string, cadences []Cadence, upTo time.Time) Silence {
	s := Silence{Domain: domain}
	late, all := 0, 0
	heard := false
	first, last := tlsrpt.Day(0), tlsrpt.Day(0)
	for _, c := range cadences {
		if c.Domain != domain {
			continue
		}
		if !heard || c.Last > s.Last {
			s.Last, heard = c.Last, true
		}
		if !c.canBeOverdue() {
			continue
		}
		if all == 0 {
			first, last = c.Last, c.Last
		}
		all++
		first, last = min(first, c.Last), max(last, c.Last)
		if c.Overdue > 0 {
			late++
		}
	}
	if upTo.IsZero() || all == 0 {
		return s
	}
	s.Days = max(int(upTo.Sub((s.Last+1).Time())/day), 0)
	s.Silent = late == all && s.Days >= domainSilentDays
	s.Together = s.Silent && all > 1 && last-first <= togetherDays
	if s.Silent {
		s.Sentence = s.say(all, sayDay(s.Last.Time(), upTo))
	}
	return s
}

func (s Silence) say(reporters int, last string) string {
	if s.Together {
		return fmt.Sprintf("No report on %s since that for %s: all %d reporters stopped within days of each other. "+
			"Its _smtp._tls record may be gone, or the domain is retired.", s.Domain, last, reporters)
	}
	return fmt.Sprintf("No report on %s since that for %s, and each of its reporters is overdue. "+
		"Look up its _smtp._tls record, and see whether the address in it still takes mail.", s.Domain, last)
}

func (c Cadence) canBeOverdue() bool {
	return c.GoesOnAs == "" && (c.Kind == Daily || c.Kind == MailDays)
}

// stoppedTogether tells of the cadences of a domain's pairs how many reporters
// fell silent together, where all did and are several; else it is 0.
func stoppedTogether(pairs []Cadence) (reporters int) {
	var first, last tlsrpt.Day
	for i := range pairs {
		c := &pairs[i]
		switch {
		case !c.canBeOverdue():
			continue
		case c.Overdue == 0:
			return 0
		case reporters == 0:
			first, last = c.Last, c.Last
		}
		first, last = min(first, c.Last), max(last, c.Last)
		reporters++
	}
	if reporters < 2 || last-first > togetherDays {
		return 0
	}
	return reporters
}

// noteStop says of a domain's pairs that all its reporters stopped together.
func noteStop(pairs []Cadence) {
	reporters := stoppedTogether(pairs)
	if reporters == 0 {
		return
	}
	stop := fmt.Sprintf("All %d reporters of %s stopped within days of each other: the domain may be retired, or its _smtp._tls record gone.", reporters, pairs[0].Domain)
	for i := range pairs {
		if pairs[i].Overdue > 0 {
			pairs[i].note(stop)
		}
	}
}

// NeverHeard returns a row for each reporter known to report widely that has
// never reported on a domain although at least three others do. Histories
// should tell of reports of any age.
func NeverHeard(histories []History) []Cadence {
	heard := map[string]map[string]bool{}
	recent := map[string]map[string]bool{}
	for i := range histories {
		h := &histories[i]
		key := parseOrgName(h.Reporter).id()
		if heard[h.Domain] == nil {
			heard[h.Domain], recent[h.Domain] = map[string]bool{}, map[string]bool{}
		}
		heard[h.Domain][key] = true
		if len(h.Days) > 0 {
			recent[h.Domain][key] = true
		}
	}
	var all []Cadence
	for domain, others := range recent {
		if len(others) < othersHeard {
			continue
		}
		for _, wide := range widelyReporting() {
			if !heard[domain][parseOrgName(wide.Name).id()] {
				all = append(all, Cadence{
					Domain: domain, Domains: []string{domain}, Reporter: wide.Name,
					Kind: UnknownCadence, Every: 1, State: ReporterQuiet, Note: neverHeardNote(wide),
				})
			}
		}
	}
	slices.SortFunc(all, func(a, b Cadence) int {
		return strings.Compare(a.Domain+"\x00"+a.Reporter, b.Domain+"\x00"+b.Reporter)
	})
	return all
}

// widelyReporting are reporters that nearly every domain gets mail from.
func widelyReporting() []tlsrpt.Reporter {
	var wide []tlsrpt.Reporter
	for _, name := range []string{"Google", "Microsoft"} {
		if r, ok := tlsrpt.KnownReporter(name); ok {
			wide = append(wide, r)
		}
	}
	return wide
}

func neverHeardNote(r tlsrpt.Reporter) string {
	if r.RUALimit == 1 {
		return fmt.Sprintf("Possibly: %s sends to the first rua address only, and has never reported although others do.", r.Name)
	}
	return fmt.Sprintf("%s has never reported although others do. Possibly: it sends this domain no mail, or its reports do not reach us.", r.Name)
}

// DomainList names domains in a sentence: the first five, and how many more.
func DomainList(domains []string) string {
	if len(domains) <= namesShown {
		return strings.Join(domains, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(domains[:namesShown], ", "), len(domains)-namesShown)
}
