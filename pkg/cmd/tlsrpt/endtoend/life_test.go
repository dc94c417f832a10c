package endtoend

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
)

// few are the first mails, with every kind of decoy among them.
func few(t *testing.T, all []letter, n int) []letter {
	t.Helper()
	var chosen []letter
	kinds := map[generate.Decoy]bool{}
	for _, l := range all {
		if len(chosen) < n || l.decoy != generate.Genuine && !kinds[l.decoy] {
			chosen = append(chosen, l)
			kinds[l.decoy] = true
		}
	}
	return chosen
}

func TestADropWithTheSameFilesChangesNoCountAndShowsAsDeliveries(t *testing.T) {
	all := few(t, letters(t), 200)
	dovecot := startDovecot(t, all)
	nginx := startDrop(t)
	documents := putDocuments(t, nginx, all)

	settings := mailboxSettings(dovecot, "keep")
	secure := map[string]string{"source.mb1.password": dovecot.Password, "source.drop1.password": "reads"}
	a := startPlugin(t, dataSource(t, settings, secure))
	awaitSync(t, a)
	compareAll(t, a, allFacts(all))

	settings["sources"] = append(settings["sources"].([]any), map[string]any{
		"id": "drop1", "type": "https", "url": nginx.URL, "auth": "basic", "username": "reader", "tlsCaCert": nginx.CA, "pollInterval": "1s",
	})
	a.plugin.Update(dataSource(t, settings, secure))
	states := awaitSync(t, a)
	compareAll(t, a, allFacts(all))
	if drop := states[1]; drop.ID != "drop1" || drop.Duplicate != int64(documents) || drop.Seen != drop.Duplicate {
		t.Errorf("the drop's %d documents are not all duplicates: %+v", documents, drop)
	}
	twice := 0
	frames, err := a.query(t.Context(), map[string]any{"queryType": "reports", "limit": 10_000})
	if err != nil {
		t.Fatal(err)
	}
	deliveries, _ := frames[0].FieldByName("deliveries")
	for i := range deliveries.Len() {
		if deliveries.At(i).(int64) == 2 {
			twice++
		}
	}
	if twice < documents {
		t.Errorf("%d rows show two deliveries, of %d documents that came twice", twice, documents)
	}
}

// putDocuments puts the documents of all mails that count into a drop, every
// third as plain JSON and the others gzipped, all under names that say nothing.
func putDocuments(t *testing.T, nginx *loopback.Nginx, all []letter) (count int) {
	t.Helper()
	for _, l := range all {
		if len(l.facts) == 0 {
			continue
		}
		for _, document := range mailreport.Extract(l.mail, "", true).Documents {
			content := document.Raw
			if count%3 != 0 {
				content = zipped(t, content)
			}
			if err := nginx.Put(fmt.Sprintf("2026/%d", count), l.received.Add(time.Hour), content); err != nil {
				t.Fatal(err)
			}
			count++
		}
	}
	return count
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDeleteLeavesExactlyWhatIsNoReport(t *testing.T) {
	all := few(t, letters(t), 150)
	dovecot := startDovecot(t, all)
	a := startPlugin(t, dataSource(t, mailboxSettings(dovecot, "delete"), map[string]string{"source.mb1.password": dovecot.Password}))
	awaitSync(t, a)
	awaitSync(t, a)
	kept := mailsIn(t, dovecot)
	want := map[string]bool{}
	for _, l := range all {
		switch l.decoy {
		case generate.DMARC, generate.Personal, generate.Broken:
			want[string(l.mail)] = true
		}
	}
	if len(want) < 3 {
		t.Fatalf("only %d mails should stay: the test proves nothing", len(want))
	}
	for mail := range want {
		if !kept[mail] {
			t.Errorf("a mail that is no report is gone:\n%.200s", mail)
		}
	}
	for mail := range kept {
		if !want[mail] {
			t.Errorf("a report is still there:\n%.200s", mail)
		}
	}
}

// mailsIn reads what is in the mailbox, from the disk.
func mailsIn(t *testing.T, dovecot *loopback.Dovecot) map[string]bool {
	t.Helper()
	stored, err := dovecot.Mails(user, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	mails := map[string]bool{}
	for _, mail := range stored {
		mails[string(mail.Content)] = true
	}
	return mails
}

func TestTheFirstHealthCheckOnAStoreOf100000ReportsIsAnsweredWithinASecond(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves it out: 100,000 reports take a while to store")
	}
	dovecot := startDovecot(t, nil)
	source := dataSource(t, mailboxSettings(dovecot, "keep"), map[string]string{"source.mb1.password": dovecot.Password})
	dir := filepath.Join(t.TempDir(), "data")
	storeReports(t, filepath.Join(dir, "org1-tlsrpt.sqlite"), 100_000)
	// Other tests keep the machine busy: it has some tries.
	fastest := time.Hour
	for tries := 0; tries < 10 && fastest > time.Second; tries++ {
		began := time.Now()
		plugin, err := host.Start(host.Options{Dir: pluginDir, DataDir: dir}, source)
		if err != nil {
			t.Fatal(err)
		}
		health, err := plugin.Health(t.Context())
		took := time.Since(began)
		plugin.Stop()
		if err != nil || health.Status != 1 {
			t.Fatalf("got %+v, %v", health, err)
		}
		t.Logf("answered after %v: %s", took.Round(time.Millisecond), health.Message)
		fastest = min(fastest, took)
	}
	if fastest > time.Second {
		t.Errorf("the fastest of ten first health checks took %v", fastest)
	}
}
