package ingest

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

const (
	backoffBase = time.Second
	backoffCap  = 10 * time.Minute
	// permanentCap is the longest wait for what only a person can mend.
	permanentCap = time.Hour
	// retryAfterCap is the longest wish of a server that is obeyed.
	retryAfterCap = 24 * time.Hour
	// hintGap is the least time between two polls of which a hint of the
	// server started the second.
	hintGap = 10 * time.Second
)

// jittered returns the interval, 10 % more or less, so that many sources do not
// poll in step.
func jittered(interval time.Duration) time.Duration {
	return interval + time.Duration((rand.Float64()*0.2-0.1)*float64(interval))
}

// backoff returns the wait after the given number of failures in a row, with
// full jitter: anywhere from 1 s to a bound that doubles up to 10 min.
func backoff(failures int) time.Duration {
	bound := backoffCap
	if failures < 10 {
		bound = min(backoffCap, backoffBase<<max(failures, 1))
	}
	return backoffBase + rand.N(bound-backoffBase+1)
}

// afterFailure returns the wait after the given number of failures in a row,
// of which err is the last: the server's own wish where it has one; for a wrong
// setting the poll interval, doubling up to an hour, since every try with a
// wrong password brings the account nearer to being locked.
func afterFailure(err error, failures int, interval time.Duration) time.Duration {
	var fault *source.Error
	if !errors.As(err, &fault) {
		return backoff(failures)
	}
	wait := backoff(failures)
	if fault.Permanent {
		wait = min(permanentCap, jittered(interval<<min(failures-1, 10)))
	}
	return max(wait, min(fault.RetryAfter, retryAfterCap))
}

// permanent says whether only a change of settings can mend err.
func permanent(err error) bool {
	var fault *source.Error
	return errors.As(err, &fault) && fault.Permanent
}
