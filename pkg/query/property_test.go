package query

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// ctxOf is the context of a test; a property check has none.
func ctxOf(t fataler) context.Context {
	if test, ok := t.(testing.TB); ok {
		return test.Context()
	}
	return context.Background()
}

func draw[V any](t *rapid.T, label string, from ...V) V {
	return rapid.SampledFrom(from).Draw(t, label)
}

func drawSent(t *rapid.T, number int) sent {
	start := at("2026-02-20").Add(time.Duration(rapid.IntRange(0, 480).Draw(t, "hour")) * time.Hour)
	end := start.Add(draw(t, "length", 24*time.Hour, 24*time.Hour, time.Hour, 7*24*time.Hour))
	s := sent{
		reporter: draw(t, "reporter", "Google", "Microsoft Corporation", "Mail.ru"),
		start:    start.Format(time.RFC3339), end: end.Format(time.RFC3339),
		stored: end.Add(time.Duration(rapid.IntRange(0, 240).Draw(t, "late")) * time.Hour).Format(time.RFC3339),
		trust:  draw(t, "trust", store.Authenticated, store.Unauthenticated, store.Pending),
		source: draw(t, "source", "mb1", "drop1"), id: fmt.Sprint("drawn ", number),
	}
	for range rapid.IntRange(1, 3).Draw(t, "policies") {
		p := policy(draw(t, "type", "sts", "tlsa", "no-policy-found"), draw(t, "domain", "a.example", "b.example"),
			rapid.Int64Range(0, 9).Draw(t, "successful"), rapid.Int64Range(0, 5).Draw(t, "failed"))
		for range rapid.IntRange(0, 2).Draw(t, "details") {
			p.Details = append(p.Details, detail(draw(t, "result", "certificate-expired", "validation-failure"),
				draw(t, "mx", "mx1.a.example", ""), draw(t, "ip", "192.0.2.1", "2001:db8::1", ""), rapid.Int64Range(0, 4).Draw(t, "failed sessions")))
		}
		s.policies = append(s.policies, p)
	}
	return s
}

// drawQuestion draws what trend and summary have in common.
func drawQuestion(t *rapid.T) (common string, by []string) {
	metric := draw(t, "metric", "failedSessions", "successfulSessions", "totalSessions", "reports", "failedSessions")
	candidates := []string{"policyDomain", "policyType", "policyMode", "reporter", "trust", "source"}
	if metric == "failedSessions" && rapid.Bool().Draw(t, "by details") {
		candidates = append(candidates, "resultType", "receivingMx", "sendingNetwork", "sendingMtaIp", "reasonCode", "receivingIp")
	}
	by = rapid.SliceOfNDistinct(rapid.SampledFrom(candidates), 0, 3, rapid.ID[string]).Draw(t, "by")
	filter := draw(t, "filter", "",
		`{"dimension":"policyDomain","operator":"=","values":["A.example."]}`, `{"dimension":"reporter","operator":"!~","values":["^Micro"]}`,
		`{"dimension":"policyType","operator":"!=","values":["tlsa"]}`, `{"dimension":"trust","operator":"=~","values":["authenticated"]}`)
	quoted := []string{}
	for _, d := range by {
		quoted = append(quoted, `"`+d+`"`)
	}
	return fmt.Sprintf(`"metric":%q,"groupBy":[%s],"filters":[%s],"timeField":%q,"counting":%q,"trust":%q,"maxLateness":%q,"minSessions":%d,"limit":1000`,
		metric, strings.Join(quoted, ","), filter, draw(t, "time field", "period", "stored"), draw(t, "counting", "distinct", "reported"),
		draw(t, "trust", "any", "authenticated"), draw(t, "lateness", "", "3d"), rapid.SampledFrom([]int{0, 0, 5}).Draw(t, "min sessions")), by
}

// totals adds up a trend's points, or takes a summary's numbers, by group.
func totals(answer data.Frames, by []string) map[string]float64 {
	sums := map[string]float64{}
	for _, f := range answer {
		for i := range f.Rows() {
			values := make([]string, len(by))
			last := f.Fields[len(f.Fields)-1]
			for j, d := range by {
				if values[j] = last.Labels[d]; last.Labels == nil {
					values[j] = f.Fields[j].At(i).(string)
				}
			}
			sums[group(values...)] += last.At(i).(float64)
		}
	}
	return sums
}

func TestTheBucketsOfATrendAddUpToTheSummaryOfTheSameQuery(t *testing.T) {
	b := newBoard(t)
	number := 0
	rapid.Check(t, func(t *rapid.T) {
		// The store keeps what earlier checks put in: more to add up.
		for range rapid.IntRange(0, 4).Draw(t, "reports") {
			number++
			b.take(t, drawSent(t, number))
		}
		from := at("2026-02-18").Add(time.Duration(rapid.IntRange(0, 40*24*60).Draw(t, "from")) * time.Minute)
		to := from.Add(time.Duration(rapid.IntRange(1, 40*24*60).Draw(t, "length")) * time.Minute)
		span := from.Format(time.RFC3339) + " " + to.Format(time.RFC3339)
		common, by := drawQuestion(t)
		trend := b.ask(t, fmt.Sprintf(`{"queryType":"trend","interval":%q,%s}`, draw(t, "interval", analytics.Intervals...), common), span)
		summary := b.ask(t, `{"queryType":"summary",`+common+`}`, span)
		inBuckets, whole := totals(trend, by), totals(summary, by)
		if len(inBuckets) != len(whole) {
			t.Fatalf("%s, %s: the trend has the groups %v, the summary %v", common, span, inBuckets, whole)
		}
		for g, want := range whole {
			if got, ok := inBuckets[g]; !ok || math.Abs(got-want) > 1e-9 {
				t.Fatalf("%s, %s: the buckets of %q add up to %v, the summary says %v", common, span, g, got, want)
			}
		}
	})
}

func TestEveryTrendHasSortedTimesAndItsOwnLabels(t *testing.T) {
	b := newBoard(t)
	number := 0
	rapid.Check(t, func(t *rapid.T) {
		number++
		b.take(t, drawSent(t, number))
		common, _ := drawQuestion(t)
		seen := map[string]bool{}
		for _, f := range b.ask(t, `{"queryType":"trend",`+common+`}`, "2026-02-20 2026-04-01") {
			if len(f.Fields) == 0 {
				continue
			}
			labels := f.Fields[1].Labels.String()
			if seen[labels] {
				t.Fatalf("two series have the labels %s", labels)
			}
			seen[labels] = true
			for i := 1; i < f.Rows(); i++ {
				if !f.Fields[0].At(i - 1).(time.Time).Before(f.Fields[0].At(i).(time.Time)) {
					t.Fatalf("the times of %s are not in order", labels)
				}
			}
		}
	})
}
