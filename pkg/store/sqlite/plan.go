package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// everyDomain leads into tables that are clustered by domain first where no
// filter names domains: a seek for each is less than a walk through all days.
const everyDomain = "IN (SELECT id FROM dict INDEXED BY dict_class WHERE class = 1)"

// manyDomains is from how many domains on rows are read by day.
const manyDomains = 100

// A plan says where an answer is read from.
type plan struct {
	name    string // of the path, for tests and explanations
	rows    bool   // single reports are read
	bucket  bucket // what time counts in
	parts   []part // more than one is a union, of months and days or of hours and late ones
	column  func(string) string
	details []filtered // pairs must have a failure detail with these
}

// A part reads one table from one bucket to another.
type part struct {
	from        string // with joins, up to WHERE
	time        string // expression of the bucket
	leading     string // the column that an index starts with where it is not time
	first, last int64
	fixed       []string // conditions
	packed      *rollup  // instead of a table to read by SQL
	minus       bool     // its sums are taken away from those of the others
}

// An extent says which sums there are.
type extent struct {
	firstHour int64 // of stored time
	lastDay   int64 // with reports
}

func extentOf(ctx context.Context, c *conn) (e extent, err error) {
	query := "SELECT value, (SELECT MAX(id) FROM " + domainTotalDay.table + ") FROM meta WHERE name = 'first_hour'"
	_, err = c.first(ctx, query, nil, func(r row) {
		e.firstHour = r.int(0)
		if !r.null(1) {
			e.lastDay = r.int(1) >> chunkBits
		}
	})
	return e, err
}

func (p *plan) packed() bool { return p.parts[0].packed != nil }

// minus says whether anything is taken away.
func (p *plan) minus() bool {
	return slices.ContainsFunc(p.parts, func(one part) bool { return one.minus })
}

// sessionPlan picks the smallest table that can answer a question on sessions,
// and takes the filters on failure details out of it.
func sessionPlan(q *question, of extent) plan {
	details := q.splitDetails()
	needed := q.columns()
	switch {
	case len(details) > 0:
	case q.timeField == store.StoredTime:
		switch {
		case q.first < of.firstHour:
		case totalHour.answers(needed) && q.maxLate <= weekHours:
			return storedPlan(totalHour, totalHourLate, q)
		default:
			return storedPlan(storedHour, storedHourLate, q)
		}
	case q.maxLate >= 0:
	case totalDay.answers(needed):
		return rollupPlan(totalDay, q)
	case reporterDay.answers(needed):
		return rollupPlan(reporterDay, q)
	case domainTotalDay.answers(needed):
		return monthPlan(domainTotalMonth, domainTotalDay, q, of.lastDay)
	case domainDay.answers(needed):
		return monthPlan(domainMonth, domainDay, q, of.lastDay)
	default:
		return rollupPlan(domainReporterDay, q)
	}
	return rowPlan(q, "policy", details)
}

// failurePlan picks the smallest table that can answer a question on failure details.
func failurePlan(q *question, of extent) plan {
	needed := q.columns()
	switch {
	case !failureDomainDay.answers(needed):
	case q.timeField == store.StoredTime:
		if q.first >= of.firstHour {
			return storedPlan(failureStoredHour, failureStoredHourLate, q)
		}
	case q.maxLate >= 0:
	case failureTotalDay.answers(needed):
		return rollupPlan(failureTotalDay, q)
	case failureResultDay.answers(needed):
		return rollupPlan(failureResultDay, q)
	default:
		return rollupPlan(failureDomainDay, q)
	}
	return rowPlan(q, "failure", nil)
}

// answers tells whether the rollup tells apart all that is needed.
func (r *rollup) answers(needed map[string]bool) bool {
	for column := range needed {
		if !slices.Contains(r.dimensions, column) {
			return false
		}
	}
	return true
}

func inTable(column string) string { return "t." + column }

func rollupPlan(r *rollup, q *question) plan {
	return plan{name: r.table, bucket: r.bucket, column: inTable, parts: []part{rollupPart(r, q.first, q.last)}}
}

// storedPlan leaves out what is too late for the question.
func storedPlan(hours, late *rollup, q *question) plan {
	p := rollupPlan(hours, q)
	if q.maxLate < 0 || q.maxLate > weekHours {
		p.name += " of all"
		p.parts = append(p.parts, rollupPart(late, q.first, q.last))
	}
	return p
}

func rollupPart(r *rollup, first, last int64) part {
	if r.packed() {
		return part{packed: r, first: first, last: last}
	}
	return part{from: r.table + " t", time: "t." + r.bucket.column(), first: first, last: last}
}

// monthCost is how many days a month is taken for, a guess: fewer domains have
// reports on a day than in a month. It bears on speed alone.
const monthCost = 3

// monthPlan reads months as such, and the days around them. Where that is less,
// it takes a month's other days away: of the last 30 days mostly the whole of
// this month is read, after whose last day there is nothing yet.
func monthPlan(months, days *rollup, q *question, lastDay int64) plan {
	best := rollupPlan(days, q)
	if q.perBucket {
		return best
	}
	// Bounds beyond the years 0 to 9999 would overflow the calendar.
	first, end := max(q.first, firstDay(0)), min(q.last+1, firstDay(10_000*12))
	if end <= first {
		return best
	}
	cost := daysBetween(first, end, lastDay)
	for from := monthOf(first); from <= monthOf(first)+1; from++ {
		for until := monthOf(end-1) + 1; until >= max(from+1, monthOf(end-1)); until-- {
			start, stop := firstDay(from), firstDay(until)
			c := monthCost*max(0, min(until, monthOf(lastDay)+1)-from) + daysBetween(first, start, lastDay) + daysBetween(stop, end, lastDay)
			if c >= cost {
				continue
			}
			cost = c
			best = plan{name: months.table + " and " + days.table, bucket: daily, column: inTable}
			best.parts = append(best.parts, rollupPart(months, from, until-1))
			best.parts = append(best.parts, daysTo(days, first, start)...)
			best.parts = append(best.parts, daysTo(days, stop, end)...)
			if best.minus() {
				best.name = months.table + " less " + days.table
			}
		}
	}
	return best
}

// daysBetween is how many days there are between two that may have reports.
func daysBetween(a, b, lastDay int64) int64 {
	return max(0, min(max(a, b), lastDay+1)-min(a, b))
}

// daysTo adds the days from one to before the other, or takes them away where
// these come in the reverse order.
func daysTo(days *rollup, from, to int64) []part {
	if from == to {
		return nil
	}
	one := rollupPart(days, min(from, to), max(from, to)-1)
	one.minus = from > to
	return []part{one}
}

// rowPlan reads policies or failures of single reports.
func rowPlan(q *question, table string, details []filtered) plan {
	p := plan{name: table + " rows", rows: true, details: details, bucket: daily}
	p.column = func(column string) string {
		switch column {
		case "reporter", "trust", "source", "late":
			return "r." + column
		}
		return "t." + column
	}
	one := part{first: q.first, last: q.last, fixed: []string{"r.superseded = 0"}}
	if q.timeField == store.StoredTime {
		p.bucket = hourly
		p.name += " by stored"
		one.from = "report r INDEXED BY report_stored CROSS JOIN " + table + " t ON t.day = r.day AND t.report = r.id"
		one.time = "r.stored / 3600"
	} else {
		one.from = table + " t CROSS JOIN report r ON r.id = t.report"
		one.time, one.leading = "t.day", "t.domain"
	}
	p.parts = []part{one}
	return p
}

// conditions returns the conditions of one part.
func (p *plan) conditions(q *question, one part) where {
	w := where{}
	led := false
	for _, list := range [][]filtered{q.filters, q.among} {
		for _, f := range list {
			led = led || f.dimension == store.PolicyDomain && !f.set.except
			w.dimension(f, p.column)
		}
	}
	if q.eachDomain != "" {
		led = true
		w.add(one.leading + " = " + q.eachDomain)
	}
	if one.leading != "" && !led {
		w.add(one.leading + " " + everyDomain)
	}
	if one.time == "r.stored / 3600" {
		w.add("r.stored >= ? AND r.stored < ?", one.first*3600, (one.last+1)*3600)
	} else {
		w.add(one.time+" BETWEEN ? AND ?", one.first, one.last)
	}
	if q.maxLate >= 0 {
		w.add(p.column("late")+" <= ?", q.maxLate)
	}
	for _, condition := range one.fixed {
		w.add(condition)
	}
	if len(p.details) > 0 {
		w.having(p.details)
	}
	return w
}

// dimension adds a filter; policy type and mode stand behind the kind.
func (w *where) dimension(f filtered, column func(string) string) {
	switch f.dimension {
	case store.PolicyType, store.PolicyMode:
		within := where{}
		within.in(map[store.Dimension]string{store.PolicyType: "type", store.PolicyMode: "mode"}[f.dimension], f.set)
		w.add(column("kind")+" IN (SELECT id FROM kind "+within.clause()+")", within.args...)
	default:
		w.in(column(columns[f.dimension]), f.set)
	}
}

// having keeps pairs of report and domain that have a failure detail.
func (w *where) having(details []filtered) {
	within := where{}
	within.add("f.domain = t.domain AND f.day = t.day AND f.report = t.report")
	for _, f := range details {
		within.in("f."+columns[f.dimension], f.set)
	}
	w.add("EXISTS (SELECT 1 FROM failure f "+within.clause()+")", within.args...)
}

// havingKind keeps pairs of report and domain that have a policy of a type and mode.
func (w *where) havingKind(kinds []filtered) {
	within := where{}
	within.add("h.domain = t.domain AND h.day = t.day AND h.report = t.report")
	for _, f := range kinds {
		within.dimension(f, func(column string) string { return "h." + column })
	}
	w.add("EXISTS (SELECT 1 FROM policy h "+within.clause()+")", within.args...)
}

// statement sums measures by the groups of a question. The columns of the
// answer are the bucket (or 0), the group's columns but for policy type and
// mode, the measures, and where the question is by kind: shape, type and mode.
func (p *plan) statement(q *question, measures []string) (string, []any) {
	groups := []string{}
	for _, d := range q.groupBy {
		if column := columns[d]; column != "kind" {
			groups = append(groups, column)
		}
	}
	inner := slices.Clone(groups)
	if q.byKind() {
		inner = append(inner, "kind")
	}
	one := p.parts[0] // Only packed rollups have several.
	var by []string   // places in the answer: reports have columns of the same names
	selected := []string{"0 AS bucket"}
	if q.perBucket {
		selected, by = []string{one.time + " AS bucket"}, []string{"1"}
	}
	for _, column := range inner {
		selected = append(selected, p.column(column)+" AS "+column)
		by = append(by, strconv.Itoa(len(selected)))
	}
	for _, m := range measures {
		selected = append(selected, "SUM("+measure(m)+") AS "+m)
	}
	// To group by a constant too would sort what comes in order already.
	end := "HAVING COUNT(*) > 0"
	if len(by) > 0 {
		end = "GROUP BY " + strings.Join(by, ", ")
	}
	w := p.conditions(q, one)
	query, args := fmt.Sprintf("SELECT %s FROM %s %s %s", strings.Join(selected, ", "), one.from, w.clause(), end), w.args
	if !q.byKind() {
		return query, args
	}
	outer := append([]string{"bucket"}, groups...)
	outer = append(append(outer, measures...), "k.shape", "k.type", "k.mode")
	return fmt.Sprintf("SELECT %s FROM (%s) s CROSS JOIN kind k ON k.id = s.kind", strings.Join(outer, ", "), query), args
}

// measure returns the expression of a measure in a row of the table. The kind
// of a protected session is odd.
func measure(m string) string {
	if m == "protected" {
		return "(t.successful + t.failed) * (t.kind & 1)"
	}
	return "t." + m
}
