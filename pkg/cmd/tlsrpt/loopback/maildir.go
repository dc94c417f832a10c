package loopback

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A StoredMail is a mail of a user's folder, as it lies on the disk.
type StoredMail struct {
	// Name is the file's without its flags: it stays the mail's own.
	Name string
	// Flags are Maildir's letters, such as "RS". Recent is a mail that no
	// client has seen yet.
	Flags  string
	Recent bool
	// Changed is the time of the file's last change.
	Changed time.Time
	Content []byte
}

// maildirTries is how often a folder is read anew where Dovecot goes on with it.
const maildirTries = 100

// Mails reads a user's folder from the disk, sorted by name. Dovecot may go on
// with it meanwhile: it renames what it has seen, and removes what is deleted.
func (d *Dovecot) Mails(user, folder string) ([]StoredMail, error) {
	for try := 1; ; try++ {
		mails, err := readMaildir(d.Folder(user, folder))
		if err == nil || try == maildirTries || !errors.Is(err, fs.ErrNotExist) {
			return mails, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// readMaildir reads a folder once. It returns [fs.ErrNotExist] where a mail was
// renamed or removed after it was listed.
func readMaildir(folder string) ([]StoredMail, error) {
	found := map[string]StoredMail{} // one that goes from new to cur between the two listings is found twice
	for _, sub := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(folder, sub))
		if err != nil {
			return nil, fmt.Errorf("list a Maildir: %w", err)
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil {
				return nil, fmt.Errorf("look at a mail: %w", err)
			}
			content, err := os.ReadFile(filepath.Join(folder, sub, entry.Name()))
			if err != nil {
				return nil, fmt.Errorf("read a mail: %w", err)
			}
			name, flags, _ := strings.Cut(entry.Name(), ":2,")
			found[name] = StoredMail{Name: name, Flags: flags, Recent: sub == "new", Changed: info.ModTime(), Content: content}
		}
	}
	var mails []StoredMail
	for _, mail := range found {
		mails = append(mails, mail)
	}
	slices.SortFunc(mails, func(a, b StoredMail) int { return cmp.Compare(a.Name, b.Name) })
	return mails, nil
}
