package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// importSource is the id of the source that imported files belong to.
const importSource = "import"

const importNotes = `A PATH is a mail, a report (.json, .json.gz, .zip), an mbox, a Maildir, or a folder of these;
the content decides what a file is, never its name. What was imported before changes nothing.
Grafana's data source must not be using the store meanwhile.`

// importFlags say what to import, and how.
type importFlags struct {
	store, domains, authentication, authservID string
	assume                                     bool
}

// runImport reads paths into a store's file.
func runImport(ctx context.Context, args []string, std streams) (err error) {
	var o importFlags
	flags := newFlags("import", importNotes, std)
	flags.StringVar(&o.store, "store", "", "`file` of the report store; made if it is not there")
	flags.StringVar(&o.domains, "domains", "", "accepted policy `domains`, such as example.com,*.example.org; empty accepts all")
	flags.StringVar(&o.authentication, "authentication", "off", "`how` mails are trusted: dkim (asks DNS), headers, off")
	flags.StringVar(&o.authservID, "authserv-id", "", "`name` of the server whose Authentication-Results are trusted, for --authentication headers")
	flags.BoolVar(&o.assume, "assume-authenticated", false, "take all reports as authenticated")
	if err := parse(flags, args); err != nil {
		return err
	}
	switch {
	case o.store == "":
		return misuse(flags, "--store is missing: it names the file of the report store, before the paths to import")
	case flags.NArg() == 0:
		return misuse(flags, "there is nothing to import: name files or folders")
	}
	pipeline, err := o.pipeline()
	if err != nil {
		return err
	}
	im := &importer{std: std}
	files := im.list(o.store, flags.Args())
	if len(files.files) == 0 {
		if im.failures == 0 {
			fmt.Fprintln(std.out, "There is no file to import in what was named.")
		}
		return im.unread()
	}
	reports, err := sqlite.Open(ctx, o.store)
	if err != nil {
		return fmt.Errorf("--store %s can't be used: %w", o.store, err)
	}
	defer func() { err = errors.Join(err, reports.Close()) }()
	im.Store = reports
	err = im.run(ctx, ingest.Import{Store: im, Pipeline: pipeline, Source: importSource, Assume: o.assume}, files)
	if held := (*ingest.HeldError)(nil); errors.As(err, &held) {
		return fmt.Errorf("--store %s: %w: stop Grafana, or the other import, and try again", o.store, err)
	}
	return err
}

// pipeline judges the flags that say which reports are accepted and trusted.
func (o importFlags) pipeline() (*ingest.Pipeline, error) {
	domains := strings.FieldsFunc(o.domains, func(r rune) bool { return r == ',' || r == ' ' })
	for _, pattern := range domains {
		if !ingest.IsDomainPattern(pattern) {
			return nil, fmt.Errorf("--domains: %q is neither a domain such as example.com nor a pattern such as *.example.org", pattern)
		}
	}
	mode := mailreport.Mode(o.authentication)
	if !slices.Contains([]mailreport.Mode{mailreport.ModeDKIM, mailreport.ModeHeaders, mailreport.ModeOff}, mode) {
		return nil, fmt.Errorf("--authentication: %q is unknown: allowed are dkim, headers, off", mode)
	}
	if mode == mailreport.ModeHeaders && o.authservID == "" {
		return nil, errors.New("--authentication headers needs --authserv-id, the name that your own server writes at the start of Authentication-Results")
	}
	if mode != mailreport.ModeHeaders && o.authservID != "" {
		return nil, errors.New("--authserv-id means something with --authentication headers only")
	}
	return &ingest.Pipeline{
		Rules: ingest.NewRules(domains, nil), Judge: mailreport.NewAuthenticator(mode, o.authservID, nil),
	}, nil
}

// An importer is the store of an import, which counts what becomes of its items.
type importer struct {
	store.Store
	std streams
	bar *progressbar.ProgressBar

	failures int

	mu      sync.Mutex
	account store.Account
	items   int64 // that are in the store, of which
	known   int64 // were there before
}

func (im *importer) list(storeFile string, paths []string) *listing {
	list := &listing{failed: im.failed, skipped: im.skipped}
	list.leaveOutStore(storeFile)
	for _, path := range paths {
		list.add(path)
	}
	return list
}

func (im *importer) run(ctx context.Context, to ingest.Import, list *listing) error {
	started := time.Now()
	im.bar = newBar(list.bytes, im.std)
	read, began := 0, false
	err := to.Run(ctx, func(ctx context.Context, sink source.Sink) (err error) {
		began = true
		read, err = im.readAll(ctx, list.files, sink)
		return err
	})
	_ = im.bar.Finish() // the bar is decoration
	if !began {
		return err
	}
	im.printAccount(read, time.Since(started))
	if ctx.Err() != nil {
		fmt.Fprintln(im.std.out, "It was interrupted: what is counted here is stored, and the same command imports the rest.")
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return im.unread()
}

// unread is the error of what could not be read, which was said.
func (im *importer) unread() error {
	if im.failures == 0 {
		return nil
	}
	return fmt.Errorf("%s could not be read; everything else is imported", count(int64(im.failures), "path", "paths"))
}

// readAll puts every item of the files into the sink, and counts the files.
func (im *importer) readAll(ctx context.Context, files []inputFile, sink source.Sink) (read int, err error) {
	for _, f := range files {
		var stopped error
		err := f.each(func(item inputItem) error {
			stopped = im.put(ctx, item, sink)
			return stopped
		})
		if stopped != nil {
			return read, stopped
		}
		if err != nil {
			im.failed(f.path, err)
			continue
		}
		read++
	}
	return read, nil
}

// put hands an item over. Its reference is the hash of its content: the same
// mail under another path is the same item.
func (im *importer) put(ctx context.Context, item inputItem, sink source.Sink) error {
	hash := sha256.Sum256(item.body)
	it := source.Item{
		Ref: hex.EncodeToString(hash[:]), Received: item.received, Size: item.size, Name: item.name, Mail: item.mail,
	}
	states, err := sink.States(ctx, []string{it.Ref})
	if err != nil {
		return err
	}
	switch {
	case states[0] != source.New:
		im.mu.Lock()
		im.items++
		im.known++
		im.mu.Unlock()
		_ = im.bar.Add64(item.size) // the bar is decoration
	case len(item.body) > ingest.MaxItemSize:
		err = sink.Skip(ctx, it, source.SkipTooLarge, fmt.Sprintf("%s has %d bytes; at most %d are read", item.label, item.size, ingest.MaxItemSize))
	default:
		it.Size, it.Body = int64(len(item.body)), bytes.NewReader(item.body)
		err = sink.Put(ctx, it)
	}
	return err
}

// Commit counts what the store made of the deliveries.
func (im *importer) Commit(ctx context.Context, deliveries []store.Delivery) ([]store.Result, error) {
	results, err := im.Store.Commit(ctx, deliveries)
	if err != nil {
		return nil, err
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	for i, r := range results {
		_ = im.bar.Add64(deliveries[i].Size) // the bar is decoration
		im.items++
		if len(r.Outcomes) == 0 {
			im.known++
		}
		for _, o := range r.Outcomes {
			switch o {
			case store.Stored:
				im.account.Stored++
			case store.Duplicate:
				im.account.Duplicate++
			case store.Quarantined:
				im.account.Quarantined++
			case store.Ignored:
				im.account.Ignored++
			}
		}
	}
	return results, nil
}

func (im *importer) failed(path string, err error) {
	im.failures++
	im.say("can't read %s: %v", path, reason(err))
}

func (im *importer) skipped(path, why string) { im.say("passed over %s: %s", path, why) }

func (im *importer) say(format string, args ...any) {
	if im.bar != nil {
		_ = im.bar.Clear() // the bar is decoration
	}
	fmt.Fprintf(im.std.err, format+"\n", args...)
}

func (im *importer) printAccount(files int, took time.Duration) {
	a := im.account
	fmt.Fprintf(im.std.out, "Read %s with %s in %s.\n", count(int64(files), "file", "files"),
		count(im.items, "mail or document", "mails and documents"), took.Round(time.Millisecond))
	if im.known > 0 {
		fmt.Fprintf(im.std.out, "%d of them were imported before and changed nothing.\n", im.known)
	}
	fmt.Fprintf(im.std.out, "%d seen = %d stored + %d duplicate + %d quarantined + %d ignored.\n",
		a.Seen(), a.Stored, a.Duplicate, a.Quarantined, a.Ignored)
	if a.Quarantined > 0 {
		fmt.Fprintln(im.std.out, `Why documents are in quarantine is told by: tlsrpt query --store FILE '{"queryType":"quarantine"}'`)
	}
}

// count is a number with its noun.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// newBar makes a progress bar, which shows on a terminal alone.
func newBar(size int64, std streams) *progressbar.ProgressBar {
	var out io.Writer = io.Discard
	if file, ok := std.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		out = file
	}
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("importing"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}
