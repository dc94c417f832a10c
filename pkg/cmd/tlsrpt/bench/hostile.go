package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// hostilePackages have a BenchmarkHostile, with an input for every limit.
var hostilePackages = []string{"./pkg/tlsrpt", "./pkg/mailreport", "./pkg/cmd/tlsrpt/endtoend"}

// benchHostile runs the packages' own benchmarks of what strangers may send.
func benchHostile(ctx context.Context, l *lab) error {
	s := l.sheet("Hostile inputs, one of each", "Package", "Input", "Time, ms", "Allocated, MiB")
	for _, name := range hostilePackages {
		command := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkHostile", "-benchtime", "3x", "-benchmem", name)
		command.Stderr = os.Stderr
		said, err := command.Output()
		if err != nil {
			return fmt.Errorf("go test %s: %w\n%s", name, err, said)
		}
		for lines := bufio.NewScanner(bytes.NewReader(said)); lines.Scan(); {
			if input, time, allocated, ok := readBenchmark(lines.Text()); ok {
				s.row(strings.TrimPrefix(name, "./pkg/"), input, time, allocated)
			}
		}
	}
	s.print()
	return nil
}

// readBenchmark reads a line of `go test -bench`: a name, how often, and pairs
// of value and unit.
func readBenchmark(line string) (input, time, allocated string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", "", "", false
	}
	_, input, _ = strings.Cut(fields[0], "/")
	input = strings.NewReplacer("-", " ", "_", " ").Replace(input[:max(0, strings.LastIndexByte(input, '-'))])
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", "", "", false
		}
		switch fields[i+1] {
		case "ns/op":
			time = fmt.Sprintf("%.1f", value/1e6)
		case "B/op":
			allocated = fmt.Sprintf("%.1f", value/(1<<20))
		}
	}
	return input, time, allocated, true
}
