package tlsrpt

import (
	"testing"
	"time"
)

func TestAPeriodInTheFutureIsWarnedOf(t *testing.T) {
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		when, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		name                 string
		start, received, now string
		want                 string
	}{
		{"yesterday's report, received today", "2026-03-01 00:00", "2026-03-02 04:00", "2026-03-02 04:05", ""},
		{"a report of a year ago", "2025-03-01 00:00", "2025-03-02 04:00", "2026-03-02 04:05", ""},
		{"a period that starts 48 hours ahead", "2026-03-04 04:00", "2026-03-02 04:00", "2026-03-02 04:05", ""},
		{"a period that starts a minute later", "2026-03-04 04:01", "2026-03-02 04:00", "2026-03-02 04:05",
			"period-in-future: the period starts on 2026-03-04, after the report was received on 2026-03-02"},
		{"a period that is over today, but was not when the report came", "2025-12-24 00:00", "2025-06-01 00:00", "2026-03-02 00:00",
			"period-in-future: the period starts on 2025-12-24, after the report was received on 2025-06-01"},
		{"a mail server whose clock is ahead", "2031-01-01 00:00", "2031-01-01 04:00", "2026-03-02 00:00",
			"period-in-future: the period starts on 2031-01-01, after the report was read on 2026-03-02"},
		{"a report whose arrival is not known", "2026-03-05 00:00", "", "2026-03-02 00:00",
			"period-in-future: the period starts on 2026-03-05, after the report was read on 2026-03-02"},
		{"a reader without a clock", "2026-03-05 00:00", "2026-03-02 00:00", "",
			"period-in-future: the period starts on 2026-03-05, after the report was received on 2026-03-02"},
		{"nothing is known", "2199-01-01 00:00", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Report{Start: at(c.start), End: at(c.start).Add(24 * time.Hour)}
			warning, ok := r.FutureWarning(at(c.received), at(c.now))
			if got := warning.String(); ok != (c.want != "") || ok && got != c.want {
				t.Errorf("got %q, %t, want %q", got, ok, c.want)
			}
		})
	}
}
