package tlsrpt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A hostile document is made to cost its reader more than its writer.
type hostile struct {
	name string
	// make returns a document of about size bytes.
	make func(size int) []byte
	// size is how large it comes; 0 is the largest that is read.
	size int
	// fails is the reason of the error; empty where it is a report like any other.
	fails string
}

// fill returns a document of the given size that repeats middle.
func fill(start, middle, end string) func(size int) []byte {
	return func(size int) []byte {
		n := max(0, size-len(start)-len(end)) / len(middle)
		return append(append(append(make([]byte, 0, size), start...), bytes.Repeat([]byte(middle), n)...), end...)
	}
}

// number returns a document that repeats middle with another number each time.
func number(start, middle, end string) func(size int) []byte {
	return func(size int) []byte {
		b := bytes.NewBufferString(start)
		for i := 0; b.Len()+len(middle)+len(end)+10 < size; i++ {
			fmt.Fprintf(b, middle, i)
		}
		b.WriteString(end)
		return b.Bytes()
	}
}

// inReport puts members into a whole report, start and end apart.
func inReport(members string) (start, end string) {
	start, end, _ = strings.Cut(report(members), "§")
	return start, end
}

func filled(members, middle string) func(size int) []byte {
	start, end := inReport(members)
	return fill(start, middle, end)
}

func numbered(members, middle string) func(size int) []byte {
	start, end := inReport(members)
	return number(start, middle, end)
}

// hostiles are documents over and around the bounds. A § is where they are filled.
var hostiles = func() []hostile {
	aPolicy := policy(`"policy-type":"sts","policy-domain":"example.com"`)
	inDetail := func(members string) string {
		return `"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.com"},"summary":{},"failure-details":[` + members + `]}]`
	}
	return []hostile{
		// Size and depth.
		{"a document of 21 MiB", filled(`"x":"§","policies":[`+aPolicy+`]`, "x"), 21 << 20, ReasonTooLarge},
		{"an array a million deep", filled(`"x":§`, "["), 1 << 20, ReasonTooDeep},
		{"objects millions deep", filled(`"x":§`, `{"a":`), 0, ReasonTooDeep},
		{"policies a million deep", filled(`"policies":§`, `[`), 1 << 20, ReasonTooDeep},
		{"policy objects a million deep", filled(`"policies":[§`, `{"policy":`), 0, ReasonTooDeep},
		{"only white space", fill("", " ", ""), 0, ReasonInvalidJSON},
		{"only opening brackets", fill("", "[", ""), 0, ReasonTooDeep},

		// Numbers of things.
		{"a hundred thousand policies", filled(`"policies":[§{}]`, aPolicy+","), 100_000 * (len(aPolicy) + 1), ReasonTooMany},
		{"half a million empty policies", filled(`"policies":[§{}]`, `{},`), 0, ReasonTooMany},
		{"policies in many lists", filled(`§"policies":[`+aPolicy+`]`, `"policies":[{},{},{},{}],`), 0, ReasonTooMany},
		{"failure details for 20 MiB", filled(inDetail("§{}"), `{"failed-session-count":1},`), 0, ReasonTooMany},
		{"millions of empty failure details", filled(inDetail("§{}"), `{},`), 0, ""},
		{"millions of policy lines", filled(`"policies":[{"policy":{"policy-domain":"example.com","policy-string":[§""]}}]`, `"a",`), 0, ReasonTooMany},
		{"millions of empty policy lines", filled(`"policies":[{"policy":{"policy-domain":"example.com","policy-string":[§""]}}]`, `"",`), 0, ""},
		{"a million keys in an unknown object", numbered(`"x":{§"z":0},"policies":[`+aPolicy+`]`, `"k%07d":0,`), 0, ""},
		{"millions of equal keys in an unknown object", filled(`"x":{§"z":0},"policies":[`+aPolicy+`]`, `"a":1,`), 0, ""},
		{"millions of equal known keys", filled(`§"policies":[`+aPolicy+`]`, `"report-id":"1",`), 0, ""},
		{"millions of empty arrays in an unknown key", filled(`"x":[§[]],"policies":[`+aPolicy+`]`, `[],`), 0, ""},
		{"millions of empty arrays among the policies", filled(`"policies":[§`+aPolicy+`]`, `[],`), 0, ""},
		{"millions of nulls among the failure details", filled(inDetail("§null"), `null,`), 0, ""},
		{"millions of keys of another kind of document", number(`{`, `"k%07d":{},`, `"z":0}`), 0, ReasonNotRFC8460},

		// Long things.
		{"a number of a million digits", filled(`"policies":[{"policy":{"policy-domain":"example.com"},"summary":{"total-failure-session-count":1§}}]`, "0"), 1 << 20, ""},
		{"a fraction of 19 MB", filled(`"policies":[{"policy":{"policy-domain":"example.com"},"summary":{"total-failure-session-count":1.§1}}]`, "0"), 19_000_000, ""},
		{"an exponent of a million digits", filled(`"policies":[{"policy":{"policy-domain":"example.com"},"summary":{"total-failure-session-count":1e§}}]`, "9"), 1 << 20, ""},
		{"a count in a string of 19 MB", filled(`"policies":[{"policy":{"policy-domain":"example.com"},"summary":{"total-failure-session-count":"§"}}]`, "9"), 19_000_000, ""},
		{"a key of 10 MB", filled(`"§":0,"policies":[`+aPolicy+`]`, "k"), 10_000_000, ""},
		{"an escaped key of 10 MB", filled(`"§":0,"policies":[`+aPolicy+`]`, `\u006b`), 10_000_000, ""},
		{"a string of 19 MB", filled(`"report-id":"§","policies":[`+aPolicy+`]`, "x"), 19_000_000, ""},
		{"an escaped string of 19 MB", filled(`"report-id":"§","policies":[`+aPolicy+`]`, `\ud83d\ude00`), 19_000_000, ""},
		{"a string of 19 MB that is no UTF-8", filled(`"report-id":"§","policies":[`+aPolicy+`]`, "\xff"), 19_000_000, ""},
		{"a string of 19 MB of hidden characters", filled(`"organization-name":"§","policies":[`+aPolicy+`]`, "\u202e"), 19_000_000, ""},
		{"a string of 19 MB in an unknown key", filled(`"x":"§","policies":[`+aPolicy+`]`, "x"), 19_000_000, ""},
		{"a policy-domain of 19 MB", filled(`"policies":[{"policy":{"policy-domain":"§"}}]`, "ü."), 19_000_000, ReasonInvalidDomain},
		{"a time of 19 MB", filled(`"date-range":{"start-datetime":"§"},"policies":[`+aPolicy+`]`, "2026-"), 19_000_000, ReasonInvalidPeriod},
		{"trailing data of 19 MB", fill(counts(`1`), "}", ""), 19_000_000, ""},

		// Work.
		{"reason codes that never repeat", numbered(inDetail("§{}"),
			`{"failure-reason-code":"dial tcp 192.0.2.1:%[1]d: mx%[1]d.example.com id=%[1]d `+strings.Repeat("a1.b2:c3-", 60)+`"},`), 0, ""},
		{"reason codes of one long word", numbered(inDetail("§{}"), `{"failure-reason-code":"`+strings.Repeat("a.", 200)+`%d"},`), 0, ""},
		{"MX hosts in other scripts", numbered(inDetail("§{}"), `{"receiving-mx-hostname":"`+strings.Repeat("ü.", 27)+`%d.example"},`), 5 << 20, ""},
		{"record sets inside strings", filled(`"policies":[{"policy":{"policy-domain":"example.com","policy-string":[§""]}}]`,
			`"[`+strings.Repeat(`\"3 1 1 AA\",`, 1000)+`\"3 1 1 AA\"",`), 0, ""},
		{"long MX hosts in other scripts", numbered(inDetail("§{}"), `{"receiving-mx-hostname":"`+strings.Repeat("ü.", 80)+`%d.example"},`), 12 << 20, ""},
		{"addresses that are none", numbered(inDetail("§{}"), `{"sending-mta-ip":"[IPv6:%[1]d::%[1]d::%[1]d]","receiving-ip":"%[1]d.1.1.1.1"},`), 2 << 20, ""},
	}
}()

func (h hostile) document() []byte {
	size := h.size
	if size == 0 {
		size = MaxDocument
	}
	return h.make(size)
}

// Memory has to stay under 256 MiB for the whole process; a document may take
// its own size a few times over, most of it only for a moment.
func TestHostileDocumentsCostLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("reads documents of 20 MiB")
	}
	const allowed, longest = 160 << 20, 20 * time.Second
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			document := h.document()
			if h.fails != ReasonTooLarge && len(document) > MaxDocument {
				t.Fatalf("the document has %d bytes", len(document))
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			started := time.Now()
			_, err := DecodeBytes(document, Hints{})
			took := time.Since(started)
			runtime.ReadMemStats(&after)
			var typed *Error
			if got := errors.As(err, &typed); got != (h.fails != "") || got && typed.Reason != h.fails {
				t.Errorf("error %v, want reason %q", err, h.fails)
			}
			if typed != nil && (typed.Sentence == "" || len(typed.Sentence) > MaxText) {
				t.Errorf("the reason has %d bytes: %.100s", len(typed.Sentence), typed.Sentence)
			}
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > allowed {
				t.Errorf("took %d MiB, want at most %d", bytes>>20, allowed>>20)
			}
			if took > longest {
				t.Errorf("took %s", took)
			}
		})
	}
}

// A document four times as large may take four times as long, not sixteen.
func TestHostileDocumentsCostAsTheirSize(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	const size, noise, most, rounds = 512 << 10, 20 * time.Millisecond, 9, 12
	took := func(document []byte) time.Duration {
		started := time.Now()
		_, _ = DecodeBytes(document, Hints{}) // its fate is tested above
		return time.Since(started)
	}
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			small, large := h.make(size), h.make(4*size)
			one, four := time.Hour, time.Hour
			for range rounds { // a busy machine spoils some
				one, four = min(one, took(small), took(small)), min(four, took(large))
				if four <= most*one+noise {
					return
				}
			}
			t.Errorf("%d KiB take %s, %d KiB take %s", size>>10, one, 4*size>>10, four)
		})
	}
}

// What is too large is not read to its end.
func TestAnEndlessDocumentIsReadNoFurtherThanItsBound(t *testing.T) {
	endless := &counting{}
	_, err := Decode(endless, Hints{})
	var typed *Error
	if !errors.As(err, &typed) || typed.Reason != ReasonTooLarge {
		t.Errorf("error %v, want reason %q", err, ReasonTooLarge)
	}
	if endless.n > 2*MaxDocument {
		t.Errorf("%d bytes were read", endless.n)
	}
}

// A counting reader never ends, and counts what is taken of it.
type counting struct{ n int64 }

var _ io.Reader = (*counting)(nil)

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	c.n += int64(len(p))
	return len(p), nil
}

func BenchmarkHostile(b *testing.B) {
	for _, h := range hostiles {
		b.Run(strings.ReplaceAll(h.name, " ", "-"), func(b *testing.B) {
			document := h.document()
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = DecodeBytes(document, Hints{}) // its fate is tested above
			}
		})
	}
}
