package imap

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
)

// An odd server speaks just enough IMAP for a poll, and does one thing in its
// own way.
type odd struct {
	greeting string // "* OK ready"
	caps     string // "IMAP4rev1"
	uids     []int
	// fetch answers a FETCH for one UID; the default gives the mail out. items
	// is what was asked for. Returning false ends the connection.
	fetch func(o *oddConn, uid int, items string) bool
	// answer overrides the answer to a command, such as "LOGIN"; false leaves
	// it to the default.
	answer func(o *oddConn, tag, command, rest string) bool

	mu          sync.Mutex
	connections int
	said        []string // the commands that came, without tags
}

type oddConn struct {
	net.Conn
	r *bufio.Reader
}

func (o *oddConn) say(format string, args ...any) {
	_, _ = fmt.Fprintf(o, format+"\r\n", args...)
}

func (o *oddConn) mail(uid int) {
	body := mail(strconv.Itoa(uid))
	o.say("* %d FETCH (UID %d INTERNALDATE \"04-May-2026 03:02:01 +0000\" RFC822.SIZE %d BODY[] {%d}\r\n%s)", uid, uid, len(body), len(body), body)
}

// serve runs the server until the test ends, and returns settings for it.
func (odd *odd) serve(t *testing.T) Config {
	t.Helper()
	return serveConns(t, func(conn net.Conn) {
		odd.mu.Lock()
		odd.connections++
		odd.mu.Unlock()
		odd.session(&oddConn{conn, bufio.NewReader(conn)})
	})
}

func (odd *odd) session(o *oddConn) {
	defer func() { _ = o.Close() }()
	o.say("%s", cmp.Or(odd.greeting, "* OK ready"))
	for {
		line, err := o.r.ReadString('\n')
		if err != nil {
			return
		}
		tag, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		odd.mu.Lock()
		odd.said = append(odd.said, rest)
		odd.mu.Unlock()
		command, rest, _ := strings.Cut(rest, " ")
		if command == "UID" {
			var verb string
			verb, rest, _ = strings.Cut(rest, " ")
			command += " " + verb
		}
		if odd.answer != nil && odd.answer(o, tag, command, rest) {
			continue
		}
		switch command {
		case "CAPABILITY":
			o.say("* CAPABILITY %s", cmp.Or(odd.caps, "IMAP4rev1"))
		case "EXAMINE", "SELECT":
			o.say("* %d EXISTS\r\n* OK [UIDVALIDITY 7] valid", len(odd.uids))
		case "UID SEARCH":
			o.say("* SEARCH%s", odd.search(rest))
		case "UID FETCH":
			set, items, _ := strings.Cut(rest, " ")
			for _, uid := range odd.uids {
				if !inSet(set, uid) {
					continue
				}
				if odd.fetch == nil {
					o.mail(uid)
				} else if !odd.fetch(o, uid, items) {
					return
				}
			}
		}
		o.say("%s OK done", tag)
	}
}

// search answers a UID SEARCH; "n:*" holds the last mail always.
func (odd *odd) search(criteria string) string {
	_, set, ok := strings.Cut(criteria, "UID ")
	set, _, _ = strings.Cut(set, " ")
	found := ""
	for i, uid := range odd.uids {
		if !ok || inSet(set, uid) || strings.HasSuffix(set, ":*") && i == len(odd.uids)-1 {
			found += fmt.Sprintf(" %d", uid)
		}
	}
	return found
}

func inSet(set string, uid int) bool {
	for part := range strings.SplitSeq(set, ",") {
		from, to, ranged := strings.Cut(part, ":")
		first, _ := strconv.Atoi(from)
		last, err := strconv.Atoi(to)
		switch {
		case !ranged:
			last = first
		case err != nil:
			last = 1 << 31
		}
		if first <= uid && uid <= last {
			return true
		}
	}
	return false
}

// sent returns the commands that begin with a word.
func (odd *odd) sent(word string) []string {
	odd.mu.Lock()
	defer odd.mu.Unlock()
	var found []string
	for _, line := range odd.said {
		if strings.HasPrefix(line, word) {
			found = append(found, line)
		}
	}
	return found
}

func count(n int) []int {
	uids := make([]int, n)
	for i := range uids {
		uids[i] = i + 1
	}
	return uids
}

func uids(l *ledger) []goimap.UID {
	var got []goimap.UID
	for _, ref := range l.order {
		uid, _ := refUID(ref[:strings.LastIndex(ref, "=")+1], ref)
		got = append(got, uid)
	}
	return got
}
