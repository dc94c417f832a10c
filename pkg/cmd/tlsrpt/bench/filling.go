package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const filledDays = 365

// fill makes a store of so many policy rows of the domains over 365 days up to
// yesterday, each stored the morning after its day, or takes one that is kept.
func (l *lab) fill(ctx context.Context, rows int) (file string, err error) {
	folder := l.dir
	if l.keep != "" {
		folder = l.keep
	}
	file = filepath.Join(folder, fmt.Sprintf("%d-rows-%d-domains", rows, l.domains), "org1-tlsrpt.sqlite")
	if _, err := os.Stat(file + ".filled"); err == nil {
		return file, nil
	}
	if err := errors.Join(os.RemoveAll(filepath.Dir(file)), os.MkdirAll(filepath.Dir(file), 0o755)); err != nil {
		return "", err
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	now := today
	s, err := sqlite.Open(ctx, file, sqlite.WithClock(func() time.Time { return now }))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	f := filler{domains: l.domains, random: rand.New(rand.NewPCG(3, 4))}
	for n := range filledDays {
		day := today.AddDate(0, 0, n-filledDays)
		now = day.AddDate(0, 0, 1).Add(6 * time.Hour)
		due := rows*(n+1)/filledDays - rows*n/filledDays
		for due > 0 {
			batch := f.deliveries(day, min(due, 200))
			if _, err := s.Commit(ctx, batch); err != nil {
				return "", err
			}
			due -= len(batch)
		}
	}
	state := store.SourceState{Source: "mb1", FirstConfigured: today.AddDate(-1, 0, 0), LastPoll: time.Now(), LastSuccess: time.Now(), FirstSync: today.AddDate(-1, 0, 1)}
	if err := s.SaveSourceState(ctx, state); err != nil {
		return "", err
	}
	return file, os.WriteFile(file+".filled", nil, 0o644)
}

// A filler makes reports of one policy, a failure in one of twenty, by as many
// reporters as there are to be reports a day.
type filler struct {
	domains, made int
	random        *rand.Rand
}

func (f *filler) deliveries(day time.Time, n int) []store.Delivery {
	batch := make([]store.Delivery, n)
	for i := range batch {
		domain := fmt.Sprintf("d%06d.example", f.made%f.domains+1)
		reporter := fmt.Sprintf("mta%03d.example", f.made/f.domains%20)
		f.made++
		p := tlsrpt.Policy{
			Type: "sts", Mode: "enforce", Domain: domain, Strings: []string{"version: STSv1", "mode: enforce", "mx: *." + domain, "max_age: 604800"},
			MXHosts: []string{"*." + domain}, Successful: int64(f.random.IntN(1000)),
		}
		if f.random.IntN(20) == 0 {
			p.Failed = int64(1 + f.random.IntN(20))
			p.Details = []tlsrpt.FailureDetail{{
				ResultType: []string{"certificate-expired", "starttls-not-supported", "validation-failure"}[f.random.IntN(3)], ReceivingMXHostname: "mx1." + domain,
				ReceivingIP: "192.0.2.1", SendingMTAIP: fmt.Sprintf("198.51.100.%d", f.random.IntN(256)), FailedSessions: p.Failed,
			}}
		}
		r := &tlsrpt.Report{
			Reporter: reporter, ContactInfo: "reports@" + reporter, ReportID: fmt.Sprintf("%d@%s", f.made, reporter),
			Start: day, End: day.AddDate(0, 0, 1), Policies: []tlsrpt.Policy{p},
		}
		raw, _ := json.Marshal(r) // of plain strings and numbers
		batch[i] = store.Delivery{
			Source: "mb1", Ref: fmt.Sprintf("INBOX/1700000000/%d", f.made), Received: r.End.Add(time.Hour), Size: 4000,
			Documents: []store.Document{{
				Report: r, Raw: raw, Hints: tlsrpt.Hints{ReportDomain: domain, Submitter: reporter},
				Judgement: store.Judgement{Trust: store.Authenticated, Reason: "DKIM signature of " + reporter + " is valid", SignedBy: reporter, Route: store.Direct},
			}},
		}
	}
	return batch
}
