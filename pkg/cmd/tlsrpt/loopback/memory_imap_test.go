package loopback_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

var arrived = time.Date(2026, 5, 13, 11, 43, 2, 0, time.UTC)

func mailOf(day int) []byte {
	return fmt.Appendf(nil, "From: a@example.com\r\nX-Odd:  folded\r\n\twith a tab \r\nSubject: day %d\r\n\r\nBody of day %d\r\n", day, day)
}

// startMemoryIMAP serves five mails of five days to the user reports.
func startMemoryIMAP(t *testing.T) *loopback.MemoryIMAP {
	t.Helper()
	m, err := loopback.StartMemoryIMAP(t.Context(), loopback.MemoryIMAPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	for day := range 5 {
		if err := m.Append("reports", "INBOX", arrived.AddDate(0, 0, day), mailOf(day)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.CreateFolder("reports", "Done"); err != nil {
		t.Fatal(err)
	}
	return m
}

func trusting(ca string) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca))
	return &tls.Config{RootCAs: pool}
}

func login(t *testing.T, m *loopback.MemoryIMAP, options *imapclient.Options) *imapclient.Client {
	t.Helper()
	if options == nil {
		options = &imapclient.Options{}
	}
	options.TLSConfig = trusting(m.CA)
	c, err := imapclient.DialTLS(fmt.Sprintf("localhost:%d", m.TLSPort), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Login("reports", m.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

func searchAll(t *testing.T, c *imapclient.Client, criteria *imap.SearchCriteria) []imap.UID {
	t.Helper()
	data, err := c.UIDSearch(criteria, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	return data.AllUIDs()
}

func TestMemoryIMAPServesWhatWasAppendedByteByByte(t *testing.T) {
	c := login(t, startMemoryIMAP(t), nil)
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	uids := searchAll(t, c, &imap.SearchCriteria{Since: arrived.AddDate(0, 0, 2).Truncate(24 * time.Hour)})
	if diff := cmp.Diff([]imap.UID{3, 4, 5}, uids); diff != "" {
		t.Fatalf("SEARCH SINCE (-want +got):\n%s", diff)
	}
	fetch := c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{
		UID: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	})
	day := 2
	for message := fetch.Next(); message != nil; message = fetch.Next() {
		for item := message.Next(); item != nil; item = message.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataInternalDate:
				if want := arrived.AddDate(0, 0, day); !item.Time.Equal(want) {
					t.Errorf("INTERNALDATE %s, want %s", item.Time, want)
				}
			case imapclient.FetchItemDataRFC822Size:
				if item.Size != int64(len(mailOf(day))) {
					t.Errorf("RFC822.SIZE %d, want %d", item.Size, len(mailOf(day)))
				}
			case imapclient.FetchItemDataBodySection:
				body, err := io.ReadAll(item.Literal)
				if err != nil || !bytes.Equal(body, mailOf(day)) {
					t.Errorf("body %q, %v", body, err)
				}
			}
		}
		day++
	}
	if err := fetch.Close(); err != nil || day != 5 {
		t.Errorf("fetched up to day %d: %v", day, err)
	}
}

func TestMemoryIMAPChangesNothingAfterEXAMINE(t *testing.T) {
	c := login(t, startMemoryIMAP(t), nil)
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	all := imap.UIDSet{{Start: 1, Stop: 5}}
	if err := c.Store(all, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err == nil {
		t.Error("STORE is not refused")
	}
	if err := c.UIDExpunge(all).Close(); err == nil {
		t.Error("UID EXPUNGE is not refused")
	}
	if _, err := c.Move(all, "Done").Wait(); err == nil {
		t.Error("MOVE is not refused")
	}
	if err := c.Fetch(all, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{{}}}).Close(); err != nil {
		t.Error(err)
	}
	if err := c.UnselectAndExpunge().Wait(); err != nil {
		t.Errorf("CLOSE: %v", err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if unseen := searchAll(t, c, &imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}}); len(unseen) != 5 {
		t.Errorf("%v are unseen, want all five", unseen)
	}
}

func TestMemoryIMAPMovesAndExpungesWhatItIsTold(t *testing.T) {
	var expunged []uint32
	c := login(t, startMemoryIMAP(t), &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Expunge: func(n uint32) { expunged = append(expunged, n) },
		},
	})
	selected, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	moved, err := c.Move(imap.UIDSetNum(2, 4), "Done").Wait()
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Status("Done", &imap.StatusOptions{NumMessages: true, UIDValidity: true}).Wait()
	if err != nil || *done.NumMessages != 2 || done.UIDValidity != moved.UIDValidity || moved.UIDValidity == selected.UIDValidity {
		t.Errorf("Done is %+v after %+v: %v", done, moved, err)
	}
	deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := c.Store(imap.UIDSetNum(1, 3), deleted, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.UIDExpunge(imap.UIDSetNum(3)).Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]imap.UID{1, 5}, searchAll(t, c, &imap.SearchCriteria{})); diff != "" {
		t.Errorf("what stays (-want +got):\n%s", diff)
	}
	// MOVE's own expunges are told once, highest first.
	if !slices.Equal(expunged, []uint32{4, 2}) {
		t.Errorf("expunges told: %v", expunged)
	}
}

func TestMemoryIMAPTellsAnIdlingClientOfNewMail(t *testing.T) {
	m := startMemoryIMAP(t)
	news := make(chan uint32, 10)
	c := login(t, m, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(data *imapclient.UnilateralDataMailbox) {
				if data.NumMessages != nil {
					news <- *data.NumMessages
				}
			},
		},
	})
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Append("reports", "INBOX", arrived, mailOf(9)); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-news:
		if n != 6 {
			t.Errorf("told of %d mails, want 6", n)
		}
	case <-time.After(time.Minute):
		t.Error("not told of the new mail")
	}
	if err := errors.Join(idle.Close(), idle.Wait()); err != nil {
		t.Error(err)
	}
}

func TestMemoryIMAPTakesAPasswordUnderTLSAlone(t *testing.T) {
	m := startMemoryIMAP(t)
	address := fmt.Sprintf("localhost:%d", m.Port)
	plain, err := imapclient.DialInsecure(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.Login("reports", m.Password).Wait(); err == nil {
		t.Error("the password is taken in the clear")
	}
	starttls, err := imapclient.DialStartTLS(address, &imapclient.Options{TLSConfig: trusting(m.CA)})
	if err != nil {
		t.Fatal(err)
	}
	defer starttls.Close()
	if err := starttls.Login("reports", "wrong").Wait(); err == nil {
		t.Error("a wrong password is taken")
	}
	if err := starttls.Login("reports", m.Password).Wait(); err != nil {
		t.Error(err)
	}
}

func TestMemoryServersHoldAGeneratedSet(t *testing.T) {
	g, err := generate.New(generate.Options{Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	m, drop := startMemoryIMAP(t), startMemoryDrop(t)
	_, err = generate.WriteTo(g.Items(),
		generate.MailTo(func(received time.Time, mail []byte) error {
			return m.Append("reports", "Generated", received, mail)
		}),
		generate.FilesTo(drop.drop.Put),
	)
	if err != nil {
		t.Fatal(err)
	}
	c := login(t, m, nil)
	if _, err := c.Select("Generated", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	fetched, err := c.Fetch(imap.UIDSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{
		UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{section},
	}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for item := range g.Items() {
		if item.Kind == generate.File {
			if _, body := drop.do("GET", item.Item, nil); body != string(item.Bytes) {
				t.Errorf("%s comes out of the drop with %d bytes, want %d", item.Item, len(body), len(item.Bytes))
			}
			continue
		}
		if n == len(fetched) {
			t.Fatalf("%d mails fetched: %s is not there", n, item.Item)
		}
		message := fetched[n]
		n++
		if !message.InternalDate.Equal(item.Received) || !bytes.Equal(message.FindBodySection(section), item.Bytes) {
			t.Errorf("%s comes out of the mailbox as\n%s", item.Item, message.FindBodySection(section))
		}
	}
	if n != len(fetched) {
		t.Errorf("%d mails fetched, %d put in", len(fetched), n)
	}
}
