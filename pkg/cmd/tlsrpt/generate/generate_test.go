package generate

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// end is a Sunday, so that the last days cross a week-end.
var end = time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)

func newGenerator(t testing.TB, o Options) *Generator {
	t.Helper()
	if o.End.IsZero() {
		o.End = end
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func digest(g *Generator) string {
	h := sha256.New()
	for item := range g.Items() {
		fmt.Fprintf(h, "%s %s %s\n", item.Kind, item.Item, item.Received)
		h.Write(item.Bytes)
		h.Write(item.Document)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	g := newGenerator(t, Options{Seed: 7, Days: 30})
	first := digest(g)
	if again := digest(g); again != first {
		t.Error("the same generator gives other bytes the second time")
	}
	if other := digest(newGenerator(t, Options{Seed: 7, Days: 30})); other != first {
		t.Error("the same options give other bytes")
	}
	if other := digest(newGenerator(t, Options{Seed: 8, Days: 30})); other == first {
		t.Error("another seed gives the same bytes")
	}
}

func TestItemsAreTheLedgerInOrderOfArrival(t *testing.T) {
	for _, perDay := range []int{1, 6} {
		g := newGenerator(t, Options{PerDay: perDay, Days: 60})
		ledger := g.Ledger()
		n, names := 0, map[string]bool{}
		var last time.Time
		for item := range g.Items() {
			if diff := cmp.Diff(ledger[n], item.Entry); diff != "" {
				t.Fatalf("item %d (-ledger +item):\n%s", n, diff)
			}
			if names[item.Item] {
				t.Errorf("two items are named %s", item.Item)
			}
			if item.Received.Before(last) {
				t.Errorf("%s arrives at %s, before the one before it", item.Item, item.Received)
			}
			names[item.Item], last = true, item.Received
			n++
		}
		if n != len(ledger) {
			t.Errorf("%d items, %d entries", n, len(ledger))
		}
	}
}

func TestDocumentsSayWhatTheLedgerSays(t *testing.T) {
	for item := range newGenerator(t, Options{Reporters: 7, Domains: 6}).Items() {
		if item.Decoy == DMARC || item.Decoy == Personal {
			if item.Document != nil {
				t.Errorf("%s holds a document", item.Item)
			}
			continue
		}
		var said wireReport
		err := json.Unmarshal(item.Document, &said)
		if item.Decoy == Broken {
			if err == nil {
				t.Errorf("%s is to be broken, and is not", item.Item)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", item.Item, err)
		}
		compareDocument(t, item.Entry, said)
	}
}

func compareDocument(t *testing.T, e Entry, said wireReport) {
	t.Helper()
	start, startErr := time.Parse(time.RFC3339, said.DateRange.Start)
	stop, stopErr := time.Parse(time.RFC3339, said.DateRange.End)
	if startErr != nil || stopErr != nil || !start.Equal(e.Start) || e.End.Sub(stop) > time.Second {
		t.Errorf("%s: period %+v, want %s to %s", e.Item, said.DateRange, e.Start, e.End)
	}
	got := Entry{Reporter: said.OrganizationName, ReportID: said.ReportID}
	for _, p := range said.Policies {
		policy := Policy{Domain: p.Policy.Domain, Type: p.Policy.Type, Successful: p.Summary.Successful, Failed: p.Summary.Failed}
		if policy.Type == "sts" && len(p.Policy.String) > 0 {
			policy.Mode = p.Policy.String[1][len("mode: "):]
		}
		for _, d := range p.Details {
			policy.Details = append(policy.Details, Detail{
				ResultType: d.ResultType, SendingMTAIP: canonical(t, d.SendingMTAIP),
				ReceivingMX: string(bytes.TrimSuffix([]byte(d.ReceivingMX), []byte("."))), ReceivingMXHelo: d.ReceivingMXHelo,
				ReceivingIP: canonical(t, d.ReceivingIP), ReasonCode: d.ReasonCode,
				AdditionalInfo: d.AdditionalInfo, FailedSessions: d.FailedSessions,
			})
		}
		got.Policies = append(got.Policies, policy)
	}
	want := Entry{Reporter: e.Reporter, ReportID: e.ReportID, Policies: e.Policies}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-ledger +document):\n%s", e.Item, diff)
	}
}

func canonical(t *testing.T, ip string) string {
	t.Helper()
	if ip == "" {
		return ""
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		t.Errorf("address: %v", err)
	}
	return addr.String()
}

func TestFilesHoldTheirDocument(t *testing.T) {
	var plain, packed, zips int
	for item := range newGenerator(t, Options{}).Items() {
		if item.Kind != File {
			continue
		}
		switch {
		case bytes.HasPrefix(item.Bytes, []byte("PK")):
			zips++
		case bytes.HasPrefix(item.Bytes, []byte{0x1f, 0x8b}):
			packed++
			r, err := gzip.NewReader(bytes.NewReader(item.Bytes))
			if err != nil {
				t.Fatal(err)
			}
			inflated, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(inflated, item.Document) {
				t.Errorf("%s does not inflate to its document: %v", item.Item, err)
			}
		default:
			plain++
			if !bytes.Equal(item.Bytes, item.Document) {
				t.Errorf("%s is not its document", item.Item)
			}
		}
	}
	if plain == 0 || packed == 0 || zips == 0 {
		t.Errorf("%d plain, %d gzip, %d zip: want some of each", plain, packed, zips)
	}
}

func TestTheDemoHasWhatItsStoryNeeds(t *testing.T) {
	g := newGenerator(t, Options{})
	if n := len(g.Incidents()); n != 4 {
		t.Fatalf("%d incidents, want 4", n)
	}
	ledger := g.Ledger()
	decoys, late := map[Decoy]int{}, 0
	kinds := map[Kind]int{}
	for _, e := range ledger {
		decoys[e.Decoy]++
		kinds[e.Kind]++
		if e.Late {
			late++
		}
	}
	for _, d := range []Decoy{Genuine, Forged, Duplicate, DMARC, Personal, Broken} {
		if decoys[d] == 0 {
			t.Errorf("no item is %q", d)
		}
	}
	if late == 0 || kinds[Mail] < 800 || kinds[File] < 300 {
		t.Errorf("%d late, %v", late, kinds)
	}
	if a := Expected(ledger); a.Stored+a.Duplicate+a.Quarantined+a.Ignored != int64(len(ledger)) {
		t.Errorf("account %+v does not add up to %d items", a, len(ledger))
	}
}

func TestTheDemoHasWhatAlertsMustStayQuietOn(t *testing.T) {
	g := newGenerator(t, Options{})
	count := map[Alarm]int{}
	var last time.Time
	for _, h := range g.Harmless() {
		count[h.Alarm]++
		if h.First.Before(last) || h.Last.Before(h.First) {
			t.Errorf("%+v is out of order", h)
		}
		last = h.First
	}
	for _, alarm := range []Alarm{LateReport, ForgedReport, QuietWeekend, SingleSession, RenamedReporter, OwnOutage} {
		if count[alarm] == 0 {
			t.Errorf("there is no %s", alarm)
		}
	}
	from, to := g.Outage()
	for _, in := range g.Incidents() {
		if in.First.Before(to) && in.Last.After(from) {
			t.Errorf("the outage lies in the incident %s", in.Cause)
		}
	}
}

func TestAReporterGoesOnUnderAnotherName(t *testing.T) {
	g := newGenerator(t, Options{})
	names := map[string][]time.Time{}
	for e := range g.Entries() {
		if e.Decoy == Genuine && e.Submitter == "mail.ru" {
			names[e.Reporter] = append(names[e.Reporter], e.Day)
		}
	}
	before, after := names["Mail.ru"], names["VK"]
	if len(names) != 2 || len(before) == 0 || len(after) == 0 || slices.MaxFunc(before, time.Time.Compare).After(slices.MinFunc(after, time.Time.Compare)) {
		t.Errorf("%d reports before, %d after, %d names", len(before), len(after), len(names))
	}
}

func TestEachIncidentShowsWhereItIsAndNowhereElse(t *testing.T) {
	g := newGenerator(t, Options{Domains: 8})
	for _, in := range g.Incidents() {
		days := map[time.Time]int64{}
		for e := range g.Entries() {
			if e.Decoy != Genuine {
				continue
			}
			for _, p := range e.Policies {
				for _, d := range p.Details {
					// A single session may fail for no cause, on any day.
					if d.FailedSessions == 1 && d.ResultType == "validation-failure" || !slices.Contains(in.ResultTypes, d.ResultType) {
						continue
					}
					if p.Domain != in.Domain {
						t.Errorf("%s: %s fails as well: %+v", in.Cause, p.Domain, d)
					}
					if in.MX != "" && d.ReceivingMX != in.MX || in.Network != "" && network(d.SendingMTAIP) != in.Network {
						t.Errorf("%s: elsewhere: %+v", in.Cause, d)
					}
					days[e.Day] += d.FailedSessions
				}
			}
		}
		for on := g.First(); !on.After(g.End()); on = on.Add(day) {
			bad := !on.Before(in.First) && !on.After(in.Last)
			if (days[on] > 0) != bad {
				t.Errorf("%s: %d sessions fail on %s", in.Cause, days[on], on.Format(time.DateOnly))
			}
		}
	}
}

func TestForgedAndDuplicateItemsStandForAGenuineOne(t *testing.T) {
	genuine := map[string]Entry{}
	documents := map[string][]byte{}
	for item := range newGenerator(t, Options{}).Items() {
		key := item.Reporter + item.ReportID + item.Start.String()
		switch item.Decoy {
		case Genuine:
			genuine[key] = item.Entry
			documents[key] = item.Document
		case Forged:
			if _, ok := genuine[key]; !ok || item.Authenticated {
				t.Errorf("%s forges nothing that came before it", item.Item)
			}
			if bytes.Equal(documents[key], item.Document) {
				t.Errorf("%s says what the real one says", item.Item)
			}
		case Duplicate:
			if g := genuine[key]; g.Kind == item.Kind || !bytes.Equal(documents[key], item.Document) {
				t.Errorf("%s does not repeat a document of another route", item.Item)
			}
		}
	}
}

func TestNothingHasArrivedTomorrow(t *testing.T) {
	g, err := New(Options{Days: 3})
	if err != nil {
		t.Fatal(err)
	}
	for e := range g.Entries() {
		if e.Received.After(time.Now()) {
			t.Errorf("%s has arrived at %s", e.Item, e.Received)
		}
	}
	noon := end.Add(day + 12*time.Hour)
	all, some := newGenerator(t, Options{Days: 3}).Ledger(), newGenerator(t, Options{Days: 3, Until: noon}).Ledger()
	if diff := cmp.Diff(all[:len(some)], some); diff != "" || len(some) == len(all) || len(some) < len(all)/2 {
		t.Errorf("%d of %d items until noon (-all +until):\n%s", len(some), len(all), diff)
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"fewer than one day":              {Days: -1},
		"fewer than one domain":           {Domains: -3},
		"reports that don't divide a day": {PerDay: 5},
		"more reports a day than hours":   {PerDay: 48},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkItems(b *testing.B) {
	g := newGenerator(b, Options{Domains: 100, NoQuirks: true})
	b.ReportAllocs()
	n, bytes := 0, 0
	for b.Loop() {
		for item := range g.Items() {
			n++
			bytes += len(item.Bytes)
			if n%1000 == 0 {
				break
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "reports/s")
	b.ReportMetric(float64(bytes)/float64(n), "bytes/report")
}
