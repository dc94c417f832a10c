package query

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// contractFields are the fields of the tables as the contract lists them; more
// may follow them.
var contractFields = map[string]string{
	"failures":   "time policyDomain policyType reporter resultType reasonCode receivingMx receivingMxHelo receivingIp sendingMtaIp failedSessions category meaning fix additionalInformation trust reportId",
	"reports":    "time start end received stored reporter policyDomain totalSessions failedSessions trust trustReason signedBy status delivery deliveries warnings contactInfo reportId source id",
	"reporters":  "reporter policyDomain firstReport lastReport reports daysReported cadence expectedNext overdue state note",
	"sources":    "source name type state lastPoll lastSuccess lastError seen stored duplicate quarantined ignored pending",
	"counters":   "name source kind value unit p50 p95 max meaning",
	"quarantine": "time reason detail source reference size tries parserVersion id",
	"status":     "severity sentence policyDomain count kind",
	"incidents":  "policyDomain resultType policyMode state firstDay lastDay failedSessions share reporters reportersHeard mxs networks verdict fix lastCleanDay nextReport",
	"policies":   "policyDomain policyType policyMode mx maxAge policyString policyHash firstSeen lastSeen reporters state",
	"readiness":  "policyDomain policyMode verdict days reporters totalSessions wouldFail policyTrouble reasons",
	"events":     "time timeEnd title text tags policyDomain kind",
}

// crowded has a row for every table.
func crowded(t *testing.T) *board {
	b := newBoard(t, many...)
	b.quarantine(t, "2026-03-20T10:30", "mb1", "invalid-json")
	never := Source{FirstConfigured: at("2026-03-01")}
	never.ID, never.Name, never.Type, never.State, never.LastError = "drop1", "A drop", "https", "failing", "host: no answer from drop@example.com"
	b.sources = []Source{polled("mb1", "2026-03-31T23:00"), never}
	b.counts = []frames.CounterRow{
		{Name: "tlsrpt_items_stored", Source: "mb1", Value: 4},
		{Name: "tlsrpt_items_stored", Source: "drop1", Value: 0},
		{Name: "tlsrpt_source_received_bytes_total", Source: "drop1", Value: 0},
		{Name: "tlsrpt_query_duration_seconds", Kind: "trend", Value: 3, P50: new(.004), P95: new(.02)},
	}
	b.sources[0].Account = store.Account{Stored: 4, Duplicate: 3, Quarantined: 2, Ignored: 1, Pending: 5}
	return b
}

func TestTheFieldsOfTablesStandInTheOrderOfTheContract(t *testing.T) {
	b := crowded(t)
	for queryType, fields := range contractFields {
		f := b.ask(t, `{"queryType":"`+queryType+`"}`, march)[0]
		want := strings.Fields(fields)
		if diff := cmp.Diff(want, names(f)[:len(want)]); diff != "" {
			t.Errorf("%s: %s", queryType, diff)
		}
		if f.Meta.Type != data.FrameTypeTable || f.Meta.TypeVersion.IsZero() {
			t.Errorf("%s: %s", queryType, f.Meta.Type)
		}
		for _, field := range f.Fields {
			if c := field.Config; c.DisplayName == "" || c.Description == "" {
				t.Errorf("%s: %s has %+v", queryType, field.Name, c)
			}
			if field.Type().Numeric() && field.Config.Unit == "" && field.Name != "id" && field.Name != "parserVersion" && field.Name != "overdue" {
				t.Errorf("%s: %s has no unit", queryType, field.Name)
			}
		}
	}
}

func TestFailuresTable(t *testing.T) {
	d := detail("certificate-expired", "mx1.a.example", "192.0.2.1", 3)
	d.ReasonCode, d.Reason, d.ReceivingMXHelo, d.AdditionalInformation = "X509 at 192.0.2.25", "X509 at *", "mx1 ready", "https://a.example/why"
	odd := detail("made-up", "", "", 1)
	b := newBoard(t,
		sent{day: "2026-03-02", id: "id-1", trust: store.Unverifiable, policies: sts("a.example", 5, 4, d, odd)},
		sent{day: "2026-03-03", stored: "2026-03-05T10:00", reporter: "Microsoft Corporation", policies: twice("b.example", 5, 1, detail("validation-failure", "mx", "192.0.2.2", 1))},
	)
	t.Run("one row per failure detail, newest first, as reported", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"failures"}`, march), "time", "policyDomain", "policyType", "reporter", "resultType", "failedSessions", "trust")
		want := []string{
			"2026-03-03/b.example/sts/Microsoft Corporation/validation-failure/1/authenticated",
			"2026-03-03/b.example/tlsa/Microsoft Corporation/validation-failure/1/authenticated",
			"2026-03-02/a.example/sts/Google/certificate-expired/3/unverifiable",
			"2026-03-02/a.example/sts/Google/made-up/1/unverifiable",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("with category, meaning and fix", func(t *testing.T) {
		answer := b.ask(t, `{"queryType":"failures","filters":[{"dimension":"resultType","values":["certificate-expired","made-up"]}]}`, march)
		if diff := cmp.Diff([]string{"Certificate", "Other"}, rows(t, answer, "category")); diff != "" {
			t.Error(diff)
		}
		for _, line := range rows(t, answer, "meaning", "fix") {
			if strings.HasPrefix(line, "/") || strings.HasSuffix(line, "/") {
				t.Errorf("empty: %q", line)
			}
		}
	})
	t.Run("where and why", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"failures","filters":[{"dimension":"receivingMx","values":["MX1.a.example."]}]}`, march),
			"reasonCode", "receivingMx", "receivingMxHelo", "receivingIp", "sendingMtaIp", "additionalInformation", "reportId", "reasonCodeRaw", "policyMode")
		want := "X509 at */mx1.a.example/mx1 ready/192.0.2.25/192.0.2.1/https://a.example/why/id-1/X509 at 192.0.2.25/enforce"
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("by stored time, the time is when we committed it", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"failures","timeField":"stored"}`, "2026-03-05T10:30 2026-03-06"), "time", "policyType")
		if diff := cmp.Diff([]string{"2026-03-05T10:00/sts", "2026-03-05T10:00/tlsa"}, sorted(got)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReportsTable(t *testing.T) {
	b := newBoard(t,
		sent{day: "2026-03-02", id: "id-1", stored: "2026-03-03T06:00", policies: sts("a.example", 7, 3)},
		sent{day: "2026-03-02", id: "id-1", stored: "2026-03-03T07:00", trust: store.Unauthenticated, source: "drop1", policies: sts("a.example", 0, 99)},
		sent{day: "2026-03-03", id: "id-2", reporter: "Microsoft Corporation", policies: twice("b.example", 4, 1)},
	)
	t.Run("one row per report and policy domain, superseded ones too, with trust and source", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"reports"}`, march), "time", "reporter", "policyDomain", "totalSessions", "failedSessions", "trust", "status", "delivery", "deliveries", "reportId", "source")
		want := []string{
			"2026-03-03/Microsoft Corporation/b.example/5/1/authenticated/counted/direct/1/id-2/mb1",
			"2026-03-02/Google/a.example/99/99/unauthenticated/superseded/direct/1/id-1/drop1",
			"2026-03-02/Google/a.example/10/3/authenticated/counted/direct/1/id-1/mb1",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("superseded reports are in no number", func(t *testing.T) {
		if got := rows(t, b.ask(t, `{"queryType":"summary","metric":"failedSessions"}`, march)); got[0] != "4" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("counting reported sums every policy", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"reports","counting":"reported","limit":1}`, march), "totalSessions", "failedSessions")
		if diff := cmp.Diff([]string{"10/2"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("period, arrival and commit are told apart", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"reports","filters":[{"dimension":"source","values":["drop1"]}]}`, march), "start", "end", "received", "stored")
		if diff := cmp.Diff([]string{"2026-03-02/2026-03-03/2026-03-03T06:00/2026-03-03T07:00"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("by stored time, the time is when we committed it", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"reports","timeField":"stored","trust":"authenticated"}`, "2026-03-03T06:30 2026-03-03T06:40"), "time")
		if diff := cmp.Diff([]string{"2026-03-03T06:00"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReportersTable(t *testing.T) {
	b := newBoard(t,
		sent{day: "2026-01-02", policies: sts("a.example", 1, 0)},
		sent{day: "2026-03-02", policies: sts("a.example", 1, 0)},
		sent{day: "2026-03-02", policies: []tlsrpt.Policy{policy("tlsa", "a.example", 1, 0), policy("sts", "a.example", 2, 0)}},
		sent{day: "2026-03-05", policies: sts("a.example", 1, 0)},
		sent{day: "2026-03-05", reporter: "Mail.ru", policies: sts("b.example", 1, 0)},
	)
	got := rows(t, b.ask(t, `{"queryType":"reporters"}`, "2026-03-01 2026-03-05T00:01"))
	want := []string{
		"Google/a.example/2026-01-02/2026-03-05/3/2/unknown/null/0/reporting/It was heard on 3 days, too few to know its cadence./null",
		"Mail.ru/b.example/2026-03-05/2026-03-05/1/1/unknown/null/0/reporting/It was heard on 1 day, too few to know its cadence./null",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSourcesTable(t *testing.T) {
	b := crowded(t)
	t.Run("state, last poll, last success, last error, the account, lag; times that never were are null", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"sources"}`, march))
		want := []string{
			"mb1/Source mb1/imap/ok/2026-03-31T23:00/2026-03-31T23:00//10/4/3/2/1/5/3600",
			"drop1/A drop/https/failing/null/null/host: no answer from …@example.com/0/0/0/0/0/0/null",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("seen = stored + duplicate + quarantined + ignored", func(t *testing.T) {
		if got := rows(t, b.ask(t, `{"queryType":"sources","filters":[{"dimension":"source","operator":"!=","values":["drop1"]}]}`, march), "seen"); got[0] != "10" || len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}

func TestCountersTable(t *testing.T) {
	b := crowded(t)
	t.Run("the unit is that of the name", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"counters"}`, march), "name", "source", "kind", "value", "unit", "p95", "max")
		want := []string{
			"tlsrpt_items_stored/mb1//4/count/null/null",
			"tlsrpt_items_stored/drop1//0/count/null/null",
			"tlsrpt_source_received_bytes_total/drop1//0/bytes/null/null",
			"tlsrpt_query_duration_seconds//trend/3/seconds/0.02/null",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a filter on sources leaves what is of none", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"counters","filters":[{"dimension":"source","values":["mb1"]}]}`, march), "name", "source")
		want := []string{"tlsrpt_items_stored/mb1", "tlsrpt_query_duration_seconds/"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a store's file alone has none, and says so", func(t *testing.T) {
		env := b.environment()
		env.Counters = nil
		answer, err := Answer(t.Context(), env, Model{QueryType: "counters"}, fuzzRange)
		if err != nil || answer[0].Rows() != 0 || len(answer[0].Meta.Notices) != 1 {
			t.Errorf("%v, %+v", err, answer)
		}
	})
}

func TestQuarantineTable(t *testing.T) {
	b := crowded(t)
	b.quarantine(t, "2026-03-21T10:30", "drop1", "too-large")
	t.Run("what could not be used, why, since when, tries, newest first", func(t *testing.T) {
		got := rows(t, b.ask(t, `{"queryType":"quarantine"}`, march), "time", "reason", "detail", "source", "size", "tries")
		want := []string{"2026-03-21T10:30/too-large/it is broken/drop1/1/1", "2026-03-20T10:30/invalid-json/it is broken/mb1/1/1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("filters on source and reason hold, and the range does", func(t *testing.T) {
		for query, want := range map[string]int{
			`{"queryType":"quarantine","filters":[{"dimension":"quarantineReason","operator":"=~","values":["^too"]}]}`: 1,
			`{"queryType":"quarantine","filters":[{"dimension":"source","operator":"!=","values":["mb1","drop1"]}]}`:    0,
		} {
			if got := b.ask(t, query, march)[0].Rows(); got != want {
				t.Errorf("%s: %d rows", query, got)
			}
		}
		if got := b.ask(t, `{"queryType":"quarantine"}`, "2026-03-20 2026-03-21")[0].Rows(); got != 1 {
			t.Errorf("%d rows in the range", got)
		}
	})
}

func TestDimensionValues(t *testing.T) {
	b := crowded(t)
	span := DimensionRequest{From: at("2026-03-01"), To: at("2026-04-01"), Limit: 10}
	for name, c := range map[string]struct {
		change func(r *DimensionRequest)
		want   []string
	}{
		"the values of a dimension, in order":        {func(r *DimensionRequest) { r.Dimension = store.Reporter }, []string{"Google", "Mail.ru"}},
		"search finds a part of a value in any case": {func(r *DimensionRequest) { r.Dimension, r.Search = store.PolicyDomain, "B.EX" }, []string{"b.example"}},
		"filters hold": {func(r *DimensionRequest) {
			r.Dimension, r.Filters = store.PolicyDomain, filterOn("reporter", "Mail.ru")
		}, []string{"b.example"}},
		"the range holds":                           {func(r *DimensionRequest) { r.Dimension, r.From = store.Reporter, at("2026-03-10") }, nil},
		"values of failure details":                 {func(r *DimensionRequest) { r.Dimension = store.ReceivingMX }, []string{"mx1.b.example", "mx1.c.example", "mx2.c.example"}},
		"configured sources also when nothing came": {func(r *DimensionRequest) { r.Dimension, r.From = store.Source, at("2026-03-30") }, []string{"drop1", "mb1"}},
		"reasons of quarantine":                     {func(r *DimensionRequest) { r.Dimension = store.QuarantineReason }, []string{"invalid-json"}},
		"reasons of quarantine at a source without one": {func(r *DimensionRequest) {
			r.Dimension, r.Filters = store.QuarantineReason, filterOn("source", "drop1")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			request := span
			c.change(&request)
			got, more, err := DimensionValues(t.Context(), b.environment(), request)
			if err != nil || more {
				t.Fatal(err, more)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("search finds a part of a domain as people write it", func(t *testing.T) {
		b := newBoard(t, sent{day: "2026-03-02", policies: []tlsrpt.Policy{{Domain: "xn--bcher-kva.example", Type: "sts", Successful: 1}}})
		request := span
		request.Dimension, request.Search = store.PolicyDomain, "BÜCH"
		if got, _, err := DimensionValues(t.Context(), b.environment(), request); err != nil || len(got) != 1 {
			t.Errorf("got %v, %v", got, err)
		}
		request.Search = "küch"
		if got, _, err := DimensionValues(t.Context(), b.environment(), request); err != nil || len(got) != 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("limit cuts and says so", func(t *testing.T) {
		request := span
		request.Dimension, request.Limit = store.PolicyDomain, 2
		got, more, err := DimensionValues(t.Context(), b.environment(), request)
		if err != nil || !more || len(got) != 2 {
			t.Errorf("%v, more %v, %v", got, more, err)
		}
	})
	t.Run("an unknown dimension is an error that names it and the allowed ones", func(t *testing.T) {
		_, _, err := DimensionValues(t.Context(), b.environment(), DimensionRequest{Dimension: "domain", From: time.Time{}})
		if err == nil || !strings.Contains(err.Error(), `unknown dimension "domain"; allowed are policyDomain`) {
			t.Errorf("got %v", err)
		}
	})
}

func filterOn(dimension store.Dimension, value string) []Filter {
	return []Filter{{Dimension: dimension, Operator: store.Equal, Values: []string{value}}}
}
