package sqlite

// facts is all of a report that sums are made of, in numbers of the dictionary.
// They are made from a decoded report when it is stored (describe.go), and read
// from its rows when its contribution changes (recall.go), to the same effect.
type facts struct {
	report   int64
	day      int64
	stored   int64 // seconds
	late     int64 // hours
	reporter int64
	trust    int64
	source   int64
	parser   int64
	policies []policyFacts
	failures []failureFacts
}

// policyFacts is a row of the table policy.
type policyFacts struct {
	domain, idx, kind int64
	sessionSums
	strings, mx int64
}

// failureFacts is a row of the table failure.
type failureFacts struct {
	domain, policy, idx, kind         int64
	result, reason, mx                int64
	receivingIP, sendingIP, network   int64
	failed, overlap                   int64
	helo, reasonCode, moreInformation int64
}

// sessionSums are the measures of policies and of their rollups. reports counts
// pairs of report and domain; pairs counts them once for each kind. protected is
// the part of successful and failed that the kind tells of.
type sessionSums struct {
	reports, pairs              int64
	successful, failed          int64
	protected                   int64
	overlapTotal, overlapFailed int64
}

func (s *sessionSums) add(o sessionSums, sign int64) {
	s.reports += sign * o.reports
	s.pairs += sign * o.pairs
	s.successful += sign * o.successful
	s.failed += sign * o.failed
	s.protected += sign * o.protected
	s.overlapTotal += sign * o.overlapTotal
	s.overlapFailed += sign * o.overlapFailed
}

// appendTo appends the measures as a rollup has them. In the second of them
// rollups differ.
func (s *sessionSums) appendTo(numbers []int64, r *rollup) []int64 {
	second := s.protected
	if r.kinds() {
		second = s.pairs
	}
	return append(numbers, s.reports, second, s.successful, s.failed, s.overlapTotal, s.overlapFailed)
}

// take adds the measures of a rollup's row.
func (s *sessionSums) take(kind int64, m []int64) {
	s.reports += m[0]
	s.successful += m[2]
	s.failed += m[3]
	s.overlapTotal += m[4]
	s.overlapFailed += m[5]
	if kind == noKind {
		s.protected += m[1]
		return
	}
	s.pairs += m[1]
	s.protected += protectedOf(kind, m[2], m[3])
}

// takeKind adds the sums of a kind to those of its group, of whose shape so many
// pairs are counted.
func (s *sessionSums) takeKind(pairs *int64, of *sessionSums) {
	s.successful += of.successful
	s.failed += of.failed
	s.protected += of.protected
	if n := of.pairs; n > *pairs {
		s.reports += n - *pairs
		*pairs = n
	}
}

// protectedOf returns how many of a kind's sessions were protected.
func protectedOf(kind, successful, failed int64) int64 {
	return (successful + failed) * (kind & 1)
}

// shrinks tells whether a row may become empty by these sums.
func (s *sessionSums) shrinks() bool { return s.reports < 0 || s.pairs < 0 }

// failureSums are the measures of failure details and of their rollups.
type failureSums struct{ details, failed, overlap int64 }

func (s *failureSums) add(o failureSums, sign int64) {
	s.details += sign * o.details
	s.failed += sign * o.failed
	s.overlap += sign * o.overlap
}

func (s *failureSums) shrinks() bool { return s.details < 0 }

func (s *failureSums) appendTo(numbers []int64, _ *rollup) []int64 {
	return append(numbers, s.details, s.failed, s.overlap)
}

func (s *failureSums) take(_ int64, m []int64) {
	s.details += m[0]
	s.failed += m[1]
	s.overlap += m[2]
}

// takeKind leaves the overlap out, which is no kind's.
func (s *failureSums) takeKind(_ *int64, of *failureSums) {
	s.details += of.details
	s.failed += of.failed
}

// noKind stands for the kind where a rollup does not tell kinds apart.
const noKind = -1

// measured is what rollups sum up: of policies or of failure details.
type measured[S any] interface {
	*S
	add(o S, sign int64)
	shrinks() bool
	appendTo(numbers []int64, r *rollup) []int64
	take(kind int64, measures []int64)
	takeKind(pairs *int64, of *S)
}

// cell is the key of a row of any rollup; what the rollup does not tell apart is 0.
type cell struct {
	time, domain, reporter      int64
	result, reason, mx, network int64
	kind, trust, source, late   int64
}

// sums collects what a transaction changes in the rollups, so that each row
// of them is written once.
type sums struct {
	sessions  map[*rollup]map[cell]*sessionSums
	failures  map[*rollup]map[cell]*failureSums
	heard     map[hearing]*heardChange
	sightings map[sighting]*sightingChange
	packed    map[*rollup]map[int64][]int64 // rows as they were, by their ids
	parsed    map[int64]int64               // change of the number of stored reports by parser
	reports   int64                         // change of the number of stored reports
	firstHour int64                         // hours before it are no longer summed
}

func newSums(firstHour int64) *sums {
	return &sums{
		sessions:  map[*rollup]map[cell]*sessionSums{},
		failures:  map[*rollup]map[cell]*failureSums{},
		heard:     map[hearing]*heardChange{},
		sightings: map[sighting]*sightingChange{},
		packed:    map[*rollup]map[int64][]int64{},
		parsed:    map[int64]int64{},
		firstHour: firstHour,
	}
}

// contribute adds (sign 1) what one counted report gives to every rollup, or
// takes it back (sign -1). It is the only way that rollups change but for
// hours that end.
func (s *sums) contribute(f *facts, sign int64) {
	s.sight(f, sign)
	for i := range f.policies {
		p := &f.policies[i]
		whole := cell{domain: p.domain, reporter: f.reporter, kind: p.kind, trust: f.trust, source: f.source, late: f.late}
		added := p.sessionSums
		added.protected = protectedOf(p.kind, p.successful, p.failed)
		contributeTo(s, s.sessions, sessionRollups, whole, f, added, sign)
		if p.reports != 0 {
			s.hear(f, p.domain, sign)
		}
	}
	for i := range f.failures {
		d := &f.failures[i]
		whole := cell{
			domain: d.domain, reporter: f.reporter, result: d.result, reason: d.reason, mx: d.mx, network: d.network,
			kind: d.kind, trust: f.trust, source: f.source, late: f.late,
		}
		contributeTo(s, s.failures, failureRollups, whole, f, failureSums{1, d.failed, d.overlap}, sign)
	}
}

// count counts stored reports, superseded ones too.
func (s *sums) count(parser, n int64) {
	s.reports += n
	s.parsed[parser] += n
}

// contributeTo adds sums of a report to those rollups that hold it.
func contributeTo[S any, P measured[S]](s *sums, collected map[*rollup]map[cell]*S, rollups []*rollup, whole cell, f *facts, added S, sign int64) {
	hour := f.stored / 3600
	for _, r := range rollups {
		if r.bucket == hourly && hour < s.firstHour || !r.lateness.holds(f.late) {
			continue
		}
		whole.time = r.bucket.of(f.day, hour)
		P(entry(collected, r, r.project(whole))).add(added, sign)
	}
}

func entry[V any](rollups map[*rollup]map[cell]*V, r *rollup, key cell) *V {
	cells := rollups[r]
	if cells == nil {
		cells = map[cell]*V{}
		rollups[r] = cells
	}
	v := cells[key]
	if v == nil {
		v = new(V)
		cells[key] = v
	}
	return v
}
