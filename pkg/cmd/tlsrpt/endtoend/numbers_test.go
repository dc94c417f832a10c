package endtoend

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

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

var (
	sessionMetrics = []string{"failedSessions", "successfulSessions", "totalSessions", "failureRate", "reports", "protectedShare", "reportersFailing"}
	sessionGroups  = [][]string{
		{}, {"policyDomain"}, {"policyType"}, {"policyMode"}, {"reporter"}, {"trust"}, {"source"},
		{"policyDomain", "reporter"}, {"policyDomain", "policyType", "policyMode"}, {"reporter", "trust"}, {"policyDomain", "source"},
	}
	detailGroups = [][]string{
		{"resultType"}, {"reasonCode"}, {"receivingMx"}, {"receivingIp"}, {"sendingMtaIp"}, {"sendingNetwork"},
		{"policyDomain", "resultType"}, {"reporter", "resultType", "reasonCode"}, {"policyType", "receivingMx"}, {"policyDomain", "sendingNetwork", "trust"},
	}
)

func TestEveryMetricAndGroupingEqualsAnIndependentCount(t *testing.T) {
	all := letters(t)
	facts := allFacts(all)
	ownBinary := func(t *testing.T, settings map[string]any, secure map[string]string) asker {
		return startPlugin(t, dataSource(t, settings, secure))
	}
	realGrafana := func(t *testing.T, settings map[string]any, secure map[string]string) asker {
		return startGrafana(t, settings, secure)
	}
	for _, through := range []struct {
		name  string
		start func(*testing.T, map[string]any, map[string]string) asker
	}{{"through the plugin's own binary", ownBinary}, {"through a real Grafana", realGrafana}} {
		t.Run(through.name, func(t *testing.T) {
			dovecot := startDovecot(t, all)
			a := through.start(t, mailboxSettings(dovecot, "keep"), map[string]string{"source.mb1.password": dovecot.Password})
			awaitSync(t, a)
			compareAll(t, a, facts)
		})
		t.Run(through.name+", killed five times during the synchronisation", func(t *testing.T) {
			dovecot := startDovecot(t, all)
			settings := mailboxSettings(dovecot, "keep")
			settings["sources"].([]any)[0].(map[string]any)["port"] = startSlowLink(t, dovecot.TLSPort)
			a := through.start(t, settings, map[string]string{"source.mb1.password": dovecot.Password})
			killDuringSync(t, a)
			awaitSync(t, a)
			compareAll(t, a, facts)
		})
	}
}

// killDuringSync kills the plugin five times, each time after it has stored
// something more, so that no kill comes before the work or after it.
func killDuringSync(t *testing.T, a asker) {
	t.Helper()
	last := int64(0)
	for range 5 {
		last = awaitProgress(t, a, last)
		t.Logf("killed after %d", last)
		a.kill(t)
	}
}

type sourceState struct {
	ID, State, LastError string
	LastSuccess          *time.Time
	Seen, Stored         int64
	Duplicate, Pending   int64
	Quarantined, Ignored int64
}

func askSources(t *testing.T, a asker) []sourceState {
	t.Helper()
	body, err := a.sources(t.Context())
	if err != nil {
		return nil // the plugin is starting
	}
	var reply struct{ Sources []sourceState }
	if json.Unmarshal(body, &reply) != nil {
		return nil
	}
	return reply.Sources
}

// awaitProgress waits until more was seen than before.
func awaitProgress(t *testing.T, a asker, before int64) int64 {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		for _, s := range askSources(t, a) {
			if s.Seen > before {
				return s.Seen
			}
		}
	}
	t.Fatalf("nothing was stored after %d", before)
	return 0
}

// awaitSync waits until every source was seen whole after this moment.
func awaitSync(t *testing.T, a asker) []sourceState {
	t.Helper()
	since := time.Now()
	return awaitSources(t, a, func(s sourceState) bool { return s.LastSuccess != nil && s.LastSuccess.After(since) && s.Pending == 0 })
}

// awaitSources waits until done holds for every source.
func awaitSources(t *testing.T, a asker, done func(sourceState) bool) []sourceState {
	t.Helper()
	var states []sourceState
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		states = askSources(t, a)
		if len(states) > 0 && !slices.ContainsFunc(states, func(s sourceState) bool { return !done(s) }) {
			return states
		}
	}
	t.Fatalf("the sources were not read: %+v", states)
	return nil
}

// compareAll compares every metric and grouping, in both countings.
func compareAll(t *testing.T, a asker, facts []fact) {
	t.Helper()
	compared := 0
	for _, counting := range []string{"distinct", "reported"} {
		distinct := counting == "distinct"
		for _, by := range sessionGroups {
			want := countSessions(facts, by, distinct)
			for _, metric := range sessionMetrics {
				got := ask(t, a, metric, counting, by)
				compare(t, fmt.Sprintf("%s by %v, %s", metric, by, counting), pick(want, metric), got)
				compared++
			}
		}
		for _, by := range detailGroups {
			compare(t, fmt.Sprintf("failedSessions by %v, %s", by, counting), countDetails(facts, by, distinct), ask(t, a, "failedSessions", counting, by))
			compared++
		}
	}
	t.Logf("%d answers equal the independent count of %d policies", compared, len(facts))
}

func pick(groups map[string]map[string]float64, metric string) map[string]float64 {
	result := map[string]float64{}
	for key, metrics := range groups {
		result[key] = metrics[metric]
	}
	return result
}

func ask(t *testing.T, a asker, metric, counting string, by []string) map[string]float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	frames, err := a.query(ctx, map[string]any{"queryType": "summary", "metric": metric, "counting": counting, "groupBy": by, "limit": 100_000})
	if err != nil {
		t.Fatalf("%s by %v: %v", metric, by, err)
	}
	result := map[string]float64{}
	for _, frame := range frames {
		if len(frame.Fields) > 0 {
			readNumbers(t, frame, by, result)
		}
	}
	return result
}

func readNumbers(t *testing.T, frame *data.Frame, by []string, result map[string]float64) {
	t.Helper()
	value := frame.Fields[len(frame.Fields)-1]
	for i := range value.Len() {
		group := make([]string, len(by))
		for g, d := range by {
			field, _ := frame.FieldByName(d)
			text, _ := field.ConcreteAt(i)
			group[g] = text.(string)
		}
		number, err := value.FloatAt(i)
		if err != nil {
			t.Fatal(err)
		}
		result[strings.Join(group, "\x00")] = number
	}
}

func compare(t *testing.T, name string, want, got map[string]float64) {
	t.Helper()
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		w, wanted := want[key]
		g, found := got[key]
		if wanted != found || math.Abs(w-g) > 1e-9 {
			t.Errorf("%s: %q is %v (%v), the independent count says %v (%v)", name, key, g, found, w, wanted)
		}
	}
}
