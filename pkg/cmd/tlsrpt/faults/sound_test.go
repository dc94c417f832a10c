package faults

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	_ "modernc.org/sqlite"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// sound looks into a store's file with SQL alone: SQLite finds it whole, every
// rollup is what the rows of counted reports add up to, and every account what
// the items of the ledger add up to.
func sound(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if found := texts(t, db, "PRAGMA integrity_check"); !slices.Equal(found, []string{"ok"}) {
		t.Errorf("integrity_check says %q", found)
	}
	var recounted []string
	for _, name := range texts(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
		if r, ok := rollupOf(t, db, name); ok {
			r.recount(t, db)
			recounted = append(recounted, name)
		}
	}
	if want := []string{"failure_stored_hour_late", "failure_total_day", "reporter_day", "total_day"}; !slices.Equal(recounted, want) {
		t.Errorf("taken for rollups that are not packed were %q, not %q", recounted, want)
	}
	recountPacked(t, db, file)
	same(t, db, "heard", `SELECT t.domain, r.reporter, 0, MIN(t.day), MAX(t.day), COUNT(*), COUNT(DISTINCT t.day)
		FROM policy t JOIN report r ON r.id = t.report WHERE r.superseded = 0 AND t.reports = 1 GROUP BY 1, 2`,
		"SELECT domain, reporter, trust, first_day, last_day, reports, days FROM heard WHERE trust = 0")
	same(t, db, "account", `SELECT source, SUM(stored), SUM(duplicate), SUM(quarantined), SUM(ignored),
		SUM(state = 1 AND quarantined = 0 AND ignored = 0) FROM ledger GROUP BY source`,
		"SELECT source, stored, duplicate, quarantined, ignored, waiting FROM account")
	same(t, db, "the number of reports", "SELECT COUNT(*) FROM report", "SELECT value FROM meta WHERE name = 'reports'")
	for what, query := range map[string]string{
		"an item twice in the ledger":    "SELECT ref FROM ledger GROUP BY source, ref HAVING COUNT(*) > 1",
		"a document twice":               "SELECT hex(hash) FROM report GROUP BY hash HAVING COUNT(*) > 1",
		"a report without its document":  "SELECT id FROM report WHERE id NOT IN (SELECT report FROM document)",
		"a report without its policies":  "SELECT id FROM report WHERE id NOT IN (SELECT report FROM policy)",
		"a report without its deliverer": "SELECT id FROM report WHERE id NOT IN (SELECT report FROM delivery)",
		"a policy without its report":    "SELECT report FROM policy WHERE report NOT IN (SELECT id FROM report)",
		"a failure without its report":   "SELECT report FROM failure WHERE report NOT IN (SELECT id FROM report)",
		"a document without its report":  "SELECT report FROM document WHERE report NOT IN (SELECT id FROM report)",
	} {
		if found := texts(t, db, query); len(found) > 0 {
			t.Errorf("%s: %q", what, found[:min(5, len(found))])
		}
	}
}

// A rollup is a table that sums policies or failures by a time and dimensions.
type rollup struct{ table, rows, bucket, dimensions, measures, sums, bound string }

// rollupOf tells a rollup by its columns, so that those to come are recounted too.
func rollupOf(t *testing.T, db *sql.DB, name string) (r rollup, ok bool) {
	t.Helper()
	columns := texts(t, db, "SELECT name FROM pragma_table_info('"+name+"') WHERE pk = 0 ORDER BY cid")
	keys := texts(t, db, "SELECT name FROM pragma_table_info('"+name+"') WHERE pk > 0 ORDER BY cid")
	r = rollup{table: name, measures: strings.Join(columns, ", ")}
	switch {
	case slices.Contains(columns, "pairs") && !slices.Contains(keys, "report"):
		r.rows = "policy"
	case slices.Contains(columns, "details"):
		r.rows = "failure"
	default:
		return r, false
	}
	var sums, dimensions, sources []string
	for _, column := range columns {
		if column == "details" {
			sums = append(sums, "COUNT(*)")
		} else {
			sums = append(sums, "SUM(t."+column+")")
		}
	}
	for _, key := range keys {
		source := "t." + key
		switch key {
		case "day":
		case "hour":
			source, r.bound = "r.stored / 3600", " AND r.stored / 3600 >= (SELECT value FROM meta WHERE name = 'first_hour')"
		case "month":
			source = "12 * strftime('%Y', t.day * 86400, 'unixepoch') + strftime('%m', t.day * 86400, 'unixepoch') - 1"
		case "reporter", "trust", "source", "late":
			source = "r." + key
		}
		dimensions, sources = append(dimensions, key), append(sources, source)
	}
	if strings.HasSuffix(name, "_late") {
		r.bound += " AND r.late > 168" // hours in a week
	}
	r.dimensions, r.bucket, r.sums = strings.Join(dimensions, ", "), strings.Join(sources, ", "), strings.Join(sums, ", ")
	return r, true
}

func (r rollup) recount(t *testing.T, db *sql.DB) {
	t.Helper()
	same(t, db, r.table, fmt.Sprintf("SELECT %s, %s FROM %s t JOIN report r ON r.id = t.report WHERE r.superseded = 0%s GROUP BY %s",
		r.bucket, r.sums, r.rows, r.bound, r.bucket), fmt.Sprintf("SELECT %s, %s FROM %s", r.dimensions, r.measures, r.table))
}

// A packedSum is a question that the store answers from sums that it packs, and
// what by is in SQL: the bucket, and the group.
type packedSum struct {
	name          string
	query         store.SumQuery
	bucket, group string
	bound         string
}

// The SQL of buckets and dimensions.
const (
	whole, byDay, byHour = "'0'", "(t.day * 86400)", "(r.stored / 3600 * 3600)"

	ofDomain   = "(SELECT value FROM dict WHERE id = t.domain)"
	ofReporter = "(SELECT value FROM dict WHERE id = r.reporter)"
	ofSource   = "(SELECT value FROM dict WHERE id = r.source)"
	ofKind     = "(SELECT y.value FROM kind k JOIN dict y ON y.id = k.type WHERE k.id = t.kind)"
	ofResult   = "(SELECT value FROM dict WHERE id = t.result)"
	ofMX       = "COALESCE((SELECT value FROM dict WHERE id = t.mx), '')"
	ofNetwork  = "COALESCE((SELECT value FROM dict WHERE id = t.network), '')"

	hoursKept = "AND r.stored / 3600 >= (SELECT value FROM meta WHERE name = 'first_hour')"
	inAWeek   = "AND r.late <= 168 " + hoursKept
)

// recountPacked compares what the store answers from the sums that it packs,
// which SQL can't look into, with what the rows add up to.
func recountPacked(t *testing.T, db *sql.DB, file string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	lately := store.Selection{From: time.Now().AddDate(0, 0, -30), TimeField: store.StoredTime} // hours are kept for 40 days
	inTime := lately
	inTime.MaxLateness = 7 * 24 * time.Hour
	by := func(dimensions ...store.Dimension) []store.Dimension { return dimensions }
	for _, q := range []packedSum{
		{"by domain", store.SumQuery{GroupBy: by(store.PolicyDomain)}, whole, ofDomain, ""},
		{"by day and domain", store.SumQuery{PerBucket: true, GroupBy: by(store.PolicyDomain)}, byDay, ofDomain, ""},
		{"by domain and policy type", store.SumQuery{GroupBy: by(store.PolicyDomain, store.PolicyType)}, whole, words(ofDomain, ofKind), ""},
		{"by day, domain and policy type", store.SumQuery{PerBucket: true, GroupBy: by(store.PolicyDomain, store.PolicyType)}, byDay, words(ofDomain, ofKind), ""},
		{"by day, domain, reporter and source", store.SumQuery{PerBucket: true, GroupBy: by(store.PolicyDomain, store.Reporter, store.Source)}, byDay, words(ofDomain, ofReporter, ofSource), ""},
		{"by hour, domain and reporter", store.SumQuery{Selection: lately, PerBucket: true, GroupBy: by(store.PolicyDomain, store.Reporter)}, byHour, words(ofDomain, ofReporter), hoursKept},
		{"by hour and domain, at most a week late", store.SumQuery{Selection: inTime, PerBucket: true, GroupBy: by(store.PolicyDomain)}, byHour, ofDomain, inAWeek},
		{"by hour and source", store.SumQuery{Selection: lately, PerBucket: true, GroupBy: by(store.Source)}, byHour, ofSource, hoursKept},
		{"by hour and source, at most a week late", store.SumQuery{Selection: inTime, PerBucket: true, GroupBy: by(store.Source)}, byHour, ofSource, inAWeek},
	} {
		rows, cost, err := s.Sessions(t.Context(), q.query)
		got := make([]string, len(rows))
		for i, r := range rows {
			got[i] = fmt.Sprint(q.of(r.Bucket, r.Group), " ", r.Reports, " ", r.Successful, " ", r.Failed, " ", r.OverlapTotal, " ", r.OverlapFailed, " ", r.Protected)
		}
		reports, overlaps := "SUM(t.reports)", "SUM(t.overlap_total) || ' ' || SUM(t.overlap_failed)"
		if slices.Contains(q.query.GroupBy, store.PolicyType) {
			reports, overlaps = "COUNT(DISTINCT t.report)", "'0 0'"
		}
		q.recount(t, db, "(SELECT *, (successful + failed) * ("+ofKind+" IN ('sts', 'tlsa')) AS protected FROM policy t)",
			reports+" || ' ' || SUM(t.successful) || ' ' || SUM(t.failed) || ' ' || "+overlaps+" || ' ' || SUM(t.protected)", got, cost, err)
	}
	for _, q := range []packedSum{
		{"of failures by day, domain, result type and reporter", store.SumQuery{PerBucket: true, GroupBy: by(store.PolicyDomain, store.ResultType, store.Reporter)},
			byDay, words(ofDomain, ofResult, ofReporter), ""},
		{"of failures by day, domain, MX and network", store.SumQuery{PerBucket: true, GroupBy: by(store.PolicyDomain, store.ReceivingMX, store.SendingNetwork)},
			byDay, words(ofDomain, ofMX, ofNetwork), ""},
		{"of failures by hour, domain and MX", store.SumQuery{Selection: lately, PerBucket: true, GroupBy: by(store.PolicyDomain, store.ReceivingMX)}, byHour, words(ofDomain, ofMX), hoursKept},
		{"of failures by hour and domain, at most a week late", store.SumQuery{Selection: inTime, PerBucket: true, GroupBy: by(store.PolicyDomain, store.ResultType)},
			byHour, words(ofDomain, ofResult), inAWeek},
	} {
		sums, cost, err := s.FailureSums(t.Context(), q.query)
		got := make([]string, len(sums))
		for i, f := range sums {
			got[i] = fmt.Sprint(q.of(f.Bucket, f.Group), " ", f.Failed, " ", f.Overlap)
		}
		q.recount(t, db, "failure", "SUM(t.failed) || ' ' || SUM(t.overlap)", got, cost, err)
	}
}

// words puts dimensions together as [packedSum.of] does.
func words(dimensions ...string) string { return strings.Join(dimensions, " || '|' || ") }

// of names a bucket and a group.
func (q packedSum) of(at time.Time, group []string) string {
	bucket := int64(0)
	if q.query.PerBucket {
		bucket = at.Unix()
	}
	return fmt.Sprint(bucket, " ", strings.Join(group, "|"))
}

// recount compares an answer with the sums of a table's rows.
func (q packedSum) recount(t *testing.T, db *sql.DB, table, sums string, got []string, cost store.Cost, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", q.name, err)
	}
	if cost.Rows {
		t.Errorf("%s: no rollup was asked", q.name)
	}
	want := texts(t, db, fmt.Sprintf("SELECT %s || ' ' || %s || ' ' || %s FROM %s t JOIN report r ON r.id = t.report WHERE r.superseded = 0 %s GROUP BY %s, %s",
		q.bucket, q.group, sums, table, q.bound, q.bucket, q.group))
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 && hasMany(t, db) {
		t.Errorf("no rows were there to recount the sums %s", q.name)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the sums %s are not what the rows add up to (-rows +sums):\n%.2000s", q.name, diff)
	}
}

// hasMany says whether a store has so many reports that there must be some of
// every kind that sums tell apart.
func hasMany(t *testing.T, db *sql.DB) bool {
	t.Helper()
	return slices.Equal(texts(t, db, "SELECT COUNT(*) >= 100 FROM report"), []string{"1"})
}

// same compares the rows of two queries, whatever their order. Of many reports
// there must be some.
func same(t *testing.T, db *sql.DB, what, want, got string) {
	t.Helper()
	if found := texts(t, db, fmt.Sprintf("SELECT COUNT(*) FROM (%s)", want)); slices.Equal(found, []string{"0"}) && hasMany(t, db) {
		t.Errorf("no rows were there to recount %s", what)
	}
	for sentence, query := range map[string]string{
		"lacks":           fmt.Sprintf("SELECT COUNT(*) FROM (SELECT * FROM (%s) EXCEPT SELECT * FROM (%s))", want, got),
		"has too many of": fmt.Sprintf("SELECT COUNT(*) FROM (SELECT * FROM (%s) EXCEPT SELECT * FROM (%s))", got, want),
	} {
		if found := texts(t, db, query); !slices.Equal(found, []string{"0"}) {
			t.Errorf("%s %s what the rows add up to: %s rows", what, sentence, found)
		}
	}
}

func texts(t *testing.T, db *sql.DB, query string) (found []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}
