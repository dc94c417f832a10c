package targets

import (
	"fmt"
	"regexp"
	"strings"
)

// fuzzing is what one target's run came to: how often it was executed, how many
// inputs reached new code, and the file with the input that failed.
type fuzzing struct {
	executions, inputs, kept string
	// known is how many of the inputs that are known were tried before new
	// ones, such as "91 of 220".
	known  string
	failed bool
}

// String says it in a sentence.
func (f fuzzing) String() string {
	switch {
	case f.kept != "":
		return "FAILED on the input that is kept in " + f.kept
	case f.failed:
		return "FAILED, on no input that is kept: what it said tells why"
	case f.executions == "" && f.known == "":
		return "nothing was executed"
	case f.executions == "":
		return fmt.Sprintf("found nothing wrong in %s known inputs; there was no time for new ones", f.known)
	}
	return fmt.Sprintf("found nothing wrong in %s executions; %s new inputs reach new code", f.executions, f.inputs)
}

var (
	fuzzBaseline = regexp.MustCompile(`gathering baseline coverage: (\d+)/(\d+) completed`)
	fuzzProgress = regexp.MustCompile(`execs: (\d+)(?: .*new interesting: (\d+))?`)
	fuzzKept     = regexp.MustCompile(`Failing input written to (\S+)`)
)

// fuzzingOf reads a fuzz run's last account of itself.
func fuzzingOf(output string) fuzzing {
	f := fuzzing{inputs: "0"}
	if all := fuzzBaseline.FindAllStringSubmatch(output, -1); len(all) > 0 {
		last := all[len(all)-1]
		f.known = last[1] + " of " + last[2]
	}
	if all := fuzzProgress.FindAllStringSubmatch(output, -1); len(all) > 0 {
		last := all[len(all)-1]
		f.executions = last[1]
		if last[2] != "" {
			f.inputs = last[2]
		}
	}
	if kept := fuzzKept.FindStringSubmatch(output); kept != nil {
		f.kept = kept[1]
	}
	return f
}

// endedWhileBusy tells a run that Go fails since its time ended while a worker
// was busy, though nothing is wrong.
func endedWhileBusy(f fuzzing, output string) bool {
	return f.kept == "" && strings.Contains(output, "\n    context deadline exceeded\n")
}
