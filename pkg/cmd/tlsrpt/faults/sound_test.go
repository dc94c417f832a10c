package faults

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	recounted := 0
	for _, name := range texts(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
		if r, ok := rollupOf(t, db, name); ok {
			r.recount(t, db)
			recounted++
		}
	}
	if recounted < 5 {
		t.Errorf("only %d tables were taken for rollups", recounted)
	}
	recountDomains(t, db, file)
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
	r.dimensions, r.bucket, r.sums = strings.Join(dimensions, ", "), strings.Join(sources, ", "), strings.Join(sums, ", ")
	return r, true
}

func (r rollup) recount(t *testing.T, db *sql.DB) {
	t.Helper()
	same(t, db, r.table, fmt.Sprintf("SELECT %s, %s FROM %s t JOIN report r ON r.id = t.report WHERE r.superseded = 0%s GROUP BY %s",
		r.bucket, r.sums, r.rows, r.bound, r.bucket), fmt.Sprintf("SELECT %s, %s FROM %s", r.dimensions, r.measures, r.table))
}

// recountDomains compares what the store answers from the sums of domains that
// it packs, which SQL can't look into, with what the rows add up to.
func recountDomains(t *testing.T, db *sql.DB, file string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const domain, reporter, source = "(SELECT value FROM dict WHERE id = t.domain)", "(SELECT value FROM dict WHERE id = r.reporter)", "(SELECT value FROM dict WHERE id = r.source)"
	const kind = "(SELECT y.value FROM kind k JOIN dict y ON y.id = k.type WHERE k.id = t.kind)"
	const day, hour = "(t.day * 86400)", "(r.stored / 3600 * 3600)"
	lately := time.Now().AddDate(0, 0, -30) // the hours are kept for 40 days
	for _, q := range []struct {
		name      string
		query     store.SumQuery
		by, bound string
	}{
		{"by domain", store.SumQuery{GroupBy: []store.Dimension{store.PolicyDomain}}, "'0', " + domain, ""},
		{"by day and domain", store.SumQuery{PerBucket: true, GroupBy: []store.Dimension{store.PolicyDomain}}, day + ", " + domain, ""},
		{"by domain and policy type", store.SumQuery{GroupBy: []store.Dimension{store.PolicyDomain, store.PolicyType}}, "'0', " + domain + " || '|' || " + kind, ""},
		{"by day, domain and policy type", store.SumQuery{PerBucket: true, GroupBy: []store.Dimension{store.PolicyDomain, store.PolicyType}}, day + ", " + domain + " || '|' || " + kind, ""},
		{"by day, domain, reporter and source", store.SumQuery{PerBucket: true, GroupBy: []store.Dimension{store.PolicyDomain, store.Reporter, store.Source}},
			day + ", " + domain + " || '|' || " + reporter + " || '|' || " + source, ""},
		{"by hour, domain and reporter", store.SumQuery{Selection: store.Selection{From: lately, TimeField: store.StoredTime}, PerBucket: true, GroupBy: []store.Dimension{store.PolicyDomain, store.Reporter}},
			hour + ", " + domain + " || '|' || " + reporter, "AND r.stored / 3600 >= (SELECT value FROM meta WHERE name = 'first_hour')"},
		{"by hour and domain, at most a week late", store.SumQuery{Selection: store.Selection{From: lately, TimeField: store.StoredTime, MaxLateness: 7 * 24 * time.Hour}, PerBucket: true, GroupBy: []store.Dimension{store.PolicyDomain}},
			hour + ", " + domain, "AND r.late <= 168 AND r.stored / 3600 >= (SELECT value FROM meta WHERE name = 'first_hour')"},
	} {
		rows, cost, err := s.Sessions(t.Context(), q.query)
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		if cost.Rows {
			t.Errorf("%s: no rollup was asked", q.name)
		}
		var got []string
		for _, r := range rows {
			bucket := int64(0)
			if q.query.PerBucket {
				bucket = r.Bucket.Unix()
			}
			got = append(got, fmt.Sprint(bucket, " ", strings.Join(r.Group, "|"), " ", r.Reports, " ", r.Successful, " ", r.Failed, " ", r.OverlapTotal, " ", r.OverlapFailed, " ", r.Protected))
		}
		bucket, group, _ := strings.Cut(q.by, ", ")
		reports, overlaps := "SUM(t.reports)", "SUM(t.overlap_total) || ' ' || SUM(t.overlap_failed)"
		if slices.Contains(q.query.GroupBy, store.PolicyType) {
			reports, overlaps = "COUNT(DISTINCT t.report)", "'0 0'"
		}
		want := texts(t, db, fmt.Sprintf(`SELECT %s || ' ' || %s || ' ' || %s || ' ' || SUM(t.successful) || ' ' || SUM(t.failed) || ' ' || %s || ' ' ||
			SUM(t.protected) FROM (SELECT *, (successful + failed) * (%s IN ('sts', 'tlsa')) AS protected FROM policy t) t
			JOIN report r ON r.id = t.report WHERE r.superseded = 0 %s GROUP BY %s || %s`, bucket, group, reports, overlaps, kind, q.bound, bucket, group))
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the sums %s are not what the rows add up to (-rows +sums):\n%.2000s", q.name, diff)
		}
	}
}

// same compares the rows of two queries, whatever their order.
func same(t *testing.T, db *sql.DB, what, want, got string) {
	t.Helper()
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
