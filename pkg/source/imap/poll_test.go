package imap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

func TestAfterProcessing(t *testing.T) {
	tests := []struct {
		name         string
		after        AfterProcessing
		config       string // of Dovecot
		left, moved  int
		seen, wanted int
	}{
		{"keep changes nothing", Keep, "", 250, 0, 0, 0},
		{"seen marks what is stored as seen", Seen, "", 250, 0, 248, 0},
		{"move moves what is stored", Move, "", 2, 248, 0, 0},
		{"move without MOVE copies and deletes", Move, "imap_capability = IMAP4rev1 UIDPLUS", 2, 248, 0, 0},
		{"delete deletes what is stored", Delete, "", 2, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mailbox(t)
			d := dovecot
			if tt.config != "" {
				d = ownDovecot(t, loopback.DovecotOptions{Config: tt.config})
				c = settingsFor(d, user(t))
			}
			c.AfterProcessing, c.MoveTo = tt.after, ""
			if tt.after == Move {
				c.MoveTo = "Done"
				if _, err := d.CreateFolder(c.Username, "Done"); err != nil {
					t.Fatal(err)
				}
			}
			fill(t, d, c.Username, "INBOX", "report", 248)
			fill(t, d, c.Username, "INBOX", "DMARC", 2)
			l := newLedger()
			l.keepAway = []string{"DMARC"}
			s := open(t, c)
			poll1(t, s, l)
			if len(l.order) != 250 {
				t.Errorf("%d mails were put, want 250", len(l.order))
			}
			if got := l.count(source.Acknowledged); got != 248 {
				t.Errorf("%d mails are acknowledged, want 248", got)
			}
			inbox := files(t, d, c.Username, "INBOX")
			seen := 0
			for _, name := range inbox {
				if _, flags, _ := strings.Cut(filepath.Base(name), ":2,"); strings.Contains(flags, "S") {
					seen++
				}
			}
			if len(inbox) != tt.left || seen != tt.seen {
				t.Errorf("%d mails are left, %d of them seen; want %d and %d", len(inbox), seen, tt.left, tt.seen)
			}
			if moved := len(files(t, d, c.Username, "Done")); moved != tt.moved {
				t.Errorf("%d mails were moved, want %d", moved, tt.moved)
			}
			poll1(t, s, l)
			if len(l.order) != 250 {
				t.Errorf("%d mails were put after a second poll, want 250", len(l.order))
			}
		})
	}
}

func TestANewSourceReadsNothingTwice(t *testing.T) {
	c := mailbox(t)
	fill(t, dovecot, c.Username, "INBOX", "report", 3)
	l := newLedger()
	poll1(t, open(t, c), l)
	fill(t, dovecot, c.Username, "INBOX", "late", 1)
	poll1(t, open(t, c), l)
	if len(l.order) != 4 || l.total != 1 {
		t.Errorf("put %d with a total of %d at last, want 4 and 1", len(l.order), l.total)
	}
}

func TestTwoThousandMailsComeNewestFirst(t *testing.T) {
	c := mailbox(t)
	fill(t, dovecot, c.Username, "INBOX", "report", 2000)
	l := newLedger()
	poll1(t, open(t, c), l)
	if len(l.order) != 2000 || l.total != 2000 {
		t.Fatalf("put %d with a total of %d, want 2000", len(l.order), l.total)
	}
	// Within the chunks that are under way the server decides on the order.
	for i, ref := range l.order {
		var n int
		if _, err := fmt.Sscanf(l.bodies[ref][strings.Index(l.bodies[ref], "body of"):], "body of report %d", &n); err != nil {
			t.Fatal(err)
		}
		if want := 2000 - i; n > want+2*fetchChunk || n < want-2*fetchChunk {
			t.Fatalf("report %d came where %d was due", n, want)
		}
	}
}

func TestItemsSayWhereAndWhenTheyCameAndHoldTheMail(t *testing.T) {
	c := mailbox(t)
	c.Folders = []string{"inbox", "TLS reports"}
	date := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	if err := dovecot.Append(c.Username, "TLS reports", date, mail("x")); err != nil {
		t.Fatal(err)
	}
	fill(t, dovecot, c.Username, "INBOX", "y", 1)
	l := newLedger()
	poll1(t, open(t, c), l)
	if len(l.order) != 2 {
		t.Fatalf("put %q, want one mail of each folder", l.order)
	}
	ref := l.order[1]
	item := l.items[ref]
	if !strings.Contains(ref, "/TLS%20reports;UIDVALIDITY=") || !strings.HasSuffix(ref, "/;UID=1") {
		t.Errorf("ref is %q", ref)
	}
	if !item.Received.Equal(date) || item.Received.Location() != time.UTC {
		t.Errorf("received %v, want %v", item.Received, date)
	}
	if !item.Mail || item.Name != "" || item.Size != int64(len(mail("x"))) || l.bodies[ref] != string(mail("x")) {
		t.Errorf("item is %+v with %q", item, l.bodies[ref])
	}
}

func TestMailOlderThanTheBoundIsNotRead(t *testing.T) {
	c := mailbox(t)
	since := time.Now().UTC().AddDate(0, 0, -30)
	for name, date := range map[string]time.Time{
		"ancient":       since.AddDate(0, 0, -100),
		"an hour older": since.Add(-time.Hour),
		"an hour newer": since.Add(time.Hour),
		"fresh":         time.Now(),
	} {
		if err := dovecot.Append(c.Username, "INBOX", date, mail(name)); err != nil {
			t.Fatal(err)
		}
	}
	l := newLedger()
	if err := open(t, c).Poll(t.Context(), since, l); err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, body := range l.bodies {
		_, subject, _ := strings.Cut(strings.TrimSpace(body), "body of ")
		read = append(read, subject)
	}
	slices.Sort(read)
	if want := []string{"an hour newer", "fresh"}; !slices.Equal(read, want) {
		t.Errorf("read %q, want %q", read, want)
	}
	if len(l.skips) != 1 {
		t.Errorf("skipped %v, want the one that the server's search could not tell", l.skips)
	}
}

func TestANewUIDValidityIsReadAnew(t *testing.T) {
	d := ownDovecot(t, loopback.DovecotOptions{})
	c := settingsFor(d, "u")
	fill(t, d, "u", "INBOX", "report", 5)
	s, l := open(t, c), newLedger()
	poll1(t, s, l)
	list := filepath.Join(d.Folder("u", "INBOX"), "dovecot-uidlist")
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	d.Kill()
	var version, validity, rest string
	if _, err := fmt.Sscanf(string(content), "%s V%s %s", &version, &validity, &rest); err != nil {
		t.Fatal(err)
	}
	content = []byte(strings.Replace(string(content), "V"+validity, "V123456789", 1))
	if err := os.WriteFile(list, content, 0o600); err != nil {
		t.Fatal(err)
	}
	indexes, _ := filepath.Glob(filepath.Join(d.Folder("u", "INBOX"), "dovecot.index*"))
	for _, index := range indexes {
		if err := os.Remove(index); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll1(t, s, l)
	if len(l.order) != 10 || !strings.Contains(l.order[9], "UIDVALIDITY=123456789/") {
		t.Errorf("put %q, want all five of both epochs", l.order)
	}
}

func TestAPollAfterTheServerWasKilledConnectsAgain(t *testing.T) {
	d := ownDovecot(t, loopback.DovecotOptions{})
	c := settingsFor(d, "u")
	fill(t, d, "u", "INBOX", "report", 3)
	s, l := open(t, c), newLedger()
	poll1(t, s, l)
	d.Kill()
	wantError(t, s.Poll(t.Context(), time.Time{}, l), "port", "refuses connections")
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(t, d, "u", "INBOX", "late", 2)
	poll1(t, s, l)
	if len(l.order) != 5 {
		t.Errorf("put %d mails, want 5", len(l.order))
	}
}

func TestWhatIsCommittedAndNotAcknowledgedIsResumed(t *testing.T) {
	c := mailbox(t)
	c.AfterProcessing = Delete
	fill(t, dovecot, c.Username, "INBOX", "report", 150)
	l := newLedger()
	l.failAcknowledged = errors.New("killed")
	if err := open(t, c).Poll(t.Context(), time.Time{}, l); err == nil {
		t.Fatal("a poll succeeded whose ledger failed")
	}
	if got := l.count(source.Committed); got != 100 {
		t.Fatalf("%d mails are committed, want the first 100", got)
	}
	l.failAcknowledged = nil
	poll1(t, open(t, c), l)
	if l.count(source.Committed) != 0 || len(l.order) != 150 || len(files(t, dovecot, c.Username, "INBOX")) != 0 {
		t.Errorf("%d are committed, %d were put, %d are left; want 0, 150 and 0",
			l.count(source.Committed), len(l.order), len(files(t, dovecot, c.Username, "INBOX")))
	}
}

func TestAFailingSinkEndsThePollAndTheNextGoesOn(t *testing.T) {
	c := mailbox(t)
	fill(t, dovecot, c.Username, "INBOX", "report", 350)
	failure := errors.New("store is full")
	l := newLedger()
	l.failPut = func(source.Item) error {
		if len(l.order) == 120 {
			return failure
		}
		return nil
	}
	s := open(t, c)
	if err := s.Poll(t.Context(), time.Time{}, l); !errors.Is(err, failure) {
		t.Fatalf("error is %v, want the sink's", err)
	}
	l.failPut = nil
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll1(t, s, l)
	if len(l.order) != 350 {
		t.Errorf("put %d mails, want 350", len(l.order))
	}
}

func TestAMissingFolderDoesNotKeepOthersFromBeingRead(t *testing.T) {
	c := mailbox(t)
	c.Folders = []string{"Reprots", "INBOX"}
	fill(t, dovecot, c.Username, "Reports", "report", 1)
	fill(t, dovecot, c.Username, "INBOX", "report", 2)
	l := newLedger()
	err := open(t, c).Poll(t.Context(), time.Time{}, l)
	wantError(t, err, "folders", "no folder Reprots", "Reports")
	if len(l.order) != 2 {
		t.Errorf("put %d mails, want 2", len(l.order))
	}
}

func TestALargerMailThanTheLimitIsSkippedAndTheOthersAreRead(t *testing.T) {
	c := mailbox(t)
	fill(t, dovecot, c.Username, "INBOX", "before", 1)
	large := append(mail("large"), strings.Repeat(strings.Repeat("x", 998)+"\r\n", maxMail/1000+1)...)
	if err := dovecot.Append(c.Username, "INBOX", time.Now(), large); err != nil {
		t.Fatal(err)
	}
	fill(t, dovecot, c.Username, "INBOX", "after", 1)
	l := newLedger()
	poll1(t, open(t, c), l)
	if len(l.order) != 2 || len(l.skips) != 1 {
		t.Fatalf("put %q, skipped %v", l.order, l.skips)
	}
	for ref, reason := range l.skips {
		if reason != source.SkipTooLarge || !strings.HasSuffix(ref, "/;UID=2") || l.items[ref].Size != int64(len(large)) {
			t.Errorf("skipped %s with %d bytes as %s", ref, l.items[ref].Size, reason)
		}
	}
}
