package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// bucket is the unit of time that a table tells apart.
type bucket int

const (
	daily bucket = iota
	monthly
	hourly
)

// of returns the number of the bucket: the day, the month since year 0, or the hour.
func (b bucket) of(day, hour int64) int64 {
	switch b {
	case monthly:
		return monthOf(day)
	case hourly:
		return hour
	}
	return day
}

func (b bucket) column() string {
	return [...]string{"day", "month", "hour"}[b]
}

func monthOf(day int64) int64 {
	t := time.Unix(day*86400, 0).UTC()
	return int64(t.Year())*12 + int64(t.Month()) - 1
}

// firstDay returns the day that starts a month.
func firstDay(month int64) int64 {
	return time.Date(int(month/12), time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// A rollup is a table of sums. Its columns are the bucket and the dimensions,
// which are its key in this order, and the measures.
type rollup struct {
	table      string
	bucket     bucket
	dimensions []string // columns, among those of cellColumns
	measures   []string
	shift      uint // of domains that share a row of a packed rollup, the bits that differ; else 0
	lateness   tardiness
	upsert     string
	purge      string
}

// tardiness is which reports a rollup of stored time holds.
type tardiness int

const (
	anyLateness tardiness = iota
	atMostAWeek
	overAWeek
)

// weekHours is what alert rules bound lateness by.
const weekHours = 7 * 24

func (t tardiness) holds(late int64) bool {
	switch t {
	case atMostAWeek:
		return late <= weekHours
	case overAWeek:
		return late > weekHours
	}
	return true
}

var sessionMeasures = []string{"reports", "pairs", "successful", "failed", "overlap_total", "overlap_failed"}

// domainMeasures are those of sums in which the kinds are put together: pairs
// are reports there, but which sessions were protected can't be told any more.
var domainMeasures = []string{"reports", "protected", "successful", "failed", "overlap_total", "overlap_failed"}

var (
	failureMeasures   = []string{"details", "failed", "overlap"}
	failureDimensions = []string{"domain", "reporter", "result", "reason", "mx", "network", "kind", "trust", "source"}
)

// The rollups, in the planner's order: the smallest first.
var (
	totalDay          = newRollup("total_day", daily, sessionMeasures, "kind", "trust", "source")
	reporterDay       = newRollup("reporter_day", daily, sessionMeasures, "reporter", "kind", "trust", "source")
	domainTotalMonth  = packedRollup("domain_total_month", monthly, 8, domainMeasures, "domain", "trust")
	domainTotalDay    = packedRollup("domain_total_day", daily, 7, domainMeasures, "domain", "trust")
	domainMonth       = packedRollup("domain_month", monthly, 8, sessionMeasures, "domain", "kind", "trust")
	domainDay         = packedRollup("domain_day", daily, 7, sessionMeasures, "domain", "kind", "trust")
	domainReporterDay = packedRollup("domain_reporter_day", daily, 6, sessionMeasures, "domain", "reporter", "kind", "trust", "source")
	totalHour         = packedRollup("total_hour", hourly, undivided, sessionMeasures, "kind", "trust", "source", "late").of(atMostAWeek)
	totalHourLate     = packedRollup("total_hour_late", hourly, undivided, sessionMeasures, "kind", "trust", "source").of(overAWeek)
	storedHour        = packedRollup("stored_hour", hourly, 8, sessionMeasures, "domain", "reporter", "kind", "trust", "source", "late").of(atMostAWeek)
	storedHourLate    = packedRollup("stored_hour_late", hourly, 8, sessionMeasures, "domain", "reporter", "kind", "trust", "source", "late").of(overAWeek)

	failureTotalDay   = newRollup("failure_total_day", daily, failureMeasures, "result", "reporter", "trust")
	failureResultDay  = packedRollup("failure_result_day", daily, 8, failureMeasures, "domain", "reporter", "result", "kind", "trust", "source")
	failureDomainDay  = packedRollup("failure_domain_day", daily, 7, failureMeasures, failureDimensions...)
	failureStoredHour = packedRollup("failure_stored_hour", hourly, 10, failureMeasures, append(failureDimensions, "late")...).of(atMostAWeek)
	// What is stored late, as a mailbox's past is when it is first read, comes
	// within few hours: to write their packed rows again for every commit would
	// cost more than to read a table now and then.
	failureStoredHourLate = newRollup("failure_stored_hour_late", hourly, failureMeasures, append(failureDimensions, "late")...).of(overAWeek)

	sessionRollups = []*rollup{
		totalDay, reporterDay, domainTotalMonth, domainTotalDay, domainMonth, domainDay, domainReporterDay,
		totalHour, totalHourLate, storedHour, storedHourLate,
	}
	failureRollups = []*rollup{failureTotalDay, failureResultDay, failureDomainDay, failureStoredHour, failureStoredHourLate}
)

func newRollup(table string, b bucket, measures []string, dimensions ...string) *rollup {
	r := &rollup{table: table, bucket: b, dimensions: dimensions, measures: measures}
	key := append([]string{b.column()}, dimensions...)
	added := make([]string, len(measures))
	for i, m := range measures {
		added[i] = m + " = " + m + " + excluded." + m
	}
	r.upsert = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO UPDATE SET %s",
		table, strings.Join(append(slices.Clone(key), measures...), ", "), marks(len(key)+len(measures)), strings.Join(added, ", "))
	r.purge = fmt.Sprintf("DELETE FROM %s WHERE %s = ? AND %s = 0", table, strings.Join(key, " = ? AND "), strings.Join(measures, " = 0 AND "))
	return r
}

// packedRollup has the domain as its first dimension, or is undivided.
func packedRollup(table string, b bucket, shift uint, measures []string, dimensions ...string) *rollup {
	return &rollup{table: table, bucket: b, dimensions: dimensions, measures: measures, shift: shift}
}

func (r *rollup) of(t tardiness) *rollup {
	r.lateness = t
	return r
}

func (r *rollup) packed() bool { return r.shift > 0 }

// position returns where a column stands in the key; -1 is nowhere.
func (r *rollup) position(column string) int { return slices.Index(r.dimensions, column) }

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// field returns where a cell holds a column.
func (c *cell) field(column string) *int64 {
	switch column {
	case "domain":
		return &c.domain
	case "reporter":
		return &c.reporter
	case "result":
		return &c.result
	case "reason":
		return &c.reason
	case "mx":
		return &c.mx
	case "network":
		return &c.network
	case "kind":
		return &c.kind
	case "trust":
		return &c.trust
	case "source":
		return &c.source
	}
	return &c.late
}

// project keeps of a cell what the rollup tells apart.
func (r *rollup) project(whole cell) cell {
	key := cell{time: whole.time}
	for _, column := range r.dimensions {
		*key.field(column) = *whole.field(column)
	}
	return key
}

// key returns the values of the key's columns.
func (r *rollup) key(c cell, args []any) []any {
	args = append(args, c.time)
	for _, column := range r.dimensions {
		args = append(args, *c.field(column))
	}
	return args
}

func compareCells(a, b cell) int {
	return cmp.Or(
		cmp.Compare(a.domain, b.domain), cmp.Compare(a.time, b.time), cmp.Compare(a.reporter, b.reporter),
		cmp.Compare(a.result, b.result), cmp.Compare(a.reason, b.reason), cmp.Compare(a.mx, b.mx), cmp.Compare(a.network, b.network),
		cmp.Compare(a.kind, b.kind), cmp.Compare(a.trust, b.trust), cmp.Compare(a.source, b.source), cmp.Compare(a.late, b.late))
}

// flush writes what was collected.
func (s *sums) flush(ctx context.Context, c *conn) error {
	if err := s.flushHeard(ctx, c); err != nil {
		return fmt.Errorf("update who was heard: %w", err)
	}
	if err := flushRollups(ctx, c, s, sessionRollups, s.sessions); err != nil {
		return err
	}
	if err := s.flushFailures(ctx, c); err != nil {
		return err
	}
	if err := s.settleHeard(ctx, c); err != nil {
		return fmt.Errorf("update who was heard: %w", err)
	}
	if err := s.flushSightings(ctx, c); err != nil {
		return fmt.Errorf("update who saw which policies: %w", err)
	}
	if err := s.flushParsed(ctx, c); err != nil {
		return fmt.Errorf("count reports by parser: %w", err)
	}
	return addMeta(ctx, c, "reports", s.reports)
}

// flushFailures writes what was collected of failures, of which nothing else is
// made, so that it may be done before all is.
func (s *sums) flushFailures(ctx context.Context, c *conn) error {
	for i, r := range failureRollups {
		if err := flushRollups(ctx, c, s, failureRollups[i:i+1], s.failures); err != nil {
			return err
		}
		delete(s.failures, r)
	}
	return nil
}

func flushRollups[S comparable, P measured[S]](ctx context.Context, c *conn, s *sums, rollups []*rollup, collected map[*rollup]map[cell]*S) error {
	for _, r := range rollups {
		flush := flushTable[S, P]
		if r.packed() {
			flush = flushPacked[S, P]
		}
		if err := flush(ctx, c, s, r, collected[r]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sums) flushParsed(ctx context.Context, c *conn) error {
	for parser, n := range s.parsed {
		if n == 0 {
			continue
		}
		_, err := c.exec(ctx, "INSERT INTO parsed (parser, reports) VALUES (?, ?) ON CONFLICT DO UPDATE SET reports = reports + excluded.reports", parser, n)
		if err != nil {
			return err
		}
		if _, err := c.exec(ctx, "DELETE FROM parsed WHERE parser = ? AND reports = 0", parser); err != nil {
			return err
		}
	}
	return nil
}

// flushTable writes the rows in the order of the table, so that neighbours
// are found in the same page.
func flushTable[S comparable, P measured[S]](ctx context.Context, c *conn, _ *sums, r *rollup, cells map[cell]*S) error {
	var zero S
	keys := make([]cell, 0, len(cells))
	for key, v := range cells {
		if *v != zero {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, compareCells)
	var measures []int64
	for _, key := range keys {
		v := P(cells[key])
		args := r.key(key, make([]any, 0, 1+r.width()))
		added := args
		measures = v.appendTo(measures[:0], r)
		for _, n := range measures {
			added = append(added, n)
		}
		if _, err := c.exec(ctx, r.upsert, added...); err != nil {
			return fmt.Errorf("add to %s: %w", r.table, err)
		}
		if !v.shrinks() {
			continue
		}
		if _, err := c.exec(ctx, r.purge, args...); err != nil {
			return fmt.Errorf("clear %s: %w", r.table, err)
		}
	}
	return nil
}

func addMeta(ctx context.Context, c *conn, name string, n int64) error {
	if n == 0 {
		return nil
	}
	_, err := c.exec(ctx, "UPDATE meta SET value = value + ? WHERE name = ?", n, name)
	return err
}

func meta(ctx context.Context, c *conn, name string) (int64, error) {
	return c.integer(ctx, "SELECT value FROM meta WHERE name = ?", name)
}

// columns says where the dimensions of the contract stand; policy type and
// mode stand behind the kind.
var columns = map[store.Dimension]string{
	store.PolicyDomain: "domain", store.PolicyType: "kind", store.PolicyMode: "kind",
	store.Reporter: "reporter", store.TrustDimension: "trust", store.Source: "source",
	store.ResultType: "result", store.ReasonCode: "reason", store.ReceivingMX: "mx",
	store.ReceivingIP: "receiving_ip", store.SendingMTAIP: "sending_ip", store.SendingNetwork: "network",
}
