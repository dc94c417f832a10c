package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// recount compares every rollup with what the rows of counted reports add up to.
func recount(t fataler, s *Store) {
	t.Helper()
	must(t, s.snapshot(context.Background(), func(c *conn) error {
		firstHour, err := meta(context.Background(), c, "first_hour")
		if err != nil {
			return err
		}
		for _, r := range sessionRollups {
			compareRollup(t, c, r, "policy", firstHour)
		}
		for _, r := range failureRollups {
			compareRollup(t, c, r, "failure", firstHour)
		}
		compareHeard(t, c)
		compareCounted(t, c)
		compareTotals(t, c)
		checkDeliveries(t, c)
		return nil
	}))
}

func dump(t fataler, c *conn, query string) []string {
	t.Helper()
	var lines []string
	must(t, c.query(context.Background(), query, nil, func(r row) error {
		lines = append(lines, fmt.Sprint([]driver.Value(r)))
		return nil
	}))
	slices.Sort(lines)
	return lines
}

func compareRollup(t fataler, c *conn, r *rollup, table string, firstHour int64) {
	t.Helper()
	time := map[bucket]string{daily: "t.day", hourly: "r.stored / 3600",
		monthly: "12 * strftime('%Y', t.day * 86400, 'unixepoch') + strftime('%m', t.day * 86400, 'unixepoch') - 1"}[r.bucket]
	columns := []string{time}
	for _, d := range r.dimensions {
		switch d {
		case "reporter", "trust", "source", "late":
			d = "r." + d
		default:
			d = "t." + d
		}
		columns = append(columns, d)
	}
	added := []string{}
	for _, m := range r.measures {
		switch m {
		case "details":
			added = append(added, "COUNT(*)")
		case "protected":
			added = append(added, "SUM((t.successful + t.failed) * (SELECT y.value IN ('sts', 'tlsa') FROM kind k JOIN dict y ON y.id = k.type WHERE k.id = t.kind))")
		default:
			added = append(added, "SUM(t."+m+")")
		}
	}
	bound := ""
	if r.bucket == hourly {
		bound = fmt.Sprintf(" AND r.stored / 3600 >= %d", firstHour)
	}
	switch r.lateness {
	case atMostAWeek:
		bound += " AND r.late <= 168"
	case overAWeek:
		bound += " AND r.late > 168"
	}
	by := strings.Join(columns, ", ")
	want := dump(t, c, fmt.Sprintf("SELECT %s, %s FROM %s t JOIN report r ON r.id = t.report WHERE r.superseded = 0%s GROUP BY %s",
		by, strings.Join(added, ", "), table, bound, by))
	var got []string
	if r.packed() {
		got = dumpPacked(t, c, r)
	} else {
		got = dump(t, c, fmt.Sprintf("SELECT %s, %s, %s FROM %s", r.bucket.column(), strings.Join(r.dimensions, ", "), strings.Join(r.measures, ", "), r.table))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s is not what the rows add up to (-rows +rollup):\n%s", r.table, diff)
	}
}

// dumpPacked looks at the order of cells, and for empty rows, too.
func dumpPacked(t fataler, c *conn, r *rollup) []string {
	t.Helper()
	var lines []string
	must(t, c.query(context.Background(), "SELECT id, cells FROM "+r.table, nil, func(row row) error {
		id, cells := row.int(0), 0
		var before []int64
		err := r.unpack(id, row.bytes(1), nil, func(numbers []int64) {
			cells++
			if before != nil && r.compareKeys(before, numbers) >= 0 || r.rowID(id>>chunkBits, numbers[0]) != id {
				t.Fatalf("%s: cell %d after %d in row %d", r.table, numbers, before, id)
			}
			before = slices.Clone(numbers)
			lines = append(lines, fmt.Sprint(append([]int64{id >> chunkBits}, numbers...)))
		})
		if cells == 0 {
			t.Fatalf("%s: row %d is empty", r.table, id)
		}
		return err
	}))
	slices.Sort(lines)
	return lines
}

func compareHeard(t fataler, c *conn) {
	t.Helper()
	const rows = "FROM policy t JOIN report r ON r.id = t.report WHERE r.superseded = 0 AND t.reports = 1 GROUP BY"
	const sums = "MIN(t.day), MAX(t.day), MAX(r.stored), COUNT(*), COUNT(DISTINCT t.day)"
	want := dump(t, c, "SELECT t.domain, r.reporter, r.trust, "+sums+" "+rows+" 1, 2, 3 UNION ALL SELECT t.domain, r.reporter, 0, "+sums+" "+rows+" 1, 2")
	got := dump(t, c, "SELECT domain, reporter, trust, first_day, last_day, last_stored, reports, days FROM heard")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("heard is not what the rows say (-rows +heard):\n%s", diff)
	}
}

func compareCounted(t fataler, c *conn) {
	t.Helper()
	want := dump(t, c, `SELECT t.domain, r.reporter, t.kind, t.strings, t.mx, r.trust, r.source, MIN(t.day), MAX(t.day), COUNT(DISTINCT t.report)
		FROM policy t JOIN report r ON r.id = t.report WHERE r.superseded = 0 GROUP BY 1, 2, 3, 4, 5, 6, 7`)
	got := dump(t, c, "SELECT domain, reporter, kind, strings, mx, trust, source, first_day, last_day, reports FROM sighting")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("policies are not what the rows say (-rows +sighting):\n%s", diff)
	}
	want = dump(t, c, "SELECT parser, COUNT(*) FROM report GROUP BY 1")
	got = dump(t, c, "SELECT parser, reports FROM parsed")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("reports by parser are not what the rows say (-rows +parsed):\n%s", diff)
	}
	want = dump(t, c, "SELECT committed / 3600, source, SUM(stored + duplicate + quarantined + ignored) FROM ledger GROUP BY 1, 2")
	got = dump(t, c, "SELECT hour, source, seen FROM arrival_hour")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("arrivals are not what the ledger adds up to (-ledger +arrivals):\n%s", diff)
	}
}

func compareTotals(t fataler, c *conn) {
	t.Helper()
	want := dump(t, c, `SELECT source, SUM(stored), SUM(duplicate), SUM(quarantined), SUM(ignored),
		SUM(state = 1 AND quarantined = 0 AND ignored = 0) FROM ledger GROUP BY source`)
	got := dump(t, c, "SELECT source, stored, duplicate, quarantined, ignored, waiting FROM account")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("accounts are not what the ledger adds up to (-ledger +accounts):\n%s", diff)
	}
	want = dump(t, c, `SELECT (SELECT COUNT(*) FROM report), (SELECT COALESCE(SUM(size), 0) FROM quarantine WHERE frame IS NOT NULL),
		(SELECT COALESCE(SUM(length(frame)), 0) FROM pending_mail)`)
	got = dump(t, c, `SELECT (SELECT value FROM meta WHERE name = 'reports'), (SELECT value FROM meta WHERE name = 'quarantine_bytes'),
		(SELECT value FROM meta WHERE name = 'pending_bytes')`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("totals are off (-rows +meta):\n%s", diff)
	}
}

// checkDeliveries looks for what is left over, or lost, after many changes.
func checkDeliveries(t fataler, c *conn) {
	t.Helper()
	for what, query := range map[string]string{
		"an item with a negative account":             "SELECT id FROM ledger WHERE min(stored, duplicate, quarantined, ignored) < 0",
		"a delivery of nothing":                       "SELECT report FROM delivery WHERE report NOT IN (SELECT id FROM report UNION ALL SELECT -id FROM quarantine)",
		"a document without deliveries":               "SELECT id FROM (SELECT id FROM report UNION ALL SELECT -id FROM quarantine) WHERE id NOT IN (SELECT report FROM delivery)",
		"a mail that nothing waits for":               "SELECT ledger FROM pending_mail WHERE ledger NOT IN (SELECT ledger FROM delivery WHERE trust = 2)",
		"a report whose trust is not its best":        "SELECT id FROM report r WHERE trust <> (SELECT MIN(trust) FROM delivery d WHERE d.report = r.id)",
		"a quarantined one whose trust is not so":     "SELECT id FROM quarantine q WHERE trust <> (SELECT MIN(trust) FROM delivery d WHERE d.report = -q.id)",
		"a quarantined one without its item":          "SELECT id FROM quarantine q WHERE ledger NOT IN (SELECT ledger FROM delivery d WHERE d.report = -q.id)",
		"a report that its item did not store":        "SELECT id FROM report r WHERE (SELECT stored FROM ledger l WHERE l.id = r.stored_by) < 1",
		"a report stored by none of its deliveries":   "SELECT id FROM report r WHERE stored_by NOT IN (SELECT ledger FROM delivery d WHERE d.report = r.id)",
		"a policy of no report, or of another's day":  "SELECT report FROM policy p WHERE NOT EXISTS (SELECT 1 FROM report r WHERE r.id = p.report AND r.day = p.day)",
		"a failure of no report, or of another's day": "SELECT report FROM failure f WHERE NOT EXISTS (SELECT 1 FROM report r WHERE r.id = f.report AND r.day = f.day)",
	} {
		if rows := dump(t, c, query); len(rows) > 0 {
			t.Fatalf("%s: %v", what, rows)
		}
	}
}
