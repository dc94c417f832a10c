package mailreport

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// Extract finds the report documents of one item: a mail, where mail says so or
// the content looks like one, else a file of the given name. It never fails:
// what is wrong is told in the result.
//
// A file that is a JSON object is a document, whatever its keys; so is one
// inflated from gzip or zip. Compressed data that can't be inflated is a
// document with a Problem. What is plainly something else, such as an index
// page, text or a DMARC report, is ignored, unless the file's name ends as a
// report's does: then it is a Problem. A mail may be compressed, too.
//
// In a mail, a part that is or inflates to a JSON object is a document where
// the mail announces a TLS report (RFC 8460 sections 5.1 and 5.3) or the object
// has a key of one, save for running text that only starts like an object. A
// mail that announces a report and has no document is a Problem, and so is one
// nested too deep to be read whole; any other mail without a document is
// ignored, and so is every bounce.
func Extract(body []byte, name string, mail bool) Extraction {
	x := extractor{budget: maxInflated}
	// Judge takes what starts as an archive for one, too: no mail does.
	if mail && !isCompressed(body) || looksLikeMail(body) {
		return x.mail(body)
	}
	return x.file(body, name)
}

// An extractor collects what one item holds.
type extractor struct {
	documents []candidate
	problem   *Problem
	// announced says that a TLS report is to be expected.
	announced bool
	// budget is how many inflated bytes the item may still have; what was
	// inflated counts, be it a report or not.
	budget int
	// parts counts the parts of a mail.
	parts int
	// isFile says that the item is a file, not a mail.
	isFile bool
	// isMail says that a compressed file holds a mail.
	isMail bool
	// redirected says that the mail was passed on as it is.
	redirected bool
}

// A candidate is a document that counts, or counts only where the item
// announces a TLS report, which a later part may do.
type candidate struct {
	Document
	onlyAnnounced bool
}

// A part is a piece of an item that is no multipart, with its transfer
// encoding taken off.
type part struct {
	content   []byte
	hints     tlsrpt.Hints
	forwarded bool
	// announced says that the part, or the mail around it, says it is a report.
	announced bool
	// mayBeReport says that its name at least is that of JSON, so that it
	// counts where it can't be inflated. Every announced part may be one.
	mayBeReport bool
	// runningText is what a person reads, and a report only where it shows.
	runningText bool
}

func (x *extractor) file(body []byte, name string) Extraction {
	name = baseName(name)
	p := part{content: body, hints: tlsrpt.Hints{FileName: name}, announced: namedAsJSON(name), mayBeReport: true}
	x.isFile, x.announced = true, p.announced
	x.part(p)
	return x.result(x.isMail, "The file is named as a TLS report, but its content is none.")
}

func (x *extractor) mail(body []byte) Extraction {
	if len(body) > MaxMail {
		return Extraction{Mail: true, Problem: &Problem{ReasonTooLarge, fmt.Sprintf("The mail is larger than %d MiB.", MaxMail>>20)}}
	}
	x.message(body, tlsrpt.Hints{}, 0)
	if x.problem != nil && !x.announced {
		// The announcement may be in what was not opened.
		x.announced = mentionsReport(body)
	}
	return x.result(true, "The mail announces a TLS report, but none of its parts is one.")
}

// result judges the item by all that was seen of it.
func (x *extractor) result(mail bool, missing string) Extraction {
	e := Extraction{Mail: mail, Redirected: x.redirected}
	for _, c := range x.documents {
		if !c.onlyAnnounced || x.announced {
			e.Documents = append(e.Documents, c.Document)
		}
	}
	// People send many pictures in one mail, but hardly nest mails this deep.
	tooDeep := x.problem != nil && x.problem.Reason == ReasonTooDeep
	switch {
	case len(e.Documents) > 0:
		e.Problem = x.problem
	case !x.announced && !tooDeep:
		e.Ignored = NotAReport
	case x.problem != nil:
		e.Problem = x.problem
	default:
		e.Problem = &Problem{ReasonNoDocument, missing}
	}
	return e
}

// part takes one part by its content.
func (x *extractor) part(p part) {
	switch kindOf(p.content) {
	case kindJSON:
		if p.runningText && !hasReportKeys(p.content) && !(p.announced && isWholeJSON(p.content)) {
			return
		}
		x.document(p, bytes.Clone(p.content))
	case kindGzip:
		x.gzip(p)
	case kindZip:
		x.zip(p)
	case kindOther:
		if (!p.runningText || x.isFile) && isWideJSON(p.content) {
			// The decoder says what is wrong with its encoding.
			x.document(p, bytes.Clone(p.content))
		}
	}
}

// document adds a document that is JSON as it came, within the budget of the item.
func (x *extractor) document(p part, raw []byte) {
	if len(raw) > x.budget {
		x.failTooLarge(p)
		return
	}
	x.budget -= len(raw)
	x.add(p, raw, nil)
}

// add adds the documents in JSON. JSON that neither its part nor its keys call a
// report counts only where the mail announces one, and so does an array where
// the file's name does: people send JSON, too.
func (x *extractor) add(p part, raw []byte, warnings []tlsrpt.Warning) {
	documents, tooMany := separate(raw)
	isObject := len(documents) > 1 || !startsArray(withoutMark(raw))
	for _, document := range documents {
		x.documents = append(x.documents, candidate{
			Document:      Document{Raw: document, Hints: p.hints, Forwarded: p.forwarded, Warnings: warnings},
			onlyAnnounced: !(x.isFile && isObject) && !p.announced && !hasReportKeys(document),
		})
	}
	if tooMany {
		x.stop(ReasonTooMany, fmt.Sprintf("A file holds more than %d documents one after the other.", MaxParts))
	}
}

func (x *extractor) failTooLarge(p part) {
	x.fail(p, ReasonTooLarge, fmt.Sprintf("The document is larger than %d MiB, or all that is in this item larger than %d MiB.",
		tlsrpt.MaxDocument>>20, maxInflated>>20))
}

// fail adds a document that can't be read.
func (x *extractor) fail(p part, reason, detail string) {
	x.documents = append(x.documents, candidate{Document: Document{
		Raw: bytes.Clone(p.content), Hints: p.hints, Forwarded: p.forwarded, Problem: &Problem{reason, detail},
	}})
}

// stop notes that a bound cut the item short. The first reason counts.
func (x *extractor) stop(reason, detail string) {
	if x.problem == nil {
		x.problem = &Problem{reason, detail}
	}
}

// baseName returns a file's name without its path and as text that may be shown.
func baseName(name string) string {
	name = tlsrpt.Clean(strings.TrimRight(name, `/\`), tlsrpt.MaxID)
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// namedAsJSON tells file names of JSON. Of a drop's file more can't be asked; in
// a mail only [tlsrpt.IsReportFileName] announces a report.
func namedAsJSON(name string) bool {
	lower := strings.ToLower(name)
	return tlsrpt.IsReportFileName(name) || strings.HasSuffix(lower, ".json") || strings.HasSuffix(lower, ".json.gz")
}
