package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
)

// A mailSplitter reads the mails of an mbox (RFC 4155) one by one, as they
// are: line endings stay, and of a quoted line (">From ", ">>From ") one ">"
// is taken off.
//
// Mail programs differ in what they quote, so that a line "From " starts a mail
// only where a header follows it, and it either ends in a date or stands behind
// an empty line. A sentence that starts with "From" cuts no mail in two.
type mailSplitter struct {
	lines *bufio.Reader
	// keep is how many bytes of a mail are kept.
	keep int
}

// newMailSplitter reads what starts with a line "From ".
func newMailSplitter(r io.Reader, keep int) (*mailSplitter, error) {
	s := &mailSplitter{lines: bufio.NewReaderSize(r, 64<<10), keep: keep}
	for {
		_, err := s.lines.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return s, ignoreEnd(err)
		}
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// next returns the next mail, or as much of it as is kept, and its size. The
// error is io.EOF after the last.
func (s *mailSplitter) next() (mail []byte, size int64, err error) {
	if _, err := s.lines.Peek(1); err != nil {
		return nil, 0, err
	}
	atStart, afterEmpty := true, false
	for {
		line, err := s.lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		if atStart && bytes.HasPrefix(line, []byte("From ")) {
			line = bytes.Clone(line) // looking ahead moves the buffer
			if s.startsMail(line, afterEmpty) {
				break
			}
		}
		if atStart && isQuotedFrom(line) {
			line = line[1:]
		}
		size += int64(len(line))
		mail = append(mail, line[:min(len(line), s.keep-len(mail))]...)
		if errors.Is(err, io.EOF) {
			break
		}
		afterEmpty = atStart && len(bytes.TrimRight(line, "\r\n")) == 0
		atStart = err == nil
	}
	// The empty line behind a mail is the mbox's.
	if size == int64(len(mail)) {
		mail = withoutEmptyEnd(mail)
		size = int64(len(mail))
	}
	return mail, size, nil
}

// datedFrom is a line with a date as asctime writes it, perhaps with a zone.
var datedFrom = regexp.MustCompile(`^From .*\d\d:\d\d.* \d{4}\s*$`)

func (s *mailSplitter) startsMail(line []byte, afterEmpty bool) bool {
	if !afterEmpty && !datedFrom.Match(line) {
		return false
	}
	ahead, _ := s.lines.Peek(128) // fewer at the end
	if bytes.HasPrefix(ahead, []byte(">From ")) {
		return true // some put the line of another mbox there
	}
	name, _, found := bytes.Cut(ahead, []byte(":"))
	return found && len(name) > 0 && !bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isQuotedFrom(line []byte) bool {
	return len(line) > 0 && line[0] == '>' && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From "))
}

func withoutEmptyEnd(mail []byte) []byte {
	switch {
	case bytes.HasSuffix(mail, []byte("\r\n\r\n")):
		return mail[:len(mail)-2]
	case bytes.HasSuffix(mail, []byte("\n\n")):
		return mail[:len(mail)-1]
	}
	return mail
}
