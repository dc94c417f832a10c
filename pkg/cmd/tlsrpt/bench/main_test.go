package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's program be the roles that the benchmark starts as
// its children.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-be" {
		main()
		return
	}
	os.Exit(m.Run())
}

// fromRoot makes the test run where the benchmark does.
func fromRoot(t *testing.T) {
	t.Helper()
	t.Chdir("../../../..")
}

func TestAShortRunPrintsEveryFigureBesideItsFloor(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves it out: it builds the backend and synchronises three times")
	}
	fromRoot(t)
	var out bytes.Buffer
	o := options{
		reports: 200, small: 400, large: 800, domains: 2, growthDomains: 1, times: 1, parsedmarcMails: 1,
		quiet: 10 * time.Millisecond, only: "import,imap,drop,query,growth",
	}
	if err := run(t.Context(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	said := out.String()
	inOneLine := strings.Join(strings.Fields(strings.ReplaceAll(said, "|", " ")), " ") // long titles are wrapped
	for _, want := range []string{
		"File import of 200 mails", "tlsrpt import", "floor: standard library, same tables", "floor that writes nothing",
		"IMAP synchronisation of 200 mails", "Polling a drop of 200 files",
		"A store of 400 policy rows", "A store of 800 policy rows: 2 domains", "instance start", "idle",
		"Overview: Failure rate", "alert: TLS failure rate", "which differ in the number of reports alone",
	} {
		if !strings.Contains(inOneLine, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	// What was measured of 800 rows must claim nothing of ten million.
	for line := range strings.Lines(said) {
		if strings.Contains(line, "10,000,000") && !strings.Contains(line, "at this size") && !strings.Contains(line, "NOT met") {
			t.Errorf("it claims what it did not measure: %s", line)
		}
	}
}

func TestOnlyNamedSectionsRun(t *testing.T) {
	all, err := chooseSections("")
	if err != nil || len(all) != len(sections()) {
		t.Errorf("without names %d sections run, %v", len(all), err)
	}
	some, err := chooseSections("drop,parse")
	if err != nil || len(some) != 2 || some[0].name != "drop" || some[1].name != "parse" {
		t.Errorf("got %v, %v", some, err)
	}
	if _, err := chooseSections("import,impa"); err == nil || !strings.Contains(err.Error(), `"impa"`) {
		t.Errorf("a name that is none: %v", err)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	var twenty []time.Duration
	for i := range 20 {
		twenty = append(twenty, time.Duration(20-i)) // in no order
	}
	for _, tt := range []struct {
		name  string
		times []time.Duration
		share float64
		want  time.Duration
	}{
		{"the median of twenty", twenty, 0.5, 10},
		{"95 % of twenty leaves out the slowest", twenty, 0.95, 19},
		{"all of twenty", twenty, 1, 20},
		{"none of twenty is the fastest", twenty, 0, 1},
		{"one time is every percentile", twenty[:1], 0.95, 20},
		{"the median of three", []time.Duration{3, 1, 2}, 0.5, 2},
		{"no times", nil, 0.5, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := percentile(tt.times, tt.share); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestANumberIsMetOnlyAtTheSizeItSpeaksOf(t *testing.T) {
	for _, tt := range []struct {
		rows int
		met  bool
		want string
	}{
		{goalRows, true, "met"}, {goalRows, false, "NOT met"}, {goalRows - 1, true, "met at this size"}, {1000, false, "NOT met"},
	} {
		if got := verdictAt(tt.rows, tt.met); got != tt.want {
			t.Errorf("%d rows, %v: %q, want %q", tt.rows, tt.met, got, tt.want)
		}
	}
	// 1.3 × 1000 + 500 × 2 is 2300.
	if got := goalOfStore(2300, 1000, 2); !strings.HasPrefix(got, "met") {
		t.Error(got)
	}
	if got := goalOfStore(2301, 1000, 2); !strings.HasPrefix(got, "NOT met") {
		t.Error(got)
	}
	if got := goalOfStop(synchronised{stop: time.Millisecond, stopped: 10}, 10); !strings.HasPrefix(got, "not measured") {
		t.Error("a stop after everything was stored is taken for one in the midst:", got)
	}
	if got := goalOfMemory(0); !strings.HasPrefix(got, "not measured") {
		t.Error(got)
	}
}

func TestWhatIsOutOfReachIsShownByReadingAlone(t *testing.T) {
	if got, want := outOfReach(4000, 100, 2), "100× is out of reach: reading alone, on 2 cores, is 80.00× at most"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := outOfReach(5000, 100, 2); strings.Contains(got, "out of reach") {
		t.Errorf("got %q", got)
	}
}

func TestProgressTellsWhatIsLeft(t *testing.T) {
	var out bytes.Buffer
	p := (&lab{talk: &out}).progress("fill", 1000)
	p.at(100)
	if out.Len() > 0 {
		t.Errorf("it talks of short work: %s", &out)
	}
	p.next = time.Now().Add(-time.Second)
	p.at(0)
	p.at(250)
	p.at(251)
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "fill: 250 of 1000, ") {
		t.Errorf("got %q", got)
	}
	if got := p.line(250, time.Minute); got != "fill: 250 of 1000, 1m0s so far, about 3m0s to go" {
		t.Errorf("got %q", got)
	}
}

func TestALineOfABenchmarkIsRead(t *testing.T) {
	said := "goos: linux\n" +
		"BenchmarkHostile/zip64_that_says_2^60_members-2  \t 1\t 1500000 ns/op\t 12.96 MB/s\t 2097152 B/op\t 155 allocs/op\n" +
		"BenchmarkDecode-2  \t 1\t 76774 ns/op\n" +
		"PASS\n"
	got := readBenchmarks([]byte(said))
	if len(got) != 1 {
		t.Fatalf("got %+v", got)
	}
	want := benchmark{name: "BenchmarkHostile", input: "zip64_that_says_2^60_members", time: "1.5", allocated: "2.0"}
	if got[0] != want {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
	if got, want := got[0].pattern(), `^BenchmarkHostile$/^zip64_that_says_2\^60_members$`; got != want {
		t.Errorf("the pattern is %s, want %s", got, want)
	}
}

// soaked are samples of a soak whose figures follow from their number.
func soaked(n int, memory func(i int) float64, handles func(i int) int, stored func(i int) int) []sample {
	samples := make([]sample, n)
	for i := range samples {
		samples[i] = sample{memory: memory(i), handles: handles(i), stored: stored(i), store: int64(i), queries: 1}
	}
	return samples
}

func TestASoakFailsWhereSomethingGrows(t *testing.T) {
	flat := func(int) float64 { return 90 }
	few := func(int) int { return 20 }
	ever := func(i int) int { return 10 * (i + 1) }
	for _, tt := range []struct {
		name    string
		samples []sample
		fails   string
	}{
		{"all is flat", soaked(40, flat, few, ever), ""},
		{"memory that warms up in the first quarter", soaked(40, func(i int) float64 { return min(90, 40+5*float64(i)) }, few, ever), ""},
		{"memory that swings", soaked(40, func(i int) float64 { return 90 + 10*float64(i%3) }, few, ever), ""},
		{"memory that grows by a fifth", soaked(40, func(i int) float64 { return 90 + float64(i) }, few, ever), "memory"},
		{"memory over the limit once", soaked(40, func(i int) float64 { return []float64{90, 257}[i/30%2*(i%10/9)] }, few, ever), "257"},
		{"a file handle that leaks now and then", soaked(40, flat, func(i int) int { return 20 + i/4 }, ever), "file handles"},
		{"memory that is not told", soaked(40, func(int) float64 { return 0 }, few, ever), "memory"},
		{"an ingest that comes to a halt", soaked(40, flat, few, func(i int) int { return min(10*(i+1), 200) }), "quarter 3"},
		{"too few samples", soaked(3, flat, few, ever), "too few"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := (&lab{out: &out}).judgeSoak(time.Minute, tt.samples)
			switch {
			case tt.fails == "" && err != nil:
				t.Errorf("%v\n%s", err, &out)
			case tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)):
				t.Errorf("got %v, want one of %q\n%s", err, tt.fails, &out)
			}
		})
	}
	err := (&lab{out: io.Discard}).judgeSoak(time.Minute, soaked(40, func(i int) float64 { return 90 + float64(i) }, few, ever))
	if !errors.Is(err, errGrows) {
		t.Errorf("got %v", err)
	}
}
