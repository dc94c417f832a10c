package ingest_test

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A storeFile is a store that is opened anew by each engine.
type storeFile struct {
	t    *testing.T
	path string
}

func newStoreFile(t *testing.T) storeFile {
	return storeFile{t, filepath.Join(t.TempDir(), "tlsrpt.db")}
}

func (f storeFile) open() store.Store {
	f.t.Helper()
	s, err := sqlite.Open(f.t.Context(), f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// exec changes what an older program might have left.
func (f storeFile) exec(statements ...string) {
	f.t.Helper()
	db, err := sql.Open("sqlite", f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			f.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// failedBy sums the failed sessions by a dimension, and checks that its single
// rows say the same.
func failedBy(t *testing.T, s store.Store, d store.Dimension) map[string]int64 {
	t.Helper()
	rows, _, err := s.Sessions(t.Context(), store.SumQuery{GroupBy: []store.Dimension{d}})
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, row := range rows {
		sums[row.Group[0]] = row.Failed
	}
	reports, more, err := s.Reports(t.Context(), store.RowQuery{Limit: 1000})
	if err != nil || more {
		t.Fatalf("more rows: %v, %v", more, err)
	}
	added := map[string]int64{}
	for _, r := range reports {
		word := map[store.Dimension]string{store.PolicyDomain: r.PolicyDomain, store.TrustDimension: string(r.Judgement.Trust)}[d]
		added[word] += r.Failed
	}
	if !maps.Equal(sums, added) {
		t.Errorf("the sums by %s are %v, and the rows add up to %v", d, sums, added)
	}
	return sums
}

func wantFailed(t *testing.T, s store.Store, when string, d store.Dimension, want map[string]int64) {
	t.Helper()
	if got := failedBy(t, s, d); !maps.Equal(want, got) {
		t.Errorf("%s the failed sessions by %s are %v, want %v", when, d, got, want)
	}
}

func TestSumsByTrustFollowDNS(t *testing.T) {
	file := newStoreFile(t)
	atNoon(t, func(t *testing.T) {
		file.t = t
		server, dns, s := &fakeServer{}, &zone{broken: true}, file.open()
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: signed(t, report("example.com", "1", time.Now()))},
			fakeItem{ref: "2", received: time.Now(), body: report("example.com", "2", time.Now())},
		)
		e := withZone(s, dns)
		defer closeEngine(t, e)
		e.Use(theKey, judged(server))
		pass(10 * time.Second)
		wantFailed(t, s, "while DNS fails", store.TrustDimension, map[string]int64{"pending": 1, "unauthenticated": 1})
		dns.set(false)
		pass(2 * time.Minute)
		wantFailed(t, s, "when DNS is back", store.TrustDimension, map[string]int64{"authenticated": 1, "unauthenticated": 1})
		rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 10})
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d reports, %v", len(rows), err)
		}
	})
}

func TestSumsFollowTheDomainsOfTheSettings(t *testing.T) {
	file := newStoreFile(t)
	atNoon(t, func(t *testing.T) {
		file.t = t
		server, s := &fakeServer{}, file.open()
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: report("mx.example.net", "1", time.Now())},
			fakeItem{ref: "2", received: time.Now(), body: both("example.com", "example.org", "2")},
		)
		e := newEngine(s)
		defer closeEngine(t, e)
		settings := config(server, time.Now())
		e.Use(theKey, settings)
		pass(time.Minute)
		wantFailed(t, s, "at first", store.PolicyDomain, map[string]int64{"mx.example.net": 1, "example.com": 1, "example.org": 1})
		change(e, &settings, func(c *ingest.Config) { c.DomainMap = map[string]string{"mx.example.net": "example.com"} })
		wantFailed(t, s, "with a host mapped", store.PolicyDomain, map[string]int64{"example.com": 2, "example.org": 1})
		change(e, &settings, func(c *ingest.Config) { c.DomainMap = nil })
		wantFailed(t, s, "without the map", store.PolicyDomain, map[string]int64{"mx.example.net": 1, "example.com": 1, "example.org": 1})
		change(e, &settings, func(c *ingest.Config) { c.Domains = []string{"example.com"} })
		server.add(fakeItem{ref: "3", received: time.Now(), body: both("example.com", "example.org", "3")})
		pass(6 * time.Minute)
		wantFailed(t, s, "with one domain", store.PolicyDomain, map[string]int64{"mx.example.net": 1, "example.com": 2, "example.org": 1})
		change(e, &settings, func(c *ingest.Config) { c.Domains = []string{"example.com", "example.org"} })
		wantFailed(t, s, "with two domains", store.PolicyDomain, map[string]int64{"mx.example.net": 1, "example.com": 2, "example.org": 2})
	})
}

// misread makes the store's one report say that so many sessions failed, as a
// parser may have read it.
func misread(t *testing.T, s store.Store, failed int64) {
	t.Helper()
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 2})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d reports are stored, %v", len(rows), err)
	}
	kept, err := s.Report(t.Context(), rows[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	report, err := tlsrpt.DecodeBytes(kept.Raw, kept.Hints)
	if err != nil {
		t.Fatal(err)
	}
	report.Policies[0].Failed = failed
	if _, err := s.Reread(t.Context(), rows[0].ID, store.Document{Report: report, Raw: kept.Raw, Hints: kept.Hints}); err != nil {
		t.Fatal(err)
	}
}

func TestAnOlderParsersStoreIsReadAgain(t *testing.T) {
	file := newStoreFile(t)
	atNoon(t, func(t *testing.T) {
		file.t = t
		server := &fakeServer{}
		server.add(
			fakeItem{ref: "1", received: time.Now(), body: report("example.com", "1", time.Now())},
			fakeItem{ref: "broken", received: time.Now(), body: []byte(`{"policies":[`)},
		)
		run := func() { // a start of the process
			e := newEngine(file.open())
			e.Use(theKey, config(server, time.Now()))
			pass(time.Minute)
			closeEngine(t, e)
		}
		run()
		s := file.open()
		misread(t, s, 99)
		s.Close()
		file.exec("UPDATE report SET parser = parser - 1", "UPDATE parsed SET parser = parser - 1", "UPDATE quarantine SET parser = parser - 1",
			fmt.Sprintf(`UPDATE read_with SET words = '[{"parser":%d}]'`, tlsrpt.ParserVersion-1))
		s = file.open()
		wantFailed(t, s, "misread", store.PolicyDomain, map[string]int64{"example.com": 99})
		s.Close()
		run()
		run()
		s = file.open()
		wantFailed(t, s, "read again", store.PolicyDomain, map[string]int64{"example.com": 1})
		for _, field := range []store.TimeField{store.Period, store.StoredTime} {
			rows, _, err := s.Sessions(t.Context(), store.SumQuery{Selection: store.Selection{TimeField: field}, PerBucket: true})
			if err != nil || len(rows) != 1 || rows[0].Failed != 1 {
				t.Errorf("the sums by %s are %+v, %v", field, rows, err)
			}
		}
		rows, _, err := s.Quarantine(t.Context(), store.RowQuery{Limit: 10})
		if err != nil || len(rows) != 1 || rows[0].Tries != 2 || rows[0].ParserVersion != tlsrpt.ParserVersion {
			t.Errorf("the quarantine is %+v, %v", rows, err)
		}
		s.Close()

		// What is kept of the report is now what no parser takes.
		file.exec("UPDATE report SET parser = parser - 1", "UPDATE parsed SET parser = parser - 1", "UPDATE document SET frame = (SELECT frame FROM quarantine)")
		run()
		s = file.open()
		defer s.Close()
		wantFailed(t, s, "refused", store.PolicyDomain, map[string]int64{})
		accounts, err := s.Accounts(t.Context())
		if want := (store.Account{Quarantined: 2}); err != nil || accounts["mb1"] != want {
			t.Errorf("the account is %+v, %v", accounts["mb1"], err)
		}
	})
}

func TestReadingAgainInTheMiddleOfARestart(t *testing.T) {
	file := newStoreFile(t)
	atNoon(t, func(t *testing.T) {
		file.t = t
		server := &fakeServer{}
		for i := range 60 {
			server.add(fakeItem{ref: fmt.Sprint(i), received: time.Now(), body: report("mx.example.net", fmt.Sprint(i), time.Now())})
		}
		settings := config(server, time.Now())
		run := func(s store.Store, life time.Duration) {
			e := newEngine(s)
			e.Use(theKey, settings)
			pass(life)
			closeEngine(t, e)
		}
		run(file.open(), time.Minute)
		settings.DomainMap = map[string]string{"mx.example.net": "example.com"}
		for range 3 {
			run(&slowReread{file.open()}, 2*time.Second)
			s := file.open()
			got := failedBy(t, s, store.PolicyDomain)
			if got["mx.example.net"]+got["example.com"] != 60 || got["mx.example.net"] == 0 {
				t.Fatalf("in the middle the sums are %v", got)
			}
			s.Close()
		}
		run(file.open(), time.Minute)
		s := file.open()
		defer s.Close()
		wantFailed(t, s, "at last", store.PolicyDomain, map[string]int64{"example.com": 60})
	})
}
