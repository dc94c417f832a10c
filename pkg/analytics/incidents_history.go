package analytics

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A history is what the rows say of one domain that has failures. Reporters in
// it are told apart by their identity, so that a new name is not a new reporter.
type history struct {
	in     *IncidentInput
	domain string
	// names are those seen, voices the reporters behind them by identity.
	names  map[string]*spoken
	voices map[string]*voice
	// lastHeard is the last day of any report.
	lastHeard tlsrpt.Day
	modes     map[tlsrpt.Day]modeSet
	// mxHosts are the receiving hosts known of the domain, networks those that
	// each reporter is known to send from.
	mxHosts  map[string]bool
	networks map[string]map[string]bool
	troubles map[troubleKind]*trouble
}

// A modeSet is what policies demanded on a day.
type modeSet uint8

const (
	demandedNone modeSet = 1 << iota
	demandedTesting
	demandedEnforce
	demandedTLSA
)

// A voice is one reporter, under whatever names.
type voice struct {
	id string
	// days are those with sessions, in order; heard is the last of any report.
	days  []daySessions
	heard tlsrpt.Day
	names []*spoken
}

type daySessions struct {
	on       tlsrpt.Day
	sessions int64
}

// spoken is a name that a reporter used on the domain, last on a day.
type spoken struct {
	name  string
	voice *voice
	last  tlsrpt.Day
}

// from returns the days from one on.
func (v *voice) from(day tlsrpt.Day) []daySessions {
	i := sort.Search(len(v.days), func(i int) bool { return v.days[i].on >= day })
	return v.days[i:]
}

// A troubleKind tells troubles of a domain apart.
type troubleKind struct {
	resultType string
	// cut are validation failures whose reason says that the connection was cut
	// or timed out. That happens now and then for no lasting cause, and would
	// else blur when a real trouble under this catch-all type began and ended.
	cut bool
}

// A trouble is the failures of one kind, by day.
type trouble struct {
	days map[tlsrpt.Day][]failure
}

// A failure is a row of the store, with failed sessions as they count.
type failure struct {
	reporter, mx, network, reason string
	failed                        int64
}

// histories reads the rows of the domains that have a failed session.
func histories(in IncidentInput) []*history {
	byDomain := map[string]*history{}
	for _, row := range in.Failures {
		var sums Sums
		sums.AddFailure(row)
		if failed := sums.FailedSessions(in.Counting); failed > 0 {
			h := byDomain[row.Group[0]]
			if h == nil {
				h = newHistory(&in, row.Group[0])
				byDomain[row.Group[0]] = h
			}
			h.addFailure(row, failed)
		}
	}
	addSessions(byDomain, in.Sessions)
	addModes(byDomain, in.Modes)
	var all []*history
	for _, domain := range slices.Sorted(maps.Keys(byDomain)) {
		h := byDomain[domain]
		h.order()
		all = append(all, h)
	}
	return all
}

func newHistory(in *IncidentInput, domain string) *history {
	h := &history{
		in: in, domain: domain, names: map[string]*spoken{}, voices: map[string]*voice{},
		modes: map[tlsrpt.Day]modeSet{}, troubles: map[troubleKind]*trouble{},
		mxHosts: map[string]bool{}, networks: map[string]map[string]bool{},
	}
	for _, host := range in.MXHosts[domain] {
		if !strings.HasPrefix(host, "*.") {
			h.mxHosts[host] = true
		}
	}
	return h
}

// speaking returns a name that a reporter uses, heard on a day.
func (h *history) speaking(on tlsrpt.Day, name string) *spoken {
	s := h.names[name]
	if s == nil {
		id := h.identity(name)
		v := h.voices[id]
		if v == nil {
			v = &voice{id: id, heard: on}
			h.voices[id] = v
		}
		s = &spoken{name: name, voice: v, last: on}
		h.names[name] = s
		v.names = append(v.names, s)
	}
	return s
}

// hear notes that a reporter was heard on a day, by the name it used.
func (h *history) hear(on tlsrpt.Day, s *spoken) *voice {
	s.last, s.voice.heard, h.lastHeard = max(s.last, on), max(s.voice.heard, on), max(h.lastHeard, on)
	return s.voice
}

// identity folds the names of one organization to one: the short name of a
// known reporter, else the latest name it goes by, without case.
func (h *history) identity(name string) string {
	latest := name
	for range 8 { // A chain of names is short; one that runs in a circle is not followed for ever.
		next := ""
		if h.in.GoesOnAs != nil {
			next = h.in.GoesOnAs(h.domain, latest)
		}
		if next == "" {
			break
		}
		latest = next
	}
	if known, ok := tlsrpt.KnownReporter(latest); ok {
		return known.Name
	}
	return strings.ToLower(strings.Join(strings.Fields(latest), " "))
}

func (h *history) addFailure(row store.FailureSum, failed int64) {
	on := tlsrpt.DayOf(row.Bucket)
	reporter := h.hear(on, h.speaking(on, row.Group[2])).id
	f := failure{reporter: reporter, mx: row.Group[3], network: row.Group[4], failed: failed}
	if len(row.Group) > 5 {
		f.reason = row.Group[5]
	}
	kind := troubleKind{resultType: row.Group[1]}
	kind.cut = kind.resultType == "validation-failure" && Explain(kind.resultType, f.reason).Category == "Connection"
	t := h.troubles[kind]
	if t == nil {
		t = &trouble{days: map[tlsrpt.Day][]failure{}}
		h.troubles[kind] = t
	}
	t.days[on] = append(t.days[on], f)
	if f.mx != "" {
		h.mxHosts[f.mx] = true
	}
	if h.networks[reporter] == nil {
		h.networks[reporter] = map[string]bool{}
	}
	if f.network != "" {
		h.networks[reporter][f.network] = true
	}
}

// addSessions adds rows to the histories of their domains, if they have one.
func addSessions(byDomain map[string]*history, rows []store.SessionRow) {
	type speaker struct {
		history *history
		as      *spoken
	}
	speakers := groupMemo[speaker]{}
	for i := range rows {
		row := &rows[i]
		on := tlsrpt.DayOf(row.Bucket)
		by := speakers.of(row.Group, func() (by speaker) {
			if by.history = byDomain[row.Group[0]]; by.history != nil {
				by.as = by.history.speaking(on, row.Group[1])
			}
			return by
		})
		if by.history != nil {
			by.history.addSessions(on, by.as, row)
		}
	}
}

func (h *history) addSessions(on tlsrpt.Day, by *spoken, row *store.SessionRow) {
	v := h.hear(on, by)
	var sums Sums
	sums.Add(*row)
	if total := sums.Total(h.in.Counting); total > 0 { // A report of no session says nothing of TLS.
		v.days = append(v.days, daySessions{on, total})
	}
}

// addModes adds rows to the histories of their domains, if they have one.
func addModes(byDomain map[string]*history, rows []store.SessionRow) {
	type demand struct {
		history *history
		mode    modeSet
	}
	demands := groupMemo[demand]{}
	for i := range rows {
		row := &rows[i]
		d := demands.of(row.Group, func() demand { return demand{byDomain[row.Group[0]], demandOf(row.Group[1], row.Group[2])} })
		if d.history != nil && d.mode != 0 {
			d.history.modes[tlsrpt.DayOf(row.Bucket)] |= d.mode
		}
	}
}

// demandOf is what a policy demands; 0 where it demands nothing that is known.
func demandOf(policyType, mode string) modeSet {
	switch {
	case policyType == tlsrpt.PolicyTLSA:
		return demandedTLSA
	case policyType != tlsrpt.PolicySTS:
		return 0
	case mode == modeEnforce:
		return demandedEnforce
	case mode == modeTesting:
		return demandedTesting
	case mode == modeNone:
		return demandedNone
	}
	return 0
}

// order puts the days of reporters in order, each once.
func (h *history) order() {
	for _, v := range h.voices {
		slices.SortFunc(v.days, func(a, b daySessions) int { return cmp.Compare(a.on, b.on) })
		kept := v.days[:0]
		for _, d := range v.days {
			if n := len(kept); n > 0 && kept[n-1].on == d.on {
				kept[n-1].sessions += d.sessions
				continue
			}
			kept = append(kept, d)
		}
		v.days = kept
	}
}

// name is the latest name of a reporter, as it reported itself.
func (h *history) name(reporter string) string {
	latest := h.voices[reporter].names[0]
	for _, s := range h.voices[reporter].names {
		if s.last > latest.last || s.last == latest.last && s.name < latest.name {
			latest = s
		}
	}
	return latest.name
}

// expectedNext is when a reporter's next report is due, under any of its names.
func (h *history) expectedNext(reporter string) time.Time {
	var due time.Time
	if h.in.ExpectedNext == nil {
		return due
	}
	for _, s := range h.voices[reporter].names {
		if at := h.in.ExpectedNext(h.domain, s.name); at.After(due) {
			due = at
		}
	}
	return due
}

func (h *history) failuresOnly(reporter string) bool {
	return h.in.FailuresOnly != nil && h.in.FailuresOnly(h.domain, h.name(reporter))
}

// mode returns what the policy demanded as of a day. MTA-STS counts as it was
// last seen. TLSA counts when it was seen within a week, since few reporters
// look at it; failures to get an MTA-STS policy have nothing to do with it, and
// those of DANE do before MTA-STS.
func (h *history) mode(on tlsrpt.Day, resultType string, dane bool) string {
	tlsa := false
	for back := range tlsrpt.Day(7) {
		tlsa = tlsa || h.modes[on-back]&demandedTLSA != 0
	}
	tlsa = tlsa && !aboutPolicyFile(resultType)
	sts := ""
	for back := tlsrpt.Day(0); back < 60 && sts == ""; back++ {
		switch seen := h.modes[on-back]; {
		case seen&demandedEnforce != 0:
			sts = modeEnforce
		case seen&demandedTesting != 0:
			sts = modeTesting
		case seen&demandedNone != 0:
			sts = modeNone
		}
	}
	if tlsa && (sts != modeEnforce || dane) {
		return "tlsa"
	}
	return sts
}

// lastClean returns the last day before first with a session and without trouble.
func (h *history) lastClean(t *trouble, first tlsrpt.Day) time.Time {
	var last tlsrpt.Day
	for _, v := range h.voices {
		for _, d := range slices.Backward(v.days) {
			if d.on <= last {
				break
			}
			if d.on < first && t.days[d.on] == nil {
				last = d.on
			}
		}
	}
	if last == 0 {
		return time.Time{}
	}
	return last.Time()
}
