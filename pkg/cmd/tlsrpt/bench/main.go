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
	"slices"
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
	growthDomains   int
	reporters       int
	times           int
	parsedmarcMails int
	only            string
	soak, quiet     time.Duration
	be, in, store   string
}

func main() {
	var o options
	flag.IntVar(&o.reports, "reports", 10_000, "how many report mails are imported and synchronised")
	flag.IntVar(&o.large, "large", 300_000, "policy `rows` of the stores that are queried; the numbers to reach speak of 10,000,000, which fill in half an hour each")
	flag.IntVar(&o.small, "small", 100_000, "policy `rows` of the store that growth is measured from")
	flag.IntVar(&o.domains, "domains", 10_000, "how many domains the store of the section query tells of, over 365 days")
	flag.IntVar(&o.growthDomains, "growth-domains", 100, "how many domains the stores of the section growth tell of")
	flag.IntVar(&o.reporters, "reporters", 0, "how many reporters a domain is heard from, in turn; 0 is 20, and for growth as many as report on each domain each day also in the small store")
	flag.IntVar(&o.times, "times", 20, "how often each query is asked")
	flag.IntVar(&o.parsedmarcMails, "parsedmarc-mails", 2000, "how many of the mails parsedmarc gets")
	flag.StringVar(&o.only, "only", "", "`sections` to run, with commas: "+strings.Join(sectionNames(), ", "))
	flag.DurationVar(&o.soak, "soak", 0, "ingest and query for so `long` instead, and watch memory, file handles and the store")
	flag.DurationVar(&o.quiet, "quiet", 15*time.Second, "how `long` the plugin has nothing to do before its memory counts as that of an idle one")
	flag.StringVar(&o.store, "store", "", "a `folder` to keep the queried stores in, and to take them from")
	flag.StringVar(&o.be, "be", "", "be what the benchmark starts as its child, in this `role`")
	flag.StringVar(&o.in, "in", "", "what the role of -be works on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
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
		{"drop", benchDrop}, {"query", benchQueries}, {"growth", benchGrowth},
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
	// out takes the tables, and talk what is told of long work.
	out, talk io.Writer
	// dir is for everything that is written; it is removed in the end.
	dir string
	// tool is the command line, and plugin the folder with the backend.
	tool, plugin string
	mails        *corpus
	// imported is what the file import of the mails needed; zero unless measured.
	imported spent
}

func run(ctx context.Context, o options, out, talk io.Writer) (err error) {
	if o.be != "" {
		role := roles()[o.be]
		if role == nil {
			return fmt.Errorf("there is no role %q", o.be)
		}
		return role(ctx, o)
	}
	chosen, err := chooseSections(o.only)
	if err != nil {
		return err
	}
	l := &lab{options: o, out: out, talk: talk}
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
	for _, s := range chosen {
		if err := s.run(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Fprintf(out, "\nDone in %v.\n", time.Since(began).Round(time.Second))
	return nil
}

// chooseSections returns the sections that are named, with commas; all of them
// where none is.
func chooseSections(names string) ([]section, error) {
	if names == "" {
		return sections(), nil
	}
	var chosen []section
	for name := range strings.SplitSeq(names, ",") {
		at := slices.IndexFunc(sections(), func(s section) bool { return s.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no section %q: use %s", name, strings.Join(sectionNames(), ", "))
		}
		chosen = append(chosen, sections()[at])
	}
	return chosen, nil
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
	l.mails, err = writeCorpus(filepath.Join(l.dir, "mails"), l.reports, l.progress("write the mails", l.reports))
	return l.mails, err
}
