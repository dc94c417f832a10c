package analytics

import (
	"cmp"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// The values from which protection counts as lost: a fifth of the sessions of
// a domain that had four fifths of them protected for two weeks, and so many
// that a single sender's DNS trouble does not make them.
const (
	LostShare       = 0.2
	LostSessions    = 20
	ProtectedBefore = 0.8
	protectedDays   = 14
)

// A ModeDrop is a domain's MTA-STS policy leaving enforce.
type ModeDrop struct {
	Domain string
	// Day is the first day on which a sender saw the new mode.
	Day tlsrpt.Day
	// To is the mode now: testing, none, or no-policy-found.
	To string
	// Reporters say so; Holding still have enforce, as a cache may until max_age.
	Reporters, Holding []string
}

// ModeDrops tells which domains had enforce, and have another mode now or no
// policy, as the states of [PolicyRows] say: by those who held enforce
// themselves and left it. Rows are ordered by domain.
func ModeDrops(seen []store.PolicySeen) []ModeDrop {
	var drops []ModeDrop
	for all := range eachDomain(seen) {
		var of []store.PolicySeen
		for i := range all {
			if all[i].Type == tlsrpt.PolicySTS || all[i].Type == tlsrpt.PolicyNotFound {
				of = append(of, all[i])
			}
		}
		if sameMode(of) {
			continue
		}
		if drop, ok := dropOf(modesOf(mergePolicies(of))); ok {
			drop.Domain = all[0].Domain
			drops = append(drops, drop)
		}
	}
	return drops
}

// sameMode says whether all plainly tell of one mode, as of most domains: their
// words are the same.
func sameMode(seen []store.PolicySeen) bool {
	return !slices.ContainsFunc(seen, func(s store.PolicySeen) bool {
		return s.Type != seen[0].Type || s.Mode != seen[0].Mode || !slices.Equal(s.Strings, seen[0].Strings)
	})
}

func dropOf(modes []PolicyRow) (ModeDrop, bool) {
	drop := ModeDrop{To: currentMode(modes)}
	if drop.To == "" || drop.To == modeEnforce || modes[0].Mode != modeEnforce {
		return drop, false
	}
	enforce := &modes[0]
	for i := range modes[1:] {
		m := &modes[i+1]
		for _, reporter := range changedOver(enforce, m) {
			if day := m.since(reporter, enforce); drop.Day == 0 || day < drop.Day {
				drop.Day = day
			}
		}
		drop.Reporters = append(drop.Reporters, m.HeldBy...)
	}
	slices.Sort(drop.Reporters)
	for _, reporter := range enforce.HeldBy {
		if enforce.seen[reporter].last >= drop.Day {
			drop.Holding = append(drop.Holding, reporter)
		}
	}
	return drop, drop.Day > 0
}

// A ProtectionLoss is a domain whose sessions went without a policy that had one.
type ProtectionLoss struct {
	Domain string
	// Without of Total sessions since then found no policy.
	Without, Total int64
	// Before is the share of sessions under sts or tlsa in the two weeks before.
	Before float64
	// Lost is set where that is so much that mail is no longer protected.
	Lost bool
}

// Share is the part of the sessions without a policy, 0 to 1.
func (p ProtectionLoss) Share() float64 { return ratio(p.Without, p.Total) }

// ProtectionLosses compares what was heard since then with the two weeks before,
// for every domain heard since, ordered by name. Rows are grouped by policy
// domain, type and mode, per day or hour, and reach back far enough for a
// domain to have a report that is two weeks older. Counts are as reported.
func ProtectionLosses(rows []store.SessionRow, since time.Time) []ProtectionLoss {
	type tally struct {
		ProtectionLoss
		protected, before int64
		first             time.Time
	}
	byDomain := map[string]*tally{}
	baseline := since.AddDate(0, 0, -protectedDays)
	for _, r := range rows {
		t := byDomain[r.Group[0]]
		if t == nil {
			t = &tally{ProtectionLoss: ProtectionLoss{Domain: r.Group[0]}, first: r.Bucket}
			byDomain[r.Group[0]] = t
		}
		if r.Bucket.Before(t.first) {
			t.first = r.Bucket
		}
		sessions := r.Successful + r.Failed
		switch {
		case !r.Bucket.Before(since):
			t.Total += sessions
			if r.Group[1] == tlsrpt.PolicyNotFound {
				t.Without += sessions
			}
		case !r.Bucket.Before(baseline):
			t.before += sessions
			if r.Group[1] == tlsrpt.PolicySTS || r.Group[1] == tlsrpt.PolicyTLSA {
				t.protected += sessions
			}
		}
	}
	var all []ProtectionLoss
	for _, t := range byDomain {
		if t.Total == 0 {
			continue
		}
		t.Before = ratio(t.protected, t.before)
		t.Lost = !t.first.After(baseline) && t.Before >= ProtectedBefore && t.Total >= LostSessions && t.Share() >= LostShare
		all = append(all, t.ProtectionLoss)
	}
	slices.SortFunc(all, func(a, b ProtectionLoss) int { return cmp.Compare(a.Domain, b.Domain) })
	return all
}
