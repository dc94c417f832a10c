package query

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/reader"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func TestSummaryFrames(t *testing.T) {
	b := newBoard(t, many...)
	t.Run("one row per group, largest first: numeric long, the number named by its metric", func(t *testing.T) {
		f := b.ask(t, `{"queryType":"summary","metric":"totalSessions","groupBy":["reporter","policyDomain"]}`, march)[0]
		if diff := cmp.Diff([]string{"reporter", "policyDomain", "totalSessions"}, names(f)); diff != "" {
			t.Error(diff)
		}
		if f.Meta.Type != data.FrameTypeNumericLong || f.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
			t.Errorf("%s %v", f.Meta.Type, f.Meta.TypeVersion)
		}
	})
	t.Run("metrics names several, then a table", func(t *testing.T) {
		answer := b.ask(t, `{"queryType":"summary","metrics":["failedSessions","totalSessions","failureRate","reportersFailing","reports","protectedShare"],"groupBy":["policyDomain"],"limit":2}`, march)
		if answer[0].Meta.Type != data.FrameTypeTable {
			t.Errorf("type %s", answer[0].Meta.Type)
		}
		if diff := cmp.Diff([]string{"policyDomain", "failedSessions", "totalSessions", "failureRate", "reportersFailing", "reports", "protectedShare"}, names(answer[0])); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"c.example/4/30/0.133333/1/1/1", "b.example/3/20/0.15/1/1/1"}, rows(t, answer)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("displayName stands in the table only", func(t *testing.T) {
		for query, want := range map[string]bool{`"metric":"reports"`: false, `"metrics":["reports","totalSessions"]`: true} {
			for _, f := range b.ask(t, `{"queryType":"summary",`+query+`,"groupBy":["policyDomain"]}`, march)[0].Fields {
				if (f.Config.DisplayName != "") != want || f.Config.Description == "" {
					t.Errorf("%s: %s has %+v", query, f.Name, f.Config)
				}
			}
		}
	})
	t.Run("no data is one frame with no fields and its type set", func(t *testing.T) {
		for query, want := range map[string]data.FrameType{
			`{"queryType":"summary"}`:                                             data.FrameTypeNumericLong,
			`{"queryType":"summary","groupBy":["resultType"]}`:                    data.FrameTypeNumericLong,
			`{"queryType":"summary","metrics":["reports","totalSessions"]}`:       data.FrameTypeTable,
			`{"queryType":"summary","metric":"quarantined","groupBy":["source"]}`: data.FrameTypeNumericLong,
			`{"queryType":"summary","metric":"newFailedSessions"}`:                data.FrameTypeNumericLong,
			`{"queryType":"failures"}`:                                            data.FrameTypeTable,
			`{"queryType":"reports"}`:                                             data.FrameTypeTable,
			`{"queryType":"reporters"}`:                                           data.FrameTypeTable,
			`{"queryType":"sources"}`:                                             data.FrameTypeTable,
			`{"queryType":"quarantine"}`:                                          data.FrameTypeTable,
		} {
			answer := b.ask(t, query, "2027-06-01 2027-07-01")
			if len(answer) != 1 || len(answer[0].Fields) != 0 || answer[0].Meta.Type != want || answer[0].Meta.TypeVersion.IsZero() {
				t.Errorf("%s: %d frames, %v", query, len(answer), names(answer[0]))
			}
		}
	})
}

// Server-side expressions read frames by the library that is used here.
func TestServerSideExpressionsTakeEveryAnswerAsItIs(t *testing.T) {
	b := newBoard(t, many...)
	b.quarantine(t, "2026-03-20", "mb1", "invalid-json")
	b.sources = []Source{polled("mb1", "2026-03-31"), polled("drop1", "2026-03-31")}
	b.domains = []string{"silent.example"}
	summaries := []string{
		`"metric":"reportAge","groupBy":["policyDomain","reporter"]`, `"metric":"pollAge","groupBy":["source"]`, `"metric":"pollAge"`,
		`"metric":"quarantined","groupBy":["source","quarantineReason"]`, `"metric":"newFailedSessions","groupBy":["policyDomain","resultType"]`,
		`"metric":"failedSessions","groupBy":["resultType","policyDomain"]`,
	}
	for _, metric := range []string{"failedSessions", "successfulSessions", "totalSessions", "failureRate", "reports", "protectedShare", "reportersFailing"} {
		summaries = append(summaries, fmt.Sprintf(`"metric":%q`, metric), fmt.Sprintf(`"metric":%q,"groupBy":["policyDomain","policyMode"]`, metric))
	}
	for _, query := range summaries {
		t.Run("numeric long of strings and numbers: "+query, func(t *testing.T) {
			answer := b.ask(t, `{"queryType":"summary",`+query+`}`, march)
			for _, f := range answer[0].Fields {
				if kind := f.Type(); kind != data.FieldTypeString && kind != data.FieldTypeFloat64 {
					t.Errorf("the field %s is %s", f.Name, kind)
				}
			}
			if _, err := reader.CanReadBasedOnMeta(answer); err != nil {
				t.Fatal(err)
			}
			collection, err := numeric.CollectionReaderFromFrames(answer)
			if err != nil {
				t.Fatal(err)
			}
			numbers, err := collection.GetCollection(false)
			if err != nil || numbers.Warning != nil {
				t.Fatal(err, numbers.Warning)
			}
			if len(numbers.Refs) != answer[0].Rows() {
				t.Errorf("%d numbers of %d rows", len(numbers.Refs), answer[0].Rows())
			}
			seen := map[string]bool{}
			for _, n := range numbers.Refs {
				if _, empty, err := n.NullableFloat64Value(); err != nil || empty {
					t.Errorf("%s has no number: %v", n.GetLabels(), err)
				}
				if key := n.GetLabels().String(); seen[key] {
					t.Errorf("the labels %s stand twice", key)
				} else {
					seen[key] = true
				}
			}
		})
	}
	t.Run("a trend is a series per group", func(t *testing.T) {
		answer := b.ask(t, `{"metric":"totalSessions","groupBy":["policyDomain"]}`, march)
		collection, err := timeseries.CollectionReaderFromFrames(answer)
		if err != nil {
			t.Fatal(err)
		}
		all, err := collection.GetCollection(true)
		if err != nil || len(all.Refs) != 4 || len(all.RemainderIndices) != 0 {
			t.Errorf("%d series, %v, left over %v", len(all.Refs), err, all.RemainderIndices)
		}
	})
	t.Run("no data reads as no data", func(t *testing.T) {
		summary, err := numeric.CollectionReaderFromFrames(b.ask(t, `{"queryType":"summary"}`, "2027-06-01 2027-07-01"))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := summary.GetCollection(false); err != nil || !c.NoData() {
			t.Errorf("a summary: %v", err)
		}
		trend, err := timeseries.CollectionReaderFromFrames(b.ask(t, `{}`, "2027-06-01 2027-07-01"))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := trend.GetCollection(true); err != nil || !c.NoData() {
			t.Errorf("a trend: %v", err)
		}
	})
}
