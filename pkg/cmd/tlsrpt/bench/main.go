// Command bench measures how fast and how small the data source is, and what
// stands beside it in the same run on the same machine: the floor, which is
// the least that anyone would have to do, and parsedmarc where it is installed.
//
// It runs from the repository's root, as `go tool mage bench` does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
)

// options are the flags: how much is measured.
type options struct {
	reports         int
	small, large    int
	domains         int
	queries         int
	parsedmarcMails int
	only            string
	soak            time.Duration
	floor           string
	keep            string
}

func main() {
	var o options
	flag.IntVar(&o.reports, "reports", 10_000, "how many report mails are imported and synchronised")
	flag.IntVar(&o.small, "small", 100_000, "policy `rows` of the small store that is queried")
	flag.IntVar(&o.large, "large", 300_000, "policy `rows` of the large store that is queried; the numbers to reach speak of 10,000,000")
	flag.IntVar(&o.domains, "domains", 100, "how many domains the queried stores tell of, over 365 days")
	flag.IntVar(&o.queries, "times", 20, "how often each query is asked")
	flag.IntVar(&o.parsedmarcMails, "parsedmarc-mails", 2000, "how many of the mails parsedmarc gets")
	flag.StringVar(&o.only, "only", "", "`sections` to run, with commas: "+strings.Join(sectionNames(), ", "))
	flag.DurationVar(&o.soak, "soak", 0, "ingest and query for so `long` instead, and watch memory and file handles")
	flag.StringVar(&o.floor, "floor", "", "be the floor: import the mails of this `folder` (what the benchmark starts as a child)")
	flag.StringVar(&o.keep, "store", "", "the store's `file` of -floor; or a folder to keep the queried stores in, and to take them from")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// A section measures one thing and prints its table.
type section struct {
	name string
	run  func(context.Context, *lab) error
}

func sections() []section {
	return []section{
		{"parse", benchParsing}, {"hostile", benchHostile}, {"import", benchImport}, {"imap", benchIMAP},
		{"drop", benchDrop}, {"query", benchQueries},
	}
}

func sectionNames() []string {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

// A lab is what the sections share.
type lab struct {
	options
	out io.Writer
	// dir is for everything that is written; it is removed in the end.
	dir string
	// tool is the command line, and plugin the folder with the backend.
	tool, plugin string
	mails        *corpus
	// imported is how fast the file import was, reports a second; 0 unless measured.
	imported float64
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.floor != "" {
		return importFloor(ctx, o.floor, o.keep)
	}
	l := &lab{options: o, out: out}
	if l.dir, err = os.MkdirTemp("", "tlsrpt-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.dir)) }()
	if err := os.Chmod(l.dir, 0o755); err != nil { // servers of other users read below it
		return err
	}
	began := time.Now()
	fmt.Fprintln(out, describeMachine())
	if err := l.build(ctx); err != nil {
		return err
	}
	if o.soak > 0 {
		return l.soakFor(ctx, o.soak)
	}
	for _, s := range sections() {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+s.name+",") {
			continue
		}
		if err := s.run(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Fprintf(out, "\nDone in %v.\n", time.Since(began).Round(time.Second))
	return nil
}

// build builds what is measured from this very tree.
func (l *lab) build(ctx context.Context) error {
	l.tool, l.plugin = filepath.Join(l.dir, "tlsrpt"), filepath.Join(l.dir, "plugin")
	if err := os.Mkdir(l.plugin, 0o755); err != nil {
		return err
	}
	for output, source := range map[string]string{l.tool: "./pkg/cmd/tlsrpt", host.Binary(l.plugin): "./pkg"} {
		command := exec.CommandContext(ctx, "go", "build", "-o", output, source)
		command.Stderr = os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("build %s (from the repository's root): %w", source, err)
		}
	}
	return nil
}

// corpusOnce makes the mails when they are first needed.
func (l *lab) corpusOnce() (*corpus, error) {
	if l.mails != nil {
		return l.mails, nil
	}
	var err error
	l.mails, err = writeCorpus(filepath.Join(l.dir, "mails"), l.reports)
	return l.mails, err
}
