package query

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A trendCase is one sentence of the contract with a query that shows it.
type trendCase struct {
	name    string
	reports []sent
	query   string // without the query type
	span    string
	by      []string
	want    map[string]string
}

func (c trendCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		answer := newBoard(t, c.reports...).ask(t, `{"queryType":"trend",`+c.query+`}`, c.span)
		if diff := cmp.Diff(c.want, series(t, answer, c.by...)); diff != "" {
			t.Error(diff)
		}
	})
}

const march = "2026-03-01 2026-04-01"

// week holds reports on two days of one week, with a silent day between.
var week = []sent{
	{day: "2026-03-02", policies: sts("a.example", 7, 3)},
	{day: "2026-03-04", policies: sts("a.example", 5, 0)},
	{day: "2026-03-04", reporter: "Mail.ru", policies: sts("b.example", 1, 1)},
}

func TestTrendBuckets(t *testing.T) {
	byDomain := []string{"policyDomain"}
	for _, c := range []trendCase{
		{
			"one series per group; labels are the group", week,
			`"metric":"totalSessions","groupBy":["policyDomain","reporter"]`, march, []string{"policyDomain", "reporter"},
			map[string]string{"a.example/Google": "03-02=10 03-04=5", "b.example/Mail.ru": "03-04=2"},
		},
		{
			"without groups there is one series without labels", week, `"metric":"totalSessions"`, march, nil,
			map[string]string{"": "03-02=10 03-04=7"},
		},
		{
			"a bucket without reports has no row; a day with reports and no failure is a zero", week,
			`"metric":"failedSessions","groupBy":["policyDomain"]`, march, byDomain,
			map[string]string{"a.example": "03-02=3 03-04=0", "b.example": "03-04=1"},
		},
		{
			"a rate is a zero too on a day with reports and no failure", week,
			`"metric":"failureRate","groupBy":["policyDomain"]`, march, byDomain,
			map[string]string{"a.example": "03-02=0.3 03-04=0", "b.example": "03-04=0.5"},
		},
		{
			"a report that says 0 and 0 sessions is a report with no session", []sent{{day: "2026-03-02", policies: sts("a.example", 0, 0)}},
			`"metric":"failureRate","groupBy":["policyDomain"]`, march, byDomain, map[string]string{"a.example": "03-02=0"},
		},
		{
			"7d buckets lie at multiples from Monday 1970-01-05 00:00 UTC", append(week, sent{day: "2026-03-08", policies: sts("a.example", 1, 0)}, sent{day: "2026-03-09", policies: sts("a.example", 2, 0)}),
			`"metric":"totalSessions","interval":"7d"`, march, nil, map[string]string{"": "03-02=18 03-09=2"},
		},
		{
			"30d buckets lie at multiples from Monday 1970-01-05 00:00 UTC", append(week, sent{day: "2026-03-30", policies: sts("a.example", 2, 0)}),
			`"metric":"totalSessions","interval":"30d"`, march, nil, map[string]string{"": "02-10=17 03-12=2"},
		},
		{
			"a day belongs to a range when it overlaps it", []sent{
				{day: "2026-03-01", policies: sts("a.example", 1, 0)}, {day: "2026-03-02", policies: sts("a.example", 2, 0)},
				{day: "2026-03-03", policies: sts("a.example", 4, 0)}, {day: "2026-03-04", policies: sts("a.example", 8, 0)},
			},
			`"metric":"totalSessions"`, "2026-03-02T23:59 2026-03-03T00:01", nil, map[string]string{"": "03-02=2 03-03=4"},
		},
		{
			"a day that starts where the range ends does not overlap it", week,
			`"metric":"totalSessions"`, "2026-03-02 2026-03-04", nil, map[string]string{"": "03-02=10"},
		},
		{
			"period is the UTC day that holds the middle of the period", []sent{
				{start: "2026-03-02T22:00", end: "2026-03-03T22:00", policies: sts("a.example", 1, 0)},
				{start: "2026-03-02T10:00", end: "2026-03-03T10:00", policies: sts("a.example", 2, 0)},
			},
			`"metric":"totalSessions"`, march, nil, map[string]string{"": "03-02=2 03-03=1"},
		},
		{
			"period is the first day of a period over 48 hours", []sent{
				{start: "2026-03-02T00:00", end: "2026-03-09T00:00", policies: sts("a.example", 1, 0)},
				{start: "2026-03-10T01:00", end: "2026-03-12T01:00", policies: sts("a.example", 2, 0)},
			},
			`"metric":"totalSessions"`, march, nil, map[string]string{"": "03-02=1 03-11=2"},
		},
	} {
		c.run(t)
	}
}

func TestAutoIsTheSmallestIntervalWithinMaxDataPoints(t *testing.T) {
	b := newBoard(t, append(week, sent{day: "2026-03-20", policies: sts("a.example", 1, 0)})...)
	m, err := Parse([]byte(`{"metric":"totalSessions"}`))
	if err != nil {
		t.Fatal(err)
	}
	for points, want := range map[int64]string{
		31: "03-02=10 03-04=7 03-20=1", 30: "03-02=17 03-16=1", 6: "03-02=17 03-16=1", 5: "02-10=17 03-12=1", 0: "03-02=10 03-04=7 03-20=1",
	} {
		answer, err := Answer(t.Context(), b.environment(), m, Range{From: at("2026-03-01"), To: at("2026-04-01"), MaxDataPoints: points})
		if err != nil {
			t.Fatal(err)
		}
		if got := series(t, answer)[""]; got != want {
			t.Errorf("%d points: got %s, want %s", points, got, want)
		}
	}
}

func TestTrendByStoredTime(t *testing.T) {
	reports := []sent{
		{day: "2026-03-02", stored: "2026-03-05T09:30", policies: sts("a.example", 1, 0)},
		{day: "2026-03-03", stored: "2026-03-05T23:59", policies: sts("a.example", 2, 0)},
		{day: "2026-03-04", stored: "2026-03-06T00:00", policies: sts("a.example", 4, 1)},
	}
	for _, c := range []trendCase{
		{
			"stored is when we committed it, aggregated to the interval's buckets", reports,
			`"metric":"totalSessions","timeField":"stored"`, march, nil, map[string]string{"": "03-05=3 03-06=5"},
		},
		{
			"stored works with buckets of 7 days", reports,
			`"metric":"totalSessions","timeField":"stored","interval":"7d"`, march, nil, map[string]string{"": "03-02=8"},
		},
		{
			"an hour belongs to a range when it overlaps it, in a range that is not aligned to days", reports,
			`"metric":"totalSessions","timeField":"stored"`, "2026-03-05T09:59 2026-03-05T23:01", nil, map[string]string{"": "03-05=3"},
		},
		{
			"an hour outside of the range does not count, in a range that is not aligned to days", reports,
			`"metric":"totalSessions","timeField":"stored"`, "2026-03-05T10:00 2026-03-05T23:00", nil, map[string]string{},
		},
		{
			"stored works for failure details", []sent{
				{day: "2026-03-02", stored: "2026-03-05T09:30", policies: sts("a.example", 1, 2, detail("certificate-expired", "mx1", "192.0.2.1", 2))},
				{day: "2026-03-03", stored: "2026-03-07T09:30", policies: sts("a.example", 1, 0)},
			},
			`"groupBy":["resultType"],"timeField":"stored"`, "2026-03-05T09:45 2026-03-07T09:15", []string{"resultType"},
			map[string]string{"certificate-expired": "03-05=2 03-07=0"},
		},
		{
			"maxLateness leaves out reports whose period ended longer than that before they were stored", []sent{
				{day: "2026-03-02", stored: "2026-03-10T00:00", policies: sts("a.example", 1, 0)}, // 7 days after its end
				{day: "2026-03-02", stored: "2026-03-10T00:01", policies: sts("a.example", 2, 0)},
			},
			`"metric":"totalSessions","maxLateness":"7d"`, march, nil, map[string]string{"": "03-02=1"},
		},
		{
			"maxLateness works by stored time", []sent{
				{day: "2026-03-02", stored: "2026-03-10T00:00", policies: sts("a.example", 1, 0)},
				{day: "2026-03-01", stored: "2026-03-10T00:01", policies: sts("a.example", 2, 0)},
			},
			`"metric":"totalSessions","maxLateness":"1w","timeField":"stored"`, march, nil, map[string]string{"": "03-10=1"},
		},
		{
			"maxLateness empty is no bound", []sent{{day: "2026-03-02", stored: "2026-03-31T00:00", policies: sts("a.example", 1, 0)}},
			`"metric":"totalSessions","maxLateness":""`, march, nil, map[string]string{"": "03-02=1"},
		},
	} {
		c.run(t)
	}
}

func TestTrendByFailureDetails(t *testing.T) {
	expired := detail("certificate-expired", "mx1.a.example", "192.0.2.7", 3)
	starttls := detail("starttls-not-supported", "mx2.a.example", "2001:db8:1:2::3", 2)
	reports := []sent{
		{day: "2026-03-02", policies: sts("a.example", 5, 5, expired, starttls)},
		{day: "2026-03-03", policies: sts("a.example", 9, 0)},
		{day: "2026-03-04", reporter: "Mail.ru", policies: sts("b.example", 9, 1, detail("certificate-expired", "mx.b.example", "198.51.100.1", 1))},
		{day: "2026-03-05", reporter: "Mail.ru", policies: sts("c.example", 9, 0)},
	}
	for _, c := range []trendCase{
		{
			"a detail group is zero where its domain had a report", reports,
			`"groupBy":["policyDomain","resultType"]`, march, []string{"policyDomain", "resultType"},
			map[string]string{
				"a.example/certificate-expired": "03-02=3 03-03=0", "a.example/starttls-not-supported": "03-02=2 03-03=0",
				"b.example/certificate-expired": "03-04=1",
			},
		},
		{
			"a detail group of all domains is zero where any had a report", reports,
			`"groupBy":["receivingMx"],"filters":[{"dimension":"policyDomain","values":["a.example"]}]`, march, []string{"receivingMx"},
			map[string]string{"mx1.a.example": "03-02=3 03-03=0", "mx2.a.example": "03-02=2 03-03=0"},
		},
		{
			"sendingNetwork is a /24 or a /48", reports, `"groupBy":["sendingNetwork"],"filters":[{"dimension":"policyDomain","values":["a.example"]}]`,
			"2026-03-02 2026-03-03", []string{"sendingNetwork"}, map[string]string{"192.0.2.0/24": "03-02=3", "2001:db8:1::/48": "03-02=2"},
		},
		{
			"every detail dimension groups", reports, `"groupBy":["reasonCode","receivingIp","sendingMtaIp"]`, "2026-03-02 2026-03-03",
			[]string{"reasonCode", "receivingIp", "sendingMtaIp"},
			map[string]string{"code/192.0.2.25/192.0.2.7": "03-02=3", "code/192.0.2.25/2001:db8:1:2::3": "03-02=2"},
		},
		{
			"filtered by a detail, groups without one are zero where they had a report", reports,
			`"groupBy":["policyDomain"],"filters":[{"dimension":"resultType","values":["starttls-not-supported"]}]`, march, []string{"policyDomain"},
			map[string]string{"a.example": "03-02=2 03-03=0", "b.example": "03-04=0", "c.example": "03-05=0"},
		},
		{
			"filtered by a detail and not grouped, a day with reports and no such failure is a zero", reports,
			`"filters":[{"dimension":"resultType","values":["dane-required"]}]`, march, nil, map[string]string{"": "03-02=0 03-03=0 03-04=0 03-05=0"},
		},
	} {
		c.run(t)
	}
}

func TestTrendFrames(t *testing.T) {
	b := newBoard(t, append(week, sent{day: "2026-03-04", policies: []tlsrpt.Policy{policy("no-policy-found", "c.example", 1, 1)}})...)
	t.Run("a trend is time series multi with a type version", func(t *testing.T) {
		for _, f := range b.ask(t, `{"queryType":"trend","groupBy":["policyDomain"]}`, march) {
			if f.Meta.Type != data.FrameTypeTimeSeriesMulti || f.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
				t.Errorf("type %s, version %v", f.Meta.Type, f.Meta.TypeVersion)
			}
		}
	})
	t.Run("no data is one frame with no fields and its type set", func(t *testing.T) {
		for _, query := range []string{`{}`, `{"groupBy":["resultType"]}`, `{"filters":[{"dimension":"resultType","values":["x"]}]}`, `{"minSessions":1}`} {
			answer := b.ask(t, query, "2027-01-01 2027-02-01")
			if len(answer) != 1 || len(answer[0].Fields) != 0 || answer[0].Meta.Type != data.FrameTypeTimeSeriesMulti || answer[0].Meta.TypeVersion.IsZero() {
				t.Errorf("%s: %d frames", query, len(answer))
			}
		}
	})
	t.Run("units and descriptions are in the field config; displayName is not", func(t *testing.T) {
		for metric, unit := range map[string]string{"failureRate": "percentunit", "protectedShare": "percentunit", "totalSessions": "short", "reports": "short"} {
			for _, f := range b.ask(t, `{"metric":"`+metric+`","groupBy":["policyDomain"]}`, march) {
				c := f.Fields[1].Config
				if c.Unit != unit || c.Description == "" || c.DisplayName != "" {
					t.Errorf("%s: %+v", metric, c)
				}
			}
		}
	})
	t.Run("Grafana shows a series by its label values, and no label as (none)", func(t *testing.T) {
		for query, want := range map[string]string{
			`{"metric":"failureRate","groupBy":["policyDomain"]}`:            "b.example; c.example; a.example",
			`{"metric":"failureRate","groupBy":["policyDomain","reporter"]}`: "b.example, Mail.ru; c.example, Google; a.example, Google",
			`{"metric":"totalSessions","groupBy":["policyMode"]}`:            "enforce; (none)",
			`{"metric":"totalSessions"}`:                                     "Total sessions",
		} {
			var shown []string
			for _, f := range b.ask(t, query, march) {
				shown = append(shown, f.Fields[1].Config.DisplayNameFromDS)
			}
			if got := strings.Join(shown, "; "); got != want {
				t.Errorf("%s: got %s, want %s", query, got, want)
			}
		}
	})
}
