package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/imap"
)

// TestADiskThatFailsAtEveryNthWriteLosesNothingAndRecovers lets each write of a
// synchronisation fail in turn, by itself or with all that follow for a while,
// in every way a disk does.
func TestADiskThatFailsAtEveryNthWriteLosesNothingAndRecovers(t *testing.T) {
	for _, fault := range []struct {
		name string
		code int32
		// said is what the source's state tells meanwhile.
		said string
	}{
		{"the disk is full", sqlite3.SQLITE_FULL, "no space left"},
		{"writing fails", sqlite3.SQLITE_IOERR | 3<<8, "file failed"},
		{"the file became read-only", sqlite3.SQLITE_READONLY, "can't be written"},
	} {
		t.Run(fault.name, func(t *testing.T) { failDisk(t, fault.name, fault.code, -1, fault.said) })
		once := fault.name + " for a single write"
		t.Run(once, func(t *testing.T) { failDisk(t, once, fault.code, 1, fault.said) })
	}
}

func failDisk(t *testing.T, name string, code int32, writes int, said string) {
	installDisk()
	began := time.Now()
	dovecot := startDovecot(t)
	rounds := times(30, 400)
	p := newPost(t, 21, 4*rounds+4)
	file := storeFile(t)
	r := run(t, file, "mb1", "imap", openMailbox(dovecot, "delete"))
	r.poll(t)
	faults, told := 0, 0
	for write := range rounds {
		p.bring(t, 4, inbox(dovecot))
		before := len(contents(t, dovecot, user, "INBOX"))
		seen := r.account(t)
		theDisk.fail(filepath.Dir(file), code, write%100, writes)
		s := r.poll(t)
		// Where a later write failed than the poll made, nothing was broken.
		if failed := theDisk.heal(); failed > 0 {
			faults++
			if s.State == ingest.Failing && strings.Contains(s.LastError, said) {
				told++
			} else if s.LastError != "" || s.State == ingest.Failing {
				t.Errorf("write %d: the state is %s: %q", write, s.State, s.LastError)
			}
			// What was deleted on the server is in the store.
			gone := before - len(contents(t, dovecot, user, "INBOX"))
			if kept := r.account(t).Seen() - seen.Seen(); int64(gone) > kept {
				t.Errorf("write %d: %d mails were deleted, %d are stored", write, gone, kept)
			}
		}
		if write%5 == 4 {
			r.awaitAll(t, p)
		}
	}
	p.bring(t, 4, inbox(dovecot))
	theDisk.fail(filepath.Dir(file), code, 0, -1)
	r.pollUntilFailed(t)
	theDisk.heal()
	r.recovers(t, p)
	r.stop(t)
	equalsLedger(t, file, "mb1", p)
	untouched(t, dovecot, p, "delete")
	if faults == 0 || told == 0 {
		t.Errorf("%d polls met a failing disk, %d told so", faults, told)
	}
	measured(t, figure{
		fault: name, faults: faults, reports: p.reports(), took: time.Since(began),
		found: fmt.Sprintf("0 lost, 0 twice, 0 half-written, told in %d states", told),
	})
}

// openMailbox opens the report mailbox without anything in between.
func openMailbox(dovecot *loopback.Dovecot, after string) func() (source.Source, error) {
	return func() (source.Source, error) {
		return imap.New(imap.Config{
			Host: "127.0.0.1", Port: dovecot.TLSPort, Username: user, Password: dovecot.Password, TLSCACert: dovecot.CA,
			AfterProcessing: imap.AfterProcessing(after),
		})
	}
}
