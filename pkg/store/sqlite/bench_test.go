package sqlite

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// traffic makes the reports that five reporters send of many domains, a day
// after the other: one or two policies each, a failure in one of twenty.
type traffic struct {
	domains int
	random  *rand.Rand
	made    int
}

func newTraffic(domains int) *traffic {
	return &traffic{domains: domains, random: rand.New(rand.NewPCG(1, 2))}
}

var senders = []struct{ name, signer string }{
	{"Google Inc.", "google.com"}, {"Microsoft Corporation", "microsoft.com"}, {"Mail.ru", "corp.mail.ru"},
	{"Comcast", "comcast.net"}, {"Mimecast", "mimecast.org"},
}

func (tr *traffic) report() (*tlsrpt.Report, string) {
	domain := fmt.Sprintf("domain%d.example", tr.made%tr.domains)
	sender := senders[tr.made/tr.domains%len(senders)]
	day := epoch.AddDate(0, 0, tr.made/tr.domains/len(senders))
	tr.made++
	r := &tlsrpt.Report{
		Reporter: sender.name, ContactInfo: "reports@" + sender.signer, ReportID: fmt.Sprintf("%s_%s", day.Format(time.RFC3339), domain),
		Start: day, End: day.AddDate(0, 0, 1),
		Policies: []tlsrpt.Policy{{
			Type: "sts", Mode: "enforce", Domain: domain, Strings: []string{"version: STSv1", "mode: enforce", "mx: *." + domain, "max_age: 604800"},
			MXHosts: []string{"*." + domain}, Successful: int64(tr.random.IntN(1000)),
		}},
	}
	p := &r.Policies[0]
	if tr.random.IntN(20) == 0 {
		p.Failed = int64(1 + tr.random.IntN(20))
		p.Details = []tlsrpt.FailureDetail{{
			ResultType: "certificate-expired", ReceivingMXHostname: "mx1." + domain, ReceivingIP: "192.0.2.1",
			SendingMTAIP: fmt.Sprintf("198.51.100.%d", tr.random.IntN(256)), FailedSessions: p.Failed,
		}}
	}
	if sender.signer == "microsoft.com" {
		twice := *p
		twice.Type, twice.Mode, twice.Strings = "tlsa", "", []string{"3 1 1 0123456789abcdef"}
		r.Policies = append(r.Policies, twice)
	}
	return r, sender.signer
}

func (tr *traffic) deliveries(t fataler, n int) []store.Delivery {
	batch := make([]store.Delivery, n)
	for i := range batch {
		r, signer := tr.report()
		raw, err := json.Marshal(r)
		must(t, err)
		batch[i] = store.Delivery{
			Source: "mailbox", Ref: fmt.Sprintf("INBOX/1700000000/%d", tr.made), Received: r.End.Add(time.Hour), Size: 4000,
			Documents: []store.Document{{
				Report: r, Raw: raw, Hints: tlsrpt.Hints{ReportDomain: r.Policies[0].Domain, Submitter: signer},
				Judgement: store.Judgement{Trust: store.Authenticated, Reason: "DKIM signature of " + signer + " is valid", SignedBy: signer, Route: store.Direct},
			}},
		}
	}
	return batch
}

func BenchmarkCommit(b *testing.B) {
	for _, domains := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("%d domains", domains), func(b *testing.B) {
			s, err := Open(b.Context(), filepath.Join(b.TempDir(), "store.db"))
			must(b, err)
			defer s.Close()
			tr := newTraffic(domains)
			const size = 200
			for b.Loop() {
				b.StopTimer()
				batch := tr.deliveries(b, size)
				b.StartTimer()
				if _, err := s.Commit(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "reports/s")
			bytes, reports, err := s.Size(b.Context())
			must(b, err)
			b.ReportMetric(float64(bytes)/float64(reports), "bytes/report")
		})
	}
}
