package mailreport

import "github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"

// An Extraction is what was found in one item, a mail or a file.
type Extraction struct {
	// Mail says that the item is a mail, or a file that holds one compressed.
	Mail bool
	// Redirected says that the mail was passed on as it is (RFC 5322 section
	// 3.6.6), so that it did not come straight from who it says it is from. A
	// mail inside another one is told by [Document.Forwarded] instead.
	Redirected bool
	// Documents are the report documents found, in the order of the item.
	Documents []Document
	// Ignored is why an item without documents is no report at all, such as
	// [NotAReport]; empty where there are Documents or a Problem.
	Ignored string
	// Problem is why an item as a whole can't be opened, or that a bound cut
	// it short; Documents that were found before are still there.
	Problem *Problem
}

// A Document is one report document, as JSON where it can be inflated.
type Document struct {
	// Raw is the inflated JSON; where it can't be inflated, the bytes as they came.
	Raw []byte
	// Hints are the headers and the file name that the document came with.
	Hints tlsrpt.Hints
	// Forwarded says that the document was inside a message/rfc822 part.
	Forwarded bool
	// Problem is why the document can't be read: it belongs in quarantine.
	Problem *Problem
	// Warnings tell what was tolerated in unwrapping, such as a wrong gzip trailer.
	Warnings []tlsrpt.Warning
}

// A Problem is why something can't be used.
type Problem struct {
	// Reason is a stable word, such as "too-large".
	Reason string
	// Detail says it for a person.
	Detail string
}

// NotAReport is the word in [Extraction.Ignored] for items that hold no TLS
// report and announce none: DMARC reports, bounces, people's mail, index pages.
const NotAReport = "not a report"

// The values of [Problem.Reason] that this package gives. They are stable.
const (
	// ReasonTooLarge: a mail over [MaxMail], or a document over
	// [tlsrpt.MaxDocument], alone or together with others of its item.
	ReasonTooLarge = "too-large"
	// ReasonTooMany: more than [MaxParts] parts in a mail that announces a
	// report or holds one, or more than [MaxMembers] in a zip.
	ReasonTooMany = "too-many"
	// ReasonTooDeep: parts nested deeper than [MaxMIMEDepth], or compression in compression.
	ReasonTooDeep = "too-deep"
	// ReasonInvalidGzip: a gzip stream that can't be inflated.
	ReasonInvalidGzip = "invalid-gzip"
	// ReasonInvalidZip: a zip archive that can't be read.
	ReasonInvalidZip = "invalid-zip"
	// ReasonNoDocument: a TLS report is announced, but nothing in the item is one.
	ReasonNoDocument = "no-document"
)

// The bounds of one item.
const (
	// MaxMail is the size of a mail in bytes.
	MaxMail = 15 << 20
	// MaxMIMEDepth is how deep multiparts and mails may nest.
	MaxMIMEDepth = 5
	// MaxParts is the number of parts of a mail, multiparts included.
	MaxParts = 50
	// MaxMembers is the number of members of a zip archive.
	MaxMembers = 4
	// maxInflated bounds all documents of an item together.
	maxInflated = 2 * tlsrpt.MaxDocument
)

// WarnGzipTrailer is the code of the warning that a gzip stream has a wrong
// checksum, length or end, though the JSON in it is whole.
const WarnGzipTrailer = "gzip-trailer"
