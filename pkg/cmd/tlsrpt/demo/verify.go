package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
)

// jqDomain is the domain whose printed total the jq command reproduces.
const jqDomain = generate.DomainEnforce

func jqCommand(dir string) string {
	return fmt.Sprintf(`jq -s '[.[].policies[] | select(.policy."policy-domain" == "%s") | .summary."total-failure-session-count" // 0] | add' '%s'/*.json`, jqDomain, dir)
}

var (
	sessionGroups = [][]generate.Dimension{
		{}, {generate.ByDomain}, {generate.ByReporter}, {generate.ByType}, {generate.ByMode},
		{generate.ByDomain, generate.ByReporter}, {generate.ByDomain, generate.ByType},
	}
	detailGroups = [][]generate.Dimension{
		{generate.ByResultType}, {generate.ByMX}, {generate.ByReceivingIP}, {generate.BySendingIP}, {generate.ByNetwork},
		{generate.ByDomain, generate.ByResultType}, {generate.ByReporter, generate.ByMX},
	}
	sessionMetrics = []string{
		"failedSessions", "successfulSessions", "totalSessions", "failureRate", "reports", "protectedShare", "reportersFailing",
	}
)

// A check is one query whose answer the ledger knows.
type check struct {
	name     string
	query    map[string]any
	groupBy  []generate.Dimension
	expected map[string]float64
}

// verify compares every metric and grouping with the generator's own ledger.
func (s *show) verify(ctx context.Context, plugin *host.Plugin) error {
	checks := s.checks()
	wrong := 0
	s.printf("\n═══ Do the numbers agree with the ledger of what was made up? ═══\n\n")
	for _, c := range checks {
		got, err := s.ask(ctx, plugin, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if difference := compare(c.expected, got); difference != "" {
			wrong++
			s.printf("  WRONG  %s: %s\n", c.name, difference)
		}
	}
	account, err := s.verifyAccount(ctx, plugin)
	if err != nil {
		return err
	}
	if account != "" {
		wrong++
		s.printf("  WRONG  account: %s\n", account)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d checks do not agree with the ledger", wrong, len(checks)+1)
	}
	failed := generate.Sum(slices.Values(s.made.ledger), generate.Reported, generate.ByDomain)
	s.printf("  Yes: all %d checks agree, on every metric, grouping and counting, and on the account.\n", len(checks)+1)
	s.printf("  For example, the failed sessions of %s, as reported, are %d.\n", jqDomain, failed[generate.Key(jqDomain)].Failed)
	return nil
}

func (s *show) checks() []check {
	var list []check
	for _, counting := range []generate.Counting{generate.Distinct, generate.Reported} {
		for _, by := range sessionGroups {
			for _, metric := range sessionMetrics {
				list = append(list, check{
					name:    fmt.Sprintf("%s by %v, %s", metric, by, counting),
					query:   map[string]any{"queryType": "summary", "metric": metric, "groupBy": by, "counting": counting, "limit": 100000},
					groupBy: by, expected: s.expected(metric, counting, by),
				})
			}
		}
		for _, by := range detailGroups {
			list = append(list, check{
				name:    fmt.Sprintf("failedSessions by %v, %s", by, counting),
				query:   map[string]any{"queryType": "summary", "metric": "failedSessions", "groupBy": by, "counting": counting, "limit": 100000},
				groupBy: by, expected: s.expectedDetails(counting, by),
			})
		}
		days := []generate.Dimension{generate.ByDomain, generate.ByDay}
		list = append(list, check{
			name:    fmt.Sprintf("totalSessions by [policyDomain] and day, %s", counting),
			query:   map[string]any{"queryType": "trend", "metric": "totalSessions", "groupBy": []string{"policyDomain"}, "counting": counting, "interval": "1d", "limit": 100000},
			groupBy: days, expected: s.expected("totalSessions", counting, days),
		})
	}
	return list
}

func (s *show) expected(metric string, counting generate.Counting, by []generate.Dimension) map[string]float64 {
	result := map[string]float64{}
	entries := slices.Values(s.made.ledger)
	for key, sums := range generate.Sum(entries, counting, by...) {
		total := float64(sums.Total())
		result[key] = map[string]float64{
			"failedSessions": float64(sums.Failed), "successfulSessions": float64(sums.Successful), "totalSessions": total,
			"failureRate": share(float64(sums.Failed), total), "reports": float64(sums.Reports),
			"protectedShare": share(float64(sums.Protected), total),
		}[metric]
	}
	if metric == "reportersFailing" {
		for key, sums := range generate.Sum(entries, counting, append(slices.Clone(by), generate.ByReporter)...) {
			if sums.Failed > 0 {
				result[parentKey(key, len(by))]++
			}
		}
	}
	return result
}

// parentKey is the key without its last value.
func parentKey(key string, values int) string {
	return generate.Key(strings.Split(key, keySeparator)[:values]...)
}

// keySeparator is what stands between the values of a key.
var keySeparator = strings.Trim(generate.Key("a", "b"), "ab")

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

func (s *show) expectedDetails(counting generate.Counting, by []generate.Dimension) map[string]float64 {
	result := map[string]float64{}
	for key, failed := range generate.SumDetails(slices.Values(s.made.ledger), counting, by...) {
		result[key] = float64(failed)
	}
	return result
}

// ask asks a check's query over the whole time of the ledger.
func (s *show) ask(ctx context.Context, plugin *host.Plugin, c check) (map[string]float64, error) {
	raw, err := json.Marshal(c.query)
	if err != nil {
		return nil, err
	}
	answers, err := plugin.Query(ctx, backend.DataQuery{RefID: "A", JSON: raw, TimeRange: backend.TimeRange{
		From: s.made.generator.First(), To: s.made.generator.End().AddDate(0, 0, 1),
	}})
	if err != nil {
		return nil, err
	}
	if answers["A"].Error != nil {
		return nil, answers["A"].Error
	}
	return numbers(answers["A"].Frames, c.groupBy)
}

// numbers reads groups and their number from an answer's frames.
func numbers(frames data.Frames, by []generate.Dimension) (map[string]float64, error) {
	result := map[string]float64{}
	for _, frame := range frames {
		if len(frame.Fields) == 0 {
			continue
		}
		value := frame.Fields[len(frame.Fields)-1]
		for i := range value.Len() {
			group := make([]string, len(by))
			for g, d := range by {
				group[g] = groupValue(frame, value, d, i)
			}
			number, err := value.FloatAt(i)
			if err != nil {
				return nil, err
			}
			result[generate.Key(group...)] = number
		}
	}
	return result, nil
}

func groupValue(frame *data.Frame, value *data.Field, d generate.Dimension, i int) string {
	if d == generate.ByDay {
		return frame.Fields[0].At(i).(time.Time).Format(time.DateOnly)
	}
	if label, ok := value.Labels[string(d)]; ok {
		return label
	}
	if field, _ := frame.FieldByName(string(d)); field != nil {
		return field.At(i).(string)
	}
	return ""
}

// compare says the first difference, or nothing.
func compare(expected, got map[string]float64) string {
	all := maps.Clone(expected)
	maps.Copy(all, got)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		want, known := expected[key]
		have, found := got[key]
		if known != found || math.Abs(want-have) > 1e-9 {
			return fmt.Sprintf("%q should be %v (%v) and is %v (%v)", key, want, known, have, found)
		}
	}
	return ""
}

// verifyAccount compares what became of every item with the ledger.
func (s *show) verifyAccount(ctx context.Context, plugin *host.Plugin) (difference string, err error) {
	answers, err := plugin.Query(ctx, backend.DataQuery{RefID: "A", JSON: []byte(`{"queryType":"sources"}`)})
	if err != nil {
		return "", err
	}
	if err := answers["A"].Error; err != nil {
		return "", err
	}
	if len(answers["A"].Frames) != 1 {
		return "", errors.New("the sources query has no answer")
	}
	expected := generate.Expected(s.made.ledger)
	want := map[string]int64{"stored": expected.Stored, "duplicate": expected.Duplicate, "quarantined": expected.Quarantined, "ignored": expected.Ignored}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		field, _ := answers["A"].Frames[0].FieldByName(name)
		if field == nil {
			return "", fmt.Errorf("the sources query has no field %q", name)
		}
		var sum int64
		for i := range field.Len() {
			sum += field.At(i).(int64)
		}
		if sum != want[name] {
			return fmt.Sprintf("%s should be %d and is %d", name, want[name], sum), nil
		}
	}
	return "", nil
}
