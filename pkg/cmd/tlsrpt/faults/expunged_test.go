package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// TestMailsThatAnotherClientExpungesDuringTheFetchEndNothing lets another
// client expunge mails, some of which are just being fetched. What is left on
// the server is stored in the end; of what is gone, only what came in time is.
func TestMailsThatAnotherClientExpungesDuringTheFetchEndNothing(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	// Answers that take their time leave moments to expunge in.
	slow := (&oddServer{say: func(response []byte) []byte {
		time.Sleep(200 * time.Microsecond)
		return response
	}}).start(t, dovecot.Port)
	rounds := times(6, 100)
	p := newPost(t, 44, 100*rounds)
	// Where the real report is expunged before it came, its forged rival would
	// be the one that counts.
	p.leaveOut(generate.Forged)
	r := run(t, storeFile(t), "mb1", "imap", openOdd(dovecot, slow, "keep"))
	random := rand.New(rand.NewPCG(9, 10))
	other := logIn(t, dovecot)
	expunged := 0
	end := while(t, func() {
		n, err := expungeSome(other, random)
		if err != nil {
			t.Error(err)
		}
		expunged += n
		time.Sleep(5 * time.Millisecond)
	})
	for range rounds {
		p.bring(t, 100, inbox(dovecot))
		if s := r.poll(t); s.LastError != "" {
			t.Errorf("the poll failed: %s", s.LastError)
		}
	}
	end()
	if s := r.poll(t); s.LastError != "" {
		t.Errorf("the last poll failed: %s", s.LastError)
	}
	account := r.account(t)
	r.stop(t)
	late := equalsWhatCame(t, dovecot, r.file, p, account)
	if expunged == 0 || late == 0 {
		t.Errorf("%d mails were expunged, %d of them before they were stored", expunged, late)
	}
	measured(t, figure{"expunged by another client", expunged, p.reports(), fmt.Sprintf("0 lost, 0 twice; %d gone before the fetch", late), time.Since(began)})
}

// logIn is another client of the report mailbox.
func logIn(t *testing.T, dovecot *loopback.Dovecot) *imapclient.Client {
	t.Helper()
	client, err := imapclient.DialInsecure(net.JoinHostPort("127.0.0.1", strconv.Itoa(dovecot.Port)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Login(user, dovecot.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	return client
}

// expungeSome expunges some of the newest mails, which are fetched first.
func expungeSome(client *imapclient.Client, random *rand.Rand) (n int, err error) {
	found, err := client.UIDSearch(&goimap.SearchCriteria{}, nil).Wait()
	if err != nil {
		return 0, fmt.Errorf("list the mailbox: %w", err)
	}
	var doomed []goimap.UID
	uids := found.AllUIDs()
	for _, uid := range uids[max(0, len(uids)-100):] {
		if random.IntN(40) == 0 {
			doomed = append(doomed, uid)
		}
	}
	if len(doomed) == 0 {
		return 0, nil
	}
	set := goimap.UIDSetNum(doomed...)
	deleted := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagDeleted}}
	return len(doomed), errors.Join(client.Store(set, deleted, nil).Close(), client.UIDExpunge(set).Close())
}

// equalsWhatCame compares the store with the mails that are on the server, and
// with those of the others that it has; late is how many it never got.
func equalsWhatCame(t *testing.T, dovecot *loopback.Dovecot, file string, p *post, account store.Account) (late int) {
	t.Helper()
	sound(t, file)
	left := contents(t, dovecot, user, "INBOX")
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	stored := storedIDs(t, s)
	var came []generate.Entry
	for _, d := range p.brought {
		hash := hashes([][]byte{d.mail})[0]
		at, here := slices.BinarySearch(left, hash)
		if here {
			left = slices.Delete(left, at, at+1)
		}
		counts := d.entry.Decoy == generate.Genuine
		switch {
		case counts && stored[idOf(d.entry)]:
			came = append(came, d.entry)
		case counts && here:
			t.Errorf("%s is on the server and not in the store", d.entry.Item)
		case !here:
			late++
		}
	}
	if diff := cmp.Diff([]string{}, left); diff != "" {
		t.Errorf("mails are on the server that nobody brought, or other than they came (-want +got):\n%.2000s", diff)
	}
	compareSums(t, s, came)
	// A mail that is gone is no unreadable one.
	if want := p.account(); account.Quarantined > want.Quarantined || account.Seen() > want.Seen() {
		t.Errorf("the account is %+v, of all that was brought it would be %+v", account, want)
	}
	return late
}

// idOf tells genuine reports apart.
func idOf(e generate.Entry) string {
	return e.Reporter + "|" + e.ReportID + "|" + e.Start.UTC().String()
}

// storedIDs are the reports that a store counts.
func storedIDs(t *testing.T, s store.Reader) map[string]bool {
	t.Helper()
	rows, more, err := s.Reports(t.Context(), store.RowQuery{Limit: 1_000_000})
	if err != nil || more {
		t.Fatal(more, err)
	}
	ids := map[string]bool{}
	for _, row := range rows {
		if !row.Superseded {
			ids[row.Reporter+"|"+row.ReportID+"|"+row.Start.UTC().String()] = true
		}
	}
	return ids
}
