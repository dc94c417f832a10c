package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// The reporters that report every day, whatever happens.
const (
	google, comcast, mimecast = "Google Inc.", "Comcast", "Mimecast"
	alertDrop                 = "drop1"
	longAgo                   = 60 * 24 * time.Hour
)

// A said is a report as the sets of alerts think of it.
type said struct {
	reporter, domain string
	// day is of how many days ago it tells: 1 is yesterday.
	day int
	// ago is how long ago it was stored; 0 is two hours for yesterday's, and a
	// day more for each day before.
	ago      time.Duration
	policies []heard
}

// A heard is one policy of a report.
type heard struct {
	kind, mode string
	ok, failed int64
	details    []failing
}

type failing struct {
	kind, mx string
	n        int64
}

// sts is a policy in enforce with its failures; the sessions are ok and failed.
func sts(ok int64, details ...failing) heard { return of("sts", "enforce", ok, details...) }

func of(kind, mode string, ok int64, details ...failing) heard {
	h := heard{kind: kind, mode: mode, ok: ok, details: details}
	for _, d := range details {
		h.failed += d.n
	}
	return h
}

// days are a reporter's reports of a stretch of days, the first of them longest ago.
func days(reporter, domain string, first, last int, policies ...heard) []said {
	var list []said
	for day := first; day >= last; day-- {
		list = append(list, said{reporter: reporter, domain: domain, day: day, policies: policies})
	}
	return list
}

// An alertStore is what one data source has stored.
type alertStore struct {
	reports []said
	// broken are documents that can't be read, by how long ago they came, and
	// foreign reports on domains that the settings do not name.
	broken, foreign []time.Duration
	// success is how long ago each source was polled with success.
	success map[string]time.Duration
	// firstSync is how long ago the first synchronisation ended.
	firstSync time.Duration
}

// fill stores everything at its time, and leaves the clock at now.
func (a alertStore) fill(t *testing.T, open func(sqlite.Option) (*sqlite.Store, error), now time.Time) *sqlite.Store {
	t.Helper()
	clock := now
	s, err := open(sqlite.WithClock(func() time.Time { return clock }))
	if err != nil {
		t.Fatal(err)
	}
	type arrival struct {
		at       time.Time
		delivery store.Delivery
	}
	var all []arrival
	// The pipeline reads what the plugin would, and as the plugin reads it.
	pipeline := &ingest.Pipeline{}
	add := func(ago time.Duration, content []byte) {
		at := now.Add(-ago)
		all = append(all, arrival{at, pipeline.Process(t.Context(), ingest.File{
			Source: alertDrop, Ref: fmt.Sprint(len(all)), Received: at, Name: "report.json", Route: store.Drop, Assume: true, Body: content,
		})})
	}
	for i, r := range a.reports {
		ago := r.ago
		if ago == 0 {
			ago = time.Duration(r.day-1)*24*time.Hour + 2*time.Hour
		}
		add(ago, r.document(t, i, now))
	}
	for i, ago := range a.broken {
		add(ago, fmt.Appendf(nil, `{"organization-name":"broken %d","policies":[`, i))
	}
	for i, ago := range a.foreign {
		all = append(all, arrival{now.Add(-ago), store.Delivery{Source: alertDrop, Ref: fmt.Sprint("foreign", i), Received: now.Add(-ago), Documents: []store.Document{{
			Problem: &store.Problem{Reason: store.ForeignDomain, Detail: "the setting «domains» does not name it"}, Raw: []byte("{}"),
		}}}})
	}
	slices.SortStableFunc(all, func(x, y arrival) int { return x.at.Compare(y.at) })
	for _, x := range all {
		clock = x.at
		if _, err := s.Commit(t.Context(), []store.Delivery{x.delivery}); err != nil {
			t.Fatal(err)
		}
	}
	clock = now
	a.saveStates(t.Context(), t, s, now)
	return s
}

func (a alertStore) saveStates(ctx context.Context, t *testing.T, s *sqlite.Store, now time.Time) {
	t.Helper()
	for id, ago := range a.success {
		state := store.SourceState{
			Source: id, FirstConfigured: now.Add(-longAgo), LastPoll: now, LastSuccess: now.Add(-ago), FirstSync: now.Add(-max(a.firstSync, ago)),
		}
		if err := s.SaveSourceState(ctx, state); err != nil {
			t.Fatal(err)
		}
	}
}

// document is the report as RFC 8460 section 4.4 has it.
func (r said) document(t *testing.T, number int, now time.Time) []byte {
	t.Helper()
	start := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -r.day)
	var policies []any
	for _, p := range r.policies {
		policy := map[string]any{"policy-type": p.kind, "policy-domain": r.domain}
		switch p.kind {
		case "sts":
			policy["policy-string"] = []string{"version: STSv1", "mode: " + p.mode, "mx: *." + r.domain, "max_age: 604800"}
		case "tlsa":
			policy["policy-string"] = []string{"3 1 1 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"}
		}
		var details []any
		for _, d := range p.details {
			detail := map[string]any{"result-type": d.kind, "sending-mta-ip": "192.0.2.1", "failed-session-count": d.n}
			if d.mx != "" {
				detail["receiving-mx-hostname"] = d.mx + "." + r.domain
			}
			details = append(details, detail)
		}
		policies = append(policies, map[string]any{
			"policy": policy, "failure-details": details,
			"summary": map[string]any{"total-successful-session-count": p.ok, "total-failure-session-count": p.failed},
		})
	}
	raw, err := json.Marshal(map[string]any{
		"organization-name": r.reporter, "contact-info": "tls@" + r.domain, "report-id": fmt.Sprintf("%d@%s", number, r.domain), "policies": policies,
		"date-range": map[string]any{"start-datetime": start.Format(time.RFC3339), "end-datetime": start.AddDate(0, 0, 1).Format(time.RFC3339)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// An expectedAlert is one that must fire.
type expectedAlert struct {
	rule     string
	labels   map[string]string
	severity string
	// said are parts of its summary and description.
	said []string
}

func join(lists ...[]said) []said { return slices.Concat(lists...) }

// one is a single report, stored hours ago; 0 is the usual time.
func one(reporter, domain string, day int, hoursAgo int, policies ...heard) []said {
	return []said{{reporter: reporter, domain: domain, day: day, ago: time.Duration(hoursAgo) * time.Hour, policies: policies}}
}

// firing is a store in which every rule must fire, and what must.
func firing() (alertStore, []expectedAlert) {
	const expired, mismatch, notrust = "certificate-expired", "certificate-host-mismatch", "certificate-not-trusted"
	reports := join(
		// 1: many sessions, and few.
		days(google, "rate.example", 30, 2, of("sts", "testing", 294)), one(google, "rate.example", 1, 0, of("sts", "testing", 294, failing{"validation-failure", "mx1", 6})),
		one(comcast, "few.example", 1, 0, of("no-policy-found", "", 1, failing{"validation-failure", "", 2})),
		// 2
		days(google, "new.example", 20, 2, sts(900)), one(google, "new.example", 1, 0, sts(900, failing{"validation-failure", "mx1", 3})),
		// 3: two reporters, one MX that mostly fails, and no name of an MX.
		days(google, "cert.example", 5, 2, sts(500)),
		one(google, "cert.example", 1, 0, sts(500, failing{expired, "mx2", 2})), one(comcast, "cert.example", 1, 0, sts(500, failing{notrust, "mx2", 1})),
		one(google, "certmx.example", 1, 0, of("sts", "testing", 4, failing{mismatch, "mx1", 6})),
		one(google, "certnomx.example", 1, 0, sts(500, failing{expired, "", 2})), one(comcast, "certnomx.example", 1, 0, sts(500, failing{expired, "", 2})),
		// 4: our MX, and someone in the path.
		one(google, "starttls.example", 1, 0, sts(500, failing{"starttls-not-supported", "mx1", 1})), one(comcast, "starttls.example", 1, 0, sts(500, failing{"starttls-not-supported", "mx1", 1})),
		one(google, "path.example", 1, 0, sts(500, failing{"starttls-not-supported", "mx1", 1})),
		one(google, "eachone.example", 1, 0, sts(500, failing{"starttls-not-supported", "mx1", 1})), one(comcast, "eachone.example", 1, 0, sts(500, failing{"starttls-not-supported", "mx2", 1})),
		// 5: two on one day, one on two days.
		one(google, "sts.example", 1, 0, sts(500, failing{"sts-policy-fetch-error", "", 1})), one(comcast, "sts.example", 1, 0, sts(500, failing{"sts-webpki-invalid", "", 1})),
		days(google, "ststwice.example", 2, 1, sts(500, failing{"sts-policy-invalid", "", 1})),
		// 6: under tlsa, and without a record.
		one(comcast, "dane.example", 1, 0, of("tlsa", "", 500, failing{"tlsa-invalid", "mx1", 2})),
		one(comcast, "danerequired.example", 1, 0, of("no-policy-found", "", 500, failing{"dane-required", "mx1", 2})),
		one(comcast, "danecert.example", 1, 0, of("tlsa", "", 500, failing{"validation-failure", "mx1", 2})),
		// 7, and someone who goes on.
		days("Quietmail", "rate.example", 40, 9, of("sts", "testing", 20)),
		// 8
		days(google, "gone.example", 40, 10, sts(50)), days(comcast, "gone.example", 40, 10, sts(50)),
		days(google, "healthy.example", 40, 1, sts(50)), days(comcast, "healthy.example", 40, 1, sts(50)), days(mimecast, "healthy.example", 40, 1, sts(50)),
		// 11
		days(google, "lost.example", 25, 2, sts(50)), one(google, "lost.example", 1, 0, of("no-policy-found", "", 50)),
		// 12
		days(google, "mode.example", 25, 4, sts(50)), days(comcast, "mode.example", 25, 4, sts(50)),
		days(google, "mode.example", 3, 1, of("sts", "testing", 50)), days(comcast, "mode.example", 3, 1, of("sts", "testing", 50)),
	)
	s := alertStore{
		reports: reports, broken: []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour}, firstSync: longAgo,
		success: map[string]time.Duration{alertDrop: time.Minute, "dead": 25 * time.Hour},
	}
	domain := func(name string, more ...string) map[string]string {
		labels := map[string]string{"policyDomain": name}
		for i := 0; i+1 < len(more); i += 2 {
			labels[more[i]] = more[i+1]
		}
		return labels
	}
	last := "The last failing period ended "
	return s, []expectedAlert{
		{"tlsrpt-failure-rate", domain("rate.example"), "warning", []string{"Mail to rate.example fails TLS", "6 of ", last, "cannot clear before"}},
		{"tlsrpt-failure-rate", domain("few.example"), "warning", []string{"2 of 3 sessions", "(66.67%)"}},
		{"tlsrpt-new-failure", domain("new.example", "resultType", "validation-failure"), "critical", []string{"3 sessions to new.example", "Read the reason code", last, "cannot clear before"}},
		{"tlsrpt-certificate", domain("cert.example", "resultType", expired, "receivingMx", "mx2.cert.example"), "critical",
			[]string{"at mx2.cert.example", "seen by 1 reporter. In all, 2 reporters tell of certificates that fail on cert.example.", "Renew the certificate", last}},
		{"tlsrpt-certificate", domain("cert.example", "resultType", notrust, "receivingMx", "mx2.cert.example"), "critical", []string{"Serve the full chain"}},
		{"tlsrpt-certificate", domain("certmx.example", "resultType", mismatch, "receivingMx", "mx1.certmx.example"), "warning", []string{"seen by 1 reporter. In all, 1 reporter tells", "subject alternative names"}},
		{"tlsrpt-certificate", domain("certnomx.example", "resultType", expired), "critical", []string{"seen by 2 reporters. In all, 2 reporters tell"}},
		{"tlsrpt-starttls", domain("starttls.example", "receivingMx", "mx1.starttls.example"), "critical", []string{"2 reporters saw it there: it is our MX.", "250-STARTTLS", last}},
		{"tlsrpt-starttls", domain("eachone.example", "receivingMx", "mx1.eachone.example"), "warning", []string{"Only one reporter saw it there: someone in the path"}},
		{"tlsrpt-starttls", domain("eachone.example", "receivingMx", "mx2.eachone.example"), "warning", []string{"Only one reporter saw it there: someone in the path"}},
		{"tlsrpt-starttls", domain("path.example", "receivingMx", "mx1.path.example"), "warning", []string{"someone in the path"}},
		{"tlsrpt-sts-policy", domain("sts.example", "resultType", "sts-policy-fetch-error"), "warning", []string{"https://mta-sts.sts.example/.well-known/mta-sts.txt", last}},
		{"tlsrpt-sts-policy", domain("sts.example", "resultType", "sts-webpki-invalid"), "warning", []string{"mta-sts.sts.example"}},
		{"tlsrpt-sts-policy", domain("ststwice.example", "resultType", "sts-policy-invalid"), "warning", []string{"version: STSv1"}},
		{"tlsrpt-dane", domain("dane.example", "resultType", "tlsa-invalid"), "critical", []string{"Publish a TLSA record", last}},
		{"tlsrpt-dane", domain("danerequired.example", "resultType", "dane-required"), "warning", []string{"in a signed zone"}},
		{"tlsrpt-dane", domain("danecert.example", "resultType", "validation-failure"), "critical", []string{"danecert.example"}},
		{"tlsrpt-reporter-silent", map[string]string{"reporter": "Quietmail", "domains": "rate.example"}, "warning", []string{"Quietmail has stopped reporting", "on rate.example", "_smtp._tls"}},
		{"tlsrpt-domain-silent", domain("gone.example"), "warning", []string{"No reports on gone.example", "_smtp._tls.gone.example"}},
		{"tlsrpt-not-polled", map[string]string{"source": "dead"}, "critical", []string{"Source dead", "Save & test"}},
		{"tlsrpt-quarantine", map[string]string{"source": alertDrop}, "warning", []string{"3 of ", "quarantine"}},
		{"tlsrpt-protection-lost", domain("lost.example"), "critical", []string{"50% of the sessions", "_mta-sts.lost.example"}},
		{"tlsrpt-mode-dropped", domain("mode.example"), "warning", []string{"left enforce"}},
	}
}

// quietStores are stores in which nothing may fire but what is said, by what
// they prove.
func quietStores() map[string]quietStore {
	polled := map[string]time.Duration{alertDrop: time.Minute}
	const expired = "certificate-expired"
	near := join(
		// 1: just below each bound, and one session of one.
		one(google, "below.example", 1, 0, of("sts", "testing", 507, failing{"sts-policy-fetch-error", "", 5})),
		one(google, "four.example", 1, 0, of("sts", "testing", 196, failing{"validation-failure", "", 4})),
		one(google, "single.example", 1, 0, of("sts", "testing", 0, failing{"validation-failure", "", 1})),
		// 2: ten days of reports, a type of before, a clean report since.
		days(google, "young.example", 11, 2, sts(900)), one(google, "young.example", 1, 0, sts(900, failing{"validation-failure", "mx1", 3})),
		days(google, "known.example", 30, 16, sts(900)), one(google, "known.example", 15, 0, sts(900, failing{"validation-failure", "mx1", 3})),
		days(google, "known.example", 14, 2, sts(900)), one(google, "known.example", 1, 0, sts(900, failing{"validation-failure", "mx1", 3})),
		days(google, "mended.example", 30, 3, sts(900)), one(google, "mended.example", 2, 26, sts(900, failing{"validation-failure", "mx1", 3})), one(google, "mended.example", 1, 0, sts(900)),
		// 3: two sessions by two, three by one at an MX that mostly works.
		one(google, "two.example", 1, 0, sts(500, failing{expired, "mx1", 1})), one(comcast, "two.example", 1, 0, sts(500, failing{expired, "mx1", 1})),
		one(google, "alone.example", 1, 0, sts(500, failing{expired, "mx1", 3})),
		// 4: longer ago than the window.
		one(google, "past.example", 3, 40, sts(500, failing{"starttls-not-supported", "mx1", 1})),
		// 5: one reporter on one day, and two on different days.
		one(google, "apart.example", 2, 0, sts(500, failing{"sts-policy-fetch-error", "", 1})), one(comcast, "apart.example", 1, 0, sts(500, failing{"sts-policy-fetch-error", "", 1})),
		one(google, "once.example", 1, 0, sts(500, failing{"sts-policy-fetch-error", "", 1})),
		// 6: one session.
		one(comcast, "danesingle.example", 1, 0, of("tlsa", "", 500, failing{"tlsa-invalid", "mx1", 1})),
		// 7: nine reports and silence, two days late, week-ends, another name.
		days("Ninemail", "healthy.example", 30, 22, sts(50)), days("Latemail", "healthy.example", 40, 3, sts(50)),
		days("Mail.ru", "healthy.example", 60, 20, sts(50)), days("VK", "healthy.example", 19, 1, sts(50)),
		// 8: one of two goes on; five days are no week.
		days(google, "half.example", 40, 10, sts(50)), days(comcast, "half.example", 40, 1, sts(50)),
		days(google, "five.example", 40, 6, sts(50)), days(comcast, "five.example", 40, 6, sts(50)),
		days(google, "healthy.example", 60, 1, sts(50)), days(comcast, "healthy.example", 60, 1, sts(50)), days(mimecast, "healthy.example", 60, 1, sts(50)),
		// 11: too few sessions, and never protected enough.
		days(google, "nineteen.example", 25, 2, of("sts", "testing", 5)), one(google, "nineteen.example", 1, 0, of("no-policy-found", "", 14)),
		days(google, "mixed.example", 25, 2, of("sts", "testing", 30), of("no-policy-found", "", 20)), one(google, "mixed.example", 1, 0, of("no-policy-found", "", 50)),
		// 12: never enforced, and one reporter with an old cache.
		days(google, "testing.example", 25, 1, of("sts", "testing", 50)),
		days(google, "stale.example", 25, 11, of("sts", "testing", 50)), days(comcast, "stale.example", 25, 11, of("sts", "testing", 50)),
		days(google, "stale.example", 10, 1, sts(50)), days(comcast, "stale.example", 10, 1, sts(50)), days(mimecast, "stale.example", 25, 1, of("sts", "testing", 50)),
	)
	late := join(
		days(google, "late.example", 40, 1, sts(500)), days(comcast, "late.example", 40, 12, sts(500)), days(comcast, "late.example", 10, 1, sts(500)),
		one(comcast, "late.example", 11, 2, sts(0, failing{"starttls-not-supported", "mx1", 500}, failing{expired, "mx1", 500}, failing{"tlsa-invalid", "mx1", 500})),
	)
	years := join(days(google, "years.example", 360, 61, sts(500)), days(comcast, "years.example", 360, 1, sts(500)),
		days(google, "years.example", 60, 20, sts(100, failing{expired, "mx1", 300}, failing{"starttls-not-supported", "mx1", 3}, failing{"tlsa-invalid", "mx1", 3})),
		days(google, "years.example", 19, 1, sts(500)))
	for i := range years {
		years[i].ago = time.Hour
	}
	return map[string]quietStore{
		"what is just below the thresholds": {store: alertStore{reports: near, broken: []time.Duration{time.Hour, 2 * time.Hour}, firstSync: longAgo, success: polled,
			foreign: []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}}},
		"a late report of a failure that is long over": {store: alertStore{reports: late, firstSync: longAgo, success: polled}},
		"a first synchronisation of a year":            {store: alertStore{reports: years, firstSync: 30 * time.Minute, success: polled}},
		"an outage of our own for four days": {
			store: alertStore{
				reports: join(days(google, "outage.example", 60, 5, sts(500)), days(comcast, "outage.example", 60, 5, sts(500))), firstSync: longAgo,
				success: map[string]time.Duration{"dead": 96 * time.Hour},
			}, only: "tlsrpt-not-polled",
		},
	}
}

// A quietStore is a store, and the one rule that may fire.
type quietStore struct {
	store alertStore
	only  string
}
