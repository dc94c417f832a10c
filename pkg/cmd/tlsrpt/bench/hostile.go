package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/footprint"
)

// benchmarkCPUs makes the end of the benchmarks' names the same everywhere.
const benchmarkCPUs = "2"

// hostilePackages have benchmarks named Hostile, with an input for every limit.
func hostilePackages() []string {
	return []string{"pkg/tlsrpt", "pkg/mailreport", "pkg/cmd/tlsrpt/endtoend"}
}

// benchHostile runs the packages' own benchmarks of what strangers may send,
// each in a process of its own.
func benchHostile(ctx context.Context, l *lab) error {
	s := l.sheet("Hostile inputs, one of each, in a process of its own that holds the input too", "Package", "Input", "Time, ms", "Allocated, MiB", "Memory, MiB", "Number to reach")
	for _, folder := range hostilePackages() {
		program := filepath.Join(l.dir, filepath.Base(folder)+".test")
		build := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./"+folder)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build the benchmarks of %s: %w", folder, err)
		}
		all, err := runBenchmark(ctx, program, folder, "^BenchmarkHostile", "1x")
		if err != nil {
			return err
		}
		inputs := readBenchmarks(all.said)
		p := l.progress("hostile inputs of "+folder, len(inputs))
		for i, input := range inputs {
			one, err := runBenchmark(ctx, program, folder, input.pattern(), "3x")
			if err != nil {
				return err
			}
			measured := readBenchmarks(one.said)
			if len(measured) != 1 {
				return fmt.Errorf("%s: %s ran %d benchmarks", folder, input.pattern(), len(measured))
			}
			s.row(strings.TrimPrefix(folder, "pkg/"), input.words(), measured[0].time, measured[0].allocated, whole(one.memory), goalOfMemory(one.memory))
			p.at(i + 1)
		}
	}
	s.print()
	return nil
}

func runBenchmark(ctx context.Context, program, folder, pattern, times string) (spent, error) {
	command := exec.Command(program, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", times, "-test.benchmem", "-test.cpu", benchmarkCPUs)
	command.Dir = folder
	command.Env = append(os.Environ(), footprint.Environment()...)
	return runChild(ctx, command)
}

// A benchmark is a line of `go test -bench`.
type benchmark struct {
	name, input     string
	time, allocated string // in ms and MiB
}

// pattern matches this one alone.
func (b benchmark) pattern() string {
	return "^" + regexp.QuoteMeta(b.name) + "$/^" + regexp.QuoteMeta(b.input) + "$"
}

func (b benchmark) words() string { return strings.NewReplacer("-", " ", "_", " ").Replace(b.input) }

// readBenchmarks reads the lines that name an input: a name, how often, and
// pairs of value and unit.
func readBenchmarks(said []byte) (all []benchmark) {
	for lines := bufio.NewScanner(bytes.NewReader(said)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		var b benchmark
		var ofInput bool
		if b.name, b.input, ofInput = strings.Cut(strings.TrimSuffix(fields[0], "-"+benchmarkCPUs), "/"); !ofInput {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				break
			}
			switch fields[i+1] {
			case "ns/op":
				b.time = fmt.Sprintf("%.1f", value/1e6)
			case "B/op":
				b.allocated = fmt.Sprintf("%.1f", value/(1<<20))
			}
		}
		all = append(all, b)
	}
	return all
}
