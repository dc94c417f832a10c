package generate

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
)

// A renderer makes the bytes of items, one after another.
type renderer struct {
	gz *gzip.Writer
}

// render makes an item of a plan. The same plan and seed give the same bytes.
func (out *renderer) render(seed uint64, p plan) Item {
	e := p.entry
	rng := renderRand(seed, &e)
	item := Item{Entry: e}
	switch e.Decoy {
	case DMARC:
		item.Bytes = out.dmarcMail(&e, rng)
		return item
	case Personal:
		item.Bytes = personalMail(&e, rng)
		return item
	}
	item.Document = p.reporter.write.document(&e, p.reporter, p.domain)
	if e.Decoy == Broken {
		item.Document = item.Document[:len(item.Document)*2/3]
	}
	if e.Kind == File {
		item.Bytes = out.file(&e, p.reporter, item.Document)
		return item
	}
	item.Bytes = out.reportMail(p, &e, item.Document, rng)
	return item
}

// file packs a document for the drop: most senders gzip, whatever the name says.
func (out *renderer) file(e *Entry, r *reporter, document []byte) []byte {
	switch {
	case r.wrap.compress == "zip" && e.Day.YearDay()%7 == 0:
		return zipped(plainName(e), document, e)
	case e.Day.YearDay()%5 == 1:
		return document
	default:
		return out.gzipped(document)
	}
}

func (out *renderer) gzipped(document []byte) []byte {
	var buf bytes.Buffer
	if out.gz == nil {
		out.gz = gzip.NewWriter(&buf)
	} else {
		out.gz.Reset(&buf)
	}
	mustWrite(out.gz.Write(document))
	mustClose(out.gz)
	return buf.Bytes()
}

func zipped(name string, content []byte, e *Entry) []byte {
	var buf bytes.Buffer
	archive := zip.NewWriter(&buf)
	member, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: e.End})
	if err != nil {
		panic(fmt.Sprintf("generate: write zip: %v", err))
	}
	mustWrite(member.Write(content))
	mustClose(archive)
	return buf.Bytes()
}

// plainName is the report's file name by RFC 8460 section 5.1, uncompressed.
func plainName(e *Entry) string {
	return fmt.Sprintf("%s!%s!%d!%d!001.json", e.Submitter, e.Policies[0].Domain, e.Start.Unix(), e.End.Unix()-1)
}

// crlf ends the lines of a text as mail does.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// Writes here go to memory, which does not fail.
func mustWrite(_ int, err error) {
	if err != nil {
		panic(fmt.Sprintf("generate: write to memory: %v", err))
	}
}

func mustClose(c io.Closer) {
	if err := c.Close(); err != nil {
		panic(fmt.Sprintf("generate: write to memory: %v", err))
	}
}
