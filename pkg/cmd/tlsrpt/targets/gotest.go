package targets

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// goTestTime is how long one package's tests may take.
const goTestTime = "20m"

// GoTests runs all Go tests and prints what failed, each package's result, and
// a closing count. It returns a line for each test that was skipped, with the
// reason; the error tells that some failed.
func GoTests(out io.Writer) (skipped []string, err error) {
	command := exec.Command("go", "test", "-json", "-timeout", goTestTime, "./...")
	command.Stderr = os.Stderr
	lines, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := newSummary(out)
	err = errors.Join(s.read(lines), command.Wait())
	fmt.Fprintf(out, "go: %d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skipped))
	return s.skipped, err
}

// A testEvent is a line of `go test -json`. A line about a build has no package.
type testEvent struct{ Action, Package, Test, Output string }

// A place is a test, or a package where Test is empty.
type place struct{ Package, Test string }

// A summary is what the events of a run come to.
type summary struct {
	out            io.Writer
	passed, failed int
	skipped        []string
	said           map[place][]string // what has not ended yet
}

func newSummary(out io.Writer) *summary { return &summary{out: out, said: map[place][]string{}} }

// read sums up events, and prints at once what is worth it.
func (s *summary) read(events io.Reader) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e testEvent
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(s.out, lines.Text())
			continue
		}
		s.add(e)
	}
	return lines.Err()
}

func (s *summary) add(e testEvent) {
	at := place{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
		return
	case "output":
		s.said[at] = append(s.said[at], e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	said := s.said[at]
	delete(s.said, at)
	switch {
	case e.Action == "fail" && e.Test == "":
		s.printUnended(e.Package)
		fmt.Fprint(s.out, strings.Join(said, ""))
	case e.Action == "fail":
		s.failed++
		fmt.Fprint(s.out, strings.Join(said, ""))
	case e.Action == "skip" && e.Test != "":
		s.skipped = append(s.skipped, e.Package+" "+e.Test+": "+reason(said))
	case e.Action == "pass" && e.Test != "":
		s.passed++
	case e.Action == "pass" && len(said) > 0:
		fmt.Fprint(s.out, said[len(said)-1]) // the package's closing line
	}
}

// printUnended prints what those tests of a package said that a crash or the
// time limit ended.
func (s *summary) printUnended(pkg string) {
	var tests []string
	for at := range s.said {
		if at.Package == pkg {
			tests = append(tests, at.Test)
		}
	}
	slices.Sort(tests)
	for _, test := range tests {
		fmt.Fprint(s.out, strings.Join(s.said[place{pkg, test}], ""))
		delete(s.said, place{pkg, test})
	}
}

// reason is what a skipped test said: the line before its closing "--- SKIP".
func reason(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if !strings.HasPrefix(strings.TrimSpace(line), "---") && !strings.HasPrefix(line, "===") {
			return strings.TrimSpace(line)
		}
	}
	return "no reason given"
}
