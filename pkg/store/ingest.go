package store

import (
	"errors"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// Trust says how far a report is known to come from its reporter.
type Trust string

// The values of the dimension "trust", best first.
const (
	// Authenticated reports carry a valid aligned signature, or come from a
	// source that is configured to be trusted.
	Authenticated Trust = "authenticated"
	// Pending reports wait for DNS; they are judged again.
	Pending Trust = "pending"
	// Unverifiable reports are signed, but the key is gone or the signature
	// expired before it was read.
	Unverifiable Trust = "unverifiable"
	// Unauthenticated reports are all others.
	Unauthenticated Trust = "unauthenticated"
)

// Route says by which way a report came, the field "delivery".
type Route string

// The routes.
const (
	Direct    Route = "direct"
	Forwarded Route = "forwarded"
	Drop      Route = "drop"
	Import    Route = "import"
)

// Judgement is what is known of the sender of one delivery.
type Judgement struct {
	Trust Trust
	// Reason is a short sentence, such as "DKIM signature of google.com is valid".
	Reason string
	// SignedBy is the domain whose signature was verified, be it expired; else empty.
	SignedBy string
	Route    Route
}

// A Delivery is one item of a source with everything that was found in it.
// It is committed whole, with its ledger row, in one transaction.
type Delivery struct {
	// Source is the source's id; Ref the item's name in it.
	Source, Ref string
	// Received is when the item arrived, UTC.
	Received time.Time
	// Size is the item's size in bytes as delivered.
	Size int64
	// Documents are the report documents found, decoded or not.
	Documents []Document
	// Ignored is why an item without any document is no report: "not a report",
	// "expired". Empty when there are Documents.
	Ignored string
}

// A Document is one report document of a delivery: either Report or Problem is set.
type Document struct {
	// Report is the decoded report, with only the accepted policies and mapped domains.
	Report *tlsrpt.Report
	// Problem says why the document can't be used: it goes to quarantine.
	Problem *Problem
	// Raw is the inflated document, or where it can't be inflated or found, the
	// bytes as they came. May be empty for a Problem.
	Raw []byte
	// Hints are kept beside Raw so that a later parser reads the same.
	Hints tlsrpt.Hints
	Judgement
	// Mail is the raw mail of a document whose trust is Pending, to verify it again; else nil.
	Mail []byte
}

// A Problem is why a document is in quarantine.
type Problem struct {
	// Reason is a stable word, the dimension "quarantineReason": "invalid-json",
	// "not-rfc8460", "foreign-domain", "invalid-domain", "too-large", ….
	Reason string
	// Detail says it for a person.
	Detail string
}

// ForeignDomain is the reason of reports that have no policy of an accepted
// domain, and the code of the warning of those that have some of others, too.
const ForeignDomain = "foreign-domain"

// Outcome is what became of a document or of an item without one.
type Outcome string

// The outcomes, the terms of the account: seen is their sum.
const (
	Stored      Outcome = "stored"
	Duplicate   Outcome = "duplicate"
	Quarantined Outcome = "quarantined"
	Ignored     Outcome = "ignored"
)

// Result tells what a commit made of a delivery.
type Result struct {
	// Outcomes has one entry a document, or one for an item without any. It is
	// empty where the item was in the ledger already.
	Outcomes []Outcome
	// Superseded counts reports that this delivery put out of the numbers.
	Superseded int
}

// Account is what has become of everything a source has shown, counted per
// report document; an item without one counts once.
type Account struct {
	Stored, Duplicate, Quarantined, Ignored int64
	// Pending counts items that are committed and wait to be acknowledged on the
	// server; none do where the store is in memory.
	Pending int64
}

// Seen is the sum of the outcomes.
func (a Account) Seen() int64 { return a.Stored + a.Duplicate + a.Quarantined + a.Ignored }

// SourceState is what a source's pollers leave for those who ask, also after
// a restart. Times are zero where it never happened.
type SourceState struct {
	Source string
	// FirstConfigured is when the store first heard of the source.
	FirstConfigured time.Time
	LastPoll        time.Time
	LastSuccess     time.Time
	// FirstSync is when the first poll that saw the whole source ended.
	FirstSync time.Time
	// LastError is a sentence without secrets, empty after a success.
	LastError string
}

// A store that fails after it was opened wraps one of these, so that the engine
// can stop the ingest, say why, and try again. Nothing of the failed call is kept.
var (
	// ErrFull says that the disk, or the file's allowed size, is used up.
	ErrFull = errors.New("no space left for the store")
	// ErrReadOnly says that the store's file can't be written or opened.
	ErrReadOnly = errors.New("the store can't be written")
	// ErrIO says that reading or writing the store's file failed.
	ErrIO = errors.New("the store's file failed")
	// ErrBusy says that another process kept the store locked for too long.
	ErrBusy = errors.New("another process keeps the store locked")
	// ErrCorrupt says that the file is damaged, or is no store.
	ErrCorrupt = errors.New("the store's file is damaged or no store")
	// ErrNewer says that a later version of this program wrote the store.
	ErrNewer = errors.New("the store was written by a later version")
)
