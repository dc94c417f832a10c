package analytics

import (
	gocmp "cmp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func oneDay(t *testing.T) Interval {
	t.Helper()
	interval, err := ParseInterval("1d", at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"), 0)
	if err != nil {
		t.Fatal(err)
	}
	return interval
}

func TestSeriesHaveNoPointWithoutAReportAndAZeroWithoutAFailure(t *testing.T) {
	rows := []store.SessionRow{
		{Bucket: at("2026-01-03T00:00:00Z"), Group: []string{"a"}, Successful: 5, Reports: 1},
		{Bucket: at("2026-01-01T00:00:00Z"), Group: []string{"a"}, Successful: 5, Failed: 1, Reports: 1},
		{Bucket: at("2026-01-01T00:00:00Z"), Group: []string{"cut"}, Failed: 9, Reports: 1},
	}
	series := BuildSeries([]Group{{Values: []string{"a"}}}, rows, oneDay(t), Distinct)
	if len(series) != 1 || len(series[0].Points) != 2 {
		t.Fatalf("got %+v", series)
	}
	first, second := series[0].Points[0], series[0].Points[1]
	if !first.Time.Equal(at("2026-01-01T00:00:00Z")) || first.FailedSessions(Distinct) != 1 {
		t.Errorf("first point: %+v", first)
	}
	if !second.Time.Equal(at("2026-01-03T00:00:00Z")) || second.FailedSessions(Distinct) != 0 {
		t.Errorf("second point: %+v", second)
	}
}

func TestAReporterThatFailsTwiceInABucketCountsOnce(t *testing.T) {
	interval, _ := ParseInterval("7d", at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"), 0)
	rows := []store.SessionRow{
		{Bucket: at("2026-01-05T00:00:00Z"), Group: []string{"a", "Google"}, Failed: 1},
		{Bucket: at("2026-01-06T00:00:00Z"), Group: []string{"a", "Google"}, Failed: 1},
		{Bucket: at("2026-01-06T00:00:00Z"), Group: []string{"a", "Comcast"}, Failed: 1},
		{Bucket: at("2026-01-06T00:00:00Z"), Group: []string{"a", "Mimecast"}, Successful: 1},
	}
	series := BuildSeries([]Group{{Values: []string{"a"}}}, rows, interval, Distinct)
	if len(series) != 1 || len(series[0].Points) != 1 || series[0].Points[0].ReportersFailing != 2 {
		t.Errorf("got %+v", series)
	}
}

func TestGroupedByReporterAReporterThatFailsIsOne(t *testing.T) {
	rows := []store.SessionRow{
		{Bucket: at("2026-01-06T00:00:00Z"), Group: []string{"Google"}, Failed: 3},
		{Bucket: at("2026-01-07T00:00:00Z"), Group: []string{"Google"}, Successful: 3},
	}
	series := BuildSeries([]Group{{Values: []string{"Google"}}}, rows, oneDay(t), Distinct)
	if len(series) != 1 || series[0].Points[0].ReportersFailing != 1 || series[0].Points[1].ReportersFailing != 0 {
		t.Errorf("got %+v", series)
	}
}

func TestADetailGroupIsZeroWhereItsDomainHadAReport(t *testing.T) {
	groups := []Group{{Values: []string{"a", "certificate-expired"}}, {Values: []string{"b", "tlsa-invalid"}}}
	sums := []store.FailureSum{
		{Bucket: at("2026-01-01T00:00:00Z"), Group: []string{"a", "certificate-expired"}, Failed: 3, Overlap: 1},
		{Bucket: at("2026-01-02T00:00:00Z"), Group: []string{"b", "tlsa-invalid"}, Failed: 4},
	}
	reports := []store.SessionRow{
		{Bucket: at("2026-01-01T00:00:00Z"), Group: []string{"a"}}, {Bucket: at("2026-01-02T00:00:00Z"), Group: []string{"a"}},
		{Bucket: at("2026-01-02T00:00:00Z"), Group: []string{"b"}},
	}
	series := BuildFailureSeries(groups, sums, reports, []int{0}, oneDay(t))
	got := map[string][]int64{}
	for _, s := range series {
		for _, p := range s.Points {
			got[s.Values[0]] = append(got[s.Values[0]], p.FailedSessions(Distinct))
		}
	}
	if diff := cmp.Diff(map[string][]int64{"a": {2, 0}, "b": {4}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLargestAreTheFirstOfAllInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := make([]Group, rapid.IntRange(0, 60).Draw(t, "groups"))
		for i := range groups {
			// Few values and names, so that many are equal.
			groups[i].Values = []string{rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")}
			groups[i].Failed = rapid.Int64Range(0, 4).Draw(t, "failed")
			groups[i].Successful = int64(i) // tells equal ones apart
		}
		limit := rapid.IntRange(0, 70).Draw(t, "limit")
		want := slices.Clone(groups)
		slices.SortStableFunc(want, func(a, b Group) int {
			return gocmp.Or(gocmp.Compare(b.Failed, a.Failed), slices.Compare(a.Values, b.Values))
		})
		if limit > 0 {
			want = want[:min(limit, len(want))]
		}
		got := Largest(groups, limit, func(s Sums) float64 { return float64(s.Failed) })
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestLargestKeepsTheLargestAndNamesTiesInOrder(t *testing.T) {
	groups := []Group{
		{Values: []string{"c"}, Sums: Sums{Failed: 1}}, {Values: []string{"b"}, Sums: Sums{Failed: 5}}, {Values: []string{"a"}, Sums: Sums{Failed: 1}},
	}
	var names []string
	for _, g := range Largest(groups, 2, func(s Sums) float64 { return FailedSessions.Value(s, Distinct) }) {
		names = append(names, g.Values[0])
	}
	if diff := cmp.Diff([]string{"b", "a"}, names); diff != "" {
		t.Error(diff)
	}
	if groups[0].Values[0] != "c" {
		t.Error("the caller's groups were reordered")
	}
}
