package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// parsedMails is how many of the mails are parsed, over and over.
const parsedMails = 500

// A parser is a way to parse a document, or to find it in a mail.
type parser struct {
	name string
	// ofMail says that it takes mails, not documents.
	ofMail bool
	do     func([]byte) error
}

// parsers are ours, each with the floor behind it: what the standard library
// needs for the same.
func parsers() []parser {
	return []parser{
		{"decode a document", false, func(b []byte) error { _, err := tlsrpt.DecodeBytes(b, tlsrpt.Hints{}); return err }},
		{"decode a document: floor, the standard library", false, func(b []byte) error {
			return json.NewDecoder(bytes.NewReader(b)).Decode(new(document))
		}},
		{"extract from a mail", true, func(b []byte) error {
			if found := mailreport.Extract(b, "", true); len(found.Documents) != 1 {
				return fmt.Errorf("%d documents in a mail", len(found.Documents))
			}
			return nil
		}},
		{"extract from a mail: floor, the standard library", true, func(b []byte) error { _, _, err := inflateMail(b); return err }},
	}
}

// benchParsing compares decoding documents and finding them in mails with what
// the standard library needs for it, each in a process of its own.
func benchParsing(ctx context.Context, l *lab) error {
	mails, err := l.corpusOnce()
	if err != nil {
		return err
	}
	s := l.sheet("Parsing, one report after the other on one core", "What", "Reports/s", "MB/s", "Allocations", "Memory, MiB", "To the floor", "Number to reach")
	var speeds []speed
	var memory []float64
	for _, p := range parsers() {
		child, err := l.runRole(ctx, "parser", "-in", mails.dir, "-store", p.name)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		var measured speed
		if err := json.Unmarshal(child.said, &measured); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		speeds, memory = append(speeds, measured), append(memory, child.memory)
	}
	for i, p := range parsers() {
		own, floor := speeds[i], speeds[i|1]
		s.row(p.name, int(own.Reports), fmt.Sprintf("%.1f", own.Megabytes), own.Allocations, whole(memory[i]), ratio(own.Reports, floor.Reports), goalOfMemory(memory[i]))
	}
	s.print()
	return nil
}

// A speed is what a parser does in a second.
type speed struct {
	Reports, Megabytes float64
	Allocations        int64
}

// parseInRole measures the parser of that name with mails of a folder.
func parseInRole(dir, name string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for _, p := range parsers() {
		if p.name != name {
			continue
		}
		var inputs [][]byte
		for _, file := range files[:min(len(files), parsedMails)] {
			input, err := os.ReadFile(file)
			if err == nil && !p.ofMail {
				input, _, err = inflateMail(input)
			}
			if err != nil {
				return err
			}
			inputs = append(inputs, input)
		}
		measured, err := perSecond(inputs, p.do)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(measured)
	}
	return fmt.Errorf("there is no parser %q", name)
}

// perSecond measures how many inputs a function takes in a second.
func perSecond(inputs [][]byte, do func([]byte) error) (s speed, err error) {
	total := 0
	for _, input := range inputs {
		total += len(input)
	}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if failed := do(inputs[i%len(inputs)]); failed != nil {
				err = failed
				return
			}
		}
	})
	if err != nil {
		return s, err
	}
	s.Reports = float64(result.N) / result.T.Seconds()
	s.Megabytes = s.Reports * float64(total) / float64(len(inputs)) / 1e6
	s.Allocations = result.AllocsPerOp()
	return s, nil
}
