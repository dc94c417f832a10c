package tlsrpt

import (
	"fmt"
	"time"
)

// futureSlack is how far ahead of its arrival a period may start: clocks are
// wrong, and local time labelled Z is up to 14 hours ahead.
const futureSlack = 48 * time.Hour

// FutureWarning warns of a period that starts over 48 hours after the report
// was received, or after now where that is earlier: its sessions can't have
// been yet. A zero time is not known. Decoding has no clock, so that a document
// reads the same at any time; who has one adds the warning.
func (r *Report) FutureWarning(received, now time.Time) (Warning, bool) {
	known, as := received, "received"
	if known.IsZero() || !now.IsZero() && now.Before(known) {
		known, as = now, "read"
	}
	if known.IsZero() || r.Start.Sub(known) <= futureSlack {
		return Warning{}, false
	}
	return Warning{
		Code: WarnFuturePeriod,
		Detail: fmt.Sprintf("the period starts on %s, after the report was %s on %s",
			r.Start.UTC().Format(time.DateOnly), as, known.UTC().Format(time.DateOnly)),
	}, true
}
