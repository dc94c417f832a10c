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

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
)

// An inputFile is a file to import: a mail, a document, or an mbox of mails.
type inputFile struct {
	path     string
	modified time.Time
	size     int64
	// mail says that the file is a mail whatever it holds.
	mail bool
}

// An inputItem is one mail or document.
type inputItem struct {
	// label tells a person which one it is.
	label string
	// name is the file's name, empty for a mail in an mbox.
	name     string
	mail     bool
	received time.Time
	// body has one byte more than the limit at most, of size.
	body []byte
	size int64
}

// each hands over the items in a file, until take fails. A file without a byte
// is an mbox without a mail.
func (f inputFile) each(take func(inputItem) error) (err error) {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader := bufio.NewReader(file)
	start, err := reader.Peek(len("From "))
	if len(start) == 0 {
		return ignoreEnd(err)
	}
	if string(start) == "From " {
		return f.eachInMbox(reader, take)
	}
	body, err := readBounded(reader, f.size)
	if err != nil {
		return err
	}
	return take(inputItem{
		label: f.path, name: filepath.Base(f.path), mail: f.mail, received: f.received(body), body: body, size: max(f.size, int64(len(body))),
	})
}

func (f inputFile) eachInMbox(r io.Reader, take func(inputItem) error) error {
	mails, err := newMailSplitter(r, ingest.MaxItemSize+1)
	if err != nil {
		return err
	}
	for number := 1; ; number++ {
		body, size, err := mails.next()
		if err != nil {
			return ignoreEnd(err)
		}
		label := fmt.Sprintf("mail %d of %s", number, f.path)
		if err := take(inputItem{label: label, mail: true, received: f.received(body), body: body, size: size}); err != nil {
			return err
		}
	}
}

func readBounded(r io.Reader, size int64) ([]byte, error) {
	var body bytes.Buffer
	body.Grow(int(min(size, ingest.MaxItemSize) + bytes.MinRead))
	_, err := body.ReadFrom(io.LimitReader(r, ingest.MaxItemSize+1))
	return body.Bytes(), err
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
