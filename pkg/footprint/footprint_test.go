package footprint

import (
	"context"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackAtRestAfterWork(t *testing.T) {
	const work = worthwhile / 2
	for _, test := range []struct {
		name      string
		allocates []uint64 // in each time of rest
		frees     []int    // after which of these
	}{
		{"not where nothing was done", []uint64{0, 0, 0}, nil},
		{"not while something is done", []uint64{work, work, work, work}, nil},
		{"once after work", []uint64{work, work, 1000, 1000, 1000}, []int{2}},
		{"after each work", []uint64{work, work, 0, 0, worthwhile, 0}, []int{2, 5}},
		{"not for little work", []uint64{work, 0, 0, 0}, nil},
		{"for much little work", []uint64{worthwhile - 2*little, 0, little - 1, little - 1, little - 1, little - 1}, []int{4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				var total atomic.Uint64
				var period atomic.Int64
				var frees []int
				go giveBack(ctx, total.Load, func() { frees = append(frees, int(period.Load())) })
				synctest.Wait()
				for _, n := range test.allocates {
					total.Add(n)
					time.Sleep(rests)
					synctest.Wait()
					period.Add(1)
				}
				if !slices.Equal(frees, test.frees) {
					t.Errorf("it was given back after %v, not %v", frees, test.frees)
				}
			})
		})
	}
}

func TestAllocationsAreCounted(t *testing.T) {
	before := allocated()
	kept := make([]byte, 10<<20)
	if n := allocated() - before; n < uint64(len(kept)) {
		t.Errorf("%d bytes are counted of %d", n, len(kept))
	}
}

const boundsChild = "TLSRPT_TEST_BOUNDS"

func TestBoundsAreThoseOfTheEnvironmentWhereItHasSome(t *testing.T) {
	for _, test := range []struct {
		name        string
		environment []string
		want        string
	}{
		{"ours", nil, "167772160 150"},
		{"ours, told to another program", Environment(), "167772160 150"},
		{"another limit", []string{"GOMEMLIMIT=100MiB"}, "104857600 150"},
		{"another percentage", []string{"GOGC=50"}, "167772160 50"},
	} {
		t.Run(test.name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestBoundsOfThisProcess$", "-test.v")
			plain := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOMEMLIMIT=") || strings.HasPrefix(v, "GOGC=") })
			child.Env = append(append(plain, boundsChild+"=1"), test.environment...)
			out, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "bounds: "+test.want+"\n") {
				t.Errorf("want %s, %v: %s", test.want, err, out)
			}
		})
	}
}

func TestBoundsOfThisProcess(t *testing.T) {
	if os.Getenv(boundsChild) == "" {
		t.Skip("runs as the child of TestBoundsAreThoseOfTheEnvironmentWhereItHasSome only")
	}
	Bound()
	t.Logf("bounds: %d %d", debug.SetMemoryLimit(-1), debug.SetGCPercent(100))
}
