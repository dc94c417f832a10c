package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
)

// TestKilledWhileTheRetentionRunsDuringIngestOnlyWhatIsTooOldIsDropped brings
// reports of long ago and of lately to a process that keeps everything and one
// that drops what is old, in turns, both of which are killed at any moment.
func TestKilledWhileTheRetentionRunsDuringIngestOnlyWhatIsTooOldIsDropped(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	// No report is of a day near the bound, which moves at midnight.
	const retention, batch = 45, 600
	rounds, within, kills := times(4, 60), 0, 0
	most := rounds + 20
	recent := newPostOfDays(t, 48, 60*most, 30)
	old := newPostOf(t, generate.Options{Seed: 49, Domains: most * batch / 60, Days: 60, End: time.Now().AddDate(0, 0, -60)})
	settings := mailboxSettings(dovecot, dovecot.TLSPort, "keep")
	process := newProcess(t, dataSource(t, settings, dovecot.Password))
	bound := time.Now().AddDate(0, 0, -retention).Unix() / 86400
	tooOld := func() int64 {
		return number(t, process.file(t), fmt.Sprintf("SELECT COUNT(DISTINCT report) FROM policy WHERE day < %d", bound))
	}
	random := rand.New(rand.NewPCG(15, 16))
	// A busy machine may be too slow to kill within it: then there are more rounds.
	for round := 0; round < rounds || within == 0 && round < most; round++ {
		settings["retentionDays"] = 36500
		process.source = dataSource(t, settings, dovecot.Password)
		old.bring(t, batch, inbox(dovecot))
		process.start(t)
		awaitThat(t, "old reports are stored", func() bool { return process.states(t.Context()) != nil && tooOld() > batch/2 })
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
		process.kill(t)

		settings["retentionDays"] = retention
		process.source = dataSource(t, settings, dovecot.Password)
		recent.bring(t, 40, inbox(dovecot))
		before := tooOld()
		process.start(t)
		process.await(t, "the plugin reads", func(s sourceState) bool { return s.State != "idle" })
		if round%2 == 0 {
			awaitThat(t, "the retention has begun", func() bool { return tooOld() < before })
		} else {
			time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
		}
		process.kill(t)
		if after := tooOld(); after > 0 && after < before {
			within++
		}
		kills += 2
	}
	process.start(t)
	process.awaitAll(t, len(recent.brought))
	awaitThat(t, "what is too old is dropped", func() bool { return tooOld() == 0 })
	process.stop()
	equalsSums(t, process.file(t), recent)
	all := &post{brought: append(recent.brought, old.brought...)}
	untouched(t, dovecot, all, "keep")
	if within == 0 {
		t.Error("no kill came while the retention dropped reports")
	}
	measured(t, figure{
		"kill -9 while the retention runs", kills, recent.reports() + old.reports(),
		fmt.Sprintf("0 lost, 0 twice, 0 touched; %d within the retention", within), time.Since(began),
	})
}
