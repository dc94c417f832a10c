package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
)

// A corpus is a folder of report mails, each with one report.
type corpus struct {
	dir      string
	files    []string
	received []time.Time
	// mailBytes are those of all mails; compressed those of all documents, each
	// by gzip, as reporters send them.
	mailBytes, compressed int64
}

// writeCorpus writes n report mails of 100 domains and ten reporters.
func writeCorpus(dir string, n int, p *progress) (*corpus, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	generator, err := generate.New(generate.Options{Seed: 5, Domains: 100, Reporters: 10, Days: 10 + n/500, NoQuirks: true})
	if err != nil {
		return nil, err
	}
	c := &corpus{dir: dir}
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
		size, err := gzipSize(item.Document)
		if err != nil {
			return nil, err
		}
		c.mailBytes += int64(len(item.Bytes))
		c.compressed += size
		c.files, c.received = append(c.files, file), append(c.received, item.Received)
		p.at(len(c.files))
		if len(c.files) == n {
			return c, nil
		}
	}
	return nil, fmt.Errorf("the generator made %d mails, not %d", len(c.files), n)
}

// gzipSize is how many bytes a document has by gzip, as reporters send it.
func gzipSize(document []byte) (int64, error) {
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	_, err := packed.Write(document)
	err = errors.Join(err, packed.Close())
	return int64(b.Len()), err
}

// deliver reads the mails and puts each where they are to be synchronised from.
func (c *corpus) deliver(p *progress, put func(file string, received time.Time, raw []byte) error) error {
	for i, file := range c.files {
		raw, err := os.ReadFile(file)
		if err == nil {
			err = put(file, c.received[i], raw)
		}
		if err != nil {
			return err
		}
		p.at(i)
	}
	return nil
}
