package mailreport

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// maxCached is how many answers are kept.
	maxCached = 10_000
	// lookupTimeout bounds one question, and judgeTimeout all those that are
	// asked for one mail, so that a dead name server stalls nobody for long.
	lookupTimeout = 3 * time.Second
	judgeTimeout  = 5 * time.Second
	// How long answers are kept: keys, their absence, and that there was none.
	keepFound     = time.Hour
	keepMissing   = 5 * time.Minute
	keepTemporary = 10 * time.Second
)

// A txtCache asks for the TXT records of DKIM keys and remembers the answers,
// since one reporter signs thousands of mails with one key. What is asked for
// already is not asked for again, and whom it knows to be silent is passed over.
// It is safe for concurrent use.
type txtCache struct {
	resolver Resolver

	mu      sync.Mutex
	answers map[string]txtAnswer
	// asking holds what is being asked; a channel is closed with the answer.
	asking  map[string]chan struct{}
	silent  silence
	breaker breaker
}

type txtAnswer struct {
	records []string
	err     *net.DNSError
	expires time.Time
}

func newTXTCache(resolver Resolver) *txtCache {
	return &txtCache{
		resolver: resolver, answers: make(map[string]txtAnswer), asking: make(map[string]chan struct{}), silent: make(silence),
	}
}

// A question is what is asked of DNS, and how hard.
type question struct {
	name string
	// until bounds the wait; zero is [lookupTimeout] from now.
	until time.Time
	// insistent questions are asked although DNS as a whole is silent, and again
	// although the domain is, as those for mails that wait are.
	insistent bool
}

// lookup returns the TXT records of a name.
func (c *txtCache) lookup(ctx context.Context, q question) ([]string, *net.DNSError) {
	const longestName = 253
	if len(q.name) > longestName {
		return nil, &net.DNSError{Err: "no such host", Name: q.name, IsNotFound: true}
	}
	full := time.Now().Add(lookupTimeout)
	patient := q.until.IsZero() || !full.After(q.until)
	if patient {
		q.until = full
	}
	bound, cancel := context.WithDeadline(ctx, q.until)
	defer cancel()
	for bound.Err() == nil {
		answer, underWay, known := c.begin(q)
		switch {
		case known:
			return answer.records, answer.err
		case underWay == nil:
			answer = c.ask(ctx, bound, q.name, patient)
			return answer.records, answer.err
		}
		select {
		case <-underWay:
		case <-bound.Done():
		}
	}
	return nil, notAsked(q.name)
}

// begin returns what is known of a name, or a channel that is closed when it is,
// or neither: then the caller has to ask.
func (c *txtCache) begin(q question) (answer txtAnswer, underWay chan struct{}, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	answer, before := c.answers[q.name]
	if before && now.Before(answer.expires) {
		return answer, nil, true
	}
	if underWay := c.asking[q.name]; underWay != nil {
		return txtAnswer{}, underWay, false
	}
	// What silences a domain is no reason to let go of a key that it had, nor not
	// to come back to that very key.
	again := before && (q.insistent || isAnswer(answer.err))
	if !again && c.silent.covers(q.name, now) || !q.insistent && !c.breaker.lets(now) {
		return txtAnswer{err: notAsked(q.name)}, nil, true
	}
	c.asking[q.name] = make(chan struct{})
	return txtAnswer{}, nil, false
}

// ask asks the resolver within bound, and notes the answer unless the caller's
// ctx ended. Where the wait was cut short it says nothing against the domain.
func (c *txtCache) ask(ctx, bound context.Context, name string, patient bool) txtAnswer {
	defer c.end(name)
	records, err := c.resolver.LookupTXT(bound, name)
	answer := txtAnswer{records: records, err: dnsError(name, err)}
	if ctx.Err() != nil {
		return answer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case answer.err == nil:
		answer.expires = now.Add(keepFound)
	case answer.err.IsNotFound:
		answer.expires = now.Add(keepMissing)
	default:
		answer.expires = now.Add(keepTemporary)
	}
	c.keep(name, answer)
	c.learn(name, answer.err, patient, now)
	return answer
}

// end lets go those who wait for the answer.
func (c *txtCache) end(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.asking[name])
	delete(c.asking, name)
}

// learn notes what an answer, or that there was none, says of the domain and of
// DNS as a whole, for which a silent domain speaks once.
func (c *txtCache) learn(name string, err *net.DNSError, patient bool, now time.Time) {
	if isAnswer(err) || !err.IsTimeout {
		c.breaker.reset()
	} else if patient && !c.silent.covers(name, now) {
		c.breaker.timedOut(now)
	}
	if isAnswer(err) {
		c.silent.remove(name)
	} else if patient {
		c.silent.add(name, now)
	}
}

// keep remembers an answer. Where there is no room, expired answers go, or else any.
func (c *txtCache) keep(name string, answer txtAnswer) {
	if len(c.answers) >= maxCached {
		now := time.Now()
		for old, a := range c.answers {
			if now.After(a.expires) {
				delete(c.answers, old)
			}
		}
	}
	for old := range c.answers {
		if len(c.answers) < maxCached {
			break
		}
		delete(c.answers, old)
	}
	c.answers[name] = answer
}

// notAsked is the answer to a question that it would be no use to ask now.
func notAsked(name string) *net.DNSError {
	return &net.DNSError{Err: "DNS gave no answer before", Name: name, IsTemporary: true}
}

// isAnswer tells whether DNS answered, be it that there is no such name.
func isAnswer(err *net.DNSError) bool { return err == nil || err.IsNotFound }

// dnsError finds the DNS error in err. What is none, such as the end of a
// context, is temporary.
func dnsError(name string, err error) *net.DNSError {
	if err == nil {
		return nil
	}
	var known *net.DNSError
	if errors.As(err, &known) {
		if !known.IsNotFound && !known.IsTemporary && !known.IsTimeout {
			undecided := *known
			undecided.IsTemporary = true
			return &undecided
		}
		return known
	}
	return &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true, IsTimeout: errors.Is(err, context.DeadlineExceeded)}
}
