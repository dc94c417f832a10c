package analytics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A PolicyLoss is an MTA-STS policy no longer being found, or found again.
type PolicyLoss struct {
	Domain string
	// Day is the first day on which a sender found none, or enough found it again.
	Day   tlsrpt.Day
	Again bool
	// Reporters are those who saw it, ordered.
	Reporters []string
}

// PolicyLossSessions are what the rows for [PolicyLosses] are grouped by.
func PolicyLossSessions() []store.Dimension {
	return []store.Dimension{store.PolicyDomain, store.PolicyType, store.Reporter}
}

// PolicyLosses tells from rows per day when most reporters that had found a
// domain's MTA-STS policy found none, and when no longer, ordered by domain
// and day. A reporter that has sessions under the policy on a day finds it,
// whatever a few others of its sessions found.
func PolicyLosses(rows []store.SessionRow) []PolicyLoss {
	byDomain := map[string]map[tlsrpt.Day]map[string]bool{}
	for _, row := range rows {
		if row.Group[1] != tlsrpt.PolicySTS && row.Group[1] != tlsrpt.PolicyNotFound {
			continue
		}
		days := byDomain[row.Group[0]]
		if days == nil {
			days = map[tlsrpt.Day]map[string]bool{}
			byDomain[row.Group[0]] = days
		}
		day, reporter := tlsrpt.DayOf(row.Bucket), row.Group[2]
		if days[day] == nil {
			days[day] = map[string]bool{}
		}
		days[day][reporter] = days[day][reporter] || row.Group[1] == tlsrpt.PolicySTS
	}
	var all []PolicyLoss
	for domain, days := range byDomain {
		all = append(all, lossesOf(domain, days)...)
	}
	slices.SortFunc(all, func(a, b PolicyLoss) int { return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Day, b.Day)) })
	return all
}

// A foundState is what a reporter last said of whether there is a policy.
type foundState struct {
	found bool
	// since is the day on which it changed, 0 where it never did; last is the
	// last report.
	since, last tlsrpt.Day
}

// lossesOf walks through the days of one domain, each with who found the policy.
func lossesOf(domain string, days map[tlsrpt.Day]map[string]bool) []PolicyLoss {
	var all []PolicyLoss
	states := map[string]foundState{}
	lost := false
	for _, day := range slices.Sorted(maps.Keys(days)) {
		for reporter, found := range days[day] {
			before, known := states[reporter]
			if !known && !found {
				continue
			}
			if known && before.found != found {
				before.since = day
			}
			states[reporter] = foundState{found, before.since, day}
		}
		without, with := saying(states, false, day), saying(states, true, day)
		most := len(without) > len(with)
		if most == lost || !most && len(with) == 0 {
			continue
		}
		lost = most
		loss := PolicyLoss{Domain: domain, Day: day, Again: !lost, Reporters: with}
		if lost {
			loss.Reporters = without
			for _, reporter := range without {
				loss.Day = min(loss.Day, states[reporter].since)
			}
		}
		all = append(all, loss)
	}
	return all
}

// saying are the reporters that last said so, of those heard in [heldDays].
func saying(states map[string]foundState, found bool, day tlsrpt.Day) []string {
	var who []string
	for reporter, s := range states {
		if s.found == found && day-s.last <= heldDays {
			who = append(who, reporter)
		}
	}
	slices.Sort(who)
	return who
}
