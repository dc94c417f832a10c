package imap

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// A session is a connection that is logged in.
type session struct {
	client *imapclient.Client
	stream *stream
	caps   goimap.CapSet
	// news holds an element when the server said that mail came.
	news   chan struct{}
	strays strays
	// movable says that the folder to move to was found.
	movable bool
}

// watch ends the connection when ctx ends, until stop is called.
func (s *session) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { s.stream.abort(context.Cause(ctx)) })
}

// begin says that a command is about to be sent and waited for.
func (s *session) begin() {
	s.stream.allow(maxAnswer)
	s.stream.await()
}

// close ends the connection at once; nothing is lost by it.
func (s *session) close() {
	s.stream.abort(io.ErrClosedPipe)
	_ = s.client.Close() // the connection is gone already
}

// dead tells that nothing more can be asked on this connection.
func (s *session) dead() bool {
	select {
	case <-s.client.Closed():
		return true
	default:
		return s.stream.err() != nil
	}
}

func (s *session) noop(ctx context.Context) error {
	defer s.watch(ctx)()
	s.begin()
	defer s.stream.rest()
	return s.client.Noop().Wait()
}

func (s *session) authenticate(client sasl.Client) error {
	s.stream.sasl.Store(true)
	defer s.stream.sasl.Store(false)
	return s.client.Authenticate(client)
}

// open opens a folder, with EXAMINE when nothing may change.
func (s *session) open(folder string, readOnly bool) (*goimap.SelectData, error) {
	s.begin()
	defer s.stream.rest()
	return s.client.Select(folder, &goimap.SelectOptions{ReadOnly: readOnly}).Wait()
}

// search returns the UIDs that match, highest first.
func (s *session) search(criteria *goimap.SearchCriteria) ([]goimap.UID, error) {
	s.begin()
	defer s.stream.rest()
	options := &goimap.SearchOptions{ReturnAll: s.caps.Has(goimap.CapESearch)}
	if !options.ReturnAll {
		options = nil
	}
	data, err := s.client.UIDSearch(criteria, options).Wait()
	if err != nil {
		return nil, err
	}
	set, _ := data.All.(goimap.UIDSet) // nil when nothing matched
	return expand(set)
}

// list returns the names of up to most folders.
func (s *session) list(most int) ([]*goimap.ListData, error) {
	s.begin()
	defer s.stream.rest()
	cmd := s.client.List("", "*", nil)
	var folders []*goimap.ListData
	for data := cmd.Next(); data != nil; data = cmd.Next() {
		if len(folders) < most {
			folders = append(folders, data)
		}
	}
	return folders, cmd.Close()
}

// strays takes mail that go-imap could not match to a FETCH, because the
// server named the UID behind the body, or not at all.
type strays struct {
	wanted atomic.Uint32 // the UID that is being asked for alone; 0 is none
	mu     sync.Mutex    // held while one is read
	got    *letter
}

// take reads a stray mail and keeps it, if it is the wanted one. go-imap calls
// it on a goroutine of its own, and reads on only when the body was read.
func (s *strays) take(msg *imapclient.FetchMessageData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := goimap.UID(s.wanted.Load())
	if wanted == 0 {
		for msg.Next() != nil {
		}
		return
	}
	l, err := readLetter(msg)
	if err == nil && l.uid == wanted && l.complete() {
		s.got = l
	}
}

// want begins to look out for a UID; 0 ends it, and returns what was found.
func (s *strays) want(uid goimap.UID) *letter {
	s.wanted.Store(uint32(uid))
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// A letter is a mail that had to be kept in memory, because the server told
// what is needed to hand it over only behind its body.
type letter struct {
	uid      goimap.UID
	received time.Time
	size     int64
	body     []byte // nil when none came, or it was too large
}

func (l *letter) complete() bool { return l.uid != 0 && (l.body != nil || l.size > maxMail) }

// readLetter reads a message to its end.
func readLetter(msg *imapclient.FetchMessageData) (*letter, error) {
	l := &letter{}
	for item := msg.Next(); item != nil; item = msg.Next() {
		if err := l.add(item); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// errBroken says that the connection ended within a body. Nothing more may be
// asked of that message: see [chunk].
var errBroken = errors.New("the connection ended within a mail")

// add takes what one item tells. The error is errBroken.
func (l *letter) add(item imapclient.FetchItemData) error {
	switch item := item.(type) {
	case imapclient.FetchItemDataUID:
		l.uid = item.UID
	case imapclient.FetchItemDataInternalDate:
		l.received = item.Time.UTC()
	case imapclient.FetchItemDataRFC822Size:
		l.size = max(l.size, item.Size)
	case imapclient.FetchItemDataBodySection:
		if item.Literal == nil {
			return nil
		}
		l.size = max(l.size, item.Literal.Size())
		if l.size > maxMail {
			return nil
		}
		body := make([]byte, item.Literal.Size())
		if _, err := io.ReadFull(item.Literal, body); err != nil {
			return errBroken
		}
		l.body, l.size = body, int64(len(body))
	}
	return nil
}
