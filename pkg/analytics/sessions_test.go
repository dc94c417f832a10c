package analytics

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func TestSums(t *testing.T) {
	// Microsoft's manner: 10 sessions said under sts and tlsa, 2 of them failed, and 5 without a policy.
	var s Sums
	s.Add(store.SessionRow{Reports: 1, Successful: 16, Failed: 4, Protected: 20, OverlapTotal: 10, OverlapFailed: 2})
	s.Add(store.SessionRow{Reports: 1, Successful: 5})
	for _, c := range []struct {
		metric   Metric
		counting Counting
		want     float64
	}{
		{TotalSessions, Distinct, 15}, {TotalSessions, Reported, 25},
		{FailedSessions, Distinct, 2}, {FailedSessions, Reported, 4},
		{SuccessfulSessions, Distinct, 13}, {SuccessfulSessions, Reported, 21},
		{FailureRate, Distinct, 2.0 / 15}, {FailureRate, Reported, 4.0 / 25},
		{ProtectedShare, Distinct, 10.0 / 15}, {ProtectedShare, Reported, 20.0 / 25},
		{Reports, Distinct, 2}, {Reports, Reported, 2},
	} {
		if got := c.metric.Value(s, c.counting); got != c.want {
			t.Errorf("%s, %s: got %v, want %v", c.metric, c.counting, got, c.want)
		}
	}
	var none Sums
	if none.FailureRate(Distinct) != 0 || none.ProtectedShare(Distinct) != 0 {
		t.Error("a report without a session has a rate")
	}
}

func TestSumsStayWithinBounds(t *testing.T) {
	count := rapid.Int64Range(0, 1e9)
	rapid.Check(t, func(t *rapid.T) {
		var s Sums
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			r := store.SessionRow{Successful: count.Draw(t, "successful"), Failed: count.Draw(t, "failed")}
			r.OverlapFailed = rapid.Int64Range(0, r.Failed/2).Draw(t, "overlap failed")
			r.OverlapTotal = rapid.Int64Range(r.OverlapFailed, max(r.OverlapFailed, (r.Successful+r.Failed)/2)).Draw(t, "overlap")
			r.Protected = rapid.Int64Range(r.OverlapTotal, max(r.OverlapTotal, r.Successful+r.Failed)).Draw(t, "protected")
			s.Add(r)
		}
		for _, c := range []Counting{Distinct, Reported} {
			if s.SuccessfulSessions(c) < 0 || s.FailedSessions(c) < 0 || s.Total(c) < s.FailedSessions(c)-s.Total(c) {
				t.Fatalf("%s: %+v", c, s)
			}
			if rate := s.FailureRate(c); rate < 0 || rate > 1 {
				t.Fatalf("failure rate %v of %+v", rate, s)
			}
			if share := s.ProtectedShare(c); share < 0 || share > 1 {
				t.Fatalf("protected share %v of %+v", share, s)
			}
		}
		if s.Total(Distinct) > s.Total(Reported) {
			t.Fatal("distinct counts more than reported")
		}
	})
}
