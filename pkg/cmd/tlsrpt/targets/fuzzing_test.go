package targets

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const progress = "fuzz: elapsed: 0s, gathering baseline coverage: 0/192 completed\n" +
	"fuzz: elapsed: 0s, gathering baseline coverage: 192/192 completed, now fuzzing with 8 workers\n" +
	"fuzz: elapsed: 3s, execs: 325017 (108336/sec), new interesting: 11 (total: 202)\n"

func TestAFuzzRunsAccount(t *testing.T) {
	for _, test := range []struct {
		name, output, want string
		failed, busy       bool
	}{
		{name: "nothing wrong", output: progress + "fuzz: elapsed: 5s, execs: 534231 (104610/sec), new interesting: 12 (total: 203)\nPASS\n",
			want: "found nothing wrong in 534231 executions; 12 new inputs reach new code"},
		{name: "no account of new inputs", output: "fuzz: elapsed: 3s, execs: 17 (5/sec)\nPASS\n",
			want: "found nothing wrong in 17 executions; 0 new inputs reach new code"},
		{name: "an input that fails is kept", output: progress + "--- FAIL: FuzzDecode (3.02s)\n    --- FAIL: FuzzDecode (0.00s)\n        decode_test.go:9: panic\n\n" +
			"    Failing input written to testdata/fuzz/FuzzDecode/af69258a12129d6c\n    To re-run:\n", failed: true,
			want: "FAILED on the input that is kept in testdata/fuzz/FuzzDecode/af69258a12129d6c"},
		{name: "a seed that fails is kept already", output: "--- FAIL: FuzzDecode (0.01s)\n    --- FAIL: FuzzDecode/seed#0 (0.00s)\n        decode_test.go:9: wrong\nFAIL\n", failed: true,
			want: "FAILED, on no input that is kept: what it said tells why"},
		{name: "the time ended while a worker was busy", output: progress + "--- FAIL: FuzzDecode (3.02s)\n    context deadline exceeded\nFAIL\n", busy: true,
			want: "found nothing wrong in 325017 executions; 11 new inputs reach new code"},
		{name: "the time ended before anything new", output: "fuzz: elapsed: 0s, gathering baseline coverage: 0/220 completed\nfuzz: elapsed: 3s, gathering baseline coverage: 91/220 completed\nPASS\n",
			want: "found nothing wrong in 91 of 220 known inputs; there was no time for new ones"},
		{name: "nothing came of it", output: "PASS\n", want: "nothing was executed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := fuzzingOf(test.output)
			f.failed = test.failed
			if got := f.String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if endedWhileBusy(f, test.output) != test.busy {
				t.Errorf("said to have ended while busy: %t", !test.busy)
			}
		})
	}
}

func TestFuzzTargetsAreFoundInInnerAndOuterTestsOfEveryPackage(t *testing.T) {
	module := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":        "module example\n\ngo 1.26\n",
		"a/a.go":        "package a\n",
		"a/a_test.go":   "package a\n\nimport \"testing\"\n\nfunc FuzzInner(f *testing.F) {}\n\nfunc FuzzHelper(t *testing.T) {}\n\nfunc TestA(t *testing.T) {}\n",
		"a/b_test.go":   "package a_test\n\nimport \"testing\"\n\nfunc FuzzOuter(f *testing.F) {}\n\nfunc Fuzzy() {}\n",
		"b/b.go":        "package b\n",
		"b/a_test.go":   "package b\n\nimport \"testing\"\n\ntype s struct{}\n\nfunc (s) FuzzMethod(f *testing.F) {}\n",
		"c/c_test.go":   "package c\n\nimport \"testing\"\n\nfunc FuzzAlone(fuzz *testing.F) {}\n",
		"c/off_test.go": "//go:build never\n\npackage c\n\nimport \"testing\"\n\nfunc FuzzNever(f *testing.F) {}\n",
	} {
		path := filepath.Join(module, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(module)
	targets, err := fuzzTargets()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, target := range targets {
		got = append(got, target.String()+" in "+filepath.Base(target.dir))
	}
	want := []string{"example/a FuzzInner in a", "example/a FuzzOuter in a", "example/c FuzzAlone in c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
