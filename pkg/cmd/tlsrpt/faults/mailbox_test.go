package faults

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
)

func startDovecot(t *testing.T) *loopback.Dovecot {
	t.Helper()
	return loopbacktest.Dovecot(t, loopback.DovecotOptions{})
}

// inbox delivers to the report mailbox.
func inbox(dovecot *loopback.Dovecot) func(time.Time, []byte) error {
	return func(received time.Time, mail []byte) error { return dovecot.Append(user, "INBOX", received, mail) }
}

// neighbouring are the folders and users whose mail is nobody's business.
var neighbouring = []struct{ user, folder string }{{user, "Private"}, {user, "Trash"}, {"someone@else.example", "INBOX"}}

// neighbours puts mail into them.
func neighbours(t *testing.T, dovecot *loopback.Dovecot) {
	t.Helper()
	for i, at := range neighbouring {
		for n := range 20 {
			mail := fmt.Appendf(nil, "From: jo@people.example\r\nSubject: %d\r\n\r\nMail %d of folder %d.\r\n", n, n, i)
			if err := dovecot.Append(at.user, at.folder, time.Now().Add(-time.Hour), mail); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// contents are the mails of a folder on disk, byte by byte, in any order: the
// hash of each with its flags.
func contents(t *testing.T, dovecot *loopback.Dovecot, user, folder string) []string {
	t.Helper()
	mails, err := dovecot.Mails(user, folder)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, len(mails))
	for i, mail := range mails {
		all[i] = fmt.Sprintf("%x %s", sha256.Sum256(mail.Content), mail.Flags)
	}
	slices.Sort(all)
	return all
}

// hashes are those of mails without flags, in any order.
func hashes(mails [][]byte) []string {
	all := make([]string, len(mails))
	for i, mail := range mails {
		all[i] = fmt.Sprintf("%x ", sha256.Sum256(mail))
	}
	slices.Sort(all)
	return all
}

// untouched compares the mailbox with what should be left of it: those mails
// that may be changed are kept, gone, or moved, and all others as they came.
func untouched(t *testing.T, dovecot *loopback.Dovecot, p *post, after string) {
	t.Helper()
	var stay, moved [][]byte
	for _, d := range p.brought {
		switch {
		case after == "keep" || !mayBeChanged(d.entry.Decoy):
			stay = append(stay, d.mail)
		case after == "move":
			moved = append(moved, d.mail)
		}
	}
	if diff := cmp.Diff(hashes(stay), contents(t, dovecot, user, "INBOX")); diff != "" {
		t.Errorf("with %s, INBOX is not as it should be (-want +got):\n%.2000s", after, diff)
	}
	if after == "move" {
		if diff := cmp.Diff(hashes(moved), contents(t, dovecot, user, "Done")); diff != "" {
			t.Errorf("the folder that mails are moved to is not as it should be (-want +got):\n%.2000s", diff)
		}
	}
}
