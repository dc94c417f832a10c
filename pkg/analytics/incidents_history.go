package analytics

import (
	"maps"
	"slices"
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
	// identities are of the names seen, see [history.reporter].
	identities map[string]string
	// sessions are by day and reporter, of those with a session.
	sessions map[tlsrpt.Day]map[string]int64
	// reported are the days with sessions of each reporter, in order; heard is
	// the last day of any report of it, and lastHeard that of any reporter.
	reported  map[string][]tlsrpt.Day
	heard     map[string]tlsrpt.Day
	lastHeard tlsrpt.Day
	// names are those a reporter used on the domain, by the last day of each.
	names map[string]map[string]tlsrpt.Day
	modes map[tlsrpt.Day]map[string]bool
	// mxHosts are the receiving hosts known of the domain, networks those that
	// each reporter is known to send from.
	mxHosts  map[string]bool
	networks map[string]map[string]bool
	troubles map[troubleKind]*trouble
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
	for _, row := range in.Sessions {
		if h := byDomain[row.Group[0]]; h != nil {
			h.addSessions(row)
		}
	}
	for _, row := range in.Modes {
		if h := byDomain[row.Group[0]]; h != nil {
			h.addMode(tlsrpt.DayOf(row.Bucket), row.Group[1], row.Group[2])
		}
	}
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
		in: in, domain: domain, identities: map[string]string{},
		sessions: map[tlsrpt.Day]map[string]int64{}, reported: map[string][]tlsrpt.Day{}, heard: map[string]tlsrpt.Day{},
		names: map[string]map[string]tlsrpt.Day{}, modes: map[tlsrpt.Day]map[string]bool{}, troubles: map[troubleKind]*trouble{},
		mxHosts: map[string]bool{}, networks: map[string]map[string]bool{},
	}
	for _, host := range in.MXHosts[domain] {
		if !strings.HasPrefix(host, "*.") {
			h.mxHosts[host] = true
		}
	}
	return h
}

// reporter folds the names of one organization to one identity: the short name
// of a known reporter, else the latest name it goes by, without case.
func (h *history) reporter(name string) string {
	id, ok := h.identities[name]
	if ok {
		return id
	}
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
	id = strings.ToLower(strings.Join(strings.Fields(latest), " "))
	if known, ok := tlsrpt.KnownReporter(latest); ok {
		id = known.Name
	}
	h.identities[name] = id
	return id
}

func (h *history) addFailure(row store.FailureSum, failed int64) {
	reporter := h.reporter(row.Group[2])
	on := tlsrpt.DayOf(row.Bucket)
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
	h.hear(on, reporter, row.Group[2])
}

func (h *history) addSessions(row store.SessionRow) {
	reporter := h.reporter(row.Group[1])
	on := tlsrpt.DayOf(row.Bucket)
	h.hear(on, reporter, row.Group[1])
	var sums Sums
	sums.Add(row)
	total := sums.Total(h.in.Counting)
	if total == 0 {
		return // A report of no session says nothing of TLS.
	}
	if h.sessions[on] == nil {
		h.sessions[on] = map[string]int64{}
	}
	if h.sessions[on][reporter] == 0 {
		h.reported[reporter] = append(h.reported[reporter], on)
	}
	h.sessions[on][reporter] += total
}

func (h *history) hear(on tlsrpt.Day, reporter, name string) {
	if last, ok := h.heard[reporter]; !ok || on > last {
		h.heard[reporter] = on
	}
	h.lastHeard = max(h.lastHeard, on)
	if h.names[reporter] == nil {
		h.names[reporter] = map[string]tlsrpt.Day{}
	}
	h.names[reporter][name] = max(h.names[reporter][name], on)
}

func (h *history) addMode(on tlsrpt.Day, policyType, mode string) {
	word := ""
	switch {
	case policyType == "tlsa":
		word = "tlsa"
	case policyType == "sts" && (mode == "enforce" || mode == "testing" || mode == "none"):
		word = mode
	default:
		return
	}
	if h.modes[on] == nil {
		h.modes[on] = map[string]bool{}
	}
	h.modes[on][word] = true
}

func (h *history) order() {
	for _, days := range h.reported {
		slices.Sort(days)
	}
}

// name is the latest name of a reporter, as it reported itself.
func (h *history) name(reporter string) string {
	latest := ""
	for name, on := range h.names[reporter] {
		before := h.names[reporter][latest]
		if latest == "" || on > before || on == before && name < latest {
			latest = name
		}
	}
	return latest
}

// expectedNext is when a reporter's next report is due, under any of its names.
func (h *history) expectedNext(reporter string) time.Time {
	var due time.Time
	if h.in.ExpectedNext == nil {
		return due
	}
	for name := range h.names[reporter] {
		if at := h.in.ExpectedNext(h.domain, name); at.After(due) {
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
		tlsa = tlsa || h.modes[on-back]["tlsa"]
	}
	tlsa = tlsa && !aboutPolicyFile(resultType)
	sts := ""
	for back := tlsrpt.Day(0); back < 60 && sts == ""; back++ {
		for _, mode := range []string{"none", "testing", "enforce"} {
			if h.modes[on-back][mode] {
				sts = mode
			}
		}
	}
	if tlsa && (sts != "enforce" || dane) {
		return "tlsa"
	}
	return sts
}

// lastClean returns the last day before first with a session and without trouble.
func (h *history) lastClean(t *trouble, first tlsrpt.Day) time.Time {
	var last time.Time
	for on := range h.sessions {
		if on < first && t.days[on] == nil && on.Time().After(last) {
			last = on.Time()
		}
	}
	return last
}
