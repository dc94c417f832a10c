package ingest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

func TestOnlyAProcessOfThisMachineThatHasEndedIsGone(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^$")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		owner string
		want  bool
	}{
		"a child that has ended":               {fmt.Sprintf("%s/%d#00000000", hostName(), child.Process.Pid), true},
		"a predecessor with this process's id": {fmt.Sprintf("%s/%d#00000000", hostName(), os.Getpid()), true},
		"the parent, which is alive":           {fmt.Sprintf("%s/%d#00000000", hostName(), os.Getppid()), false},
		"the same id on another machine":       {fmt.Sprintf("elsewhere/%d#00000000", child.Process.Pid), false},
		"an import, which tells no process so": {fmt.Sprintf("%s/%d import", hostName(), child.Process.Pid), false},
		"an owner of an unknown form":          {"somebody", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := gone(c.owner); got != c.want {
				t.Errorf("%q: got %v", c.owner, got)
			}
		})
	}
}
