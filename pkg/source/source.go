// Package source says what every place that reports come from must do: list
// what it holds, hand over the bytes of what is new, and change nothing on the
// server before the engine says that an item is durably stored.
//
// Sources know neither the store nor Grafana. The implementations are
// source/imap and source/drop.
package source

import (
	"context"
	"fmt"
	"io"
	"time"
)

// An Item is one mail or file of a source.
type Item struct {
	// Ref names the item for ever in its source: mailbox, UIDVALIDITY and UID,
	// or URL, size and mtime (else ETag).
	Ref string
	// Received is when the item arrived (INTERNALDATE, Last-Modified, else
	// when it was first seen), UTC.
	Received time.Time
	// Size is the number of bytes that the server announced; -1 if it did not.
	Size int64
	// Name is the file name, without a path; empty for a mail in a mailbox.
	Name string
	// Mail says that the item is a mail whatever it holds; otherwise its
	// content decides.
	Mail bool
	// Body yields the bytes. It is valid until [Sink.Put] returns.
	Body io.Reader
}

// State is what the ledger knows of an item.
type State int

const (
	// New items are not in the ledger.
	New State = iota
	// Committed items are in the store, and may still have to be acknowledged.
	Committed
	// Acknowledged items need nothing more.
	Acknowledged
)

// A Sink takes what a source finds; the engine is one. Its methods may be
// called from one goroutine at a time.
type Sink interface {
	// States tells what the ledger knows of refs, in their order.
	States(ctx context.Context, refs []string) ([]State, error)
	// Total tells how many new items this poll has found so far, for progress
	// and metrics. It may be called again with a larger number.
	Total(n int)
	// Put hands an item over and reads its body. It blocks while the engine
	// is busy. An error ends the poll.
	Put(ctx context.Context, item Item) error
	// Skip records an item as seen and ignored without its body, for example
	// one that is too large or older than the retention.
	Skip(ctx context.Context, item Item, reason SkipReason, detail string) error
	// Flush waits until every item put so far is durably committed.
	Flush(ctx context.Context) error
	// Acknowledgeable returns the refs, with the given prefix and at most
	// limit of them, that are committed, not acknowledged, and may be changed
	// on the server: every document in them is durably stored or a duplicate.
	// It is empty where the store is in memory.
	Acknowledgeable(ctx context.Context, prefix string, limit int) ([]string, error)
	// Acknowledged records that the server was changed for refs, or that the
	// items are gone from it.
	Acknowledged(ctx context.Context, refs []string) error
}

// SkipReason says why an item's bytes were not handed over.
type SkipReason string

const (
	// SkipExpired items are older than the retention: ignored.
	SkipExpired SkipReason = "expired"
	// SkipTooLarge items are over the size limit: quarantined without bytes.
	SkipTooLarge SkipReason = "too-large"
	// SkipUnreadable items are listed, but the server does not give them out
	// even when asked one by one: quarantined without bytes.
	SkipUnreadable SkipReason = "unreadable"
)

// Since bounds how far back a source looks: items received before it are not
// asked for. The zero time is no bound.
type Since = time.Time

// A Source is one configured mailbox or drop. Its methods are called from one
// goroutine.
type Source interface {
	// Poll hands everything that is new to the sink, newest first, and
	// acknowledges what is committed. It returns nil when it saw the whole of
	// the source, else a [*Error] where it can name a setting.
	Poll(ctx context.Context, since Since, sink Sink) error
	// Wait returns nil when there may be news (IMAP IDLE), or with ctx's error.
	// A source without such hints waits for ctx to end.
	Wait(ctx context.Context) error
	// Check tries what a poll needs, without handing anything over, and
	// returns a sentence that says what was found («Connected, 3 folders …»).
	Check(ctx context.Context) (string, error)
	// Close ends connections.
	Close() error
}

// An Error says which setting is wrong and what to do. It never holds a secret.
type Error struct {
	// Setting is the setting's name in the public contract, such as "host".
	Setting string
	// Sentence says what happened and what to do, for a person.
	Sentence string
	// RetryAfter is the server's own wish for the next try; 0 is none.
	RetryAfter time.Duration
	// Permanent errors do not go away without a change of settings.
	Permanent bool
	// Err is the cause; it may be nil.
	Err error
}

// Error returns the sentence, behind the setting's name.
func (e *Error) Error() string {
	if e.Setting == "" {
		return e.Sentence
	}
	return fmt.Sprintf("%s: %s", e.Setting, e.Sentence)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
