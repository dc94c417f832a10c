package generate

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-mbox"
)

func TestWritersWriteEveryItemOfTheirKind(t *testing.T) {
	g := newGenerator(t, Options{Days: 35})
	dir := t.TempDir()
	var box bytes.Buffer
	ledger, err := WriteTo(g.Items(),
		MailFolder(filepath.Join(dir, "mails")),
		Maildir(filepath.Join(dir, "maildir")),
		DropFolder(filepath.Join(dir, "drop"), false),
		DropFolder(filepath.Join(dir, "months"), true),
		Mbox(&box),
	)
	if err != nil {
		t.Fatal(err)
	}
	var mails, files []Item
	for item := range g.Items() {
		if item.Kind == Mail {
			mails = append(mails, item)
			compareFile(t, filepath.Join(dir, "mails", item.Item), item)
			continue
		}
		files = append(files, item)
		compareFile(t, filepath.Join(dir, "drop", item.Item), item)
		compareFile(t, filepath.Join(dir, "months", item.Received.Format("2006-01"), item.Item), item)
	}
	for sub, want := range map[string][]Item{"mails": mails, "maildir": mails, "drop": files, "months": files} {
		if n := countFiles(t, filepath.Join(dir, sub)); n != len(want) {
			t.Errorf("%d files in %s, want %d", n, sub, len(want))
		}
	}
	if len(ledger) != len(mails)+len(files) {
		t.Errorf("%d entries for %d mails and %d files", len(ledger), len(mails), len(files))
	}
	compareMaildir(t, filepath.Join(dir, "maildir", "new"), mails)
	compareMbox(t, &box, mails)
}

func compareFile(t *testing.T, path string, want Item) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, want.Bytes) || !info.ModTime().Equal(want.Received) {
		t.Errorf("%s: %d bytes of %s, want %d of %s", path, len(content), info.ModTime(), len(want.Bytes), want.Received)
	}
}

func countFiles(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// compareMaildir checks that the names sort as the mails arrived.
func compareMaildir(t *testing.T, dir string, mails []Item) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	for i, name := range names {
		compareFile(t, filepath.Join(dir, name), mails[i])
	}
}

func compareMbox(t *testing.T, box io.Reader, mails []Item) {
	t.Helper()
	r := mbox.NewReader(box)
	for _, want := range mails {
		message, err := r.NextMessage()
		if err != nil {
			t.Fatalf("before %s: %v", want.Item, err)
		}
		got, err := io.ReadAll(message)
		if err != nil {
			t.Fatal(err)
		}
		unix := func(b []byte) string { return strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n")) }
		if unix(got) != unix(want.Bytes) {
			t.Errorf("%s comes out of the mbox as\n%s", want.Item, got)
		}
	}
	if _, err := r.NextMessage(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last mail: %v", err)
	}
}

func TestAWriterThatFailsIsNamedWithItsItem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := WriteTo(newGenerator(t, Options{Days: 1}).Items(), MailFolder(filepath.Join(file, "below")))
	if err == nil || !strings.HasPrefix(err.Error(), "write ") {
		t.Errorf("error %v", err)
	}
}
