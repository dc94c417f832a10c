package mailreport

import (
	"bytes"
	"slices"
)

// A kind is what content is, by its first bytes.
type kind int

const (
	kindOther kind = iota
	kindJSON
	kindXML
	kindGzip
	kindZip
)

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	gzipMagic     = []byte("\x1f\x8b\x08")
	zipMagic      = []byte("PK\x03\x04")
	zipEmptyMagic = []byte("PK\x05\x06")
	zipEntryMagic = []byte("PK\x01\x02")
)

func kindOf(content []byte) kind {
	switch {
	case bytes.HasPrefix(content, gzipMagic):
		return kindGzip
	case bytes.HasPrefix(content, zipMagic), bytes.HasPrefix(content, zipEmptyMagic):
		return kindZip
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(content, byteOrderMark), " \t\r\n")
	switch {
	case len(text) == 0:
		return kindOther
	case text[0] == '{', startsArray(text):
		return kindJSON
	case text[0] == '<':
		return kindXML
	}
	return kindOther
}

// startsArray tells the start of an array of objects: text that only starts with
// a bracket is more often something else.
func startsArray(text []byte) bool {
	inside, ok := bytes.CutPrefix(text, []byte("["))
	return ok && bytes.HasPrefix(bytes.TrimLeft(inside, " \t\r\n"), []byte("{"))
}

func isCompressed(content []byte) bool {
	k := kindOf(content)
	return k == kindGzip || k == kindZip
}

// isWideJSON tells JSON in UTF-16 or UTF-32, with or without a byte order mark.
func isWideJSON(content []byte) bool {
	head := content[:min(len(content), 16)]
	return bytes.IndexByte(head, '{') >= 0 && bytes.IndexByte(head, 0) >= 0 &&
		len(bytes.Trim(head[:bytes.IndexByte(head, '{')], "\x00\xff\xfe")) == 0
}

// reportKeys are the keys of RFC 8460 section 4.4 as freely written as package
// tlsrpt reads them, and those of a report that one tutorial shows.
var reportKeys = needles(`"policies"`, `"organization-name"`, `"organization_name"`, `"date-range"`, `"date_range"`, `"report-id"`, `"report_id"`,
	`"failed-connections"`, `"failed_connections"`, `"email-server"`, `"email_server"`)

// hasReportKeys tells JSON that has a key of a report in it.
func hasReportKeys(content []byte) bool {
	if isWideJSON(content) {
		content = bytes.ReplaceAll(content, []byte{0}, nil)
	}
	return containsFold(content, reportKeys)
}

// reportMentions announce a TLS report in a mail, wherever they stand.
var reportMentions = needles("tls-report-domain:", "tls-report-submitter:", "application/tlsrpt", "report-type=tlsrpt", `report-type="tlsrpt`)

func mentionsReport(mail []byte) bool { return containsFold(mail, reportMentions) }

func needles(words ...string) [][]byte {
	list := make([][]byte, len(words))
	for i, word := range words {
		list[i] = []byte(word)
	}
	return list
}

// containsFold tells whether content holds one of the words, which are in lower
// case, in any case. It takes a tenth of the time of a regular expression.
func containsFold(content []byte, words [][]byte) bool {
	const window, overlap = 32 << 10, 64
	lower := make([]byte, 0, window)
	for start := 0; start < len(content); start += window - overlap {
		lower = lower[:0]
		for _, c := range content[start:min(start+window, len(content))] {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			lower = append(lower, c)
		}
		for _, word := range words {
			if bytes.Contains(lower, word) {
				return true
			}
		}
	}
	return false
}

// mailFields are header fields of which every mail has several.
var mailFields = []string{
	"received", "return-path", "delivered-to", "from", "to", "date", "subject", "message-id",
	"mime-version", "content-type", "dkim-signature", "tls-report-domain", "tls-report-submitter",
}

// fromHeader returns a mail from its header on: without the byte order mark, the
// empty lines and the line of an mbox that tools leave before it.
func fromHeader(mail []byte) []byte {
	const blank = " \t\r\n"
	mail = bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(mail, blank), byteOrderMark), blank)
	if isMboxLine(mail) {
		_, mail, _ = bytes.Cut(mail, []byte("\n"))
	}
	return mail
}

// looksLikeMail tells whether content starts as a mail does, from its header on:
// fields only, at least two of them known ones (RFC 5322 section 2.2).
func looksLikeMail(content []byte) bool {
	const enough, maxLines = 2, 200
	content = fromHeader(content)
	content = content[:min(len(content), 64<<10)]
	var known []string
	number := 0
	for line := range bytes.Lines(content) {
		if number++; number > maxLines {
			return false
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return false
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		name, ok := fieldName(line)
		if !ok {
			return false
		}
		if name = string(bytes.ToLower([]byte(name))); slices.Contains(mailFields, name) && !slices.Contains(known, name) {
			if known = append(known, name); len(known) == enough {
				return true
			}
		}
	}
	return false
}

// fieldName returns the name of a header field. RFC 5322 section 3.6.8 allows
// more characters, but then a line of JSON would be a field as well.
func fieldName(line []byte) (string, bool) {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return "", false
	}
	name := bytes.TrimRight(line[:colon], " \t")
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return "", false
		}
	}
	return string(name), len(name) > 0
}

// isMboxLine tells the line that mbox files put before a mail.
func isMboxLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}
