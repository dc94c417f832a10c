package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
)

// A corpus is a folder of report mails, each with one report.
type corpus struct {
	dir       string
	files     []string
	received  []time.Time
	documents [][]byte // the inflated documents of the first of them
	// mailBytes are those of all mails; compressed those of all documents, each
	// by gzip, as reporters send them.
	mailBytes, compressed int64
}

const keptDocuments = 500

// writeCorpus writes n report mails of 100 domains and ten reporters.
func writeCorpus(dir string, n int) (*corpus, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	generator, err := generate.New(generate.Options{Seed: 5, Domains: 100, Reporters: 10, Days: 10 + n/500, NoQuirks: true})
	if err != nil {
		return nil, err
	}
	c := &corpus{dir: dir}
	packed := gzip.NewWriter(nil)
	for item := range generator.Items() {
		if item.Kind != generate.Mail || item.Decoy != generate.Genuine {
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("%07d.eml", len(c.files)))
		if err := os.WriteFile(file, item.Bytes, 0o644); err != nil {
			return nil, err
		}
		if err := os.Chtimes(file, item.Received, item.Received); err != nil {
			return nil, err
		}
		var b bytes.Buffer
		packed.Reset(&b)
		if _, err := packed.Write(item.Document); err != nil {
			return nil, err
		}
		if err := packed.Close(); err != nil {
			return nil, err
		}
		c.mailBytes += int64(len(item.Bytes))
		c.compressed += int64(b.Len())
		c.files, c.received = append(c.files, file), append(c.received, item.Received)
		if len(c.documents) < keptDocuments {
			c.documents = append(c.documents, item.Document)
		}
		if len(c.files) == n {
			return c, nil
		}
	}
	return nil, fmt.Errorf("the generator made %d mails, not %d", len(c.files), n)
}
