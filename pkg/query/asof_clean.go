package query

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// cleanReports counts for everything that failed in the range the reports that
// say that it is over: none as long as they don't, see [analytics.CleanSince].
func (r *request) cleanReports(ctx context.Context) ([]asOfValue, error) {
	counts, err := r.byFailure(ctx, "clean reports", func(ctx context.Context, r *request) ([]failureNumber, error) {
		failures, err := r.lastFailures(ctx, lastDays)
		if err != nil {
			return nil, err
		}
		clean, err := r.cleanSince(ctx, failures)
		var counts []failureNumber
		for key, f := range failures {
			counts = append(counts, failureNumber{f.domain, f.resultType, clean[key]})
		}
		return counts, err
	})
	if err != nil {
		return nil, err
	}
	return r.withQuietDomains(ctx, failureValues(counts))
}

// cleanSince counts the clean reports of failures that are over; others have 0.
func (r *request) cleanSince(ctx context.Context, failures map[[2]string]*lastFailure) (map[[2]string]int64, error) {
	reported, err := r.reportedDays(ctx, failures)
	if err != nil {
		return nil, err
	}
	upTo := r.heardUpTo()
	if upTo.IsZero() {
		upTo = r.now()
	}
	// When their next reports are due is of no matter as long as they are awaited anyway.
	old := maps.Clone(failures)
	maps.DeleteFunc(old, func(_ [2]string, f *lastFailure) bool {
		return analytics.Awaited(f.last, tlsrpt.DayOf(upTo), time.Time{}, upTo)
	})
	pairs, err := r.cadencesOf(ctx, old)
	if err != nil {
		return nil, err
	}
	counts := map[[2]string]int64{}
	for key, f := range failures {
		var witnesses []analytics.Witness
		var clean int64
		for reporter, bad := range f.lastBy {
			w, reports, ok := f.witness(reporter, bad, reported[[2]string{f.domain, reporter}])
			if !ok {
				continue
			}
			cadence, _ := pairs.of(f.domain, reporter)
			w.Awaited = analytics.Awaited(f.last, tlsrpt.DayOf(upTo), f.due(cadence), upTo)
			witnesses = append(witnesses, w)
			clean += reports
		}
		if _, over := analytics.CleanSince(witnesses); over {
			counts[key] = clean
		}
	}
	return counts, nil
}

// witness tells what one reporter said after the last bad day, and in how many
// reports. One that had stopped seeing the failure before others did is none.
func (f *lastFailure) witness(reporter string, bad tlsrpt.Day, reports map[tlsrpt.Day]int64) (w analytics.Witness, clean int64, ok bool) {
	w = analytics.Witness{Reporter: reporter}
	for on, n := range reports {
		switch {
		case on > f.last:
			clean += n
			if w.Clean == 0 || on < w.Clean {
				w.Clean = on
			}
		case on > bad:
			return w, 0, false
		}
	}
	first := f.first()
	for on := range f.failedBy {
		if on >= first {
			w.Failed += f.failedBy[on][reporter]
		}
	}
	return w, clean, true
}

// first is the first day of the incident that the last one is of, as far as it
// shows from bad days that are not further apart than those of an incident.
func (f *lastFailure) first() tlsrpt.Day {
	first := f.last
	for _, on := range slices.Backward(slices.Sorted(maps.Keys(f.failedBy))) {
		if first-on > analytics.JoinGap {
			break
		}
		first = on
	}
	return first
}

// due is when a witness that has not reported since is expected to.
func (f *lastFailure) due(c analytics.Cadence) time.Time {
	if c.Last > f.last || c.Kind == analytics.FailuresOnly {
		return time.Time{}
	}
	return c.ExpectedNext
}

// counted are the failed sessions of a row as the query counts them.
func (r *request) counted(f store.FailureSum) int64 {
	if r.Counting == analytics.Reported {
		return f.Failed
	}
	return f.Failed - f.Overlap
}
