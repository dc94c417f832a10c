package store

import (
	"context"
	"time"
)

// A Reviser changes what was committed once it can be known better: DNS has
// answered, the parser is newer, or the settings are others. Each change of a
// report takes its old contribution out of every sum and adds the new one, in
// one transaction.
type Reviser interface {
	// PendingMails returns the ids of up to limit kept mails that wait to be
	// judged again, above after, in order.
	PendingMails(ctx context.Context, after int64, limit int) ([]int64, error)
	// PendingMail returns one of them, or [ErrNotFound].
	PendingMail(ctx context.Context, id int64) (PendingMail, error)
	// Rejudge replaces the judgement of the documents that came with the mail;
	// their routes stay. Unless the trust is Pending again, the mail is let go.
	Rejudge(ctx context.Context, id int64, judgement Judgement) error

	// Rereadable returns the ids of up to limit reports that the scope names,
	// above after, in order.
	Rereadable(ctx context.Context, scope Scope, after int64, limit int) ([]int64, error)
	// Reread replaces what a stored report says by what its document was read
	// as now, with the parser version of now. Judgements, deliveries and times
	// of arrival stay. A document with a Problem goes to quarantine, as Resolve
	// would have it the other way; the account follows. The outcome is Stored
	// or Quarantined.
	Reread(ctx context.Context, reportID int64, document Document) (Outcome, error)
	// ReadWith returns what SaveReadWith was given last; empty at first. It
	// says with what all stored reports were read: the engine's own words.
	ReadWith(ctx context.Context) (string, error)
	// SaveReadWith keeps it.
	SaveReadWith(ctx context.Context, readWith string) error
}

// A PendingMail is a mail whose signature could not be judged yet.
type PendingMail struct {
	// Mail is the mail as it came.
	Mail []byte
	// Stored is when it was committed, UTC.
	Stored time.Time
}

// A Scope names reports to read again: all that one of its fields names.
type Scope struct {
	// ParserBelow names reports that a parser before this version read.
	ParserBelow int
	// Domains names reports with a policy of one of these policy domains.
	Domains []string
	// LeftOut names reports that had policies of domains that were not accepted.
	LeftOut bool
}
