package tlsrpt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// finishPeriod reads the date-range, or takes the period from the file name.
func (d *decoder) finishPeriod() error {
	start, startErr := d.parseTime("start-datetime", d.start)
	end, endErr := d.parseTime("end-datetime", d.end)
	err := startErr
	switch {
	case err != nil:
	case endErr != nil:
		err = endErr
	case end.Before(start):
		err = fmt.Errorf("end-datetime %s is before start-datetime %s", shown(d.end), shown(d.start))
	}
	if err != nil {
		file := parseFileName(d.hints.FileName)
		if !isPlausible(file.begin) || !isPlausible(file.end) || file.end.Before(file.begin) {
			return &Error{Reason: ReasonInvalidPeriod, Sentence: "The report has no usable date-range: " + err.Error() + "."}
		}
		d.warn(WarnInferredPeriod, "the period is from the file name: %v", err)
		start, end = file.begin, file.end
	}
	d.report.Start, d.report.End = start, halfOpen(end)
	if !start.Truncate(24 * time.Hour).Equal(start) {
		d.warn(WarnNotMidnight, "the period starts at %s, not at midnight UTC", start.Format("15:04:05"))
	}
	if !d.report.End.After(start) {
		d.warn(WarnEmptyPeriod, "the period ends where it starts")
	}
	return nil
}

// halfOpen turns the last second of a period, such as 23:59:59, into its end.
func halfOpen(end time.Time) time.Time {
	if end.Second() == 59 {
		return end.Truncate(time.Second).Add(time.Second)
	}
	return end
}

// isPlausible bounds times to those that a report can be of.
func isPlausible(t time.Time) bool { return 2000 <= t.Year() && t.Year() < 2200 }

var (
	// zonedLayouts are how times with a zone come, beside RFC 3339.
	zonedLayouts = []string{
		"2006-01-02T15:04:05.999999999Z0700",
		"2006-01-02T15:04Z07:00",
		"2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04:05 Z07:00",
		"2006-01-02 15:04:05 Z0700",
		"2006-01-02 15:04:05 UTC",
		"2006-01-02 15:04:05 GMT",
		time.RFC1123Z,
	}
	// zonelessLayouts are how times without a zone come.
	zonelessLayouts = []string{
		"2006-01-02T15:04:05",
		"2006-01-02 15:04:05",
		"2006-01-02T15:04",
		"2006-01-02 15:04",
		time.DateOnly,
	}
)

// parseTime reads a time as RFC 3339 wants it, or as it comes.
func (d *decoder) parseTime(name, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, fmt.Errorf("%s is missing", name)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = d.parseOddTime(name, s)
	}
	if err != nil {
		return time.Time{}, err
	}
	if t = t.UTC(); !isPlausible(t) {
		return time.Time{}, fmt.Errorf("%s %s is not of this time", name, shown(s))
	}
	return t, nil
}

func (d *decoder) parseOddTime(name, s string) (time.Time, error) {
	upper := strings.ToUpper(s)
	for _, layout := range zonelessLayouts {
		if t, err := time.Parse(layout, upper); err == nil {
			d.warn(WarnTimeZone, "%s %s has no zone; it is read as UTC", name, shown(s))
			return t, nil
		}
	}
	for _, layout := range append([]string{time.RFC3339}, zonedLayouts...) {
		t, err := time.Parse(layout, upper)
		if err != nil && layout == time.RFC1123Z {
			t, err = time.Parse(layout, s)
		}
		if err == nil {
			d.warn(WarnTimeFormat, "%s %s is not written as RFC 3339 says", name, shown(s))
			return t, nil
		}
	}
	if t, ok := parseUnix(s); ok {
		d.warn(WarnTimeFormat, "%s %s is read as seconds since 1970", name, shown(s))
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%s %s is no time", name, shown(s))
}

// parseUnix reads seconds since 1970, as in file names (RFC 8460 section 5.1).
func parseUnix(s string) (time.Time, bool) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0).UTC(), true
}
