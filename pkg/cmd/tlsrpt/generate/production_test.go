package generate_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestProductionCodeReadsWhatTheLedgerSays(t *testing.T) {
	for _, o := range []generate.Options{{}, {Seed: 3, Days: 20, Domains: 6, Reporters: 8, PerDay: 4}} {
		g, err := generate.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for item := range g.Items() {
			x := mailreport.Extract(item.Bytes, item.Item, item.Kind == generate.Mail)
			if x.Mail != (item.Kind == generate.Mail) || x.Problem != nil {
				t.Fatalf("%s: mail %v, problem %v", item.Item, x.Mail, x.Problem)
			}
			switch item.Decoy {
			case generate.DMARC, generate.Personal:
				if x.Ignored == "" || len(x.Documents) != 0 {
					t.Errorf("%s is not ignored: %+v", item.Item, x)
				}
				continue
			}
			if len(x.Documents) != 1 || !bytes.Equal(x.Documents[0].Raw, item.Document) {
				t.Fatalf("%s: extracted %d documents, or another than was put in", item.Item, len(x.Documents))
			}
			report, err := tlsrpt.DecodeBytes(x.Documents[0].Raw, x.Documents[0].Hints)
			if item.Decoy == generate.Broken {
				if err == nil {
					t.Errorf("%s is to be broken, and decodes", item.Item)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", item.Item, err)
			}
			compare(t, item.Entry, report)
		}
	}
}

func compare(t *testing.T, want generate.Entry, report *tlsrpt.Report) {
	t.Helper()
	got := want
	got.Reporter, got.ReportID = report.Reporter, report.ReportID
	got.Start, got.End, got.Day = report.Start, report.End, report.Day().Time()
	got.Policies = nil
	for _, p := range report.Policies {
		policy := generate.Policy{Domain: p.Domain, Type: p.Type, Mode: p.Mode, Successful: p.Successful, Failed: p.Failed}
		for _, d := range p.Details {
			policy.Details = append(policy.Details, generate.Detail{
				ResultType: d.ResultType, SendingMTAIP: d.SendingMTAIP,
				ReceivingMX: d.ReceivingMXHostname, ReceivingMXHelo: d.ReceivingMXHelo, ReceivingIP: d.ReceivingIP,
				ReasonCode: d.ReasonCode, AdditionalInfo: d.AdditionalInformation, FailedSessions: d.FailedSessions,
			})
		}
		got.Policies = append(got.Policies, policy)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-ledger +report):\n%s", want.Item, diff)
	}
	for _, w := range report.Warnings {
		if part := !want.Start.Equal(want.Day); w.Code != "period-not-midnight" || !part {
			t.Errorf("%s: %s", want.Item, w)
		}
	}
}

func TestTheReceivingServersHeadersTellForgeriesApart(t *testing.T) {
	g, err := generate.New(generate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	judge := mailreport.NewAuthenticator(mailreport.ModeHeaders, generate.AuthservID, nil)
	for item := range g.Items() {
		if item.Kind != generate.Mail {
			continue
		}
		verdict := judge.Judge(context.Background(), item.Bytes)
		if (verdict.Trust == mailreport.Authenticated) != item.Authenticated {
			t.Errorf("%s (%s): %+v", item.Item, item.Decoy, verdict)
		}
	}
}

func TestProductionCodeCountsAsTheLedgerDoes(t *testing.T) {
	g, err := generate.New(generate.Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	total, failed, details := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for item := range g.Items() {
		if item.Decoy != generate.Genuine {
			continue
		}
		report, err := tlsrpt.DecodeBytes(item.Document, tlsrpt.Hints{})
		if err != nil {
			t.Fatalf("%s: %v", item.Item, err)
		}
		for _, p := range report.Policies {
			key := generate.Key(report.Reporter, p.Domain)
			total[key] += p.Successful + p.Failed
			failed[key] += p.Failed
			for _, d := range p.Details {
				details[generate.Key(d.ResultType, tlsrpt.Network(d.SendingMTAIP))] += d.FailedSessions
			}
		}
		for domain, overlap := range report.Overlaps() {
			key := generate.Key(report.Reporter, domain)
			total[key] -= overlap.Total
			failed[key] -= overlap.Failed
			for d, n := range overlap.Details {
				details[generate.Key(d.ResultType, tlsrpt.Network(d.SendingMTAIP))] -= n
			}
		}
	}
	for key, want := range generate.Sum(g.Entries(), generate.Distinct, generate.ByReporter, generate.ByDomain) {
		if total[key] != want.Total() || failed[key] != want.Failed {
			t.Errorf("%s: %d sessions, %d failed, want %+v", key, total[key], failed[key], want)
		}
	}
	want := generate.SumDetails(g.Entries(), generate.Distinct, generate.ByResultType, generate.ByNetwork)
	if diff := cmp.Diff(want, details); diff != "" {
		t.Errorf("details (-ledger +production):\n%s", diff)
	}
}
