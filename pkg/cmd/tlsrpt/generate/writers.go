package generate

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/emersion/go-mbox"
)

// A Writer puts items somewhere. Items of a kind that has no place there are
// passed over.
type Writer interface {
	Write(Item) error
	// Close writes what is open.
	Close() error
}

// WriteTo puts every item to every writer, closes them, and returns the
// ledger. It does not close them after an error.
func WriteTo(items iter.Seq[Item], writers ...Writer) ([]Entry, error) {
	var ledger []Entry
	for item := range items {
		for _, w := range writers {
			if err := w.Write(item); err != nil {
				return ledger, fmt.Errorf("write %s: %w", item.Item, err)
			}
		}
		ledger = append(ledger, item.Entry)
	}
	for _, w := range writers {
		if err := w.Close(); err != nil {
			return ledger, fmt.Errorf("close what was generated: %w", err)
		}
	}
	return ledger, nil
}

// MailTo hands each mail to a function, such as one that appends to a mailbox
// with the time received as INTERNALDATE.
func MailTo(appendMail func(received time.Time, mail []byte) error) Writer {
	return handOver{Mail, func(item Item) error { return appendMail(item.Received, item.Bytes) }}
}

// FilesTo hands each file to a function, such as one that puts it into a drop.
func FilesTo(put func(name string, received time.Time, content []byte) error) Writer {
	return handOver{File, func(item Item) error { return put(item.Item, item.Received, item.Bytes) }}
}

type handOver struct {
	kind Kind
	take func(Item) error
}

func (w handOver) Write(item Item) error {
	if item.Kind != w.kind {
		return nil
	}
	return w.take(item)
}

func (w handOver) Close() error { return nil }

// MailFolder writes each mail as an .eml file, with the time received as mtime.
func MailFolder(dir string) Writer { return files{dir: dir, kind: Mail} }

// DropFolder writes each file as it was posted, with the time received as
// mtime. With perMonth they lie in sub-folders named YYYY-MM.
func DropFolder(dir string, perMonth bool) Writer {
	return files{dir: dir, kind: File, perMonth: perMonth}
}

type files struct {
	dir      string
	kind     Kind
	perMonth bool
}

func (w files) Write(item Item) error {
	if item.Kind != w.kind {
		return nil
	}
	dir := w.dir
	if w.perMonth {
		dir = filepath.Join(dir, item.Received.UTC().Format("2006-01"))
	}
	return writeFile(dir, item.Item, item.Bytes, item.Received)
}

func (w files) Close() error { return os.MkdirAll(w.dir, 0o755) }

// Maildir writes each mail as a new message of a Maildir, with the time
// received as mtime: Dovecot and others take it for the INTERNALDATE.
func Maildir(dir string) Writer { return &maildir{dir: dir} }

type maildir struct {
	dir string
	n   int
}

func (w *maildir) Write(item Item) error {
	if item.Kind != Mail {
		return nil
	}
	w.n++
	// Unique by the count; the form is that of the Maildir specification.
	name := fmt.Sprintf("%d.M%06dP%d.%s", item.Received.Unix(), w.n%1_000_000, 1+w.n/1_000_000, AuthservID)
	return writeFile(filepath.Join(w.dir, "new"), name, item.Bytes, item.Received)
}

func (w *maildir) Close() error {
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(w.dir, sub), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(dir, name string, content []byte, received time.Time) error {
	path := filepath.Join(dir, name)
	err := os.WriteFile(path, content, 0o644)
	if os.IsNotExist(err) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		return err
	}
	return os.Chtimes(path, received, received)
}

// Mbox writes all mails one after another in mbox format (RFC 4155).
func Mbox(w io.Writer) Writer {
	buffered := bufio.NewWriter(w)
	return &mboxWriter{buffered: buffered, mbox: mbox.NewWriter(buffered)}
}

type mboxWriter struct {
	buffered *bufio.Writer
	mbox     *mbox.Writer
}

func (w *mboxWriter) Write(item Item) error {
	if item.Kind != Mail {
		return nil
	}
	message, err := w.mbox.CreateMessage("MAILER-DAEMON", item.Received)
	if err != nil {
		return err
	}
	_, err = message.Write(item.Bytes)
	return err
}

func (w *mboxWriter) Close() error {
	if err := w.mbox.Close(); err != nil {
		return err
	}
	return w.buffered.Flush()
}
