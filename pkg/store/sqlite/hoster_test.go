package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A hoster is a store of a year, filled past the decoder and the ledger: the
// rows of reports and the rollups, made by the same code as in a commit, but
// few deliveries and no documents. Each domain hears of a large sender daily, of
// one with two policies a report on three days of five, and of a small one on
// every other day; times multiplies them, as further reports of the same
// senders, or, where spread, as reports of further ones. One policy of fifty fails.
type hoster struct {
	domains, days, times int
	spread               bool
}

// hosterEnd is the day after the last one.
var hosterEnd = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	smallSenders = 20
	fullDays     = 41 // with deliveries
)

func (h hoster) name() string {
	name := fmt.Sprintf("%d-domains-%d-days-%d", h.domains, h.days, h.times)
	if h.spread {
		name += "-spread"
	}
	return name
}

// open fills the store, or takes the one of an earlier run from the folder that
// TLSRPT_HOSTER_DIR names.
func (h hoster) open(b testing.TB) *Store {
	b.Helper()
	folder := os.Getenv("TLSRPT_HOSTER_DIR")
	if folder == "" {
		folder = b.TempDir()
	}
	path := filepath.Join(folder, h.name()+".db")
	if _, err := os.Stat(path); err != nil {
		h.fill(b, path)
	}
	began := time.Now()
	s, err := Open(context.Background(), path, WithClock(func() time.Time { return hosterEnd.Add(12 * time.Hour) }))
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	b.Logf("%s opened in %s", h.name(), time.Since(began))
	return s
}

func (h hoster) fill(b testing.TB, path string) {
	b.Helper()
	began := time.Now()
	s, err := Open(context.Background(), path+".new")
	must(b, err)
	// What breaks off is filled anew: nothing must outlive a crash.
	c := <-s.writing
	for range readers {
		if r := <-s.reading; r != nil {
			must(b, r.close())
		}
		s.reading <- nil
	}
	must(b, c.script(context.Background(), "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000"))
	s.writing <- c
	f := &filler{hoster: h, firstDay: hosterEnd.Unix()/86400 - int64(h.days)}
	must(b, f.run(context.Background(), s))
	must(b, s.Close())
	must(b, os.Rename(path+".new", path))
	b.Logf("%s filled in %s", h.name(), time.Since(began))
}

type filler struct {
	hoster
	firstDay  int64
	source    int64
	text      int64
	signer    int64
	reporters []int64
	domainIDs []int64
	mxs       [][2]int64
	results   []int64
	networks  []int64
	said      [3][2]int64 // strings and mx by slot
	kinds     [3][]policyFacts
	indexes   []string
}

func (f *filler) run(ctx context.Context, s *Store) error {
	for _, step := range []func(context.Context, *writer) error{f.begin, f.intern, f.reports, f.facts, f.end} {
		err := s.write(ctx, func(ctx context.Context, c *conn) error {
			w := &writer{
				conn: c, strings: s.strings, document: s.document, sums: newSums(hosterEnd.Unix()/3600 - keptHours), now: s.now(),
				accounts: map[int64]*store.Account{}, arrivals: map[int64]int64{},
			}
			return step(ctx, w)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// begin puts the indexes off: they are made at once at the end.
func (f *filler) begin(ctx context.Context, w *writer) error {
	var names []string
	err := w.conn.query(ctx, `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
		AND tbl_name IN ('report', 'policy', 'failure', 'delivery', 'ledger')`, nil, func(r row) error {
		names, f.indexes = append(names, r.text(0)), append(f.indexes, r.text(1))
		return nil
	})
	for _, name := range names {
		if err == nil {
			err = w.conn.script(ctx, "DROP INDEX "+name)
		}
	}
	return err
}

func (f *filler) end(ctx context.Context, w *writer) error {
	for _, index := range f.indexes {
		if err := w.conn.script(ctx, index); err != nil {
			return err
		}
	}
	_, err := w.conn.exec(ctx, "UPDATE meta SET value = ? WHERE name = 'first_hour'", w.sums.firstHour)
	if err != nil {
		return err
	}
	return w.conn.script(ctx, `INSERT INTO arrival_hour (hour, source, seen) SELECT committed / 3600, source, SUM(stored) FROM ledger GROUP BY 1, 2;
		INSERT INTO account (source, stored, duplicate, quarantined, ignored, waiting) SELECT source, SUM(stored), 0, 0, 0, 0 FROM ledger GROUP BY 1`)
}

func (f *filler) intern(ctx context.Context, w *writer) (err error) {
	number := func(cl class, format string, args ...any) (id int64) {
		if err == nil {
			id, err = w.intern(ctx, cl, fmt.Sprintf(format, args...))
		}
		return id
	}
	f.source, f.text, f.signer = number(classSource, "mailbox"), number(classText, "DKIM signature is valid"), number(classText, "example.net")
	f.reporters = []int64{number(classReporter, "Google Inc."), number(classReporter, "Microsoft Corporation")}
	for i := range max(smallSenders, 3*f.times) {
		f.reporters = append(f.reporters, number(classReporter, "Sender %d", i))
	}
	for i := range f.domains {
		f.domainIDs = append(f.domainIDs, number(classDomain, "domain%05d.example", i))
		f.mxs = append(f.mxs, [2]int64{number(classMX, "mx1.domain%05d.example", i), number(classMX, "mx2.domain%05d.example", i)})
	}
	for _, result := range []string{"starttls-not-supported", "certificate-expired", "certificate-host-mismatch", "sts-policy-fetch-error", "validation-failure"} {
		f.results = append(f.results, number(classResult, "%s", result))
	}
	for i := range 200 {
		f.networks = append(f.networks, number(classNetwork, "198.51.%d.0/24", i))
	}
	for i := range f.said {
		f.said[i] = [2]int64{number(classText, `["version: STSv1","mode: enforce","max_age: %d"]`, i), number(classText, `["mx%d.example"]`, i)}
	}
	if err != nil {
		return err
	}
	for slot, shape := range [][]typeMode{{{"sts", "enforce"}}, {{"sts", "enforce"}, {"tlsa", ""}}, {{"no-policy-found", ""}}} {
		kinds, err := w.strings.kindsOf(ctx, w.conn, shape)
		if err != nil {
			return err
		}
		for i, tm := range shape {
			f.kinds[slot] = append(f.kinds[slot], policyFacts{idx: int64(i), kind: kinds[tm], strings: f.said[slot][0], mx: f.said[slot][1]})
		}
	}
	return nil
}

// mixed is a number that looks random.
func mixed(parts ...int) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		h = (h ^ uint64(p)) * 1099511628211
		h ^= h >> 29
	}
	return h * 0x9e3779b97f4a7c15 >> 8
}

// report makes a slot's report of a domain and day, if there is one.
func (f *filler) report(domain, day, slot int, r *facts) bool {
	kind := slot % 3
	if kind == 1 && (domain+day)%5 >= 3 || kind == 2 && (domain*7+day)%13 >= 7 {
		return false
	}
	*r = facts{
		report: int64((day*f.domains+domain)*3*f.times + slot + 1), day: f.firstDay + int64(day), trust: authenticated, source: f.source,
		policies: r.policies[:0], failures: r.failures[:0],
	}
	switch {
	case f.spread:
		r.reporter = f.reporters[slot]
	case kind == 2:
		r.reporter = f.reporters[2+domain%smallSenders]
	default:
		r.reporter = f.reporters[kind]
	}
	r.stored = (r.day+1)*86400 + int64(mixed(domain, slot)%20)*3600 + int64(domain%3600)
	r.late = lateness(r.stored, (r.day+1)*86400)
	random := mixed(domain, day, slot)
	fails := mixed(domain, day/5, slot)%50 == 0
	for i, p := range f.kinds[kind] {
		p.domain, p.pairs = f.domainIDs[domain], 1
		p.successful = int64(random % 1000)
		if fails {
			p.failed = 1 + int64(random%7)
			r.failures = append(r.failures, failureFacts{
				domain: p.domain, policy: int64(i), kind: p.kind, result: f.results[mixed(domain, day/5)%5], mx: f.mxs[domain][random%2],
				receivingIP: f.text, sendingIP: f.text, network: f.networks[random%200], failed: p.failed, helo: f.text, reasonCode: f.text, moreInformation: f.text,
			})
		}
		if i == len(f.kinds[kind])-1 {
			p.reports = 1
		}
		if i == 1 {
			p.overlapTotal, p.overlapFailed = p.successful+p.failed, p.failed
		}
		r.policies = append(r.policies, p)
	}
	return true
}

// each makes the reports of a domain and day, one after the other.
func (f *filler) each(domain, day int, r *facts, do func() error) error {
	for slot := range 3 * f.times {
		if !f.report(domain, day, slot, r) {
			continue
		}
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// reports writes the rows of reports in the order of their days, as they come.
func (f *filler) reports(ctx context.Context, w *writer) error {
	var r facts
	for day := range f.days {
		for domain := range f.domains {
			err := f.each(domain, day, &r, func() error {
				w.sums.count(1, 1)
				return f.insertReport(ctx, w, &r)
			})
			if err != nil {
				return err
			}
		}
	}
	return w.sums.flush(ctx, w.conn)
}

func (f *filler) insertReport(ctx context.Context, w *writer, r *facts) error {
	_, err := w.conn.exec(ctx, `INSERT INTO report (id, hash0, hash, name_key, sign_key, reporter, day, starts, ends, received, source,
		ledger, stored, late, trust, reason, signed_by, route, judged, superseded, warnings, contact, report_id, parser, stored_by)
		VALUES (?, ?, randomblob(24), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 0, 0, ?, ?, 1, ?)`,
		r.report, int64(mixed(int(r.report))), int64(mixed(int(r.report), 1)), int64(mixed(int(r.report), 2)), r.reporter, r.day, r.day*86400, (r.day+1)*86400,
		r.stored, f.source, r.report, r.stored, r.late, r.trust, f.text, f.signer, r.report, f.text, fmt.Sprintf("%d@example.net", r.report), r.report)
	if err != nil || r.day < f.firstDay+int64(f.days-fullDays) {
		return err
	}
	if _, err := w.conn.exec(ctx, "INSERT INTO delivery (report, ledger, trust, reason, signed_by, route) VALUES (?, ?, ?, ?, ?, 1)",
		r.report, r.report, r.trust, f.text, f.signer); err != nil {
		return err
	}
	_, err = w.conn.exec(ctx, `INSERT INTO ledger (id, hash, source, ref, received, committed, size, stored, duplicate, quarantined, ignored, why, state)
		VALUES (?, ?, ?, ?, ?, ?, 4000, 1, 0, 0, 0, 0, 2)`, r.report, r.report, f.source, fmt.Sprintf("INBOX/1/%d", r.report), r.stored, r.stored)
	return err
}

// facts writes policies and failures in the order of their tables, and the
// rollups of some domains at a time.
func (f *filler) facts(ctx context.Context, w *writer) error {
	var r facts
	for domain := range f.domains {
		for day := range f.days {
			err := f.each(domain, day, &r, func() error {
				w.sums.contribute(&r, 1)
				return w.insertFacts(ctx, &r)
			})
			if err != nil {
				return err
			}
		}
		if err := f.heard(ctx, w); err != nil {
			return err
		}
		if (domain+1)%50 != 0 && domain+1 < f.domains {
			continue
		}
		if err := w.sums.flush(ctx, w.conn); err != nil {
			return err
		}
		w.sums = newSums(w.sums.firstHour)
	}
	return nil
}

// heard writes who was heard in a store that has nothing to compare with.
func (f *filler) heard(ctx context.Context, w *writer) error {
	for _, key := range w.sums.hearings() {
		change := w.sums.heard[key]
		var reports int64
		for _, n := range change.days {
			reports += n
		}
		_, err := w.conn.exec(ctx, "INSERT INTO heard (domain, reporter, trust, first_day, last_day, last_stored, reports, days) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			key.domain, key.reporter, key.trust, change.added.firstDay, change.added.lastDay, change.added.lastStore, reports, int64(len(change.days)))
		if err != nil {
			return err
		}
	}
	clear(w.sums.heard)
	return nil
}
