package targets

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// events are what `go test -json` says of four packages: one that passes, one
// without tests, one that does not compile, and one that the time limit ends.
const events = `{"Action":"start","Package":"example/good"}
{"Action":"run","Package":"example/good","Test":"TestPasses"}
{"Action":"output","Package":"example/good","Test":"TestPasses","Output":"=== RUN   TestPasses\n"}
{"Action":"output","Package":"example/good","Test":"TestPasses","Output":"--- PASS: TestPasses (0.00s)\n"}
{"Action":"pass","Package":"example/good","Test":"TestPasses","Elapsed":0}
{"Action":"run","Package":"example/good","Test":"TestMailbox"}
{"Action":"output","Package":"example/good","Test":"TestMailbox","Output":"=== RUN   TestMailbox\n"}
{"Action":"output","Package":"example/good","Test":"TestMailbox","Output":"    mailbox_test.go:7: dovecot is not installed: apt-get\n"}
{"Action":"output","Package":"example/good","Test":"TestMailbox","Output":"--- SKIP: TestMailbox (0.00s)\n"}
{"Action":"skip","Package":"example/good","Test":"TestMailbox","Elapsed":0}
{"Action":"output","Package":"example/good","Output":"PASS\n"}
{"Action":"output","Package":"example/good","Output":"ok  \texample/good\t0.1s\n"}
{"Action":"pass","Package":"example/good","Elapsed":0.1}
{"Action":"output","Package":"example/none","Output":"?   \texample/none\t[no test files]\n"}
{"Action":"skip","Package":"example/none","Elapsed":0}
{"ImportPath":"example/broken","Action":"build-output","Output":"broken/broken.go:3:1: syntax error\n"}
{"ImportPath":"example/broken","Action":"build-fail"}
{"Action":"output","Package":"example/broken","Output":"FAIL\texample/broken [build failed]\n"}
{"Action":"fail","Package":"example/broken","Elapsed":0,"FailedBuild":"example/broken"}
{"Action":"output","Package":"example/slow","Test":"TestWrong","Output":"    slow_test.go:9: got 1, want 2\n"}
{"Action":"fail","Package":"example/slow","Test":"TestWrong","Elapsed":0}
{"Action":"output","Package":"example/slow","Test":"TestHangs","Output":"panic: test timed out after 1s\n"}
go: this line is no event
{"Action":"output","Package":"example/slow","Output":"FAIL\texample/slow\t1.0s\n"}
{"Action":"fail","Package":"example/slow","Elapsed":1}
`

func TestTheSummaryTellsWhatFailedAndWhatWasSkipped(t *testing.T) {
	var out strings.Builder
	s := newSummary(&out)
	if err := s.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	want := "ok  \texample/good\t0.1s\n" +
		"broken/broken.go:3:1: syntax error\n" +
		"FAIL\texample/broken [build failed]\n" +
		"    slow_test.go:9: got 1, want 2\n" +
		"go: this line is no event\n" +
		"panic: test timed out after 1s\n" +
		"FAIL\texample/slow\t1.0s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	skipped := []string{"example/good TestMailbox: mailbox_test.go:7: dovecot is not installed: apt-get"}
	if diff := cmp.Diff(skipped, s.skipped); diff != "" {
		t.Errorf("skipped: -want +got\n%s", diff)
	}
	if s.passed != 1 || s.failed != 1 {
		t.Errorf("%d passed and %d failed", s.passed, s.failed)
	}
}

func TestTheReasonOfASkipIsTheLastThingThatWasSaid(t *testing.T) {
	for _, test := range []struct {
		name, want string
		lines      []string
	}{
		{"a test", "a_test.go:1: no nginx", []string{"=== RUN   TestA\n", "    a_test.go:1: no nginx\n", "--- SKIP: TestA (0.00s)\n"}},
		{"a part of a test", "a_test.go:2: no jq", []string{"=== RUN   TestA/b\n", "    a_test.go:1: looking\n", "    a_test.go:2: no jq\n", "    --- SKIP: TestA/b (0.00s)\n"}},
		{"a test that ran beside others", "a_test.go:1: no nginx", []string{"=== PAUSE TestA\n", "=== CONT  TestA\n", "    a_test.go:1: no nginx\n", "--- SKIP: TestA (0.00s)\n"}},
		{"a test that said nothing", "no reason given", []string{"=== RUN   TestA\n", "--- SKIP: TestA (0.00s)\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := reason(test.lines); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
