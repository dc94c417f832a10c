package analytics

import (
	"fmt"
	"time"
)

// The lengths of buckets that trends know.
const (
	day        = 24 * time.Hour
	bucketBase = 4 * day // Monday 1970-01-05 00:00 UTC, after the Unix epoch
)

// Intervals are the words for the lengths of a bucket, shortest first.
var Intervals = []string{"1d", "7d", "30d"}

// Interval is the length of a trend's bucket.
type Interval time.Duration

// ParseInterval reads 1d, 7d, 30d or auto: the shortest that needs no more
// than maxPoints buckets for the range. No points wanted means 1d.
func ParseInterval(word string, from, to time.Time, maxPoints int64) (Interval, error) {
	lengths := []Interval{Interval(day), Interval(7 * day), Interval(30 * day)}
	for i, known := range Intervals {
		if word == known {
			return lengths[i], nil
		}
	}
	if word != "auto" && word != "" {
		return 0, fmt.Errorf("unknown interval %q", word)
	}
	for _, length := range lengths {
		if maxPoints <= 0 || length.count(from, to) <= maxPoints {
			return length, nil
		}
	}
	return lengths[len(lengths)-1], nil
}

// Start returns the start of the bucket that holds t: buckets lie at multiples
// of the interval from Monday 1970-01-05 00:00 UTC.
func (i Interval) Start(t time.Time) time.Time {
	length := int64(time.Duration(i) / time.Second)
	base := int64(bucketBase / time.Second)
	since := t.Unix() - base
	n := since / length
	if since%length < 0 {
		n--
	}
	return time.Unix(base+n*length, 0).UTC()
}

func (i Interval) count(from, to time.Time) int64 {
	if !to.After(from) {
		return 0
	}
	first, last := i.Start(from), i.Start(to.Add(-time.Nanosecond))
	return int64(last.Sub(first)/time.Duration(i)) + 1
}
