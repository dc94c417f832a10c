package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("TLSRPT_COMMIT_INTO"); path != "" {
		commitUntilKilled(path)
	}
	os.Exit(m.Run())
}

const (
	killedDomains = 20
	killedBatch   = 7
)

// commitUntilKilled commits the same traffic from its start, and says how much
// is committed after each batch. Between batches it leaves others a moment to
// write: who waits for a lock of SQLite's only looks now and then.
func commitUntilKilled(path string) {
	s, err := Open(context.Background(), path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	holder, err := s.AcquireLease(context.Background(), "child", time.Minute)
	if err != nil || holder != "child" {
		fmt.Println("lease", holder, err)
		os.Exit(1)
	}
	tr := newTraffic(killedDomains)
	for {
		if _, err := s.Commit(context.Background(), tr.deliveries(exiting{}, killedBatch)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(tr.made)
		time.Sleep(2 * time.Millisecond)
	}
}

type exiting struct{}

func (exiting) Helper()               {}
func (exiting) Fatal(v ...any)        { panic(fmt.Sprint(v...)) }
func (exiting) Fatalf(string, ...any) { panic("fatal") }

func child(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TLSRPT_COMMIT_INTO="+path)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

func TestAKillLosesNothingAndCountsNothingTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	kills := 15
	if testing.Short() {
		kills = 3
	}
	var said int64
	for range kills {
		cmd, lines := child(t, path)
		for range rand.IntN(8) + 1 {
			if !lines.Scan() {
				t.Fatalf("the child ended: %v", lines.Err())
			}
			n, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			said = max(said, n)
		}
		time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
		checkKilled(t, path, said)
	}
}

// checkKilled compares the store with one that was filled without a kill.
func checkKilled(t *testing.T, path string, said int64) {
	t.Helper()
	ctx := t.Context()
	s, err := Open(ctx, path)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.read(ctx, func(c *conn) error {
		if lines := dump(t, c, "PRAGMA integrity_check"); len(lines) != 1 || lines[0] != "[ok]" {
			t.Fatalf("integrity: %v", lines)
		}
		return nil
	}))
	recount(t, s)
	_, reports, err := s.Size(ctx)
	must(t, err)
	if reports < said || reports%killedBatch != 0 {
		t.Fatalf("%d reports are stored, %d were committed", reports, said)
	}
	clean := memory(t)
	_, err = clean.Commit(ctx, newTraffic(killedDomains).deliveries(t, int(reports)))
	must(t, err)
	if diff := cmp.Diff(must2(costless(clean.Sessions(ctx, everything)))(t), must2(costless(s.Sessions(ctx, everything)))(t)); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(map[string]store.Account{"mailbox": {Stored: reports, Pending: reports}}, must2(s.Accounts(ctx))(t)); diff != "" {
		t.Fatal(diff)
	}
}

func TestASecondProcessReadsAndLeavesTheLeaseToTheFirst(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "store.db")
	cmd, lines := child(t, path)
	defer func() {
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	}()
	if !lines.Scan() {
		t.Fatal("the child ended")
	}
	now := &clock{time.Now()}
	s := file(t, path, WithClock(now.time))
	if holder := acquire(t, s, "parent"); holder != "child" {
		t.Errorf("the lease is %q's", holder)
	}
	must(t, s.ReleaseLease(ctx, "parent"))
	got := must2(costless(s.Sessions(ctx, store.SumQuery{})))(t)
	if len(got) != 1 || got[0].Reports < killedBatch {
		t.Errorf("read %+v", got)
	}
	now.now = now.now.Add(2 * time.Minute)
	if holder := acquire(t, s, "parent"); holder != "parent" {
		t.Errorf("an ended lease is %q's", holder)
	}
}

// acquire tries again where another process keeps the store locked, as the
// engine does.
func acquire(t *testing.T, s *Store, owner string) string {
	t.Helper()
	for tries := 1; ; tries++ {
		holder, err := s.AcquireLease(t.Context(), owner, 15*time.Second)
		if tries == 5 || !errors.Is(err, store.ErrBusy) {
			must(t, err)
			return holder
		}
	}
}

func TestALeaseIsRenewedReleasedAndOutlivesNoClock(t *testing.T) {
	ctx := t.Context()
	now := &clock{epoch}
	s := memory(t, WithClock(now.time))
	for _, step := range []struct {
		owner string
		after time.Duration
		want  string
	}{
		{"a", 0, "a"}, {"b", 10 * time.Second, "a"}, {"a", 0, "a"}, {"b", 14 * time.Second, "a"}, {"b", 2 * time.Second, "b"},
		{"a", -48 * time.Hour, "a"}, // the clock was set back
	} {
		now.now = now.now.Add(step.after)
		if got := must2(s.AcquireLease(ctx, step.owner, 15*time.Second))(t); got != step.want {
			t.Errorf("%s after %s: it is %q's, want %q", step.owner, step.after, got, step.want)
		}
	}
	must(t, s.ReleaseLease(ctx, "a"))
	if got := must2(s.AcquireLease(ctx, "b", time.Second))(t); got != "b" {
		t.Errorf("a released lease is %q's", got)
	}
}

func TestReadersAndTheWriterDoNotHinderEachOther(t *testing.T) {
	for name, s := range map[string]*Store{"file": file(t, filepath.Join(t.TempDir(), "store.db")), "memory": memory(t)} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var readers sync.WaitGroup
			for range 6 {
				readers.Go(func() {
					for ctx.Err() == nil {
						if _, _, err := s.Sessions(t.Context(), everything); err != nil {
							t.Error(err)
							return
						}
						if _, err := s.Reporters(ctx, store.Selection{}); err != nil && ctx.Err() == nil {
							t.Error(err)
							return
						}
					}
				})
			}
			tr := newTraffic(10)
			for range 30 {
				if _, err := s.Commit(t.Context(), tr.deliveries(t, 10)); err != nil {
					t.Error(err)
				}
			}
			cancel()
			readers.Wait()
			recount(t, s)
		})
	}
}

func TestSourceStatesComeBack(t *testing.T) {
	s := memory(t)
	state := store.SourceState{Source: "mailbox", FirstConfigured: epoch, LastPoll: epoch.Add(1), FirstSync: epoch.Add(2), LastError: "no"}
	must(t, s.SaveSourceState(t.Context(), state))
	must(t, s.SaveSourceState(t.Context(), store.SourceState{Source: "mailbox", LastPoll: epoch.Add(3), LastSuccess: epoch.Add(3)}))
	want := map[string]store.SourceState{"mailbox": {
		Source: "mailbox", FirstConfigured: epoch, FirstSync: epoch.Add(2), LastPoll: epoch.Add(3), LastSuccess: epoch.Add(3),
	}}
	if diff := cmp.Diff(want, must2(s.SourceStates(t.Context()))(t)); diff != "" {
		t.Error(diff)
	}
}

func TestALongTransactionKeepsTheLease(t *testing.T) {
	ctx := t.Context()
	now := &clock{epoch}
	path := filepath.Join(t.TempDir(), "store.db")
	mine, others := file(t, path, WithClock(now.time)), file(t, path, WithClock(now.time))
	renew := func(owner string) string {
		soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		holder, err := mine.AcquireLease(soon, owner, 15*time.Second)
		if err != nil {
			return err.Error()
		}
		return holder
	}
	if got := renew("mine"); got != "mine" {
		t.Fatalf("%s has the lease", got)
	}
	slow := func(end error) {
		t.Helper()
		err := mine.write(ctx, func(context.Context, *conn) error {
			now.now = now.now.Add(time.Minute)
			if got := renew("mine"); got != "mine" {
				t.Errorf("during a transaction: %s", got)
			}
			if got := renew("other"); got != "take the lease: context deadline exceeded" {
				t.Errorf("who does not hold it, during a transaction: %s", got)
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
	}
	slow(nil)
	now.now = now.now.Add(14 * time.Second)
	if holder := must2(others.AcquireLease(ctx, "other", 15*time.Second))(t); holder != "mine" {
		t.Fatalf("after a transaction of a minute %s has the lease", holder)
	}
	slow(errors.New("undone"))
	if holder := must2(others.AcquireLease(ctx, "other", 15*time.Second))(t); holder != "other" {
		t.Fatalf("after one that was undone %s has the lease", holder)
	}
	// What another process has taken is not renewed.
	must(t, mine.write(ctx, func(context.Context, *conn) error {
		if got := renew("mine"); got != "take the lease: context deadline exceeded" {
			t.Errorf("the lease is lost, and yet: %s", got)
		}
		return nil
	}))
	if got := renew("mine"); got != "other" {
		t.Errorf("%s has the lease", got)
	}
}
