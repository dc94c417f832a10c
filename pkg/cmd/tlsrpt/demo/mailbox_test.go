package demo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAMailboxIsReadFromItsAddress(t *testing.T) {
	mailbox := func(security, user, host string, port int, folder string) Mailbox {
		return Mailbox{Security: security, Username: user, Host: host, Port: port, Folder: folder}
	}
	for _, c := range []struct {
		name, address string
		want          Mailbox
	}{
		{"TLS", "imaps://tlsrpt@imap.example.com/INBOX", mailbox("tls", "tlsrpt", "imap.example.com", 993, "INBOX")},
		{"STARTTLS", "imap://tlsrpt@imap.example.com/INBOX", mailbox("starttls", "tlsrpt", "imap.example.com", 143, "INBOX")},
		{"the scheme in capitals", "IMAPS://a@b.example", mailbox("tls", "a", "b.example", 993, "INBOX")},
		{"an @ in the user name needs no escape", "imaps://tlsrpt@example.com@imap.example.com/INBOX", mailbox("tls", "tlsrpt@example.com", "imap.example.com", 993, "INBOX")},
		{"an @ in the user name may be escaped", "imaps://tlsrpt%40example.com@imap.example.com", mailbox("tls", "tlsrpt@example.com", "imap.example.com", 993, "INBOX")},
		{"an @ in the folder is the folder's", "imaps://a@b.example/lists/x@y", mailbox("tls", "a", "b.example", 993, "lists/x@y")},
		{"a port", "imaps://a@b.example:1993/INBOX", mailbox("tls", "a", "b.example", 1993, "INBOX")},
		{"without a folder it is INBOX", "imaps://a@b.example/", mailbox("tls", "a", "b.example", 993, "INBOX")},
		{"a folder in a folder", "imaps://a@b.example/INBOX/TLS reports", mailbox("tls", "a", "b.example", 993, "INBOX/TLS reports")},
		{"an escaped folder", "imaps://a@b.example/TLS%20reports", mailbox("tls", "a", "b.example", 993, "TLS reports")},
		{"an escaped colon in the user name", "imaps://a%3Ab@b.example", mailbox("tls", "a:b", "b.example", 993, "INBOX")},
		{"an IPv6 address", "imaps://a@[2001:db8::1]/INBOX", mailbox("tls", "a", "2001:db8::1", 993, "INBOX")},
		{"an IPv6 address with a port", "imaps://a@[2001:db8::1]:1993", mailbox("tls", "a", "2001:db8::1", 1993, "INBOX")},
		{"an IPv6 address without brackets", "imaps://a@2001:db8::1", mailbox("tls", "a", "2001:db8::1", 993, "INBOX")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseMailbox(c.address)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWrongMailboxIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, c := range []struct{ name, address, want string }{
		{"no scheme", "secret@imap.example.com", "imaps://user@host/INBOX"},
		{"another scheme", "https://user:secret@imap.example.com", "imaps://user@host/INBOX"},
		{"no user", "imaps://imap.example.com/INBOX", "imaps://user@host/INBOX"},
		{"an empty user", "imaps://@imap.example.com/INBOX", "imaps://user@host/INBOX"},
		{"no host", "imaps://user@/INBOX", "imaps://user@host/INBOX"},
		{"a port without a host", "imaps://user@:993/INBOX", "imaps://user@host/INBOX"},
		{"a password", "imaps://user:secret@imap.example.com/INBOX", "TLSRPT_IMAP_PASSWORD"},
		{"a port that is a word", "imaps://user@imap.example.com:imap/INBOX", `"imap" is no port`},
		{"a port out of range", "imaps://user@imap.example.com:99999/INBOX", `"99999" is no port`},
		{"a broken escape in the user name", "imaps://us%er@imap.example.com", "the user name has a broken escape"},
		{"a broken escape in the folder", "imaps://user@imap.example.com/%zz", "the folder has a broken escape"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseMailbox(c.address)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("the error is %v, not %q", err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}
