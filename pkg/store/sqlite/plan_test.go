package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMonthsAreReadWhereThatIsLessThanTheirDays(t *testing.T) {
	for _, test := range []struct{ what, from, to, last, want string }{
		{"the last week", "2026-11-17", "2026-11-23", "2026-11-23", "days 2026-11-17 to 2026-11-23"},
		{"the last 30 days", "2026-10-25", "2026-11-23", "2026-11-23", "months 2026-11 to 2026-11, days 2026-10-25 to 2026-10-31, less days 2026-11-24 to 2026-11-30"},
		{"the last 90 days", "2026-08-26", "2026-11-23", "2026-11-23", "months 2026-09 to 2026-11, days 2026-08-26 to 2026-08-31, less days 2026-11-24 to 2026-11-30"},
		{"from soon in a month", "2026-10-04", "2026-11-23", "2026-11-23", "months 2026-10 to 2026-11, less days 2026-10-01 to 2026-10-03, less days 2026-11-24 to 2026-11-30"},
		{"whole months", "2026-02-01", "2026-03-31", "2026-11-23", "months 2026-02 to 2026-03"},
		{"a few days of two months", "2026-02-27", "2026-03-02", "2026-11-23", "days 2026-02-27 to 2026-03-02"},
		{"from a day on", "2025-06-01", "", "2026-11-23", "months 2025-06 to 9999-12"},
		{"up to a day", "", "2026-10-31", "2026-11-23", "months 0000-01 to 2026-10"},
		{"all", "", "", "2026-11-23", "months 0000-01 to 9999-12"},
		{"years to come", "2025-06-01", "2036-12-31", "2025-12-31", "months 2025-06 to 2036-12"},
		{"this year, in its first month", "2026-01-01", "2026-12-31", "2026-01-31", "months 2026-01 to 2026-12"},
		{"what is to come", "2027-01-01", "2027-12-31", "2026-11-23", "days 2027-01-01 to 2027-12-31"},
		{"nothing", "2026-11-23", "2026-10-01", "2026-11-23", "days 2026-11-23 to 2026-10-01"},
	} {
		q := &question{first: longAgo, last: farOff}
		if test.from != "" {
			q.first = dayOf(t, test.from)
		}
		if test.to != "" {
			q.last = dayOf(t, test.to)
		}
		p := monthPlan(domainMonth, domainDay, q, dayOf(t, test.last))
		var read []string
		for _, one := range p.parts {
			words := fmt.Sprintf("days %s to %s", dateOf(one.first), dateOf(one.last))
			if one.packed.bucket == monthly {
				words = fmt.Sprintf("months %04d-%02d to %04d-%02d", one.first/12, one.first%12+1, one.last/12, one.last%12+1)
			}
			if one.minus {
				words = "less " + words
			}
			read = append(read, words)
		}
		if got := strings.Join(read, ", "); got != test.want {
			t.Errorf("of %s it reads %s, not %s", test.what, got, test.want)
		}
	}
}

func dayOf(t *testing.T, date string) int64 {
	t.Helper()
	at, err := time.Parse(time.DateOnly, date)
	must(t, err)
	return at.Unix() / 86400
}

func dateOf(day int64) string { return time.Unix(day*86400, 0).UTC().Format(time.DateOnly) }
