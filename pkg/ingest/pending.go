package ingest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const (
	// pendingWait is the pause between two rounds over the mails that wait for
	// DNS. It doubles up to pendingWaitCap.
	pendingWait    = time.Minute
	pendingWaitCap = time.Hour
	// pendingFor is how long a mail is kept for an answer of DNS.
	pendingFor = 30 * 24 * time.Hour
)

// judgePending judges mails again that DNS left undecided: now, and after
// pauses that grow until something was decided or a new one comes.
func (c *Collector) judgePending(work *shift) {
	for wait := pendingWait; work.ctx.Err() == nil; wait = min(2*wait, pendingWaitCap) {
		decided, err := work.judgeAll()
		if decided > 0 {
			wait = pendingWait
			c.log().Info("Judged mails that had waited for DNS", "mails", decided)
		}
		if err != nil && work.ctx.Err() == nil {
			c.log().Warn("The mails that wait for DNS can't be judged; it is tried again", "error", err)
		}
		if work.awaitRound(jittered(wait)) {
			wait = pendingWait
		}
	}
}

// awaitRound waits, but no longer than [pendingWait] from when a mail was kept
// to be judged again, and says whether one was.
func (s *shift) awaitRound(wait time.Duration) (more bool) {
	due := time.Now().Add(wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return more
		case <-timer.C:
			return more
		case <-s.undecided:
			if soon := jittered(pendingWait); !more && soon < time.Until(due) {
				timer.Reset(soon)
			}
			more = true
		}
	}
}

// judgeAll judges every mail that waits once, and returns how many were decided.
func (s *shift) judgeAll() (decided int, err error) {
	return inPages(func(after int64) ([]int64, error) { return s.store.PendingMails(s.ctx, after, idPage) }, s.judgePage)
}

// A waiting mail is one that was kept, without its bytes.
type waiting struct {
	id   int64
	keys []string
	// overdue says that it has waited for as long as a mail may.
	overdue bool
}

// judgePage judges mails for which DNS has an answer now, or that have waited
// for too long. Their keys are asked for first, several at a time, while no mail
// is held: those that nobody answers for hold up no others.
func (s *shift) judgePage(ids []int64) (decided int, err error) {
	var mails []waiting
	for _, id := range ids {
		mail, err := s.waiting(id)
		switch {
		case hasLeft(err):
		case err != nil:
			return 0, fmt.Errorf("look at kept mail %d: %w", id, err)
		default:
			mails = append(mails, mail)
		}
	}
	answered := s.askFor(mails)
	for _, mail := range mails {
		silent := !slices.ContainsFunc(mail.keys, func(key string) bool { return answered[key] })
		if len(mail.keys) > 0 && silent && !mail.overdue {
			continue
		}
		done, err := s.judgeMail(mail.id)
		switch {
		case hasLeft(err):
		case err != nil:
			return decided, fmt.Errorf("judge kept mail %d: %w", mail.id, err)
		case done:
			decided++
		}
	}
	return decided, nil
}

// waiting looks at what a mail waits for.
func (s *shift) waiting(id int64) (waiting, error) {
	// Of its own lane: who waits for DNS should not stand in the way of items.
	if err := s.limits.judging.Acquire(s.ctx, 1); err != nil {
		return waiting{}, err
	}
	defer s.limits.judging.Release(1)
	kept, err := s.store.PendingMail(s.ctx, id)
	if err != nil {
		return waiting{}, err
	}
	return waiting{id: id, keys: s.pipeline.keysOf(kept.Mail), overdue: time.Since(kept.Stored) >= pendingFor}, nil
}

// askFor asks DNS for the keys of mails, a few at a time, and returns those that
// have an answer. The first keys of all mails come before the second ones, since
// a domain that does not answer for one is not asked for the next.
func (s *shift) askFor(mails []waiting) (answered map[string]bool) {
	answered = make(map[string]bool)
	var mu sync.Mutex
	var asked sync.WaitGroup
	defer asked.Wait()
	begun := make(map[string]bool)
	for rank, more := 0, true; more; rank++ {
		more = false
		for _, mail := range mails {
			if rank >= len(mail.keys) {
				continue
			}
			more = true
			key := mail.keys[rank]
			if begun[key] {
				continue
			}
			begun[key] = true
			if s.limits.asking.Acquire(s.ctx, 1) != nil {
				return answered
			}
			asked.Go(func() {
				defer s.limits.asking.Release(1)
				if s.pipeline.Judge.Ask(s.ctx, key) {
					mu.Lock()
					defer mu.Unlock()
					answered[key] = true
				}
			})
		}
	}
	return answered
}

// judgeMail judges one mail again, by today's settings, and says whether it is
// decided now.
func (s *shift) judgeMail(id int64) (decided bool, err error) {
	if err := s.limits.judging.Acquire(s.ctx, 1); err != nil {
		return false, err
	}
	defer s.limits.judging.Release(1)
	kept, err := s.store.PendingMail(s.ctx, id)
	if err != nil {
		return false, err
	}
	judged := s.pipeline.judgeFile(s.ctx, File{Body: kept.Mail}, true)
	if s.ctx.Err() != nil {
		return false, s.ctx.Err() // a judgement that was cut off would stand for ever
	}
	if judged.Trust == store.Pending {
		if time.Since(kept.Stored) < pendingFor {
			return false, nil
		}
		judged.Trust, judged.Reason = store.Unverifiable, "DNS gave no answer for 30 days"
	}
	return true, s.store.Rejudge(s.ctx, id, judged)
}

// keysOf returns the keys that the judgement of a mail depends on.
func (p *Pipeline) keysOf(mail []byte) []string {
	if p.Judge == nil {
		return nil
	}
	var failed *store.Problem
	defer p.recovered(&failed)
	return p.Judge.Keys(mail)
}
