package analytics

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestBucketsStartAtMultiplesFromTheFirstMondayOfTheEpoch(t *testing.T) {
	for _, c := range []struct{ interval, in, want string }{
		{"1d", "2026-03-04T23:59:59Z", "2026-03-04T00:00:00Z"},
		{"7d", "2026-03-04T12:00:00Z", "2026-03-02T00:00:00Z"}, // a Monday
		{"7d", "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"7d", "2026-03-01T23:59:59Z", "2026-02-23T00:00:00Z"},
		{"30d", "1970-01-05T00:00:00Z", "1970-01-05T00:00:00Z"},
		{"30d", "1970-02-04T00:00:00Z", "1970-02-04T00:00:00Z"},
		{"30d", "1970-01-04T23:59:59Z", "1969-12-06T00:00:00Z"},
	} {
		interval, err := ParseInterval(c.interval, time.Time{}, time.Time{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := interval.Start(at(c.in)); !got.Equal(at(c.want)) {
			t.Errorf("%s: %s starts at %s, want %s", c.interval, c.in, got, c.want)
		}
	}
}

func TestAutoIsTheShortestIntervalWithinTheDataPoints(t *testing.T) {
	from, to := at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z") // 90 days
	for _, c := range []struct {
		points int64
		want   string
	}{{0, "1d"}, {90, "1d"}, {89, "7d"}, {14, "7d"}, {13, "30d"}, {1, "30d"}} {
		got, err := ParseInterval("auto", from, to, c.points)
		want, _ := ParseInterval(c.want, from, to, 0)
		if err != nil || got != want {
			t.Errorf("%d points: got %v, %v, want %s", c.points, time.Duration(got), err, c.want)
		}
	}
	if _, err := ParseInterval("2d", from, to, 0); err == nil {
		t.Error("an unknown interval is taken")
	}
}

func TestEveryMomentLiesInTheBucketThatStartsBeforeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval, _ := ParseInterval(rapid.SampledFrom(Intervals).Draw(t, "interval"), time.Time{}, time.Time{}, 0)
		moment := time.Unix(rapid.Int64Range(-1e10, 1e10).Draw(t, "moment"), 0).UTC()
		start := interval.Start(moment)
		if start.After(moment) || moment.Sub(start) >= time.Duration(interval) {
			t.Fatalf("%s starts at %s", moment, start)
		}
		if again := interval.Start(start); !again.Equal(start) {
			t.Fatalf("the start %s starts at %s", start, again)
		}
	})
}
