package endtoend

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/drop"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/imap"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// An order is what arrives, in phases that are each read before the next one
// arrives. Within a phase the newest is read first.
type order [][]arrival

// arrivals are everything that comes in beside the clean mailbox.
type arrivals struct {
	reports []realReport
	// clean, again and files are the real reports, each once.
	clean, again, files []arrival
	forged              []arrival
	// history is one real report of each reporter, and rest everything else.
	history, rest []arrival
}

func allArrivals(t *testing.T) *arrivals {
	t.Helper()
	a := &arrivals{reports: realReports(t)}
	heard := map[string]bool{}
	for _, r := range a.reports {
		a.clean, a.again, a.files = append(a.clean, r.mails[0]), append(a.again, r.mails[1]), append(a.files, r.file)
		a.forged = append(a.forged, r.rivals...)
		if !heard[r.reporter] {
			heard[r.reporter] = true
			a.history = append(a.history, r.mails[0])
		} else {
			a.rest = append(a.rest, r.mails[0])
		}
	}
	a.rest = slices.Concat(a.rest, a.again, a.files, a.forged)
	return a
}

func isFile(a arrival) bool  { return a.mail == nil }
func isMail(a arrival) bool  { return a.mail != nil }
func isReal(a arrival) bool  { return a.forged == "" }
func canTell(a arrival) bool { return !a.undecidable }

func TestTheNumbersAreThoseOfTheCleanMailboxWhateverArrivesBesideItAndInWhateverOrder(t *testing.T) {
	all := allArrivals(t)
	real := slices.Concat(all.clean, all.again, all.files)
	for _, c := range []struct {
		name  string
		order order
		// unheard says that forged reports come before all others of a reporter.
		unheard bool
	}{
		{name: "the clean mailbox", order: order{all.clean}},
		{name: "every report twice, and a third time through the drop", order: order{all.clean, all.again, all.files}},
		{name: "the real ones first", order: order{real, all.forged}},
		{name: "the forged ones first, where the store knows none of the reporters", order: order{only(all.forged, canTell), real}, unheard: true},
		{name: "the forged ones first, where the store has heard of the reporters", order: order{all.history, all.forged, only(all.rest, isReal)}},
		{name: "the drop first", order: order{only(all.rest, isFile), all.history, only(all.rest, isMail)}},
		{name: "all at once, shuffled", order: order{all.history, shuffled(1, all.rest)}},
		{name: "in four parts, shuffled", order: parts(all.history, shuffled(2, all.rest), 4)},
		{name: "in nine parts, shuffled", order: parts(all.history, shuffled(3, all.rest), 9)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := startEngine(t, &zone{})
			for _, phase := range c.order {
				a.arrive(t, phase)
			}
			compareAll(t, a, factsInOrder(all.reports, c.order))
			checkRivals(t, a, all.reports, c.order, c.unheard)
		})
	}
}

func TestTheNumbersAreTheSameAfterDNSFailedAndCameBack(t *testing.T) {
	all := allArrivals(t)
	phases := parts(all.history, shuffled(4, all.rest), 4)
	for _, c := range []struct {
		name   string
		broken func(phase int) bool
	}{
		{"it fails from the start on", func(int) bool { return true }},
		{"it fails for the first mails", func(phase int) bool { return phase < 3 }},
		{"it fails every other time", func(phase int) bool { return phase%2 == 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dns := &zone{}
			a := startEngine(t, dns)
			for i, phase := range phases {
				dns.set(c.broken(i))
				// A new engine has forgotten what DNS answered before.
				a.restart(t)
				a.arrive(t, phase)
			}
			if a.pending(t) == 0 {
				t.Error("nothing waits for DNS: the test proves nothing")
			}
			dns.set(false)
			a.restart(t)
			for deadline := time.Now().Add(patience); a.pending(t) > 0; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d still wait for DNS", a.pending(t))
				}
			}
			compareAll(t, a, factsInOrder(all.reports, phases))
			checkRivals(t, a, all.reports, phases, false)
		})
	}
}

func only(all []arrival, keep func(arrival) bool) []arrival {
	return slices.DeleteFunc(slices.Clone(all), func(a arrival) bool { return !keep(a) })
}

func shuffled(seed uint64, all []arrival) []arrival {
	all = slices.Clone(all)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func parts(first, rest []arrival, n int) order {
	return append(order{first}, slices.Collect(slices.Chunk(rest, (len(rest)+n-1)/n))...)
}

// inProcess is an engine of this process on a mailbox, a drop and a store file.
type inProcess struct {
	mailbox   *loopback.MemoryIMAP
	drop      *loopback.MemoryDrop
	resolver  *zone
	file      string
	engine    *ingest.Engine
	collector *ingest.Collector
	store     store.Store
	// arrived is how many came in so far: each a second after the one before.
	arrived int64
}

func startEngine(t *testing.T, resolver *zone) *inProcess {
	t.Helper()
	mailbox, err := loopback.StartMemoryIMAP(t.Context(), loopback.MemoryIMAPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mailbox.Close() })
	files, err := loopback.StartMemoryDrop(t.Context(), loopback.MemoryDropOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	a := &inProcess{mailbox: mailbox, drop: files, resolver: resolver, file: filepath.Join(t.TempDir(), "arrival.sqlite")}
	a.start(t)
	t.Cleanup(func() { a.stop(t) })
	return a
}

func (a *inProcess) start(t *testing.T) {
	t.Helper()
	a.engine = ingest.NewEngine(ingest.Options{Resolver: a.resolver, OpenStore: func(ctx context.Context, _ ingest.Key) (store.Store, string, error) {
		s, err := sqlite.Open(ctx, a.file)
		return s, "", err
	}})
	openMailbox := func() (source.Source, error) {
		return imap.New(imap.Config{Host: a.mailbox.Host, Port: a.mailbox.TLSPort, Username: user, Password: a.mailbox.Password, TLSCACert: a.mailbox.CA,
			Security: imap.TLS, Auth: imap.Password, AfterProcessing: imap.Keep})
	}
	openDrop := func() (source.Source, error) { return drop.New(drop.Config{URL: a.drop.URL, TLSCACert: a.drop.CA}) }
	a.collector = a.engine.Use(ingest.Key{OrgID: 1, UID: "tlsrpt"}, ingest.Config{RetentionDays: 36500, Updated: time.Now(), Sources: []ingest.SourceConfig{
		{ID: "mb1", Type: "imap", PollInterval: time.Hour, Open: openMailbox}, {ID: "drop1", Type: "https", PollInterval: time.Hour, Open: openDrop},
	}})
	awaitPolls(t, a.collector)
	var err error
	if a.store, err = a.collector.Store(); err != nil {
		t.Fatal(err)
	}
}

func (a *inProcess) stop(t *testing.T) {
	t.Helper()
	if err := a.engine.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func (a *inProcess) restart(t *testing.T) {
	t.Helper()
	a.stop(t)
	a.start(t)
}

// arrive lets things come in, and waits until they are read.
func (a *inProcess) arrive(t *testing.T, phase []arrival) {
	t.Helper()
	for _, one := range phase {
		a.arrived++
		at := time.Date(2026, 6, 3, 0, 0, int(a.arrived), 0, time.UTC)
		var err error
		if one.mail != nil {
			err = a.mailbox.Append(user, "INBOX", at, one.mail)
		} else {
			err = a.drop.Put(one.name(), at, one.file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a.awaitSeen(t)
}

// pending is how many reports on a domain wait for DNS.
func (a *inProcess) pending(t *testing.T) (n int) {
	t.Helper()
	for _, row := range tableOf(t, a, map[string]any{"queryType": "reports", "limit": 10_000}) {
		if row["trust"] == "pending" {
			n++
		}
	}
	return n
}

// awaitSeen polls until everything that arrived is in the ledger.
func (a *inProcess) awaitSeen(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		for _, id := range []string{"mb1", "drop1"} {
			if err := a.collector.PollNow(id); err != nil {
				t.Fatal(err)
			}
		}
		accounts, err := a.store.Accounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mb, dr := accounts["mb1"], accounts["drop1"]
		if mb.Seen()+dr.Seen() == a.arrived {
			if n := mb.Quarantined + mb.Ignored + dr.Quarantined + dr.Ignored; n > 0 {
				t.Fatalf("%d are not taken for reports: the test proves less than it says", n)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of %d only %d and %d were seen: %+v", a.arrived, mb.Seen(), dr.Seen(), a.collector.Status())
		}
	}
}

// factsInOrder are those of the real reports. What depends on the order is only
// which source each came from first.
func factsInOrder(reports []realReport, o order) []fact {
	first := map[int]string{}
	for _, one := range slices.Concat(o...) {
		if _, known := first[one.report]; !known && one.forged == "" {
			first[one.report] = "mb1"
			if one.mail == nil {
				first[one.report] = "drop1"
			}
		}
	}
	var all []fact
	for n, r := range reports {
		for _, f := range r.facts {
			f.at["source"] = first[n]
			all = append(all, f)
		}
	}
	return all
}

// query answers as the plugin does.
func (a *inProcess) query(ctx context.Context, model map[string]any) (data.Frames, error) {
	raw, err := json.Marshal(model)
	if err != nil {
		return nil, err
	}
	parsed, err := query.Parse(raw)
	if err != nil {
		return nil, err
	}
	return query.Answer(ctx, query.Environment{Store: a.store}, parsed, query.Range{From: allTime.From, To: allTime.To})
}

func (*inProcess) sources(context.Context) ([]byte, error) { return nil, nil }

func (*inProcess) kill(*testing.T) {}

// checkRivals checks that of each report and its rivals one counts and all are
// shown, with their deliveries, and that what the forger signed is warned of:
// of reporters that were not heard of before, only where their signers are known
// or their names are domains.
func checkRivals(t *testing.T, a *inProcess, reports []realReport, o order, unheard bool) {
	t.Helper()
	type seen struct {
		counted, superseded, warned int
		deliveries                  int64
	}
	judged := func(reporter string) bool {
		return !unheard || len(tlsrpt.KnownSigners(reporter)) > 0 || strings.Contains(reporter, ".example")
	}
	got, want := map[string]seen{}, map[string]seen{}
	for _, row := range tableOf(t, a, map[string]any{"queryType": "reports", "limit": 10_000}) {
		key := row["reporter"].(string) + " " + row["reportId"].(string)
		s := got[key]
		warned := strings.Contains(row["warnings"].(string), "other-signer") && judged(row["reporter"].(string))
		switch {
		case row["status"] == "counted":
			s.counted++
			s.deliveries = row["deliveries"].(int64)
			if row["trust"] != "authenticated" || row["signedBy"] == forger || warned {
				t.Errorf("of %s counts what is %s and signed by %q, with the warnings %q", key, row["trust"], row["signedBy"], row["warnings"])
			}
		default:
			s.superseded++
			if warned {
				s.warned++
			}
		}
		got[key] = s
	}
	for _, one := range slices.Concat(o...) {
		r := reports[one.report]
		key := r.reporter + " " + r.id
		s := want[key]
		s.counted = 1
		switch {
		case one.forged == "":
			s.deliveries++
		default:
			s.superseded++
			if one.otherSigner && judged(r.reporter) {
				s.warned++
			}
		}
		want[key] = s
	}
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("of %q are %+v shown, want %+v", key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d reports are shown, want %d", len(got), len(want))
	}
}
