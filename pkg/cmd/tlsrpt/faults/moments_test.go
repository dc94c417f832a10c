package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/imap"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// while does something again and again, until what it returns is called or the
// test ends.
func while(t *testing.T, do func()) (end func()) {
	stop := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				do()
			}
		}
	})
	end = sync.OnceFunc(func() {
		close(stop)
		working.Wait()
	})
	t.Cleanup(end)
	return end
}

// storedAll polls until every report is stored, however often it was shown.
func (r *running) storedAll(t *testing.T, p *post) {
	t.Helper()
	want := p.account().Stored
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		s := r.poll(t)
		if a := r.account(t); a.Stored == want && a.Pending == 0 && s.LastError == "" {
			return
		}
	}
	t.Fatalf("%+v is stored, of %d reports: %+v", r.account(t), want, r.status())
}

// equalsSums compares sums alone, where a change makes mails come twice.
func equalsSums(t *testing.T, file string, p *post) {
	t.Helper()
	sound(t, file)
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	compareSums(t, s, p.ledger)
}

func TestANewUIDVALIDITYIsReadAnewAndCountsNothingTwice(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	rounds := times(4, 40)
	p := newPost(t, 31, 60*rounds)
	r := run(t, storeFile(t), "mb1", "imap", openMailbox(dovecot, "keep"))
	for range rounds {
		p.bring(t, 60, inbox(dovecot))
		r.poll(t)
		dovecot.Kill()
		for _, name := range []string{"dovecot-uidlist", "dovecot-uidvalidity*", "dovecot.index*"} {
			files, err := filepath.Glob(filepath.Join(dovecot.Folder(user, "INBOX"), name))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second) // UIDVALIDITY is the time in seconds
		if err := dovecot.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.storedAll(t, p)
	}
	if r.account(t).Duplicate == 0 {
		t.Error("nothing was read anew")
	}
	r.stop(t)
	equalsSums(t, r.file, p)
	untouched(t, dovecot, p, "keep")
	measured(t, figure{"UIDVALIDITY changed", rounds, p.reports(), "0 lost, 0 twice", time.Since(began)})
}

func TestMailsThatAnotherClientMovesDuringTheFetchAreReadOnce(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	if _, err := dovecot.CreateFolder(user, "Later"); err != nil {
		t.Fatal(err)
	}
	rounds := times(6, 100)
	p := newPost(t, 32, 100*rounds)
	r := run(t, storeFile(t), "mb1", "imap", func() (source.Source, error) {
		return imap.New(imap.Config{
			Host: "127.0.0.1", Port: dovecot.TLSPort, Username: user, Password: dovecot.Password, TLSCACert: dovecot.CA, Folders: []string{"INBOX", "Later"},
		})
	})
	moved := 0
	random := rand.New(rand.NewPCG(5, 6))
	end := while(t, func() {
		from, to := dovecot.Folder(user, "INBOX"), dovecot.Folder(user, "Later")
		for _, sub := range []string{"new", "cur"} {
			entries, _ := os.ReadDir(filepath.Join(from, sub))
			for _, entry := range entries {
				if random.IntN(4) == 0 && os.Rename(filepath.Join(from, sub, entry.Name()), filepath.Join(to, sub, entry.Name())) == nil {
					moved++
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
	})
	for range rounds {
		p.bring(t, 100, inbox(dovecot))
		r.poll(t)
	}
	end()
	r.storedAll(t, p)
	r.stop(t)
	equalsSums(t, r.file, p)
	measured(t, figure{"moved by another client", moved, p.reports(), "0 lost, 0 twice", time.Since(began)})
}

func TestSettingsChangedInTheMiddleOfAFetchLoseAndRepeatNothing(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	changes := times(12, 200)
	p := newPost(t, 33, 60*changes)
	r := run(t, storeFile(t), "mb1", "imap", openMailbox(dovecot, "delete"))
	for i := range changes {
		p.bring(t, 60, inbox(dovecot))
		time.Sleep(time.Duration(i*7%60) * time.Millisecond)
		r.change(func(c *ingest.Config) {
			c.Domains = nil
			if i%3 == 1 { // what is stored is read again, and what is refused tried again
				c.Domains = []string{"example.com", "*.example"}
			}
			c.RetentionDays = 36500 + i
		})
	}
	r.change(func(c *ingest.Config) { c.Domains = nil })
	// What other settings refused stays on the server, and is stored in the end.
	for deadline := time.Now().Add(patience); ; {
		a := r.account(t)
		if r.poll(t); a.Stored == p.account().Stored && a.Pending == 0 && a.Seen() == p.account().Seen() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, want %+v", a, p.account())
		}
	}
	r.stop(t)
	equalsLedger(t, r.file, "mb1", p)
	measured(t, figure{"settings changed in the middle of a fetch", changes, p.reports(), "0 lost, 0 twice", time.Since(began)})
}

func TestAClockThatJumpsDuringIngestLosesAndRepeatsNothing(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	rounds := times(8, 100)
	p := newPost(t, 34, 60*rounds)
	random := rand.New(rand.NewPCG(7, 8))
	var mu sync.Mutex
	jumps, offset := 0, time.Duration(0)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(offset).In(time.FixedZone("somewhere", int(offset/time.Second)%50_000))
	}
	r := run(t, storeFile(t), "mb1", "imap", openMailbox(dovecot, "delete"), sqlite.WithClock(clock))
	end := while(t, func() {
		mu.Lock()
		jumps++
		offset = time.Duration(random.IntN(72)-36) * time.Hour
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	})
	for range rounds {
		p.bring(t, 60, inbox(dovecot))
		r.poll(t)
	}
	end()
	mu.Lock()
	offset = 0
	mu.Unlock()
	r.awaitAll(t, p)
	r.stop(t)
	equalsLedger(t, r.file, "mb1", p)
	untouched(t, dovecot, p, "delete")
	measured(t, figure{"the clock jumped", jumps, p.reports(), "0 lost, 0 twice, 0 touched", time.Since(began)})
}

func TestTwoInstancesOnOneStoreLoseAndRepeatNothing(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	rounds := times(4, 60)
	p := newPost(t, 35, 80*rounds)
	file := storeFile(t)
	// Both have the store open; one polls, until it is gone.
	for round := range rounds {
		one := run(t, file, "mb1", "imap", openMailbox(dovecot, "delete"))
		two := run(t, file, "mb1", "imap", openMailbox(dovecot, "delete"))
		p.bring(t, 80, inbox(dovecot))
		time.Sleep(time.Duration(round*40%200) * time.Millisecond)
		one.stop(t)
		two.stop(t)
	}
	last := run(t, file, "mb1", "imap", openMailbox(dovecot, "delete"))
	last.awaitAll(t, p)
	last.stop(t)
	equalsLedger(t, file, "mb1", p)
	untouched(t, dovecot, p, "delete")
	measured(t, figure{"two instances on one store", rounds, p.reports(), "0 lost, 0 twice, 0 touched", time.Since(began)})
}

// TestTwoProcessesWhoseSettingsDifferAndThatAreKilledLoseAndRepeatNothing lets
// two processes of one store read, read again for other domains, and die.
func TestTwoProcessesWhoseSettingsDifferAndThatAreKilledLoseAndRepeatNothing(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	rounds := times(6, 100)
	p := newPost(t, 36, 60*rounds)
	all := mailboxSettings(dovecot, dovecot.TLSPort, "keep")
	some := mailboxSettings(dovecot, dovecot.TLSPort, "keep")
	some["domains"] = []string{"example.com", "*.example"}
	first := newProcess(t, dataSource(t, all, dovecot.Password))
	second := newProcess(t, dataSource(t, some, dovecot.Password))
	second.options.DataDir = first.options.DataDir
	for round := range rounds {
		p.bring(t, 60, inbox(dovecot))
		for _, process := range []*process{first, second} {
			process.start(t)
			process.await(t, "the plugin answers", func(sourceState) bool { return true })
		}
		time.Sleep(time.Duration(round*90%400) * time.Millisecond)
		first.kill(t)
		time.Sleep(time.Duration(round*70%400) * time.Millisecond)
		second.kill(t)
	}
	first.start(t)
	want := p.account()
	first.await(t, "everything is stored", func(s sourceState) bool {
		return s.Stored == want.Stored && s.Pending == 0 && s.Seen == want.Seen()
	})
	first.stop()
	equalsLedger(t, first.file(t), "mb1", p)
	untouched(t, dovecot, p, "keep")
	measured(t, figure{"two processes of other settings, killed", 2 * rounds, p.reports(), "0 lost, 0 twice, 0 touched", time.Since(began)})
}

// TestALargeMailboxIsReadWhole reads one of 100,000 mails in the long form.
func TestALargeMailboxIsReadWhole(t *testing.T) {
	dovecot := startDovecot(t)
	n := times(3000, 100_000)
	p := newPost(t, 37, n)
	p.bring(t, n, inbox(dovecot))
	process := newProcess(t, dataSource(t, mailboxSettings(dovecot, dovecot.TLSPort, "keep"), dovecot.Password))
	process.start(t)
	want := p.account()
	process.await(t, "the plugin answers", func(sourceState) bool { return true })
	began := time.Now()
	process.await(t, "everything is stored", func(s sourceState) bool { return s.Seen == want.Seen() && s.Pending == 0 })
	took := time.Since(began)
	process.stop()
	equalsLedger(t, process.file(t), "mb1", p)
	measured(t, figure{"a large mailbox", 1, p.reports(), fmt.Sprintf("0 lost, 0 twice, %.0f mails/s", float64(want.Seen())/took.Seconds()), took})
}
