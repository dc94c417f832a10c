package mailreport

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// errTooLarge says that content inflates to more than a document may have.
var errTooLarge = errors.New("too large")

// errEncrypted says that a zip member needs a password.
var errEncrypted = errors.New("it is encrypted")

// gzip takes a part that is a gzip stream.
func (x *extractor) gzip(p part) {
	raw, err := x.gunzip(p.content)
	x.inflated(p, raw, err, ReasonInvalidGzip)
}

// inflated judges what was inflated from p, as far as it went. Where it can't
// be used, p goes to quarantine as it came; what is no report is passed over.
func (x *extractor) inflated(p part, raw []byte, err error, invalid string) {
	kind := kindOf(raw)
	mayBeReport := kind == kindJSON || p.mayBeReport
	switch {
	case kind == kindXML || err != nil && !mayBeReport:
		return
	case errors.Is(err, errTooLarge):
		x.failTooLarge(p)
	case err != nil && kind == kindJSON && isWholeJSON(raw):
		x.add(p, raw, []tlsrpt.Warning{{
			Code: WarnGzipTrailer, Detail: "the compressed data ends wrongly, but the report in it is whole",
		}})
	case err != nil:
		x.fail(p, invalid, fmt.Sprintf("The compressed data can't be read: %v.", err))
	case x.isFile && looksLikeMail(raw):
		x.compressedMail(raw)
	case kind == kindJSON, isWideJSON(raw):
		x.add(p, raw, nil)
	case mayBeReport && (kind == kindGzip || kind == kindZip):
		x.fail(p, ReasonTooDeep, "Compressed data holds compressed data.")
	case p.announced:
		x.fail(p, ReasonNoDocument, "The compressed data holds no JSON.")
	}
}

func (x *extractor) gunzip(content []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return x.readBounded(r)
}

// sniffed is how much is inflated at least, so that what is not read can be told.
const sniffed = 512

// readBounded reads r up to the bound of a document and the item's budget, from
// which it takes what it reads, be it a report or not. It returns what came
// before an error, too.
func (x *extractor) readBounded(r io.Reader) ([]byte, error) {
	bound := max(min(tlsrpt.MaxDocument, x.budget), sniffed)
	raw, err := io.ReadAll(io.LimitReader(r, int64(bound)+1))
	x.budget -= len(raw)
	if len(raw) > min(bound, x.budget+len(raw)) {
		return raw[:min(len(raw), sniffed)], errTooLarge
	}
	return raw, err
}

// isWholeJSON tells whether raw starts with a complete JSON value.
func isWholeJSON(raw []byte) bool {
	raw = bytes.TrimPrefix(raw, byteOrderMark)
	return decoderOf(raw).SkipValue() == nil
}

// zip takes a part that is a zip archive.
func (x *extractor) zip(p part) {
	// Counted before the directory is read, which a lying archive may make large.
	if entries := bytes.Count(p.content, zipEntryMagic); entries > MaxMembers {
		if p.mayBeReport {
			x.fail(p, ReasonTooMany, fmt.Sprintf("The zip archive has more than %d members.", MaxMembers))
		}
		return
	}
	archive, err := zip.NewReader(bytes.NewReader(p.content), int64(len(p.content)))
	if err != nil {
		if p.mayBeReport {
			x.fail(p, ReasonInvalidZip, fmt.Sprintf("The zip archive can't be read: %v.", err))
		}
		return
	}
	for _, member := range archive.File {
		if !member.FileInfo().IsDir() {
			x.member(p, member)
		}
	}
}

// member takes one member of the zip archive p.
func (x *extractor) member(p part, member *zip.File) {
	// The archive's own name says more where the member's is no report's.
	name := baseName(member.Name)
	if tlsrpt.IsReportFileName(name) || !tlsrpt.IsReportFileName(p.hints.FileName) {
		p.hints.FileName = name
	}
	p.announced = p.announced || tlsrpt.IsReportFileName(name) || x.isFile && namedAsJSON(name)
	p.mayBeReport = p.mayBeReport || namedAsJSON(name)
	const encrypted = 1
	if member.Flags&encrypted != 0 {
		x.inflated(p, nil, errEncrypted, ReasonInvalidZip)
		return
	}
	r, err := member.Open()
	if err != nil {
		x.inflated(p, nil, err, ReasonInvalidZip)
		return
	}
	defer r.Close()
	raw, err := x.readBounded(r)
	if err == nil && kindOf(raw) == kindGzip && !x.isFile {
		raw, err = x.gunzip(raw)
	}
	x.inflated(p, raw, err, ReasonInvalidZip)
}
