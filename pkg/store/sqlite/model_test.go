package sqlite

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// model is a store that keeps what came in a slice and works everything out
// anew for each question. It is slow and obvious, and shares nothing with the
// store but the types and the overlap.
type model struct {
	reports []*modelReport
	held    []*modelHeld // in quarantine, in the order they came there
	items   map[string]bool
	signed  []modelSigned
}

type modelReport struct {
	report     *tlsrpt.Report
	raw        string
	stored     time.Time
	storedBy   string // the item
	deliveries []modelDelivery
}

type modelHeld struct {
	raw        string
	since      time.Time
	own        string // the item that it belongs to
	deliveries []modelDelivery
}

type modelDelivery struct {
	source, ref string
	received    time.Time
	judgement   store.Judgement
}

func (d modelDelivery) item() string { return d.source + "\x00" + d.ref }

// modelSigned is an authenticated delivery that there ever was.
type modelSigned struct {
	reporter, signer string
	received         time.Time
}

func newModel() *model { return &model{items: map[string]bool{}} }

func (m *model) commit(now time.Time, d store.Delivery) (outcomes []store.Outcome) {
	if m.items[d.Source+"\x00"+d.Ref] {
		return nil
	}
	m.items[d.Source+"\x00"+d.Ref] = true
	for _, doc := range d.Documents {
		delivery := modelDelivery{d.Source, d.Ref, d.Received, doc.Judgement}
		if doc.Report == nil {
			m.held = append(m.held, &modelHeld{string(doc.Raw), now, delivery.item(), []modelDelivery{delivery}})
			outcomes = append(outcomes, store.Quarantined)
			continue
		}
		outcomes = append(outcomes, m.take(now, doc.Report, string(doc.Raw), delivery.item(), []modelDelivery{delivery}))
	}
	if len(d.Documents) == 0 {
		return []store.Outcome{store.Ignored}
	}
	return outcomes
}

func (m *model) take(now time.Time, report *tlsrpt.Report, raw, item string, deliveries []modelDelivery) store.Outcome {
	for _, r := range m.reports {
		if r.raw == raw {
			m.deliver(r, deliveries)
			return store.Duplicate
		}
	}
	r := &modelReport{report: report, raw: raw, stored: now, storedBy: item}
	m.deliver(r, deliveries)
	m.reports = append(m.reports, r)
	return store.Stored
}

// deliver adds deliveries; an item has one, with its best judgement.
func (m *model) deliver(r *modelReport, deliveries []modelDelivery) {
	for _, d := range deliveries {
		i := slices.IndexFunc(r.deliveries, func(o modelDelivery) bool { return o.item() == d.item() })
		if i < 0 {
			r.deliveries = append(r.deliveries, d)
		} else if modelTrust(d.judgement.Trust) < modelTrust(r.deliveries[i].judgement.Trust) {
			r.deliveries[i] = d
		}
		m.sign(r.report.Reporter, d)
	}
}

func (m *model) sign(reporter string, d modelDelivery) {
	if d.judgement.Trust == store.Authenticated && d.judgement.SignedBy != "" {
		m.signed = append(m.signed, modelSigned{reporter, d.judgement.SignedBy, d.received})
	}
}

func (m *model) retain(first tlsrpt.Day) {
	m.reports = slices.DeleteFunc(m.reports, func(r *modelReport) bool { return r.report.Day() < first })
	m.held = slices.DeleteFunc(m.held, func(h *modelHeld) bool { return h.since.Before(first.Time()) })
}

// keeps tells whether a value passes the filters on a dimension.
func keeps(s store.Selection, d store.Dimension, value string) bool {
	for _, f := range s.Filters {
		if f.Dimension != d || len(f.Values) == 0 {
			continue
		}
		found := slices.ContainsFunc(f.Values, func(v string) bool {
			if f.Operator == store.Equal || f.Operator == store.NotEqual {
				return v == value
			}
			return regexp.MustCompile(v).MatchString(value)
		})
		if found == (f.Operator == store.NotEqual || f.Operator == store.NotMatch) {
			return false
		}
	}
	return true
}

func filtersOn(q store.SumQuery, dimensions ...store.Dimension) bool {
	return slices.ContainsFunc(dimensions, func(d store.Dimension) bool {
		return slices.Contains(q.GroupBy, d) || slices.ContainsFunc(q.Filters, func(f store.Filter) bool { return f.Dimension == d && len(f.Values) > 0 })
	})
}

func overlaps(start time.Time, length time.Duration, s store.Selection) bool {
	return (s.To.IsZero() || start.Before(s.To)) && (s.From.IsZero() || start.Add(length).After(s.From))
}

// inTime tells the bucket of a report, and whether it is selected.
func (r *modelReport) inTime(s store.Selection) (time.Time, bool) {
	if s.MaxLateness > 0 && time.Duration(r.late())*time.Hour > s.MaxLateness {
		return time.Time{}, false
	}
	if s.TimeField == store.StoredTime {
		hour := r.stored.Truncate(time.Hour)
		return hour, overlaps(hour, time.Hour, s)
	}
	day := r.report.Day().Time()
	return day, overlaps(day, 24*time.Hour, s)
}

func (r *modelReport) selected(s store.Selection) bool {
	trust := r.best().Trust
	return keeps(s, store.Reporter, r.report.Reporter) && keeps(s, store.TrustDimension, string(trust)) &&
		keeps(s, store.Source, r.earliest().source) && (!s.AuthenticatedOnly || trust == store.Authenticated)
}

func detailKept(s store.Selection, d tlsrpt.FailureDetail) bool {
	for _, dimension := range detailDimensions {
		if !keeps(s, dimension, detailValue(d, dimension)) {
			return false
		}
	}
	return true
}

var detailDimensions = []store.Dimension{
	store.ResultType, store.ReasonCode, store.ReceivingMX, store.ReceivingIP, store.SendingMTAIP, store.SendingNetwork,
}

func detailValue(d tlsrpt.FailureDetail, dimension store.Dimension) string {
	return map[store.Dimension]string{
		store.ResultType: d.ResultType, store.ReasonCode: d.Reason, store.ReceivingMX: d.ReceivingMXHostname,
		store.ReceivingIP: d.ReceivingIP, store.SendingMTAIP: d.SendingMTAIP, store.SendingNetwork: tlsrpt.Network(d.SendingMTAIP),
	}[dimension]
}

func (r *modelReport) group(q store.SumQuery, p tlsrpt.Policy, d tlsrpt.FailureDetail) []string {
	group := make([]string, len(q.GroupBy))
	for i, dimension := range q.GroupBy {
		group[i] = map[store.Dimension]string{
			store.PolicyDomain: p.Domain, store.PolicyType: p.Type, store.PolicyMode: p.Mode, store.Reporter: r.report.Reporter,
			store.TrustDimension: string(r.best().Trust), store.Source: r.earliest().source,
		}[dimension] + detailValue(d, dimension)
	}
	return group
}

func policyKept(s store.Selection, p tlsrpt.Policy) bool {
	return keeps(s, store.PolicyDomain, p.Domain) && keeps(s, store.PolicyType, p.Type) && keeps(s, store.PolicyMode, p.Mode)
}

func hasDetail(r *modelReport, s store.Selection, domain string) bool {
	filtered := slices.ContainsFunc(s.Filters, func(f store.Filter) bool { return f.Dimension.Detail() && len(f.Values) > 0 })
	if !filtered {
		return true
	}
	for _, p := range r.report.Policies {
		if p.Domain == domain && slices.ContainsFunc(p.Details, func(d tlsrpt.FailureDetail) bool { return detailKept(s, d) }) {
			return true
		}
	}
	return false
}

func (m *model) sessions(q store.SumQuery) []store.SessionRow {
	type key struct {
		bucket time.Time
		group  string
	}
	rows := map[key]*store.SessionRow{}
	pairs := map[key]map[string]bool{}
	byKind := filtersOn(q, store.PolicyType, store.PolicyMode)
	for i, r := range m.sorted() {
		bucket, ok := r.inTime(q.Selection)
		if !ok || !r.selected(q.Selection) {
			continue
		}
		if !q.PerBucket {
			bucket = time.Time{}
		}
		overlap := r.report.Overlaps()
		for _, p := range r.report.Policies {
			if !policyKept(q.Selection, p) || !hasDetail(r, q.Selection, p.Domain) {
				continue
			}
			group := r.group(q, p, tlsrpt.FailureDetail{})
			k := key{bucket, strings.Join(group, "\x00")}
			if rows[k] == nil {
				rows[k] = &store.SessionRow{Bucket: bucket, Group: group}
				pairs[k] = map[string]bool{}
			}
			row := rows[k]
			row.Successful += p.Successful
			row.Failed += p.Failed
			if p.Type == "sts" || p.Type == "tlsa" {
				row.Protected += p.Successful + p.Failed
			}
			pair := string(rune(i)) + p.Domain
			if !pairs[k][pair] {
				pairs[k][pair] = true
				row.Reports++
				if !byKind {
					row.OverlapTotal += overlap[p.Domain].Total
					row.OverlapFailed += overlap[p.Domain].Failed
				}
			}
		}
	}
	var list []store.SessionRow
	for _, r := range rows {
		list = append(list, *r)
	}
	return modelNarrow(list, q, func(r store.SessionRow) (time.Time, []string) { return r.Bucket, r.Group })
}

// sorted returns the counted reports, in the order they came.
func (m *model) sorted() []*modelReport {
	counted := m.counted()
	return slices.DeleteFunc(slices.Clone(m.reports), func(r *modelReport) bool { return !counted[r] })
}

func modelNarrow[R any](rows []R, q store.SumQuery, of func(R) (time.Time, []string)) []R {
	rows = slices.DeleteFunc(rows, func(r R) bool {
		_, group := of(r)
		return q.Among != nil && !slices.ContainsFunc(q.Among, func(g []string) bool { return slices.Equal(g, group) })
	})
	slices.SortFunc(rows, func(a, b R) int {
		at, ag := of(a)
		bt, bg := of(b)
		return cmp.Or(at.Compare(bt), slices.Compare(ag, bg))
	})
	return rows
}

func (m *model) failureSums(q store.SumQuery) []store.FailureSum {
	rows := map[string]*store.FailureSum{}
	byKind := filtersOn(q, store.PolicyType, store.PolicyMode)
	for _, r := range m.sorted() {
		bucket, ok := r.inTime(q.Selection)
		if !ok || !r.selected(q.Selection) {
			continue
		}
		if !q.PerBucket {
			bucket = time.Time{}
		}
		type said struct {
			domain string
			key    tlsrpt.DetailKey
		}
		taken := map[said]bool{}
		overlap := r.report.Overlaps()
		for _, p := range r.report.Policies {
			for _, d := range p.Details {
				if !policyKept(q.Selection, p) || !detailKept(q.Selection, d) {
					continue
				}
				group := r.group(q, p, d)
				k := bucket.String() + strings.Join(group, "\x00")
				if rows[k] == nil {
					rows[k] = &store.FailureSum{Bucket: bucket, Group: group}
				}
				rows[k].Failed += d.FailedSessions
				if once := (said{p.Domain, d.Key()}); !byKind && !taken[once] {
					taken[once] = true
					rows[k].Overlap += overlap[p.Domain].Details[d.Key()]
				}
			}
		}
	}
	var list []store.FailureSum
	for _, r := range rows {
		list = append(list, *r)
	}
	return modelNarrow(list, q, func(r store.FailureSum) (time.Time, []string) { return r.Bucket, r.Group })
}

// reporters answers Reporters; with everything it answers LastReports.
func (m *model) reporters(s store.Selection, lastReports bool, since tlsrpt.Day) []store.ReporterRow {
	type key struct{ domain, reporter string }
	rows := map[key]*store.ReporterRow{}
	ever := map[key]*store.ReporterRow{}
	days := map[key]map[tlsrpt.Day]bool{}
	for _, r := range m.sorted() {
		trust := r.best().Trust
		ofTrust := keeps(s, store.TrustDimension, string(trust)) && (!s.AuthenticatedOnly || trust == store.Authenticated)
		for _, domain := range r.domains() {
			k := key{domain, r.report.Reporter}
			kept := r.selected(s) && hasDetail(r, s, domain) && slices.ContainsFunc(r.report.Policies, func(p tlsrpt.Policy) bool {
				return p.Domain == domain && policyKept(s, p)
			})
			if lastReports && !kept || !ofTrust {
				continue
			}
			e := ever[k]
			if e == nil {
				e = &store.ReporterRow{FirstReport: r.report.Day(), LastReport: r.report.Day(), LastStored: r.stored}
				ever[k] = e
			}
			e.FirstReport, e.LastReport = min(e.FirstReport, r.report.Day()), max(e.LastReport, r.report.Day())
			if r.stored.After(e.LastStored) {
				e.LastStored = r.stored
			}
			if _, ok := r.inTime(s); !ok || !kept {
				continue
			}
			if rows[k] == nil {
				rows[k] = &store.ReporterRow{PolicyDomain: domain, Reporter: r.report.Reporter}
				days[k] = map[tlsrpt.Day]bool{}
			}
			rows[k].Reports++
			days[k][r.report.Day()] = true
		}
	}
	list := []store.ReporterRow{}
	for k, r := range rows {
		r.FirstReport, r.LastReport, r.LastStored, r.Days = ever[k].FirstReport, ever[k].LastReport, ever[k].LastStored, int64(len(days[k]))
		if !lastReports || r.LastReport >= since {
			list = append(list, *r)
		}
	}
	slices.SortFunc(list, func(a, b store.ReporterRow) int {
		return cmp.Or(strings.Compare(a.PolicyDomain, b.PolicyDomain), strings.Compare(a.Reporter, b.Reporter))
	})
	return list
}
