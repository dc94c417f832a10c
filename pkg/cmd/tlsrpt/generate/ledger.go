package generate

import "time"

// Decoy says why an item is not one genuine report that counts once.
type Decoy string

// The decoys. A late report is none: it is genuine.
const (
	// Genuine items hold a report that counts.
	Genuine Decoy = ""
	// Forged reports bear reporter, id, period and domain of a genuine one.
	Forged Decoy = "forged"
	// Duplicate items hold the same document as another that came by another route.
	Duplicate Decoy = "duplicate"
	// DMARC mails hold an aggregate report of another kind (RFC 7489).
	DMARC Decoy = "dmarc"
	// Personal mails are from people.
	Personal Decoy = "personal"
	// Broken items hold a report whose JSON is cut off.
	Broken Decoy = "broken"
)

// Kind says by which way an item comes.
type Kind string

// The kinds.
const (
	Mail Kind = "mail" // to the report mailbox
	File Kind = "file" // to the drop, by HTTPS POST (RFC 8460 section 5.4)
)

// An Entry of the ledger tells what one item says.
type Entry struct {
	// Item is the item's name, and Kind its kind.
	Item string
	Kind Kind
	// Received is when it arrived.
	Received time.Time
	Decoy    Decoy
	// Late reports arrive long after their period.
	Late bool
	// Authenticated items are what their sender says: mails with a true
	// Authentication-Results, and every file.
	Authenticated bool
	// Reporter is the organization-name, Submitter its domain. These and what
	// follows are empty for [DMARC] and [Personal].
	Reporter, Submitter string
	ReportID            string
	// Start and End bound the period, half open; Day is the midnight (UTC) of
	// the day it counts for.
	Start, End, Day time.Time
	// Policies are never changed after the entry was handed out.
	Policies []Policy
}

// A Policy of a report, as RFC 8460 section 4.4 has it.
type Policy struct {
	Domain string
	// Type is sts, tlsa or no-policy-found.
	Type string
	// Mode is that of the MTA-STS policy told; empty where none is.
	Mode string
	// Successful and Failed are sessions.
	Successful, Failed int64
	Details            []Detail
}

// A Detail is one element of failure-details. It can be compared.
type Detail struct {
	ResultType      string
	SendingMTAIP    string
	ReceivingMX     string
	ReceivingMXHelo string
	ReceivingIP     string
	ReasonCode      string
	AdditionalInfo  string
	FailedSessions  int64
}

// Account is what should have become of all items: per report document, and
// once for an item without one.
type Account struct {
	// Stored counts forged reports too: they are kept, and not counted in sums.
	Stored, Duplicate, Quarantined, Ignored int64
}

// Expected works out the account of everything in the ledger.
func Expected(ledger []Entry) Account {
	var a Account
	for _, e := range ledger {
		switch e.Decoy {
		case Genuine, Forged:
			a.Stored++
		case Duplicate:
			a.Duplicate++
		case Broken:
			a.Quarantined++
		case DMARC, Personal:
			a.Ignored++
		}
	}
	return a
}
