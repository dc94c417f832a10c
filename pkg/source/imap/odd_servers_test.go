package imap

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

func TestOneOddMailDoesNotStopTheMailbox(t *testing.T) {
	const bad = 3
	tests := []struct {
		name    string
		fetch   func(o *oddConn, uid int, items string) bool
		read    int
		skipped source.SkipReason
	}{
		{"a mail that does not come is unreadable", func(o *oddConn, uid int, _ string) bool {
			if uid != bad {
				o.mail(uid)
			}
			return true
		}, 4, source.SkipUnreadable},
		{"a mail without a body is unreadable", func(o *oddConn, uid int, _ string) bool {
			if uid == bad {
				o.say("* %d FETCH (UID %d INTERNALDATE \"04-May-2026 03:02:01 +0000\" BODY[] NIL)", uid, uid)
			} else {
				o.mail(uid)
			}
			return true
		}, 4, source.SkipUnreadable},
		{"a mail that ends the connection is unreadable", func(o *oddConn, uid int, _ string) bool {
			if uid == bad {
				return false
			}
			o.mail(uid)
			return true
		}, 4, source.SkipUnreadable},
		{"a mail with a date that can't be read is read", func(o *oddConn, uid int, items string) bool {
			if uid == bad && strings.Contains(items, "INTERNALDATE") {
				o.say("* %d FETCH (UID %d INTERNALDATE \"long ago\" BODY[] {2}\r\nhi)", uid, uid)
			} else if uid == bad {
				o.say("* %d FETCH (UID %d BODY[] {2}\r\nhi)", uid, uid)
			} else {
				o.mail(uid)
			}
			return true
		}, 5, ""},
		{"a mail with its UID and date behind the body is read", func(o *oddConn, uid int, _ string) bool {
			if uid == bad {
				o.say("* %d FETCH (BODY[] {2}\r\nhi INTERNALDATE \"04-May-2026 03:02:01 +0000\" UID %d)", uid, uid)
			} else {
				o.mail(uid)
			}
			return true
		}, 5, ""},
		{"a mail with its date behind the body is read", func(o *oddConn, uid int, _ string) bool {
			if uid == bad {
				o.say("* %d FETCH (UID %d BODY[] {2}\r\nhi INTERNALDATE \"04-May-2026 03:02:01 +0000\")", uid, uid)
			} else {
				o.mail(uid)
			}
			return true
		}, 5, ""},
		{"news of a flag in between is no mail", func(o *oddConn, uid int, _ string) bool {
			if uid == bad {
				o.say("* %d FETCH (UID %d FLAGS (\\Seen))", uid, uid)
			}
			o.mail(uid)
			return true
		}, 5, ""},
		{"a mail over the limit is skipped", func(o *oddConn, uid int, _ string) bool {
			if uid == bad {
				o.say("* %d FETCH (UID %d INTERNALDATE \"04-May-2026 03:02:01 +0000\" BODY[] {%d}\r\n%s)", uid, uid, maxMail+1, strings.Repeat("x", maxMail+1))
			} else {
				o.mail(uid)
			}
			return true
		}, 4, source.SkipTooLarge},
		{"a mail far over the limit is not even read past", func(o *oddConn, uid int, _ string) bool {
			if uid == bad {
				o.say("* %d FETCH (UID %d INTERNALDATE \"04-May-2026 03:02:01 +0000\" RFC822.SIZE 4000000000 BODY[] {4000000000}\r\n%s", uid, uid, strings.Repeat("x", 1<<20))
			} else {
				o.mail(uid)
			}
			return true
		}, 4, source.SkipTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := &odd{uids: count(5), fetch: tt.fetch}
			l := newLedger()
			s := open(t, server.serve(t))
			poll1(t, s, l)
			if len(l.order) != tt.read {
				t.Errorf("read %v, want %d mails", uids(l), tt.read)
			}
			want := map[string]source.SkipReason{}
			if tt.skipped != "" {
				want["INBOX;UIDVALIDITY=7/;UID=3"] = tt.skipped
			}
			got := map[string]source.SkipReason{}
			for ref, reason := range l.skips {
				_, path, _ := strings.Cut(ref, "/")
				got[path] = reason
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			before := len(l.order)
			poll1(t, s, l)
			if len(l.order) != before {
				t.Errorf("a second poll read %v", uids(l))
			}
		})
	}
}

func TestMailsInAnyOrderAreAllRead(t *testing.T) {
	server := &odd{uids: []int{9, 2, 7, 4, 1, 300, 5}}
	l := newLedger()
	poll1(t, open(t, server.serve(t)), l)
	got := uids(l)
	slices.Sort(got)
	if want := []goimap.UID{1, 2, 4, 5, 7, 9, 300}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

func TestAFetchAsksForUIDFirstAndForChunksOf100(t *testing.T) {
	server := &odd{uids: count(250)}
	l := newLedger()
	poll1(t, open(t, server.serve(t)), l)
	if len(server.sent("EXAMINE")) != 1 || len(server.sent("SELECT")) != 0 {
		t.Error("the folder was not opened with EXAMINE")
	}
	fetches := server.sent("UID FETCH")
	for i, set := range []string{"151:250", "51:150", "1:50"} {
		if i >= len(fetches) || !strings.HasPrefix(fetches[i], "UID FETCH "+set+" (UID ") || !strings.HasSuffix(fetches[i], " BODY.PEEK[])") {
			t.Fatalf("fetches are %q", fetches)
		}
	}
	if len(fetches) != 3 || len(l.order) != 250 {
		t.Errorf("%d mails came by %q", len(l.order), fetches)
	}
}

func TestTheLastMessageOfARangeIsNotTakenForANewOne(t *testing.T) {
	server := &odd{uids: count(5)}
	l := newLedger()
	s := open(t, server.serve(t))
	poll1(t, s, l)
	// As if the ledger were new: only what the search says counts.
	again := newLedger()
	poll1(t, s, again)
	if len(again.order) != 0 {
		t.Errorf("a second poll read %v", uids(again))
	}
	if searches := server.sent("UID SEARCH"); len(searches) != 2 || searches[1] != "UID SEARCH UID 6:*" {
		t.Errorf("searches are %q", searches)
	}
}

func TestDataBetweenSTARTTLSAndTLSIsRefused(t *testing.T) {
	tests := []struct{ name, greeting, answer, words string }{
		{"an injected answer", "* OK ready", "S1 OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN", "between STARTTLS and TLS"},
		{"a session that is logged in before TLS", "* PREAUTH hello", "", "logged in before TLS"},
		{"a server without STARTTLS", "* OK ready", "S1 BAD what?", "does not offer STARTTLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := &odd{greeting: tt.greeting, answer: func(o *oddConn, _, _, _ string) bool {
				o.say("%s", tt.answer)
				return true
			}}
			c := server.serve(t)
			c.Security = StartTLS
			_, err := open(t, c).Check(t.Context())
			wantError(t, err, "security", tt.words)
			if len(server.sent("LOGIN"))+len(server.sent("AUTHENTICATE")) > 0 {
				t.Error("a login was sent")
			}
		})
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	tests := []struct {
		name, command, setting string
	}{
		{"at login", "LOGIN", "host"},
		{"at a search", "UID SEARCH", "host"},
		{"within a mail", "UID FETCH", "host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := &odd{uids: count(3), answer: func(o *oddConn, _, command, _ string) bool {
				if command == "UID FETCH" && tt.command == command {
					o.say("* 1 FETCH (UID 1 INTERNALDATE \"04-May-2026 03:02:01 +0000\" BODY[] {100}\r\nSubject:")
				}
				return command == tt.command
			}}
			c := server.serve(t)
			c.Timeout = 300 * time.Millisecond
			l := newLedger()
			began := time.Now()
			err := open(t, c).Poll(t.Context(), time.Time{}, l)
			wantError(t, err, tt.setting, "was silent for 300ms")
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(l.order)+len(l.skips) != 0 {
				t.Errorf("put %v, skipped %v", l.order, l.skips)
			}
		})
	}
}

func TestASlowSinkIsNotTakenForASilentServer(t *testing.T) {
	server := &odd{uids: count(3)}
	c := server.serve(t)
	c.Timeout = 100 * time.Millisecond
	l := newLedger()
	l.failPut = func(source.Item) error { time.Sleep(350 * time.Millisecond); return nil }
	poll1(t, open(t, c), l)
	if len(l.order) != 3 || server.connections != 1 {
		t.Errorf("read %d mails over %d connections", len(l.order), server.connections)
	}
}

func TestACancelledContextEndsAPollAtOnce(t *testing.T) {
	server := &odd{uids: count(3), answer: func(_ *oddConn, _, command, _ string) bool { return command == "UID FETCH" }}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	began := time.Now()
	if err := open(t, server.serve(t)).Poll(ctx, time.Time{}, newLedger()); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestWhatAServerAsksForIsObeyed(t *testing.T) {
	const text = "Request is throttled. Suggested Backoff Time: 92415 milliseconds"
	tests := []struct {
		name  string
		odd   *odd
		words string
	}{
		{"in a greeting", &odd{greeting: "* BYE " + text}, "turned the connection away"},
		{"at login", &odd{answer: func(o *oddConn, tag, command, _ string) bool {
			if command != "LOGIN" {
				return false
			}
			o.say("%s NO %s", tag, text)
			return true
		}}, "can't log u in at the moment"},
		{"as a last word", &odd{uids: count(2), fetch: func(o *oddConn, _ int, _ string) bool {
			o.say("* BYE %s", text)
			return false
		}}, "ended the connection"},
		{"instead of mail", &odd{uids: count(2), answer: func(o *oddConn, tag, command, _ string) bool {
			if command != "UID FETCH" {
				return false
			}
			o.say("%s NO %s", tag, text)
			return true
		}}, "refused to give out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger()
			err := open(t, tt.odd.serve(t)).Poll(t.Context(), time.Time{}, l)
			e := wantError(t, err, "host", tt.words)
			if e.RetryAfter != 92415*time.Millisecond || e.Permanent {
				t.Errorf("error is %+v", e)
			}
			if len(l.skips) != 0 {
				t.Errorf("skipped %v", l.skips)
			}
		})
	}
}

func TestALoginThatIsNotOfferedIsNamed(t *testing.T) {
	server := &odd{caps: "IMAP4rev1 LOGINDISABLED"}
	_, err := open(t, server.serve(t)).Check(t.Context())
	wantError(t, err, "security", "takes no password without TLS")
	if len(server.sent("LOGIN")) != 0 {
		t.Error("a password was sent")
	}
}

func TestWhatIsNotIMAPIsNamed(t *testing.T) {
	server := &odd{greeting: "220 mail.example.com ESMTP"}
	_, err := open(t, server.serve(t)).Check(t.Context())
	wantError(t, err, "port", "not an IMAP server")
}

func TestAServerThatRepeatsThePasswordDoesNotGetItIntoAnError(t *testing.T) {
	server := &odd{answer: func(o *oddConn, tag, command, rest string) bool {
		if command == "LOGIN" {
			o.say("%s NO [AUTHENTICATIONFAILED] no: LOGIN %s", tag, rest)
		}
		return command == "LOGIN"
	}}
	_, err := open(t, server.serve(t)).Check(t.Context())
	e := wantError(t, err, "password", "the server said")
	for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
		if strings.Contains(fmt.Sprintf("%v %+v %#v", cause, cause, cause), secret) {
			t.Errorf("the error holds the password: %v", cause)
		}
	}
}

func TestARefusedTokenIsAnsweredWithNothingAndItsStatusReported(t *testing.T) {
	tests := []struct {
		auth Auth
		want string
	}{
		{XOAuth2, ""},
		{OAuthBearer, base64.StdEncoding.EncodeToString([]byte{1})},
	}
	for _, tt := range tests {
		t.Run(string(tt.auth), func(t *testing.T) {
			answers := make(chan string, 1)
			server := &odd{caps: "IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER", answer: func(o *oddConn, tag, command, _ string) bool {
				if command != "AUTHENTICATE" {
					return false
				}
				o.say("+ %s", base64.StdEncoding.EncodeToString([]byte(`{"status":"400","schemes":"Bearer"}`)))
				line, _ := o.r.ReadString('\n')
				answers <- strings.TrimRight(line, "\r\n")
				o.say("%s NO SASL authentication failed", tag)
				return true
			}}
			c := server.serve(t)
			c.Auth, c.TokenSource = tt.auth, tokens(t, OAuth{})
			_, err := open(t, c).Check(t.Context())
			wantError(t, err, "oauth.scopes", "status 400")
			if got := <-answers; got != tt.want {
				t.Errorf("the refusal was answered with %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefsTellMailboxesApart(t *testing.T) {
	ref := refPrefix("imap.example.com", "me", "INBOX", 7)
	if again := refPrefix("IMAP.example.com", "me", "INBOX", 7); again != ref {
		t.Errorf("%q and %q are of one mailbox", ref, again)
	}
	for _, other := range []string{
		refPrefix("imap.example.net", "me", "INBOX", 7), refPrefix("imap.example.com", "you", "INBOX", 7),
		refPrefix("imap.example.com", "me", "Reports", 7), refPrefix("imap.example.com", "me", "INBOX", 8),
	} {
		if other == ref {
			t.Errorf("two mailboxes share %q", ref)
		}
	}
}

func TestFoldersAreEscapedInRefs(t *testing.T) {
	tests := map[string]string{
		"INBOX":                    "INBOX",
		"INBOX/Reports":            "INBOX/Reports",
		"a;UIDVALIDITY=1/;UID=2":   "a%3BUIDVALIDITY=1/%3BUID=2",
		"Отчёты":                   "%D0%9E%D1%82%D1%87%D1%91%D1%82%D1%8B",
		"100% of what is 'sent'  ": "100%25%20of%20what%20is%20'sent'%20%20",
	}
	for name, want := range tests {
		if got := escapeFolder(name); got != want {
			t.Errorf("%q is escaped as %q, want %q", name, got, want)
		}
		prefix := refPrefix("imap.example.com", "me", name, 7)
		if uid, err := refUID(prefix, prefix+strconv.Itoa(42)); err != nil || uid != 42 {
			t.Errorf("%q yields %d, %v", prefix, uid, err)
		}
	}
}

func TestAServerThatEndsTheConnectionAtEveryMailMakesNoneUnreadable(t *testing.T) {
	breaks := true
	server := &odd{uids: count(3), fetch: func(o *oddConn, uid int, _ string) bool {
		if breaks {
			body := mail(strconv.Itoa(uid))
			o.say("* %d FETCH (UID %d INTERNALDATE \"04-May-2026 03:02:01 +0000\" BODY[] {%d}\r\n%s", uid, uid, len(body), body[:len(body)/2])
			return false
		}
		o.mail(uid)
		return true
	}}
	l := newLedger()
	s := open(t, server.serve(t))
	var explained *source.Error
	if err := s.Poll(t.Context(), time.Time{}, l); !errors.As(err, &explained) || explained.Setting != "host" {
		t.Errorf("the poll ended with %v", err)
	}
	if len(l.skips) > 0 || len(l.order) > 0 {
		t.Errorf("skipped %v, read %v", l.skips, uids(l))
	}
	breaks = false
	poll1(t, s, l)
	if len(l.order) != 3 {
		t.Errorf("read %v once the server is well again", uids(l))
	}
}
