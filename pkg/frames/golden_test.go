package frames

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

var update = flag.Bool("update", false, "write the golden files anew")

// evil is what a stranger may write: hidden characters, an address, HTML.
const evil = "\u202e<b>ask</b>\x00 root@mx.example"

var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	day  = tlsrpt.DayOf(noon)
)

func TestFramesAreAsInTheGoldenFiles(t *testing.T) {
	for name, answer := range map[string]data.Frames{
		"trend": Trend([]analytics.Series{
			{Values: []string{"a.example", "Google"}, Points: []analytics.Point{{Time: day.Time(), Sums: analytics.Sums{Successful: 3, Failed: 1}}, {Time: (day + 2).Time(), Sums: analytics.Sums{Successful: 2}}}},
			{Values: []string{"b.example", ""}, Points: []analytics.Point{{Time: day.Time(), Sums: analytics.Sums{Failed: 1}}}},
		}, []store.Dimension{store.PolicyDomain, store.Reporter}, analytics.FailureRate, analytics.Distinct),
		"trend without groups": Trend([]analytics.Series{{Points: []analytics.Point{{Time: day.Time(), Sums: analytics.Sums{Failed: 4}}}}}, nil, analytics.FailedSessions, analytics.Distinct),
		"trend without data":   Trend(nil, []store.Dimension{store.PolicyDomain}, analytics.FailedSessions, analytics.Distinct),
		"summary": {Summary([]SummaryRow{{[]string{"a.example", ""}, []float64{0.25}}, {[]string{"b.example", "enforce"}, []float64{0}}},
			[]store.Dimension{store.PolicyDomain, store.PolicyMode}, []analytics.Metric{analytics.FailureRate})},
		"summary of several metrics": {Summary([]SummaryRow{{[]string{"a.example"}, []float64{3, 12, 0.25}}},
			[]store.Dimension{store.PolicyDomain}, []analytics.Metric{analytics.FailedSessions, analytics.TotalSessions, analytics.FailureRate})},
		"summary without data": {Summary(nil, nil, []analytics.Metric{analytics.ReportAge})},
		"failures": {Failures([]store.FailureRow{{
			Day: day, Stored: noon, Policy: tlsrpt.Policy{Domain: "xn--bcher-kva.example", Type: "sts", Mode: "enforce"}, Reporter: "Google" + "\u202e", Trust: store.Authenticated, ReportID: "2026-03-02@google.example", ID: 7,
			Detail: tlsrpt.FailureDetail{ResultType: "certificate-expired", SendingMTAIP: "192.0.2.1", ReceivingIP: "192.0.2.25", ReceivingMXHostname: "mx1.a.example",
				ReceivingMXHelo: evil, FailedSessions: 3, AdditionalInformation: evil, ReasonCode: evil, Reason: "ask *"},
		}}, store.Period)},
		"reports": {Reports([]store.ReportRow{
			{ID: 7, Day: day, Start: day.Time(), End: (day + 1).Time(), Received: noon, Stored: noon.Add(time.Hour), Reporter: "Microsoft Corporation", PolicyDomain: "a.example", Total: 20, Failed: 4, OverlapTotal: 10, OverlapFailed: 2,
				Judgement: store.Judgement{Trust: store.Authenticated, Reason: "DKIM signature of microsoft.com is valid", SignedBy: "microsoft.com", Route: store.Direct}, Deliveries: 2,
				Warnings: []string{"odd: " + evil, "second"}, ContactInfo: "tls\u202e@microsoft.example", ReportID: "id@microsoft.example", Source: "mb1"},
			{ID: 8, Day: day, Start: day.Time(), End: (day + 1).Time(), Received: noon, Stored: noon, Reporter: "x", PolicyDomain: "a.example", Judgement: store.Judgement{Trust: store.Unauthenticated, Route: store.Drop}, Superseded: true, Deliveries: 1},
		}, store.StoredTime, analytics.Distinct)},
		"reporters": {Reporters([]ReporterRow{
			{store.ReporterRow{Reporter: "Google", PolicyDomain: "a.example", FirstReport: day - 30, LastReport: day, LastStored: noon, Reports: 31, Days: 29},
				analytics.Cadence{Kind: analytics.Daily, Every: 1, ExpectedNext: (day + 3).Time(), State: analytics.ReporterReporting}},
			{store.ReporterRow{Reporter: "Microsoft", PolicyDomain: "a.example"}, analytics.Cadence{Kind: analytics.UnknownCadence, Every: 1, State: analytics.ReporterQuiet, Note: "Possibly: " + evil}},
		})},
		"status": {Status([]analytics.Finding{
			{Severity: analytics.Critical, Sentence: "xn--bcher-kva.example: " + evil, PolicyDomain: "xn--bcher-kva.example", Count: 9, Kind: analytics.KindIncident},
			{Severity: analytics.Info, Sentence: "Drop could not be read.", Count: 1, Kind: analytics.KindSource},
		})},
		"incidents": {Incidents([]analytics.Incident{
			{PolicyDomain: "xn--bcher-kva.example", ResultType: "certificate-expired", PolicyMode: "enforce", State: analytics.IncidentOpen, FirstDay: (day - 3).Time(), LastDay: day.Time(),
				FailedSessions: 12, Sessions: 48, Share: 0.25, Reporters: []string{"Google", "Mail.ru\u202e"}, ReportersHeard: 3,
				MXs: []string{"mx1.xn--bcher-kva.example", "b", "c", "d", "e", "f", "g"}, Networks: []string{"192.0.2.0/24"}, Reason: evil, Verdict: "Seen by " + evil, Fix: "Renew it.",
				Command: "openssl s_client", SenderSees: "551 5.7.5", Fault: analytics.OurMX, Severity: analytics.Critical, LastCleanDay: (day - 4).Time(), NextReport: noon},
			{PolicyDomain: "a.example", ResultType: "sts-policy-fetch-error", State: analytics.IncidentEnded, FirstDay: day.Time(), LastDay: day.Time(), FailedSessions: 1, Share: 1, Reporters: []string{"Google"}, ReportersHeard: 1,
				Severity: analytics.Info, CleanSince: (day + 1).Time()},
		})},
		"policies": {Policies(analytics.PolicyRows([]store.PolicySeen{
			{Domain: "a.example", Type: "sts", Mode: "enforce", Strings: []string{"version: STSv1", "mode: enforce", "mx: mx1.a.example", "max_age: 86400", "x: " + evil}, MXHosts: []string{"mx1.a.example"}, Reporter: "Google", First: day - 5, Last: day, Reports: 6},
			{Domain: "a.example", Type: "tlsa", Strings: []string{"3 1 1 00ff"}, MXHosts: []string{"mx.xn--bcher-kva.example"}, Reporter: "Microsoft", First: day, Last: day, Reports: 1},
		}))},
		"readiness": {Readiness([]analytics.ReadinessRow{
			{Domain: "a.example", Mode: "testing", Verdict: analytics.VerdictWait, Days: 9, Reporters: []string{"Google", "Mail.ru"}, TotalSessions: 900, WouldFail: 2, PolicyTrouble: 1, GoOn: (day + 7).Time(), Reasons: []string{"First.", "Second: " + evil}},
			{Domain: "b.example", Verdict: analytics.VerdictNo, Reasons: []string{"No policy."}},
		})},
		"events": {Events([]analytics.Event{
			{Time: day.Time(), TimeEnd: noon, Title: "a.example: odd, " + evil, Text: evil, Tags: []string{"incident", "odd, " + evil, "open"}, PolicyDomain: "a.example", Kind: analytics.EventIncident},
			{Time: noon, Title: "a.example: Google reports", Text: "First report.", Tags: []string{"newReporter"}, PolicyDomain: "a.example", Kind: analytics.EventNewReporter},
		})},
		"sources": {Sources([]SourceRow{
			{ID: "mb1", Name: "Report mailbox", Type: "imap", State: "ok", LastPoll: noon, LastSuccess: noon, Lag: new(3600.0), Account: store.Account{Stored: 4, Duplicate: 3, Quarantined: 2, Ignored: 1, Pending: 5}},
			{ID: "drop1", Type: "https", State: "failing", LastPoll: noon, LastError: evil},
		})},
		"counters": {Counters([]CounterRow{
			{Name: "tlsrpt_items_stored", Meaning: "Reports that were stored.", Source: "mb1", Value: 12},
			{Name: "tlsrpt_last_success_timestamp_seconds", Meaning: "When it was read.", Source: "mb1", Value: 1.7e9},
			{Name: "tlsrpt_query_duration_seconds", Meaning: "How long queries took.", Kind: "trend", Value: 3, P50: new(.004), P95: new(.02), Max: new(.025)},
			{Name: "tlsrpt_query_duration_seconds", Meaning: "How long queries took.", Kind: "status", Value: 1, P50: new(10.), P95: new(10.)},
			{Name: "tlsrpt_source_received_bytes_total", Meaning: "Bytes.", Source: "drop1", Value: 4096},
			{Name: "tlsrpt_commit_items", Meaning: "Items.", Value: 0},
		})},
		"quarantine": {Quarantine([]store.QuarantineRow{{ID: 3, Time: noon, Problem: store.Problem{Reason: "invalid-json", Detail: evil}, Source: "mb1", Ref: "INBOX;1;2", Size: 99, Tries: 2, ParserVersion: 1}})},
	} {
		t.Run(name, func(t *testing.T) { compareGolden(t, name, answer) })
	}
}

func compareGolden(t *testing.T, name string, answer data.Frames) {
	t.Helper()
	compact, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, compact, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".golden.json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s differs (-update writes it anew): %s", path, diff)
	}
}

func TestNoFrameHoldsAHiddenCharacter(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("\u202e")) || bytes.Contains(raw, []byte(`\u202e`)) || bytes.Contains(raw, []byte(`\u0000`)) {
			t.Errorf("%s holds one", file)
		}
		if bytes.Contains(raw, []byte("root@")) {
			t.Errorf("%s holds a mail address from free text", file)
		}
	}
}

func TestDimensionsAndMetricsAreNamedAndDescribed(t *testing.T) {
	for _, d := range []store.Dimension{
		store.PolicyDomain, store.PolicyType, store.PolicyMode, store.Reporter, store.TrustDimension, store.Source, store.ResultType,
		store.ReasonCode, store.ReceivingMX, store.ReceivingIP, store.SendingMTAIP, store.SendingNetwork, store.QuarantineReason,
	} {
		if title, description := dimensionTitle(d); title == string(d) || description == "" {
			t.Errorf("%s: %q, %q", d, title, description)
		}
	}
	shown := []analytics.Metric{
		analytics.FailedSessions, analytics.SuccessfulSessions, analytics.TotalSessions, analytics.FailureRate, analytics.Reports, analytics.ProtectedShare,
		analytics.ReportersFailing, analytics.CompletenessShare,
	}
	for _, m := range shown {
		if metricTitle(m) == "" {
			t.Errorf("%s has no title", m)
		}
	}
	for _, m := range append(shown,
		analytics.ReportAge, analytics.PollAge, analytics.Quarantined, analytics.NewFailedSessions,
		analytics.Overdue, analytics.HistoryDays, analytics.SilentDays, analytics.Enforced, analytics.ModeDropped,
		analytics.ProtectionLost, analytics.DetailReporters, analytics.DetailSightings, analytics.DetailRepeats, analytics.MXFailureShare, analytics.CleanReports,
		analytics.LastFailing, analytics.NextReport, analytics.PollsMissed, analytics.Arrivals, analytics.DANEFailedSessions,
	) {
		if m.Description() == "" || m.Unit() == "" {
			t.Errorf("%s has no description or unit", m)
		}
	}
}
