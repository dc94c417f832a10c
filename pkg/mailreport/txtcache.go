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
	// lookupTimeout bounds one question, so that a dead name server stalls
	// nobody for long.
	lookupTimeout = 5 * time.Second
	// How long answers are kept: keys, their absence, and that there was none.
	keepFound     = time.Hour
	keepMissing   = 5 * time.Minute
	keepTemporary = 10 * time.Second
)

// A txtCache asks for TXT records and remembers the answers, since one reporter
// signs thousands of mails with one key. It is safe for concurrent use.
type txtCache struct {
	resolver Resolver

	mu      sync.Mutex
	answers map[string]txtAnswer
}

type txtAnswer struct {
	records []string
	err     *net.DNSError
	expires time.Time
}

func newTXTCache(resolver Resolver) *txtCache {
	return &txtCache{resolver: resolver, answers: make(map[string]txtAnswer)}
}

// lookup returns the TXT records of name.
func (c *txtCache) lookup(ctx context.Context, name string) ([]string, *net.DNSError) {
	const longestName = 253
	if len(name) > longestName {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	c.mu.Lock()
	answer, ok := c.answers[name]
	c.mu.Unlock()
	if ok && time.Now().Before(answer.expires) {
		return answer.records, answer.err
	}
	lookupCtx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	records, err := c.resolver.LookupTXT(lookupCtx, name)
	answer = txtAnswer{records: records, err: dnsError(name, err)}
	switch {
	case answer.err == nil:
		answer.expires = time.Now().Add(keepFound)
	case answer.err.IsNotFound:
		answer.expires = time.Now().Add(keepMissing)
	default:
		answer.expires = time.Now().Add(keepTemporary)
	}
	if ctx.Err() == nil {
		c.keep(name, answer)
	}
	return answer.records, answer.err
}

// keep remembers an answer. Where there is no room, expired answers go, or else any.
func (c *txtCache) keep(name string, answer txtAnswer) {
	c.mu.Lock()
	defer c.mu.Unlock()
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
	return &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true}
}
