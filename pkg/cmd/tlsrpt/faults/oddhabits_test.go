package faults

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/imap"
)

// openOdd opens the report mailbox by way of an odd server.
func openOdd(dovecot *loopback.Dovecot, odd *oddServer, after string) func() (source.Source, error) {
	return func() (source.Source, error) {
		return imap.New(imap.Config{
			Host: "127.0.0.1", Port: odd.port, Security: imap.NoTLS, Username: user, Password: dovecot.Password,
			AfterProcessing: imap.AfterProcessing(after),
		})
	}
}

// readFrom brings mails, which are read from an odd server until the store
// equals the ledger.
func readFrom(t *testing.T, odd *oddServer, dovecot *loopback.Dovecot, seed uint64) *post {
	t.Helper()
	odd.start(t, dovecot.Port)
	rounds := times(4, 40)
	p := newPost(t, seed, 60*rounds)
	r := run(t, storeFile(t), "mb1", "imap", openOdd(dovecot, odd, "delete"))
	for range rounds {
		p.bring(t, 60, inbox(dovecot))
		r.poll(t)
	}
	r.awaitAll(t, p)
	r.stop(t)
	equalsLedger(t, r.file, "mb1", p)
	untouched(t, dovecot, p, "delete")
	return p
}

var fetchOf = regexp.MustCompile(`^(\S+ UID FETCH )(\S+)( \(.*\r\n)$`)

// TestAServerThatSendsFewerMessagesThanAskedLosesNone leaves mails out of an
// answer that ends with OK, until they are asked for again.
func TestAServerThatSendsFewerMessagesThanAskedLosesNone(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	var mu sync.Mutex
	withheld := map[int]bool{}
	odd := &oddServer{ask: func(command string) (changed, answer string) {
		parts := fetchOf.FindStringSubmatch(command)
		if parts == nil || !strings.Contains(command, "BODY") {
			return command, ""
		}
		mu.Lock()
		defer mu.Unlock()
		var given []string
		for _, uid := range numbers(parts[2]) {
			if uid%3 == 1 && !withheld[uid] {
				withheld[uid] = true
				continue
			}
			given = append(given, strconv.Itoa(uid))
		}
		if len(given) == 0 {
			return "", strings.Fields(command)[0] + " OK Fetch completed.\r\n"
		}
		return parts[1] + strings.Join(given, ",") + parts[3], ""
	}}
	p := readFrom(t, odd, dovecot, 41)
	mu.Lock()
	defer mu.Unlock()
	if len(withheld) == 0 {
		t.Error("every mail was sent at once")
	}
	measured(t, figure{"fewer messages than asked", len(withheld), p.reports(), "0 lost, 0 twice, 0 touched", time.Since(began)})
}

// numbers are those of a set of UIDs, such as 1:3,7.
func numbers(set string) (all []int) {
	for part := range strings.SplitSeq(set, ",") {
		first, last, _ := strings.Cut(part, ":")
		from, err := strconv.Atoi(first)
		if err != nil {
			return nil
		}
		to := from
		if last != "" {
			to, _ = strconv.Atoi(last)
		}
		for n := min(from, to); n <= max(from, to); n++ {
			all = append(all, n)
		}
	}
	return all
}

func TestAServerThatSendsUIDLastLosesAndRepeatsNothing(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	uidFirst := regexp.MustCompile(`^(\* \d+ FETCH \()(UID \d+) `)
	var mu sync.Mutex
	moved := 0
	odd := &oddServer{say: func(response []byte) []byte {
		parts := uidFirst.FindSubmatch(response)
		if parts == nil || !bytes.Contains(response, []byte("BODY[]")) || !bytes.HasSuffix(response, []byte(")\r\n")) {
			return response
		}
		mu.Lock()
		moved++
		mu.Unlock()
		rest := response[len(parts[0]) : len(response)-len(")\r\n")]
		return fmt.Appendf(nil, "%s%s %s)\r\n", parts[1], rest, parts[2])
	}}
	p := readFrom(t, odd, dovecot, 42)
	mu.Lock()
	defer mu.Unlock()
	if moved < len(p.brought) {
		t.Errorf("only %d of %d mails came with their UID last", moved, len(p.brought))
	}
	measured(t, figure{"UID last", moved, p.reports(), "0 lost, 0 twice, 0 touched", time.Since(began)})
}

// TestAServerThatThrottlesIsObeyedAndLosesNothing throttles every kind of
// command in the words of large providers.
func TestAServerThatThrottlesIsObeyedAndLosesNothing(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	throttle := &throttle{}
	odd := (&oddServer{ask: throttle.answer}).start(t, dovecot.Port)
	rounds := times(1, 20)
	p := newPost(t, 43, 5*6*3*rounds)
	r := run(t, storeFile(t), "mb1", "imap", openOdd(dovecot, odd, "delete"))
	r.poll(t)
	met := 0
	for range rounds {
		for _, words := range []string{
			"NO [UNAVAILABLE] Temporary System Error",
			"NO [LIMIT] Account exceeded command or bandwidth limits",
			"NO [THROTTLED] Too many requests",
			"BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds",
			"BYE Session is throttled. Suggested Backoff Time: 92415 milliseconds",
		} {
			for _, command := range []string{"LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "UID EXPUNGE"} {
				p.bring(t, 3, inbox(dovecot))
				throttle.set(command, words)
				r.change(func(*ingest.Config) {}) // it connects anew, so that each command comes
				s := r.pollUntilFailed(t)
				if !throttle.lift() {
					t.Errorf("%s never came", command)
				}
				met++
				checkThrottled(t, command+" answered with "+words, s)
				if s = r.poll(t); s.LastError != "" {
					t.Errorf("%s answered with %s: afterwards %q", command, words, s.LastError)
				}
			}
		}
	}
	r.awaitAll(t, p)
	r.stop(t)
	equalsLedger(t, r.file, "mb1", p)
	untouched(t, dovecot, p, "delete")
	measured(t, figure{"throttled", met, p.reports(), "0 lost, 0 twice, 0 touched", time.Since(began)})
}

// checkThrottled looks at what is told of a poll that was throttled, and at
// when the next one is due.
func checkThrottled(t *testing.T, what string, s ingest.SourceStatus) {
	t.Helper()
	if s.State != ingest.Failing || s.LastError == "" {
		t.Errorf("%s: the state is %s: %q", what, s.State, s.LastError)
	}
	if strings.Contains(what, "92415") && time.Until(s.NextPoll) < 90*time.Second {
		t.Errorf("%s: the next poll is due in %v: %q", what, time.Until(s.NextPoll), s.LastError)
	}
}

// A throttle answers commands of a kind with its own words.
type throttle struct {
	mu             sync.Mutex
	command, words string
	met            bool
}

func (h *throttle) set(command, words string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.command, h.words, h.met = command, words, false
}

// lift ends it, and tells whether any command was answered.
func (h *throttle) lift() (met bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.command = ""
	return h.met
}

func (h *throttle) answer(command string) (changed, answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tag, rest, _ := strings.Cut(command, " ")
	if h.command == "" || !strings.HasPrefix(rest, h.command) {
		return command, ""
	}
	h.met = true
	if words, last := strings.CutPrefix(h.words, "BYE"); last {
		return "", "* BYE" + words + "\r\n" + tag + " BAD" + words + "\r\n"
	}
	return "", tag + " " + h.words + "\r\n"
}
