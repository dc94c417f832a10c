package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// State is the state of a source, a word of the "sources" query.
type State string

// The states.
const (
	// OK sources were seen whole by the last poll.
	OK State = "ok"
	// Syncing sources were never seen whole yet.
	Syncing State = "syncing"
	// Failing sources, or the store, failed in the last poll; it is tried again.
	Failing State = "failing"
	// Idle sources are not polled by this process: another one does, or nobody
	// used the data source for long.
	Idle State = "idle"
	// Misconfigured sources need other settings.
	Misconfigured State = "misconfigured"
)

// A Status says how a data source is doing.
type Status struct {
	// Opening says that the store is not open yet.
	Opening bool
	// StoreError is why the store can't be opened, in words; else empty.
	StoreError string
	// StoreWarning is what there is to say of a store that is open, such as
	// that it is in memory and why; else empty.
	StoreWarning string
	// Holder names the process that polls, as host/pid, where it is another.
	Holder string
	// Rereading is nil unless stored reports are being read again.
	Rereading *Rereading
	// Sources are in the order of the settings.
	Sources []SourceStatus
}

// A SourceStatus says how one source is doing. Times are UTC, and zero where it
// never happened.
type SourceStatus struct {
	ID, Name, Type string
	State          State
	// Polling says that a poll is under way.
	Polling bool
	// FirstConfigured, LastPoll, LastSuccess and FirstSync are as in
	// [store.SourceState]; FirstSync is zero during the first synchronisation.
	FirstConfigured, LastPoll, LastSuccess, FirstSync time.Time
	// LastError is a sentence without secrets; empty after a success.
	LastError string
	// ErrorSetting is the setting that is to blame for LastError, if one is.
	ErrorSetting string
	// NextPoll is when the next poll is due; zero during one.
	NextPoll time.Time
	// Progress is that of the poll under way, or the last one.
	Progress Progress
}

// Progress counts the items of a poll that are new.
type Progress struct {
	// Done are committed, of the Total found so far.
	Done, Total int
}

// A Rereading says how far stored reports have been read again.
type Rereading struct {
	// Done of Total reports have been read again so far.
	Done, Total int
	// Why says what they are read with, such as "a newer parser".
	Why string
}

// String says it in a sentence.
func (r Rereading) String() string {
	return fmt.Sprintf("Reading %s of %s reports again, with %s.", grouped(r.Done), grouped(r.Total), r.Why)
}

// grouped writes a number with commas.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

type progress struct{ done, total atomic.Int64 }

func (p *progress) reset() {
	p.done.Store(0)
	p.total.Store(0)
}

func (p *progress) setTotal(n int) { p.total.Store(int64(n)) }
func (p *progress) add(n int)      { p.done.Add(int64(n)) }

func (p *progress) get() Progress {
	done := int(p.done.Load())
	return Progress{Done: done, Total: max(done, int(p.total.Load()))}
}

// Status says how the data source is doing. It counts as a use of it.
func (c *Collector) Status() Status {
	c.touch()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Opening:      c.store == nil && c.storeErr == nil,
		StoreWarning: c.warning,
		Holder:       process(c.holder),
	}
	if c.storeErr != nil {
		s.StoreError = c.storeErr.Error()
	}
	if c.shift != nil {
		s.Rereading = c.shift.reread.Load()
	}
	for _, config := range c.config.Sources {
		s.Sources = append(s.Sources, c.sourceStatus(config))
	}
	return s
}

// sourceStatus tells one source's status; the caller holds the lock.
func (c *Collector) sourceStatus(config SourceConfig) SourceStatus {
	s := SourceStatus{ID: config.ID, Name: config.Name, Type: config.Type}
	p := c.pollers[config.ID]
	if p == nil {
		s.fill(c.states[config.ID])
		s.State = c.unpolled(&s)
		return s
	}
	now := p.snapshot()
	s.fill(now.saved)
	s.Polling, s.NextPoll, s.Progress = now.polling, now.next, p.progress.get()
	var fault *source.Error
	if errors.As(now.err, &fault) {
		s.ErrorSetting = fault.Setting
	}
	switch {
	case now.err != nil && permanent(now.err):
		s.State = Misconfigured
	case now.err != nil:
		s.State, s.LastError = Failing, now.err.Error()
	case s.FirstSync.IsZero():
		s.State = Syncing
	default:
		s.State = OK
	}
	return s
}

// unpolled says why nobody polls here.
func (c *Collector) unpolled(s *SourceStatus) State {
	switch {
	case c.holder != "":
		s.LastError = "polled by another process (" + process(c.holder) + ")"
		return Idle
	case c.storeErr != nil:
		s.LastError = c.storeErr.Error()
		return Failing
	case c.fault != nil:
		s.LastError = c.fault.Error()
		return Failing
	case c.running:
		return Syncing
	}
	return Idle
}

func (s *SourceStatus) fill(saved store.SourceState) {
	s.FirstConfigured, s.FirstSync = saved.FirstConfigured, saved.FirstSync
	s.LastPoll, s.LastSuccess = saved.LastPoll, saved.LastSuccess
	s.LastError = saved.LastError
}

// process leaves out what makes the owner of a lease unique.
func process(owner string) string {
	if cut := strings.LastIndexByte(owner, '#'); cut >= 0 {
		return owner[:cut]
	}
	return owner
}
