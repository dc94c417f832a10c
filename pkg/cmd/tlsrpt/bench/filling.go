package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	filledDays = 365
	// fillBatch is how many reports a commit of the filling holds.
	fillBatch = 200
	// weighedEach is of how many documents one is packed by gzip to estimate
	// what all of them need.
	weighedEach = 100
)

// A filling says what is in a store that is queried.
type filling struct {
	rows, domains, reporters int
}

// A filled is a store that is queried.
type filled struct {
	filling
	file string
	// took is how long filling it took; 0 for one that was kept.
	took time.Duration
	// compressed is what its documents need by gzip, in bytes, estimated.
	compressed int64
}

// fill makes a store of so many policy rows over 365 days up to yesterday, each
// stored the morning after its day, or takes one that was kept since today.
func (l *lab) fill(ctx context.Context, what filling) (made filled, err error) {
	folder := l.dir
	if l.store != "" {
		folder = l.store
	}
	folder = filepath.Join(folder, fmt.Sprintf("%d-rows-%d-domains-%d-reporters", what.rows, what.domains, what.reporters))
	made = filled{filling: what, file: filepath.Join(folder, "org1-tlsrpt.sqlite")}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	mark := filepath.Join(folder, "filled")
	if info, err := os.Stat(mark); err == nil && !info.ModTime().Before(today) {
		raw, err := os.ReadFile(mark)
		if err == nil {
			err = json.Unmarshal(raw, &made.compressed)
		}
		return made, err
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return made, err
	}
	began := time.Now()
	if made.compressed, err = l.fillFile(ctx, made.file, what, today); err != nil {
		return made, err
	}
	made.took = time.Since(began)
	raw, err := json.Marshal(made.compressed)
	if err == nil {
		err = os.WriteFile(mark, raw, 0o644)
	}
	return made, err
}

// fillFile fills a new store and returns what its documents need by gzip.
func (l *lab) fillFile(ctx context.Context, file string, what filling, today time.Time) (compressed int64, err error) {
	now := today
	s, err := sqlite.Open(ctx, file, sqlite.WithClock(func() time.Time { return now }))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	f := newFiller(what)
	p := l.progress(fmt.Sprintf("fill a store of %d domains", what.domains), what.rows)
	for n := range filledDays {
		day := today.AddDate(0, 0, n-filledDays)
		now = day.AddDate(0, 0, 1).Add(6 * time.Hour)
		for due := what.rows*(n+1)/filledDays - what.rows*n/filledDays; due > 0; due -= min(due, fillBatch) {
			batch, err := f.deliveries(day, min(due, fillBatch))
			if err != nil {
				return 0, err
			}
			if _, err := s.Commit(ctx, batch); err != nil {
				return 0, err
			}
			p.at(f.made)
		}
	}
	// As the plugin does each day: hours that nobody asks for any more go.
	if _, err := s.Retain(ctx, tlsrpt.DayOf(today.AddDate(0, 0, -filledDays))); err != nil {
		return 0, err
	}
	state := store.SourceState{Source: "mb1", FirstConfigured: today.AddDate(-1, 0, 0), LastPoll: time.Now(), LastSuccess: time.Now(), FirstSync: today.AddDate(-1, 0, 1)}
	return f.weighed * weighedEach, s.SaveSourceState(ctx, state)
}

// A filler makes reports of one policy. Each domain is reported on by its
// reporters in turn, and what fails depends on domain, day and reporter alone:
// so of two stores with the same reporters, the one of more reports has more of
// the same to tell.
type filler struct {
	filling
	// series tells the reports of several fillers of one store apart.
	series  string
	made    int
	weighed int64
	random  *rand.Rand
}

func newFiller(what filling) *filler {
	return &filler{filling: what, random: rand.New(rand.NewPCG(3, 4))}
}

func (f *filler) deliveries(day time.Time, n int) ([]store.Delivery, error) {
	batch := make([]store.Delivery, n)
	for i := range batch {
		r := f.report(day)
		raw, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		if f.made%weighedEach == 1 {
			size, err := gzipSize(raw)
			if err != nil {
				return nil, err
			}
			f.weighed += size
		}
		batch[i] = store.Delivery{
			Source: "mb1", Ref: fmt.Sprintf("INBOX/1700000000/%s%d", f.series, f.made), Received: r.End.Add(time.Hour), Size: 4000,
			Documents: []store.Document{{
				Report: r, Raw: raw, Hints: tlsrpt.Hints{ReportDomain: r.Policies[0].Domain, Submitter: r.Reporter},
				Judgement: store.Judgement{Trust: store.Authenticated, Reason: "DKIM signature of " + r.Reporter + " is valid", SignedBy: r.Reporter, Route: store.Direct},
			}},
		}
	}
	return batch, nil
}

// report makes the next report.
func (f *filler) report(day time.Time) *tlsrpt.Report {
	domain := domainName(f.made%f.domains + 1)
	reporter := fmt.Sprintf("mta%03d.example", f.made/f.domains%f.reporters)
	f.made++
	p := tlsrpt.Policy{
		Type: "sts", Mode: "enforce", Domain: domain, Strings: []string{"version: STSv1", "mode: enforce", "mx: *." + domain, "max_age: 604800"},
		MXHosts: []string{"*." + domain}, Successful: int64(f.random.IntN(1000)),
	}
	if result := failureOf(domain, reporter, day); result != "" {
		p.Failed = int64(1 + f.random.IntN(20))
		p.Details = []tlsrpt.FailureDetail{{
			ResultType: result, ReceivingMXHostname: "mx1." + domain,
			ReceivingIP: "192.0.2.1", SendingMTAIP: fmt.Sprintf("198.51.100.%d", f.random.IntN(256)), FailedSessions: p.Failed,
		}}
	}
	return &tlsrpt.Report{
		Reporter: reporter, ContactInfo: "reports@" + reporter, ReportID: fmt.Sprintf("%s%d@%s", f.series, f.made, reporter),
		Start: day, End: day.AddDate(0, 0, 1), Policies: []tlsrpt.Policy{p},
	}
}

// domainName is that of the domain that is heard of as the n-th. A hoster's
// domains are not first heard of in the order of their names.
func domainName(n int) string {
	sum := sha256.Sum256([]byte(fmt.Sprint("domain ", n)))
	return fmt.Sprintf("d%x.example", sum[:6])
}

// failureOf is what a reporter's sessions with a domain fail of on a day; empty
// on all but one of twenty.
func failureOf(domain, reporter string, day time.Time) string {
	h := fnv.New32a()
	fmt.Fprint(h, domain, reporter, day.Unix()) // never fails
	if h.Sum32()%20 != 0 {
		return ""
	}
	return []string{"certificate-expired", "starttls-not-supported", "validation-failure"}[h.Sum32()/20%3]
}
