package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// olderVersion makes a store with the schema of an earlier version, of which
// nothing is left to do but what f leaves.
func olderVersion(t *testing.T, path string, version int, f func(*conn)) {
	t.Helper()
	steps, err := migrations()
	must(t, err)
	s := newStore(nil)
	s.dsn = fileURI(path)
	c, err := s.connect(t.Context(), writerCacheKiB)
	must(t, err)
	must(t, migrate(t.Context(), c, steps[:version]))
	var done []string
	must(t, c.query(t.Context(), "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'old~_%' ESCAPE '~'", nil, func(r row) error {
		done = append(done, r.text(0))
		return nil
	}))
	for _, table := range done {
		must(t, c.script(t.Context(), "DROP TABLE "+table))
	}
	f(c)
	must(t, c.close())
}

func TestAStoreOfTheFirstVersionIsBroughtUpToDate(t *testing.T) {
	ctx := t.Context()
	now := WithClock((&clock{epoch.Add(24 * time.Hour)}).time)
	two, lost := waiting(t, "two", newReport(t, 1), newReport(t, 2)), foreign(t, "lost", newReport(t, 3))
	fill := func(path, contact string) *Store {
		s := file(t, path, now)
		real := claim{reporter: "Example Inc.", id: "1", contact: contact, signer: "example.net", hour: 2}
		forged := claim{reporter: "Example Inc.", id: "1", contact: contact, signer: "evil.example", hour: 1, failed: 9}
		commit(t, s, forged.delivery(t, "forged"), real.delivery(t, "real"), two, lost)
		return s
	}
	want := numbers(t, fill(filepath.Join(t.TempDir(), "new.db"), "tls@example.net"))

	// Without an address the earliest counts, as it did in version 1.
	path, old := filepath.Join(t.TempDir(), "alike.db"), filepath.Join(t.TempDir(), "old.db")
	if got := countedSigners(t, fill(path, "tls at example.net"))["1"]; got != "evil.example" {
		t.Fatalf("%s counts", got)
	}
	olderVersion(t, old, 1, func(c *conn) {
		copyAsFirst(t, c, path)
		_, err := c.exec(ctx, "UPDATE dict SET value = ?, hash = ? WHERE value = 'tls at example.net'", "tls@example.net", hash64("tls@example.net"))
		must(t, err)
	})
	s := file(t, old, now)
	if got := countedSigners(t, s)["1"]; got != "example.net" {
		t.Errorf("%s counts", got)
	}
	if diff := cmp.Diff(want, numbers(t, s)); diff != "" {
		t.Error(diff)
	}
	recount(t, s)
	doc, _, err := s.Quarantined(ctx, 1)
	if must(t, err); doc.Trust != store.Unverifiable || doc.SignedBy != "google.com" {
		t.Errorf("quarantined without a mail: %+v", doc.Judgement)
	}
	ids := must2(s.PendingMails(ctx, 0, 10))(t)
	if len(ids) != 1 {
		t.Fatalf("mails %v", ids)
	}
	if mail := must2(s.PendingMail(ctx, ids[0]))(t); string(mail.Mail) != "mail two" {
		t.Errorf("mail %q", mail.Mail)
	}
	must(t, s.Rejudge(ctx, ids[0], answered))
	recount(t, s)
}

func newReport(t fataler, i int) *tlsrpt.Report {
	t.Helper()
	tr := newTraffic(10)
	var r *tlsrpt.Report
	for range i {
		r, _ = tr.report()
	}
	return r
}

// copyAsFirst fills an empty store of version 1 with what one of today holds, as
// it was then: quarantine has no deliveries, and a mail is kept for each report.
func copyAsFirst(t fataler, c *conn, path string) {
	t.Helper()
	ctx := context.Background()
	copyTables(t, c, path, "pending_mail")
	must(t, c.script(ctx, "ATTACH '"+strings.ReplaceAll(path, "'", "''")+"' AS new"))
	must(t, c.script(ctx, `DELETE FROM main.delivery WHERE report < 0;
		INSERT INTO main.pending_mail (report, ledger, frame) SELECT d.report, d.ledger, m.frame FROM new.pending_mail m JOIN main.delivery d ON d.ledger = m.ledger`))
	must(t, c.forget())
	must(t, c.script(ctx, "DETACH new"))
}

// copyTables fills the tables of an empty store of an earlier version, but for
// some, with what one of today holds.
func copyTables(t fataler, c *conn, path string, but ...string) {
	t.Helper()
	ctx := context.Background()
	must(t, c.script(ctx, "ATTACH '"+strings.ReplaceAll(path, "'", "''")+"' AS new"))
	var tables []string
	must(t, c.query(ctx, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'", nil, func(r row) error {
		if r.text(0) != "meta" && !slices.Contains(but, r.text(0)) {
			tables = append(tables, r.text(0))
		}
		return nil
	}))
	must(t, c.script(ctx, "UPDATE main.meta SET value = (SELECT value FROM new.meta n WHERE n.name = meta.name)"))
	for _, r := range slices.Concat(sessionRollups, failureRollups) {
		older := r.table
		if !slices.Contains(tables, older) {
			older = strings.TrimSuffix(older, "_late")
		} else if !r.packed() {
			continue
		}
		plain, err := c.integer(ctx, "SELECT COUNT(*) FROM pragma_table_info('"+older+"', 'main') WHERE name = 'trust'")
		must(t, err)
		if plain == 1 {
			tables = slices.DeleteFunc(tables, func(table string) bool { return table == older })
			unpackRollup(t, c, r, older)
		}
	}
	for _, table := range tables {
		var columns string
		must(t, c.query(ctx, "SELECT group_concat(name) FROM pragma_table_info('"+table+"', 'main')", nil, func(r row) error {
			columns = r.text(0)
			return nil
		}))
		must(t, c.script(ctx, fmt.Sprintf("INSERT OR REPLACE INTO main.%s (%s) SELECT %s FROM new.%s", table, columns, columns, table)))
	}
	must(t, c.forget())
	must(t, c.script(ctx, "DETACH new"))
}

// besideUpgraded fills a store of today, and returns it with one that is brought
// up from an earlier version with the same in it.
func besideUpgraded(t *testing.T, version int, fill func(s *Store, now *clock)) (s, upgraded *Store) {
	t.Helper()
	now := &clock{epoch.Add(24 * time.Hour)}
	path, old := filepath.Join(t.TempDir(), "new.db"), filepath.Join(t.TempDir(), "old.db")
	s = file(t, path, WithClock(now.time))
	fill(s, now)
	olderVersion(t, old, version, func(c *conn) { copyTables(t, c, path) })
	upgraded = file(t, old, WithClock(now.time))
	recount(t, upgraded)
	return s, upgraded
}

// trickle commits reports of some domains in several steps.
func trickle(t *testing.T, domains, steps, reports int, apart time.Duration) func(s *Store, now *clock) {
	return func(s *Store, now *clock) {
		tr := newTraffic(domains)
		for range steps {
			commit(t, s, tr.deliveries(t, reports)...)
			now.now = now.now.Add(apart)
		}
	}
}

func TestAStoreOfTheSecondVersionLearnsWhatItsReportsSaid(t *testing.T) {
	s, upgraded := besideUpgraded(t, 2, func(s *Store, now *clock) {
		trickle(t, 3, 4, 20, time.Hour)(s, now)
		real := claim{reporter: "Example Inc.", id: "1", contact: "tls@example.net", signer: "example.net", hour: 2}
		forged := claim{reporter: "Example Inc.", id: "1", contact: "tls@example.net", signer: "evil.example", hour: 1, failed: 9}
		commit(t, s, forged.delivery(t, "forged"), real.delivery(t, "real"))
	})
	for name, answer := range map[string]func(*Store) (any, error){
		"policies": func(s *Store) (any, error) { return s.Policies(t.Context(), store.Selection{}) },
		"arrivals": func(s *Store) (any, error) { return s.Arrivals(t.Context(), time.Time{}, time.Time{}) },
	} {
		want, got := must2(answer(s))(t), must2(answer(upgraded))(t)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-new +upgraded): %s", name, diff)
		}
	}
}

// unpackRollup fills a table of an earlier version from a rollup of today.
func unpackRollup(t fataler, c *conn, r *rollup, older string) {
	t.Helper()
	ctx := context.Background()
	columns := strings.Join(slices.Concat([]string{r.bucket.column()}, r.dimensions, r.measures), ", ")
	if !r.packed() {
		must(t, c.script(ctx, fmt.Sprintf("INSERT INTO main.%s (%s) SELECT %s FROM new.%s", older, columns, columns, r.table)))
		return
	}
	statement := fmt.Sprintf("INSERT INTO main.%s (%s) VALUES (%s)", older, columns, marks(1+r.width()))
	var rows [][]any
	must(t, c.query(ctx, "SELECT id, cells FROM new."+r.table, nil, func(row row) error {
		return r.unpack(row.int(0), row.bytes(1), nil, func(numbers []int64) {
			args := []any{row.int(0) >> chunkBits}
			for _, n := range numbers {
				args = append(args, n)
			}
			rows = append(rows, args)
		})
	}))
	for _, args := range rows {
		_, err := c.exec(ctx, statement, args...)
		must(t, err)
	}
}

func TestAStoreOfTheSeventhVersionSumsUpItsDomains(t *testing.T) {
	s, upgraded := besideUpgraded(t, 7, trickle(t, 4, 4, 50, 20*24*time.Hour))
	if diff := cmp.Diff(numbers(t, s), numbers(t, upgraded)); diff != "" {
		t.Errorf("(-new +upgraded): %s", diff)
	}
}

func TestAStoreOfTheEighthVersionPacksItsFailures(t *testing.T) {
	s, upgraded := besideUpgraded(t, 8, trickle(t, 4, 6, 300, 20*24*time.Hour))
	stored := store.Selection{TimeField: store.StoredTime, From: epoch}
	soon := stored
	soon.MaxLateness = 7 * 24 * time.Hour
	for i, selection := range []store.Selection{{}, stored, soon} {
		for name, answer := range map[string]func(*Store, store.SumQuery) (any, error){
			"sessions": func(s *Store, q store.SumQuery) (any, error) { return costless(s.Sessions(t.Context(), q)) },
			"failures": func(s *Store, q store.SumQuery) (any, error) { return costless(s.FailureSums(t.Context(), q)) },
			"failures of servers": func(s *Store, q store.SumQuery) (any, error) {
				q.GroupBy = append(q.GroupBy, store.PolicyDomain, store.ReceivingMX)
				return costless(s.FailureSums(t.Context(), q))
			},
		} {
			q := store.SumQuery{Selection: selection, GroupBy: []store.Dimension{store.PolicyType}, PerBucket: true}
			want, got := must2(answer(s, q))(t), must2(answer(upgraded, q))(t)
			if diff := cmp.Diff(want, got); diff != "" || reflect.ValueOf(want).Len() < 10 {
				t.Errorf("selection %d: %d %s (-new +upgraded): %s", i, reflect.ValueOf(want).Len(), name, diff)
			}
		}
	}
	must(t, upgraded.read(t.Context(), func(c *conn) error {
		left := dump(t, c, "SELECT name FROM sqlite_schema WHERE name LIKE 'old%' OR tbl_name LIKE 'old%'")
		if len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		return nil
	}))
}
