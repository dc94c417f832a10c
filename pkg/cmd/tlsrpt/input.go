package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emersion/go-mbox"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
)

// An inputFile is a file to import: a mail, a document, or an mbox of mails.
type inputFile struct {
	path     string
	modified time.Time
}

// An inputItem is one mail or document with its bytes, one byte more than the
// limit at most.
type inputItem struct {
	name     string
	mail     bool
	received time.Time
	body     []byte
}

// each hands over the items in a file.
func (f inputFile) each(take func(inputItem) error) (err error) {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader := bufio.NewReader(file)
	if start, _ := reader.Peek(5); string(start) == "From " {
		return f.eachInMbox(reader, take)
	}
	body, err := readBounded(reader)
	if err != nil {
		return err
	}
	return take(inputItem{name: filepath.Base(f.path), mail: f.inMaildir(), received: f.received(body), body: body})
}

// eachInMbox hands over the mails of an mbox (RFC 4155).
func (f inputFile) eachInMbox(r io.Reader, take func(inputItem) error) error {
	mails := mbox.NewReader(r)
	for {
		message, err := mails.NextMessage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the mbox: %w", err)
		}
		body, err := readBounded(message)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, message); err != nil {
			return err
		}
		if err := take(inputItem{mail: true, received: f.received(body), body: body}); err != nil {
			return err
		}
	}
}

func readBounded(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, ingest.MaxItemSize+1))
}

// received is when a mail arrived, by its topmost Received header; a file's
// time is when it was last changed.
func (f inputFile) received(body []byte) time.Time {
	if at, ok := topReceived(body); ok {
		return at
	}
	return f.modified.UTC()
}

// topReceived reads the time behind the last semicolon of the first Received
// header (RFC 5321 section 4.4).
func topReceived(body []byte) (time.Time, bool) {
	head, _, _ := bytes.Cut(body[:min(len(body), 64<<10)], []byte("\n\n"))
	head, _, _ = bytes.Cut(head, []byte("\r\n\r\n"))
	unfolded := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ", "\n ", " ", "\n\t", " ").Replace(string(head))
	for line := range strings.Lines(unfolded) {
		name, value, found := strings.Cut(line, ":")
		if !found || !strings.EqualFold(name, "Received") {
			continue
		}
		at, err := mail.ParseDate(strings.TrimSpace(value[strings.LastIndex(value, ";")+1:]))
		return at.UTC(), err == nil
	}
	return time.Time{}, false
}

func (f inputFile) inMaildir() bool {
	folder := filepath.Dir(f.path)
	name := filepath.Base(folder)
	return (name == "cur" || name == "new") && isMaildir(filepath.Dir(folder))
}

func isMaildir(folder string) bool {
	for _, name := range []string{"cur", "new", "tmp"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}
