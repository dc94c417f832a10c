package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

const (
	// pendingWait is the pause between two rounds over the mails that wait for
	// DNS. It doubles up to pendingWaitCap.
	pendingWait    = time.Minute
	pendingWaitCap = time.Hour
	// pendingFor is how long a mail is kept for an answer of DNS.
	pendingFor  = 30 * 24 * time.Hour
	pendingPage = 100
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
	after := int64(0)
	for {
		ids, err := s.store.PendingMails(s.ctx, after, pendingPage)
		if err != nil || len(ids) == 0 {
			return decided, err
		}
		for _, id := range ids {
			done, err := s.judgeMail(s.ctx, id)
			switch {
			case errors.Is(err, store.ErrNotFound): // its report has gone
			case err != nil:
				return decided, fmt.Errorf("judge kept mail %d: %w", id, err)
			case done:
				decided++
			}
		}
		after = ids[len(ids)-1]
	}
}

// judgeMail judges one mail again, by today's settings, and says whether it is
// decided now.
func (s *shift) judgeMail(ctx context.Context, id int64) (decided bool, err error) {
	// Of its own lane: who waits for DNS should not stand in the way of items.
	if err := s.limits.judging.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer s.limits.judging.Release(1)
	kept, err := s.store.PendingMail(ctx, id)
	if err != nil {
		return false, err
	}
	judged := s.pipeline.judgeFile(ctx, File{Body: kept.Mail}, true)
	if ctx.Err() != nil {
		return false, ctx.Err() // a judgement that was cut off would stand for ever
	}
	if judged.Trust == store.Pending {
		if time.Since(kept.Stored) < pendingFor {
			return false, nil
		}
		judged.Trust, judged.Reason = store.Unverifiable, "DNS gave no answer for 30 days"
	}
	return true, s.store.Rejudge(ctx, id, judged)
}
