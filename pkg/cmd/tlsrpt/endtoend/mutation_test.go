package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/footprint"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

const (
	mutants      = 10_000
	mutationSeed = 8460
	// maxResident is what the plugin may take, in bytes.
	maxResident = 256 << 20
)

// mutantsFolder tells the child process of the test below where to work.
const mutantsFolder = "TLSRPT_TEST_MUTANTS"

func TestEachOf10000MutatedMailsIsAccountedForInBoundedMemory(t *testing.T) {
	began := time.Now()
	child := exec.Command(os.Args[0], "-test.run=^TestMutantsInAProcessOfTheirOwn$", "-test.v")
	child.Env = append(append(os.Environ(), mutantsFolder+"="+t.TempDir()), footprint.Environment()...)
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestMutantsInAProcessOfTheirOwn")) {
		t.Fatalf("the child failed: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, said, ok := strings.Cut(line, "_test.go:"); ok {
			t.Log(strings.TrimSpace(said))
		}
	}
	t.Logf("all in %v", time.Since(began).Round(time.Millisecond))
}

func TestMutantsInAProcessOfTheirOwn(t *testing.T) {
	folder := os.Getenv(mutantsFolder)
	if folder == "" {
		t.Skip("runs as the child of TestEachOf10000MutatedMailsIsAccountedForInBoundedMemory only")
	}
	mails := &mutatedMails{base: baseMails(t)}
	engine := ingest.NewEngine(ingest.Options{
		OpenStore: func(ctx context.Context, _ ingest.Key) (store.Store, string, error) {
			s, err := sqlite.Open(ctx, filepath.Join(folder, "mutants.sqlite"))
			return s, "", err
		},
		Resolver: &zone{}, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	collector := engine.Use(ingest.Key{OrgID: 1, UID: "tlsrpt"}, ingest.Config{
		// A century and more: what mutation makes of a date is no matter here.
		RetentionDays: 1_000_000, Updated: time.Now(),
		Sources: []ingest.SourceConfig{{ID: "mb1", Type: "imap", PollInterval: time.Hour, Open: func() (source.Source, error) { return mails, nil }}},
	})
	awaitPolls(t, collector)
	s, err := collector.Store()
	if err != nil {
		t.Fatal(err)
	}
	checkMutants(t, s, mails)
	checkRollups(t, s)
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkResident(t, os.Getpid())
}

// awaitPolls waits until every source was seen whole once.
func awaitPolls(t *testing.T, collector *ingest.Collector) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		done, states := true, collector.Status().Sources
		for _, s := range states {
			done = done && !s.LastSuccess.IsZero()
		}
		if done && len(states) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the sources were not read whole: %+v", states)
		}
	}
}

// baseMails are generated mails of every kind, signed, and every fixture and
// sample that is there.
func baseMails(t *testing.T) [][]byte {
	t.Helper()
	generator, err := generate.New(generate.Options{Days: 45, Seed: mutationSeed, End: time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	var mails [][]byte
	for item := range generator.Items() {
		switch {
		case item.Kind == generate.File:
			mails = append(mails, wrap(item.Document))
		case item.Submitter != "" && item.Decoy != generate.Forged:
			mails = append(mails, signed(t, item.Submitter, item.Bytes))
		default:
			mails = append(mails, item.Bytes)
		}
	}
	for _, folder := range []string{"pkg", "../shared/samples"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || folder == "pkg" && !strings.Contains(path, "testdata") || strings.Contains(path, "golden") {
				return nil // the samples may be missing
			}
			content, err := os.ReadFile(path)
			switch filepath.Ext(path) {
			case ".eml":
				mails = append(mails, content)
			case ".json", ".gz", ".zip":
				mails = append(mails, wrap(content))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return mails
}

// mutatedMails is a mailbox of mutants. It is made as it is read.
type mutatedMails struct {
	base [][]byte
	// documents is how many outcomes there should be.
	documents int64
}

// mutant makes one mail; the number and the seed make it again.
func (m *mutatedMails) mutant(n int) []byte {
	rng := rand.New(rand.NewPCG(mutationSeed, uint64(n)))
	return mutator{rng: rng, all: m.base}.mutate(m.base[rng.IntN(len(m.base))])
}

func mutantName(n int) string { return fmt.Sprintf("seed %d, mutant %d", mutationSeed, n) }

// Poll hands all mutants over.
func (m *mutatedMails) Poll(ctx context.Context, _ source.Since, sink source.Sink) error {
	m.documents = 0
	for n := range mutants {
		mail := m.mutant(n)
		found := mailreport.Extract(mail, "", true)
		documents := int64(len(found.Documents))
		if found.Problem != nil {
			documents++
		}
		m.documents += max(documents, 1)
		item := source.Item{
			Ref: mutantName(n), Mail: true, Size: int64(len(mail)), Body: bytes.NewReader(mail),
			Received: time.Date(2026, 6, 1, 0, 0, n, 0, time.UTC),
		}
		if err := sink.Put(ctx, item); err != nil {
			return err
		}
	}
	return sink.Flush(ctx)
}

func (*mutatedMails) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (*mutatedMails) Check(context.Context) (string, error) { return "", nil }

func (*mutatedMails) Close() error { return nil }

// checkMutants checks that every mail is in the ledger, that the account adds
// up, and that no parser panicked.
func checkMutants(t *testing.T, s store.Store, mails *mutatedMails) {
	t.Helper()
	accounts, err := s.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	account := accounts["mb1"]
	if account.Seen() != mails.documents {
		t.Errorf("%d outcomes are accounted for, but %d documents and mails without any were sent: %+v", account.Seen(), mails.documents, account)
	}
	for outcome, count := range map[store.Outcome]int64{
		store.Stored: account.Stored, store.Duplicate: account.Duplicate, store.Quarantined: account.Quarantined, store.Ignored: account.Ignored,
	} {
		if count < mutants/200 {
			t.Errorf("only %d are %s: the mutations are too weak or too strong to prove anything", count, outcome)
		}
	}
	refs := make([]string, mutants)
	for n := range mutants {
		refs[n] = mutantName(n)
	}
	states, err := s.States(t.Context(), "mb1", refs)
	if err != nil {
		t.Fatal(err)
	}
	for n, state := range states {
		if state == source.New {
			t.Errorf("%s is not in the ledger", refs[n])
		}
	}
	reasons := map[string]int{}
	rows, _, err := s.Quarantine(t.Context(), store.RowQuery{Limit: 2 * mutants})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if reasons[row.Problem.Reason]++; row.Problem.Reason == ingest.ReasonParserFailure {
			t.Errorf("a parser panicked on %s", row.Ref)
		}
	}
	t.Logf("%+v of %d documents and mails without any; quarantined are %v", account, mails.documents, reasons)
}

// checkRollups compares sums that rollups answer with those of the single rows.
func checkRollups(t *testing.T, s store.Store) {
	t.Helper()
	rows, more, err := s.Reports(t.Context(), store.RowQuery{Limit: 100_000})
	if err != nil || more {
		t.Fatalf("read all reports: %v, more: %v", err, more)
	}
	for _, by := range []store.Dimension{store.PolicyDomain, store.Reporter, store.TrustDimension, store.Source} {
		want := map[string]store.SessionRow{}
		for _, row := range rows {
			if row.Superseded {
				continue
			}
			key := map[store.Dimension]string{
				store.PolicyDomain: row.PolicyDomain, store.Reporter: row.Reporter, store.TrustDimension: string(row.Judgement.Trust), store.Source: row.Source,
			}[by] + " " + row.Day.String()
			sum := want[key]
			sum.Reports++
			sum.Failed += row.Failed
			sum.Successful += row.Total - row.Failed
			sum.OverlapTotal += row.OverlapTotal
			sum.OverlapFailed += row.OverlapFailed
			want[key] = sum
		}
		sums, cost, err := s.Sessions(t.Context(), store.SumQuery{GroupBy: []store.Dimension{by}, PerBucket: true})
		if err != nil || cost.Rows {
			t.Fatalf("sum up by %s: %v, from rows: %v", by, err, cost.Rows)
		}
		got := map[string]store.SessionRow{}
		for _, sum := range sums {
			key := sum.Group[0] + " " + sum.Bucket.Format(time.DateOnly)
			sum.Bucket, sum.Group, sum.Protected = time.Time{}, nil, 0
			got[key] = sum
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the rollups by %s and day are not what the rows add up to (-rows +rollups):\n%s", by, diff)
		}
	}
	details, more, err := s.Failures(t.Context(), store.RowQuery{Limit: 1_000_000})
	if err != nil || more {
		t.Fatalf("read all failure details: %v, more: %v", err, more)
	}
	want, got := map[string]int64{}, map[string]int64{}
	for _, row := range details {
		want[row.Detail.ResultType] += row.Detail.FailedSessions
	}
	sums, _, err := s.FailureSums(t.Context(), store.SumQuery{GroupBy: []store.Dimension{store.ResultType}})
	if err != nil {
		t.Fatal(err)
	}
	for _, sum := range sums {
		got[sum.Group[0]] = sum.Failed
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rollups by result type are not what the rows add up to (-rows +rollups):\n%s", diff)
	}
	t.Logf("the rollups equal a recount of %d reports on a domain and %d failure details", len(rows), len(details))
}

// checkResident checks the most memory that a process ever had resident.
func checkResident(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Logf("the memory is not looked at: %v", err)
		return
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := json.Number(strings.Fields(rest + " 0")[0]).Int64()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("at most %d MiB were resident", kib>>10)
	if kib<<10 > maxResident {
		t.Errorf("%d MiB were resident, more than %d", kib>>10, maxResident>>20)
	}
}
