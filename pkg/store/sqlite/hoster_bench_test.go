//go:build unix

package sqlite

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestAHosterIsFilledAlikeTheRows(t *testing.T) {
	t.Setenv("TLSRPT_HOSTER_DIR", "")
	for _, h := range []hoster{{4, 20, 1, false}, {4, 20, 3, true}} {
		s := h.open(t)
		recount(t, s)
	}
}

// An ask is a query of a dashboard or an alert rule, or what one needs of the store.
type ask struct {
	name string
	days int // of the range, to now
	do   func(ctx context.Context, s *Store, from, to time.Time) error
}

func asks() []ask {
	list := []ask{
		{"policies of one domain", 30, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, err := s.Policies(ctx, store.Selection{From: from, To: to, Filters: []store.Filter{{Dimension: store.PolicyDomain, Operator: "=", Values: []string{"domain00042.example"}}}})
			return err
		}},
		{"policies of all domains", 30, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, err := s.Policies(ctx, store.Selection{From: from, To: to})
			return err
		}},
		{"last reports of all domains", 30, func(ctx context.Context, s *Store, _, to time.Time) error {
			_, err := s.LastReports(ctx, nil, false, tlsrpt.DayOf(to)-60)
			return err
		}},
		{"arrivals of a day", 1, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, err := s.Arrivals(ctx, from, to)
			return err
		}},
		{"domains for a variable", 30, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, _, err := s.Values(ctx, store.PolicyDomain, store.Selection{From: from, To: to}, "", 1000)
			return err
		}},
		{"reporters for a variable", 30, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, _, err := s.Values(ctx, store.Reporter, store.Selection{From: from, To: to}, "", 1000)
			return err
		}},
		{"failing domains and result types by day", 120, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, _, err := s.FailureSums(ctx, store.SumQuery{Selection: store.Selection{From: from, To: to}, PerBucket: true,
				GroupBy: []store.Dimension{store.PolicyDomain, store.ResultType}})
			return err
		}},
		{"failing domains, result types, reporters and MXs by day", 120, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, _, err := s.FailureSums(ctx, store.SumQuery{Selection: store.Selection{From: from, To: to}, PerBucket: true,
				GroupBy: []store.Dimension{store.PolicyDomain, store.ResultType, store.Reporter, store.ReceivingMX, store.SendingNetwork}})
			return err
		}},
		{"domains and reporters by day", 30, func(ctx context.Context, s *Store, from, to time.Time) error {
			_, _, err := s.Sessions(ctx, store.SumQuery{Selection: store.Selection{From: from, To: to}, PerBucket: true, GroupBy: []store.Dimension{store.PolicyDomain, store.Reporter}})
			return err
		}},
		{"reports to read again", 30, func(ctx context.Context, s *Store, _, _ time.Time) error {
			_, err := s.Rereadable(ctx, store.Scope{ParserBelow: 1}, 0, 100)
			return err
		}},
	}
	one := `"filters":[{"dimension":"policyDomain","values":["domain00042.example"]}]`
	for _, q := range []struct {
		name string
		days int
		json string
	}{
		{"failure rate of all", 30, `{"queryType":"summary","metric":"failureRate"}`},
		{"failing reporters of all", 30, `{"queryType":"summary","metric":"reportersFailing"}`},
		{"total by policy type", 30, `{"queryType":"trend","metric":"totalSessions","groupBy":["policyType"]}`},
		{"total by reporter", 30, `{"queryType":"trend","metric":"totalSessions","groupBy":["reporter"]}`},
		{"total by domain, top 20", 30, `{"queryType":"trend","metric":"totalSessions","groupBy":["policyDomain"],"limit":20}`},
		{"total by domain, top 20", 365, `{"queryType":"trend","metric":"totalSessions","groupBy":["policyDomain"],"limit":20}`},
		{"failures by domain, top 20", 30, `{"queryType":"trend","metric":"failedSessions","groupBy":["policyDomain"],"limit":20}`},
		{"failures by result type", 30, `{"queryType":"trend","metric":"failedSessions","groupBy":["resultType"]}`},
		{"failures by MX", 30, `{"queryType":"trend","metric":"failedSessions","groupBy":["receivingMx"]}`},
		{"failures by network", 30, `{"queryType":"summary","metric":"failedSessions","groupBy":["sendingNetwork"]}`},
		{"failure rows", 30, `{"queryType":"failures"}`},
		{"report rows", 30, `{"queryType":"reports","limit":50}`},
		{"protected share by domain", 30, `{"queryType":"summary","metric":"protectedShare","groupBy":["policyDomain"],"limit":20}`},
		{"domains by six metrics", 30, `{"queryType":"summary","groupBy":["policyDomain"],"limit":20,"metrics":["failedSessions","totalSessions","failureRate","protectedShare","reportersFailing","reports"]}`},
		{"domains of one reporter", 30, `{"queryType":"summary","metric":"totalSessions","groupBy":["policyDomain"],"limit":20,"filters":[{"dimension":"reporter","values":["Google Inc."]}]}`},
		{"sessions by domain", 365, `{"queryType":"summary","metric":"totalSessions","groupBy":["policyDomain"]}`},
		{"reporters of all", 30, `{"queryType":"reporters"}`},
		{"one domain by day", 30, `{"queryType":"trend","metric":"totalSessions",` + one + `}`},
		{"one domain by day", 365, `{"queryType":"trend","metric":"totalSessions",` + one + `}`},
		{"one domain by reporter", 365, `{"queryType":"trend","metric":"totalSessions","groupBy":["reporter"],` + one + `}`},
		{"one domain's reporters", 30, `{"queryType":"reporters",` + one + `}`},
		{"one domain's failures", 30, `{"queryType":"failures",` + one + `}`},
		{"one domain's failures by MX", 365, `{"queryType":"trend","metric":"failedSessions","groupBy":["receivingMx"],` + one + `}`},
		{"alert: total by domain", 0, `{"queryType":"summary","metric":"totalSessions","groupBy":["policyDomain"],"timeField":"stored","maxLateness":"7d","limit":100000}`},
		{"alert: total by domain, however late", 0, `{"queryType":"summary","metric":"totalSessions","groupBy":["policyDomain"],"timeField":"stored","limit":100000}`},
		{"alert: total by domain and reporter", 0, `{"queryType":"summary","metric":"totalSessions","groupBy":["policyDomain","reporter"],"timeField":"stored","maxLateness":"7d","limit":100000}`},
		{"alert: failed by domain and type", 0, `{"queryType":"summary","metric":"failedSessions","groupBy":["policyDomain","resultType"],"timeField":"stored","maxLateness":"7d","limit":100000}`},
		{"alert: new failures", 0, `{"queryType":"summary","metric":"newFailedSessions","groupBy":["policyDomain","resultType"],"timeField":"stored","maxLateness":"7d","limit":100000}`},
		{"alert: report age by domain", 0, `{"queryType":"summary","metric":"reportAge","groupBy":["policyDomain"],"limit":100000}`},
	} {
		list = append(list, ask{q.name, q.days, func(ctx context.Context, s *Store, from, to time.Time) error {
			m, err := query.Parse([]byte(q.json))
			if err != nil {
				return err
			}
			_, err = query.Answer(ctx, query.Environment{Store: s}, m, query.Range{From: from, To: to, MaxDataPoints: 400})
			return err
		}})
	}
	return list
}

// BenchmarkHoster asks what dashboards and alert rules ask; 0 days are 36 hours.
func BenchmarkHoster(b *testing.B) {
	for _, h := range []hoster{{10_000, 365, 1, false}, {100, 365, 1, false}, {100, 365, 100, false}, {100, 365, 100, true}} {
		if folder := os.Getenv("TLSRPT_HOSTER_DIR"); folder == "" {
			b.Skip("set TLSRPT_HOSTER_DIR to a folder with room for 12 GB")
		}
		b.Run(h.name(), func(b *testing.B) {
			s := h.open(b)
			for _, a := range asks() {
				b.Run(fmt.Sprintf("%s, %d days", a.name, a.days), func(b *testing.B) {
					to := hosterEnd.Add(12 * time.Hour)
					from := to.AddDate(0, 0, -a.days)
					if a.days == 0 {
						from = to.Add(-36 * time.Hour)
					}
					var times []time.Duration
					used := processorTime(b)
					for b.Loop() {
						began := time.Now()
						must(b, a.do(b.Context(), s, from, to))
						times = append(times, time.Since(began))
					}
					b.ReportMetric(float64((processorTime(b)-used).Microseconds())/1000/float64(len(times)), "cpu-ms")
					slices.Sort(times)
					b.ReportMetric(float64(times[0].Microseconds())/1000, "min-ms")
					b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
					b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
				})
			}
		})
	}
}

// processorTime is what the process has used: on a machine that others use too,
// it says more than the clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
