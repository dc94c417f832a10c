package faults

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestKilledAtRandomMomentsNothingIsLostCountedTwiceOrTouched kills the
// plugin's process at random moments and in the moments between the commit and
// the acknowledgement, while mails keep coming.
func TestKilledAtRandomMomentsNothingIsLostCountedTwiceOrTouched(t *testing.T) {
	kills, reports := times(50, 1000), times(2000, 100_000)
	modes := []string{"keep", "move", "delete"}
	for i, after := range modes {
		share := func(n int) int { return n*(i+1)/len(modes) - n*i/len(modes) }
		t.Run("with "+after, func(t *testing.T) { killWhileReading(t, after, share(kills), share(reports)) })
	}
}

func killWhileReading(t *testing.T, after string, kills, reports int) {
	began := time.Now()
	dovecot := startDovecot(t)
	neighbours(t, dovecot)
	if _, err := dovecot.CreateFolder(user, "Done"); err != nil {
		t.Fatal(err)
	}
	var strangers [][]string
	for _, at := range neighbouring {
		strangers = append(strangers, contents(t, dovecot, at.user, at.folder))
	}
	link := newLink(t, dovecot.TLSPort)
	p := newPost(t, 11, reports+kills)
	process := newProcess(t, dataSource(t, mailboxSettings(dovecot, link.port, after), dovecot.Password))
	random := rand.New(rand.NewPCG(1, uint64(kills)))
	between, untimely := 0, 0
	for kill := range kills {
		portion := reports/kills + random.IntN(3)
		if kill == kills-1 {
			portion = reports - p.reports()
		}
		p.bring(t, max(portion, 1), inbox(dovecot))
		// Answers that take their time leave moments between a commit and its
		// acknowledgement to kill in.
		slow := kill%2 == 1
		if slow {
			link.slow(t, 15*time.Millisecond)
		}
		process.start(t)
		if process.live(t, random, slow) {
			untimely++
		}
		process.kill(t)
		if waiting(t, process) > 0 {
			between++
		}
		if slow {
			link.heal(t)
		}
	}
	process.start(t)
	process.awaitAll(t, len(p.brought))
	process.stop()
	equalsLedger(t, process.file(t), "mb1", p)
	untouched(t, dovecot, p, after)
	for i, at := range neighbouring {
		if diff := cmp.Diff(strangers[i], contents(t, dovecot, at.user, at.folder)); diff != "" {
			t.Errorf("%s of %s was touched (-before +after):\n%.2000s", at.folder, at.user, diff)
		}
	}
	if after != "keep" && between == 0 {
		t.Error("no kill came between a commit and its acknowledgement")
	}
	measured(t, figure{
		fault: "kill -9 with " + after, faults: kills, reports: p.reports(), took: time.Since(began),
		found: fmt.Sprintf("0 lost, 0 twice, 0 touched; %d between commit and acknowledgement, %d while idle", between, untimely),
	})
}

// live lets the process work for a random time, or until something waits for
// its acknowledgement. It says whether everything was done before.
func (p *process) live(t *testing.T, random *rand.Rand, untilPending bool) (idle bool) {
	t.Helper()
	began := time.Now()
	p.await(t, "the plugin reads", func(s sourceState) bool { return s.State != "idle" })
	allowed := time.Duration(random.IntN(250)) * time.Millisecond
	if untilPending {
		allowed = 5 * time.Second
	}
	for end := time.Now().Add(allowed); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if !untilPending {
			continue
		}
		for _, s := range p.states(t.Context()) {
			if s.Pending > 0 {
				time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
				return false
			}
			if s.LastSuccess != nil && s.LastSuccess.After(began) {
				return true
			}
		}
	}
	return false
}

// waiting looks into the file of a process that was killed: how many items are
// committed and not acknowledged.
func waiting(t *testing.T, p *process) (n int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.options.DataDir, "*.sqlite"))
	if err != nil || len(files) == 0 {
		return 0
	}
	db, err := sql.Open("sqlite", "file:"+files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	// A process that was killed early has made no tables.
	_ = db.QueryRowContext(t.Context(), "SELECT COALESCE(SUM(waiting), 0) FROM account").Scan(&n)
	return n
}
