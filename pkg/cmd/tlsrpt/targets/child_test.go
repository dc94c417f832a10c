//go:build unix

package targets

import (
	"os/exec"
	"testing"
)

func TestAChildIsToldOfWhatInterruptsItsParent(t *testing.T) {
	for name, test := range map[string]struct {
		script      string
		interrupted bool
		fails       bool
	}{
		"a terminated parent's child can clean up":      {`trap 'exit 0' INT; kill -TERM $PPID; while :; do sleep 0.01; done`, true, false},
		"one that does not is ended":                    {`kill -INT $PPID; exec sleep 600`, true, true},
		"a child that ends by itself was not told":      {`exit 0`, false, false},
		"how a child ends by itself is how the run did": {`exit 3`, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			interrupted, err := RunChild(exec.Command("sh", "-c", test.script))
			if interrupted != test.interrupted || (err != nil) != test.fails {
				t.Errorf("interrupted: %t, ended with %v", interrupted, err)
			}
		})
	}
}
