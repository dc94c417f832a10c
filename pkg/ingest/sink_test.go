package ingest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// collect polls a server once and returns the ledger's rows in their order.
func collect(t *testing.T, items []fakeItem) (*fakeStore, []*ledgerRow) {
	t.Helper()
	server, s := &fakeServer{}, newFakeStore()
	server.add(items...)
	e := newEngine(s)
	c := e.Use(theKey, config(server, time.Now()))
	pass(time.Minute)
	if status := sourceStatus(c); status.State != ingest.OK {
		t.Errorf("the status is %+v", status)
	}
	closeEngine(t, e)
	var rows []*ledgerRow
	for _, key := range s.order {
		rows = append(rows, s.ledger[key])
	}
	return s, rows
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// padded is a report of more than the given size, whose extra key says nothing.
func padded(id string, size int) []byte {
	doc := report("example.com", id, time.Now())
	pad := fmt.Appendf(nil, `{"x-padding":"%s",`, bytes.Repeat([]byte("x"), size))
	return append(pad, doc[1:]...)
}

func TestItemsAreCommittedInTheirOrder(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		items := reports(60)
		for i := range items {
			if i%7 == 3 { // inflates to so much that it has to wait for its turn
				items[i].body = gzipped(padded(fmt.Sprint("heavy", i), 2<<20))
			}
		}
		s, rows := collect(t, items)
		for i, row := range rows {
			if row.ref != items[i].ref {
				t.Fatalf("row %d is %s", i, row.ref)
			}
		}
		if want := (store.Account{Stored: 60}); s.account("mb1") != want {
			t.Errorf("the account is %+v", s.account("mb1"))
		}
	})
}

func TestWhatBecomesOfItems(t *testing.T) {
	tests := []struct {
		name     string
		item     func() fakeItem
		outcomes []store.Outcome
		ignored  string
		reason   string
		raw      bool
	}{
		{
			name:     "an item that says it is smaller than it is is read whole",
			item:     func() fakeItem { return fakeItem{body: padded("a", 100<<10), size: 10} },
			outcomes: []store.Outcome{store.Stored},
		},
		{
			name:     "an item of unknown size is read whole",
			item:     func() fakeItem { return fakeItem{body: padded("a", 100<<10), size: -1} },
			outcomes: []store.Outcome{store.Stored},
		},
		{
			name:     "an item that says it is over the limit is quarantined unread",
			item:     func() fakeItem { return fakeItem{body: []byte("{}"), size: ingest.MaxItemSize + 1} },
			outcomes: []store.Outcome{store.Quarantined}, reason: "too-large",
		},
		{
			name:     "an item that is over the limit and says otherwise is quarantined without bytes",
			item:     func() fakeItem { return fakeItem{body: make([]byte, ingest.MaxItemSize+1), size: 10} },
			outcomes: []store.Outcome{store.Quarantined}, reason: "too-large",
		},
		{
			name:     "an item that the source found too large is quarantined",
			item:     func() fakeItem { return fakeItem{skip: source.SkipTooLarge} },
			outcomes: []store.Outcome{store.Quarantined}, reason: "too-large",
		},
		{
			name:     "an item that the server does not give out is quarantined",
			item:     func() fakeItem { return fakeItem{skip: source.SkipUnreadable} },
			outcomes: []store.Outcome{store.Quarantined}, reason: "unreadable",
		},
		{
			name:     "an item that is older than the retention is ignored",
			item:     func() fakeItem { return fakeItem{skip: source.SkipExpired} },
			outcomes: []store.Outcome{store.Ignored}, ignored: "expired",
		},
		{
			name: "a report of a day older than the retention is ignored",
			item: func() fakeItem {
				return fakeItem{body: report("example.com", "a", time.Now().AddDate(0, 0, -400))}
			},
			outcomes: []store.Outcome{store.Ignored}, ignored: "expired",
		},
		{
			name: "a report of the oldest day that is kept is stored",
			item: func() fakeItem {
				return fakeItem{body: report("example.com", "a", time.Now().AddDate(0, 0, -399))}
			},
			outcomes: []store.Outcome{store.Stored},
		},
		{
			name:     "broken JSON is quarantined with its bytes",
			item:     func() fakeItem { return fakeItem{body: []byte(`{"organization-name": "x"`)} },
			outcomes: []store.Outcome{store.Quarantined}, reason: "invalid-json", raw: true,
		},
		{
			name:     "a page that is no report is ignored",
			item:     func() fakeItem { return fakeItem{body: []byte("<html></html>")} },
			outcomes: []store.Outcome{store.Ignored}, ignored: "not a report",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			atNoon(t, func(t *testing.T) {
				item := test.item()
				item.ref, item.received = "1", time.Now()
				s, rows := collect(t, []fakeItem{item})
				if len(rows) != 1 {
					t.Fatalf("%d rows in the ledger", len(rows))
				}
				if diff := cmp.Diff(test.outcomes, rows[0].outcomes); diff != "" || rows[0].ignored != test.ignored {
					t.Errorf("ignored: %q; outcomes (-want +got):\n%s", rows[0].ignored, diff)
				}
				if test.reason == "" {
					return
				}
				document := s.quarantine[1].document
				if document.Problem.Reason != test.reason || document.Problem.Detail == "" || (len(document.Raw) > 0) != test.raw {
					t.Errorf("quarantined with %+v and %d bytes", document.Problem, len(document.Raw))
				}
			})
		})
	}
}
