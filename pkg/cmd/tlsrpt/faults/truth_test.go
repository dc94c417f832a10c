package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// equalsLedger opens a store that nobody uses any more and compares it, as
// queries see it and as its tables hold it, with what was brought.
func equalsLedger(t *testing.T, file, sourceID string, p *post) {
	t.Helper()
	sound(t, file)
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	accounts, err := s.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.account(), accounts[sourceID]); diff != "" {
		t.Errorf("the account is not the ledger's (-ledger +store):\n%s", diff)
	}
	compareSums(t, s, p.ledger)
}

// compareSums compares what queries answer with the ledger's own sums.
func compareSums(t *testing.T, s store.Store, ledger []generate.Entry) {
	t.Helper()
	compared := 0
	for _, counting := range []generate.Counting{generate.Distinct, generate.Reported} {
		for _, by := range [][]generate.Dimension{
			{}, {generate.ByDomain, generate.ByReporter}, {generate.ByType, generate.ByMode},
		} {
			want := generate.Sum(slices.Values(ledger), counting, by...)
			compare(t, fmt.Sprintf("total by %v, %s", by, counting), ask(t, s, "totalSessions", counting, by), floats(want, generate.Sums.Total))
			compare(t, fmt.Sprintf("failed by %v, %s", by, counting), ask(t, s, "failedSessions", counting, by),
				floats(want, func(s generate.Sums) int64 { return s.Failed }))
			compare(t, fmt.Sprintf("reports by %v, %s", by, counting), ask(t, s, "reports", counting, by),
				floats(want, func(s generate.Sums) int64 { return s.Reports }))
			compared += 3 * len(want)
		}
		for _, by := range [][]generate.Dimension{{generate.ByResultType, generate.ByMX}, {generate.ByDomain, generate.ByNetwork}} {
			want := generate.SumDetails(slices.Values(ledger), counting, by...)
			got := ask(t, s, "failedSessions", counting, by)
			maps.DeleteFunc(got, func(_ string, n float64) bool { return n == 0 })
			compare(t, fmt.Sprintf("details by %v, %s", by, counting), got, floats(want, func(n int64) int64 { return n }))
			compared += len(want)
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

func floats[T any](sums map[string]T, pick func(T) int64) map[string]float64 {
	result := map[string]float64{}
	for key, s := range sums {
		result[key] = float64(pick(s))
	}
	return result
}

func compare(t *testing.T, name string, got, want map[string]float64) {
	t.Helper()
	all := maps.Clone(want)
	maps.Copy(all, got)
	shown := 0
	for _, key := range slices.Sorted(maps.Keys(all)) {
		w, wanted := want[key]
		g, found := got[key]
		if wanted == found && math.Abs(w-g) < 1e-9 {
			continue
		}
		if t.Errorf("%s: %q is %v (%v), the ledger says %v (%v)", name, key, g, found, w, wanted); shown == 4 {
			return
		}
		shown++
	}
}

var allTime = query.Range{From: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Now().AddDate(0, 0, 1), MaxDataPoints: 100_000}

// ask answers one number a group.
func ask(t *testing.T, s store.Reader, metric string, counting generate.Counting, by []generate.Dimension) map[string]float64 {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"queryType": "summary", "metric": metric, "counting": counting, "groupBy": by, "limit": 100_000})
	if err != nil {
		t.Fatal(err)
	}
	model, err := query.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := query.Answer(context.WithoutCancel(t.Context()), query.Environment{Store: s}, model, allTime)
	if err != nil {
		t.Fatalf("%s by %v: %v", metric, by, err)
	}
	result := map[string]float64{}
	for _, frame := range answer {
		readNumbers(t, frame, by, result)
	}
	return result
}

func readNumbers(t *testing.T, frame *data.Frame, by []generate.Dimension, result map[string]float64) {
	t.Helper()
	if len(frame.Fields) == 0 {
		return
	}
	value := frame.Fields[len(frame.Fields)-1]
	for i := range value.Len() {
		group := make([]string, len(by))
		for g, d := range by {
			field, _ := frame.FieldByName(string(d))
			text, _ := field.ConcreteAt(i)
			group[g] = strings.TrimSpace(text.(string))
		}
		number, err := value.FloatAt(i)
		if err != nil {
			t.Fatal(err)
		}
		result[generate.Key(group...)] = number
	}
}
