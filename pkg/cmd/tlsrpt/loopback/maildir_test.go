package loopback_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
)

func TestDovecotServesAGeneratedMaildirInOrderOfArrival(t *testing.T) {
	g, err := generate.New(generate.Options{Days: 20})
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.MkdirTemp("", "maildir-") // t.TempDir lies where Dovecot's user can't reach
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := generate.WriteTo(g.Items(), generate.Maildir(filepath.Join(root, "reports"))); err != nil {
		t.Fatal(err)
	}
	d := loopbacktest.Dovecot(t, loopback.DovecotOptions{MailRoot: root})
	c, err := imapclient.DialTLS(fmt.Sprintf("localhost:%d", d.TLSPort), &imapclient.Options{TLSConfig: trusting(d.CA)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login("reports", d.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
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
		if item.Kind != generate.Mail {
			continue
		}
		if n == len(fetched) {
			t.Fatalf("%d mails fetched: %s is not there", n, item.Item)
		}
		message := fetched[n]
		n++
		if !message.InternalDate.Equal(item.Received) || !bytes.Equal(message.FindBodySection(section), item.Bytes) {
			t.Errorf("UID %d of %s is not %s of %s", message.UID, message.InternalDate, item.Item, item.Received)
		}
	}
}
