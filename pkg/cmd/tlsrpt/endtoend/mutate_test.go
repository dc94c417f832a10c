package endtoend

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
)

// A mutator spoils mails, by chance that a seed decides.
type mutator struct {
	rng *rand.Rand
	// all are the mails that one may be joined with.
	all [][]byte
}

// mutate spoils a mail in one to three ways.
func (m mutator) mutate(mail []byte) []byte {
	ways := []func([]byte) []byte{
		m.flip, m.cut, m.join, m.swap, m.repeat, m.insert, m.shuffleHeader,
		m.inBase64(m.flip), m.inBase64(m.cut), m.inDocument(m.flip), m.inDocument(m.cut),
		m.inDocument(m.swap), m.inDocument(m.repeat), m.inDocument(m.insert), m.inDocument(m.number),
	}
	mail = bytes.Clone(mail)
	for range 1 + m.rng.IntN(3) {
		if len(mail) > 1 {
			mail = ways[m.rng.IntN(len(ways))](mail)
		}
	}
	return mail
}

// block is the bounds of a piece, up to largest bytes long.
func (m mutator) block(b []byte, largest int) (from, to int) {
	if len(b) == 0 {
		return 0, 0
	}
	from = m.rng.IntN(len(b))
	return from, from + 1 + m.rng.IntN(min(largest, len(b)-from))
}

func (m mutator) flip(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	for range 1 + m.rng.IntN(8) {
		b[m.rng.IntN(len(b))] ^= 1 << m.rng.IntN(8)
	}
	return b
}

// cut takes away the end, the start or a piece within.
func (m mutator) cut(b []byte) []byte {
	from, to := m.block(b, len(b))
	switch m.rng.IntN(3) {
	case 0:
		return b[:from]
	case 1:
		return b[from:]
	}
	return slices.Delete(b, from, to)
}

// join puts another mail behind, in front, or from the middle on.
func (m mutator) join(b []byte) []byte {
	other := m.all[m.rng.IntN(len(m.all))]
	switch m.rng.IntN(3) {
	case 0:
		return slices.Concat(b, other)
	case 1:
		return slices.Concat(other, b)
	}
	return slices.Concat(b[:m.rng.IntN(len(b)+1)], other[m.rng.IntN(len(other)+1):])
}

// swap changes the places of two neighbouring blocks.
func (m mutator) swap(b []byte) []byte {
	from, to := m.block(b, 512)
	until := min(len(b), to+1+m.rng.IntN(512))
	return slices.Concat(b[:from], b[to:until], b[from:to], b[until:])
}

func (m mutator) repeat(b []byte) []byte {
	from, to := m.block(b, 512)
	return slices.Insert(b, to, bytes.Repeat(b[from:to], 1+m.rng.IntN(20))...)
}

func (m mutator) insert(b []byte) []byte {
	noise := make([]byte, 1+m.rng.IntN(64))
	for i := range noise {
		noise[i] = byte(m.rng.Uint32())
	}
	return slices.Insert(b, m.rng.IntN(len(b)+1), noise...)
}

var digits = regexp.MustCompile(`[0-9]+`)

// number makes one number of a document another one.
func (m mutator) number(b []byte) []byte {
	all := digits.FindAllIndex(b, -1)
	if len(all) == 0 {
		return b
	}
	at := all[m.rng.IntN(len(all))]
	others := []string{"-1", "0", "1e999", "99999999999999999999", "0.5", "null", "true", `"1"`, "[]", "{}", `"2026-02-30T25:61:61Z"`}
	return slices.Concat(b[:at[0]], []byte(others[m.rng.IntN(len(others))]), b[at[1]:])
}

// shuffleHeader changes the order of the mail's header fields.
func (m mutator) shuffleHeader(mail []byte) []byte {
	header, body, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	var fields [][]byte
	for line := range bytes.Lines(append(header, "\r\n"...)) {
		if last := len(fields) - 1; last >= 0 && (line[0] == ' ' || line[0] == '\t') {
			fields[last] = slices.Concat(fields[last], line)
		} else {
			fields = append(fields, line)
		}
	}
	m.rng.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return slices.Concat(slices.Concat(fields...), []byte("\r\n"), body)
}

var base64Lines = regexp.MustCompile(`(?:[A-Za-z0-9+/]{20,76}\r\n)+(?:[A-Za-z0-9+/]*={0,2}\r\n)?`)

// inBase64 spoils what a part holds before it is encoded for the mail.
func (m mutator) inBase64(spoil func([]byte) []byte) func([]byte) []byte {
	return func(mail []byte) []byte {
		at := base64Lines.FindIndex(mail)
		if at == nil {
			return m.flip(mail)
		}
		content, err := base64.StdEncoding.DecodeString(string(mail[at[0]:at[1]]))
		if err != nil || len(content) == 0 {
			return m.flip(mail)
		}
		return slices.Concat(mail[:at[0]], inLines(spoil(content)), mail[at[1]:])
	}
}

func inLines(content []byte) []byte {
	var b bytes.Buffer
	for line := range slices.Chunk(content, 57) {
		b.WriteString(base64.StdEncoding.EncodeToString(line))
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// inDocument spoils the document itself, and packs it again so that it arrives.
func (m mutator) inDocument(spoil func([]byte) []byte) func([]byte) []byte {
	return m.inBase64(func(content []byte) []byte {
		if archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content))); err == nil && len(archive.File) > 0 {
			member, err := archive.File[0].Open()
			if err != nil {
				return m.flip(content)
			}
			document, _ := io.ReadAll(io.LimitReader(member, 1<<20)) // what there is of it
			return zipOf(archive.File[0].Name, m.spoil(spoil, document))
		}
		if stream, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
			document, _ := io.ReadAll(io.LimitReader(stream, 1<<20)) // what there is of it
			return gzipOf(m.spoil(spoil, document))
		}
		return spoil(content)
	})
}

func (m mutator) spoil(spoil func([]byte) []byte, document []byte) []byte {
	if len(document) == 0 {
		return document
	}
	return spoil(document)
}

// Writes here go to memory, which does not fail.

func gzipOf(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

func zipOf(name string, content []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if member, err := w.Create(name); err == nil {
		_, _ = member.Write(content)
	}
	_ = w.Close()
	return b.Bytes()
}
