package analytics

import (
	"cmp"
	"slices"
	"strings"
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

// dropWaitDays is how long one reporter alone is not believed that a domain
// left enforce while others are expected to speak.
const dropWaitDays = 2

const modeEnforce = "enforce"

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

// ModeDrops tells which domains had enforce before and by most of the
// reporters heard since have another mode now, or no policy. One reporter with
// an old cache makes no drop, and ends none. Rows are ordered by domain.
func ModeDrops(seen []store.PolicySeen) []ModeDrop {
	byDomain := map[string]map[string][]store.PolicySeen{}
	for _, s := range seen {
		if s.Type != tlsrpt.PolicySTS && s.Type != tlsrpt.PolicyNotFound {
			continue
		}
		if byDomain[s.Domain] == nil {
			byDomain[s.Domain] = map[string][]store.PolicySeen{}
		}
		byDomain[s.Domain][s.Reporter] = append(byDomain[s.Domain][s.Reporter], s)
	}
	var drops []ModeDrop
	for domain, reporters := range byDomain {
		if drop, ok := dropOf(reporters); ok {
			drop.Domain = domain
			drops = append(drops, drop)
		}
	}
	slices.SortFunc(drops, func(a, b ModeDrop) int { return cmp.Compare(a.Domain, b.Domain) })
	return drops
}

// A voice is what one reporter last said of a domain's mode.
type voice struct {
	reporter string
	mode     string
	// since is the first day of that mode after enforce, last the last report.
	since, last tlsrpt.Day
	hadEnforce  bool
}

func dropOf(reporters map[string][]store.PolicySeen) (ModeDrop, bool) {
	var voices []voice
	var newest, begin tlsrpt.Day
	for reporter, seen := range reporters {
		if v, ok := voiceOf(reporter, seen); ok {
			voices = append(voices, v)
			newest = max(newest, v.last)
			if v.hadEnforce && v.mode != modeEnforce && (begin == 0 || v.since < begin) {
				begin = v.since
			}
		}
	}
	if begin == 0 {
		return ModeDrop{}, false
	}
	slices.SortFunc(voices, func(a, b voice) int { return strings.Compare(a.reporter, b.reporter) })
	drop := ModeDrop{Day: begin}
	awaited, left := 0, 0
	to := map[string]int{}
	for _, v := range voices {
		switch {
		case v.last < begin && newest-v.last <= renameDays:
			awaited++
		case v.last < begin:
		case v.mode == modeEnforce:
			drop.Holding = append(drop.Holding, v.reporter)
		default:
			drop.Reporters = append(drop.Reporters, v.reporter)
			to[v.mode]++
			if v.hadEnforce {
				left++
			}
			if to[v.mode] > to[drop.To] || drop.To == "" {
				drop.To = v.mode
			}
		}
	}
	alone := len(drop.Reporters) == 1 && awaited > 0 && newest-begin < dropWaitDays
	return drop, left > 0 && !alone && len(drop.Reporters) > len(drop.Holding)
}

// voiceOf tells what one reporter last said; ok is false for one that never
// told of a mode: it may not know MTA-STS.
func voiceOf(reporter string, seen []store.PolicySeen) (v voice, ok bool) {
	v = voice{reporter: reporter}
	enforced := tlsrpt.Day(0)
	for i := range seen {
		mode := viewOf(&seen[i]).mode
		ok = ok || mode != ""
		v.last = max(v.last, seen[i].Last)
		if mode == modeEnforce {
			v.hadEnforce = true
			enforced = max(enforced, seen[i].Last)
		}
	}
	for i := range seen {
		mode := viewOf(&seen[i]).mode
		if seen[i].Type == tlsrpt.PolicyNotFound {
			mode = tlsrpt.PolicyNotFound
		}
		if seen[i].Last < v.last || mode == "" {
			continue
		}
		if v.mode == "" || modeRank(mode) < modeRank(v.mode) {
			v.mode, v.since = mode, max(seen[i].First, enforced+1)
		}
	}
	return v, ok && v.mode != ""
}

// modeRank orders modes, the strictest first: who names several in one report
// still holds the strictest.
func modeRank(mode string) int {
	return slices.Index([]string{modeEnforce, "testing", "none", tlsrpt.PolicyNotFound}, mode)
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
