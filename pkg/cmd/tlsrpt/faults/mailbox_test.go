package faults

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// neighbours are folders and users whose mail is nobody's business.
func neighbours(t *testing.T, dovecot *loopback.Dovecot) {
	t.Helper()
	for i, at := range []struct{ user, folder string }{{user, "Private"}, {user, "Trash"}, {"someone@else.example", "INBOX"}} {
		for n := range 20 {
			mail := fmt.Appendf(nil, "From: jo@people.example\r\nSubject: %d\r\n\r\nMail %d of folder %d.\r\n", n, n, i)
			if err := dovecot.Append(at.user, at.folder, time.Now().Add(-time.Hour), mail); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// contents are the mails of a folder on disk, byte by byte, in any order: the
// hash of each with its flags. The server may go on with the folder meanwhile:
// it renames what it has seen from new to cur, and removes what is deleted.
func contents(t *testing.T, folder string) []string {
	t.Helper()
	var err error
	for range 100 {
		var all []string
		if all, err = readMaildir(folder); err == nil {
			return all
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("read the mails in %s: %v", folder, err)
	return nil
}

// readMaildir reads a folder once. It returns [fs.ErrNotExist] where a mail was
// renamed or removed after it was listed.
func readMaildir(folder string) ([]string, error) {
	// The name before the flags is a mail's own: one that goes from new to cur
	// between the two listings is the same.
	mails := map[string]string{}
	for _, sub := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(folder, sub))
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			raw, err := os.ReadFile(filepath.Join(folder, sub, entry.Name()))
			if err != nil {
				return nil, err
			}
			name, flags, _ := strings.Cut(entry.Name(), ":2,")
			mails[name] = fmt.Sprintf("%x %s", sha256.Sum256(raw), flags)
		}
	}
	return slices.Sorted(maps.Values(mails)), nil
}

// hashes are mails without flags as [contents] tells them; none are nil.
func hashes(mails [][]byte) (all []string) {
	for _, mail := range mails {
		all = append(all, fmt.Sprintf("%x ", sha256.Sum256(mail)))
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
	if diff := cmp.Diff(hashes(stay), contents(t, dovecot.Folder(user, "INBOX"))); diff != "" {
		t.Errorf("with %s, INBOX is not as it should be (-want +got):\n%.2000s", after, diff)
	}
	if after == "move" {
		if diff := cmp.Diff(hashes(moved), contents(t, dovecot.Folder(user, "Done"))); diff != "" {
			t.Errorf("the folder that mails are moved to is not as it should be (-want +got):\n%.2000s", diff)
		}
	}
}
