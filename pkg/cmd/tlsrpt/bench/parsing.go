package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// benchParsing compares decoding documents and finding them in mails with what
// the standard library needs for it.
func benchParsing(ctx context.Context, l *lab) error {
	mails, err := l.corpusOnce()
	if err != nil {
		return err
	}
	var raw [][]byte
	for _, file := range mails.files[:min(len(mails.files), keptDocuments)] {
		mail, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		raw = append(raw, mail)
	}
	s := l.sheet("Parsing, one report on one core", "What", "Reports/s", "MB/s", "Allocations", "To the floor")
	for _, part := range []struct {
		name        string
		inputs      [][]byte
		ours, floor func([]byte) error
	}{
		{"decode a document", mails.documents, func(b []byte) error { _, err := tlsrpt.DecodeBytes(b, tlsrpt.Hints{}); return err },
			func(b []byte) error { return json.NewDecoder(bytes.NewReader(b)).Decode(new(document)) }},
		{"extract from a mail", raw, func(b []byte) error {
			if found := mailreport.Extract(b, "", true); len(found.Documents) != 1 {
				return fmt.Errorf("%d documents in a mail", len(found.Documents))
			}
			return nil
		}, func(b []byte) error { _, _, err := inflateMail(b); return err }},
	} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		ours, err := perSecond(part.inputs, part.ours)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		floor, err := perSecond(part.inputs, part.floor)
		if err != nil {
			return fmt.Errorf("%s, floor: %w", part.name, err)
		}
		s.row(part.name, int(ours.reports), fmt.Sprintf("%.1f", ours.megabytes), ours.allocations, ratio(ours.reports, floor.reports))
		s.row(part.name+": floor, the standard library", int(floor.reports), fmt.Sprintf("%.1f", floor.megabytes), floor.allocations, "1.00×")
	}
	s.print()
	return nil
}

type speed struct {
	reports, megabytes float64
	allocations        int64
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
	s.reports = float64(result.N) / result.T.Seconds()
	s.megabytes = s.reports * float64(total) / float64(len(inputs)) / 1e6
	s.allocations = result.AllocsPerOp()
	return s, nil
}
