package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
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

const (
	// importSource is the id of the source that imported files belong to.
	importSource = "import"
	// batch is how many items one transaction takes.
	batch = 200
	// leaseTime is how long the store stays taken after the last renewal.
	leaseTime = 15 * time.Second
)

// runImport reads paths into a store's file.
func runImport(ctx context.Context, args []string, std streams) (err error) {
	flags := newFlags("import", std)
	file := flags.String("store", "", "`file` of the report store; made if it is not there")
	domains := flags.String("domains", "", "accepted policy domains, such as `example.com,*.example.org`; empty accepts all")
	authentication := flags.String("authentication", "off", "how mails are trusted: dkim (asks DNS), headers, off")
	authservID := flags.String("authserv-id", "", "`name` of the server whose Authentication-Results are trusted, for headers")
	assume := flags.Bool("assume-authenticated", false, "take all reports as authenticated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" || flags.NArg() == 0 {
		flags.Usage()
		return errUsage
	}
	reports, err := sqlite.Open(ctx, *file)
	if err != nil {
		return fmt.Errorf("open the report store: %w", err)
	}
	defer func() { err = errors.Join(err, reports.Close()) }()
	im := &importer{
		store: reports, std: std, assume: *assume,
		pipeline: &ingest.Pipeline{
			Rules: ingest.NewRules(split(*domains), nil),
			Judge: mailreport.NewAuthenticator(mailreport.Mode(*authentication), *authservID, nil),
		},
	}
	return im.run(ctx, flags.Args())
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// An importer puts files through the pipeline into a store that it holds the lease of.
type importer struct {
	store    store.Store
	pipeline *ingest.Pipeline
	std      streams
	assume   bool
	bar      *progressbar.ProgressBar
	account  store.Account
	known    int64
}

func (im *importer) run(ctx context.Context, paths []string) (err error) {
	release, err := im.takeLease(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	files, bytes, err := listFiles(paths)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("there is no file in what was named")
	}
	im.bar = newBar(bytes, im.std)
	started := time.Now()
	if err := im.readAll(ctx, files); err != nil {
		return err
	}
	_ = im.bar.Finish() // the bar is decoration
	im.printAccount(len(files), time.Since(started))
	return nil
}

// takeLease takes the store from any other process, or refuses, and keeps it
// until release.
func (im *importer) takeLease(ctx context.Context) (release func() error, err error) {
	host, _ := os.Hostname() // a lease without it is one too
	owner := fmt.Sprintf("%s/%d import", host, os.Getpid())
	renew := func() error {
		holder, err := im.store.AcquireLease(ctx, owner, leaseTime)
		if err == nil && holder != owner {
			err = fmt.Errorf("the store is in use by %s: stop the data source (or wait 15 s after it ended), then import again", holder)
		}
		return err
	}
	if err := renew(); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	var renewing sync.WaitGroup
	renewing.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(leaseTime / 3):
				_ = renew() // a commit on a lost lease is idempotent all the same
			}
		}
	})
	return func() error {
		close(stop)
		renewing.Wait()
		return im.store.ReleaseLease(context.WithoutCancel(ctx), owner)
	}, nil
}

// readAll processes items on all processors, and commits them in their order.
func (im *importer) readAll(ctx context.Context, files []inputFile) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Each item's delivery comes by a channel of its own, so that order is kept.
	queue := make(chan chan store.Delivery, 4*runtime.GOMAXPROCS(0))
	workers := make(chan struct{}, runtime.GOMAXPROCS(0))
	go func() {
		defer close(queue)
		for _, f := range files {
			err := f.each(func(item inputItem) error {
				slot := make(chan store.Delivery, 1)
				select {
				case queue <- slot:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				workers <- struct{}{}
				go func() {
					defer func() { <-workers }()
					slot <- im.process(ctx, item)
				}()
				return nil
			})
			if err != nil {
				cancel(fmt.Errorf("read %s: %w", f.path, err))
				return
			}
		}
	}()
	if err := im.commitAll(ctx, queue); err != nil {
		cancel(err)
	}
	for range queue { // the reader ends by itself once the context has
	}
	return context.Cause(ctx)
}

func (im *importer) commitAll(ctx context.Context, queue <-chan chan store.Delivery) error {
	var deliveries []store.Delivery
	commit := func() error {
		results, err := im.store.Commit(ctx, deliveries)
		if err != nil {
			return fmt.Errorf("commit to the store: %w", err)
		}
		im.count(results)
		for _, d := range deliveries {
			_ = im.bar.Add64(d.Size) // the bar is decoration
		}
		deliveries = deliveries[:0]
		return nil
	}
	for slot := range queue {
		deliveries = append(deliveries, <-slot)
		if len(deliveries) >= batch {
			if err := commit(); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return commit()
}

// process makes a delivery. The reference is the content's hash: the same mail
// under another path is the same item.
func (im *importer) process(ctx context.Context, item inputItem) store.Delivery {
	hash := sha256.Sum256(item.body)
	if len(item.body) > ingest.MaxItemSize {
		return store.Delivery{
			Source: importSource, Ref: hex.EncodeToString(hash[:]), Received: item.received, Size: int64(len(item.body)),
			Documents: []store.Document{{Problem: &store.Problem{
				Reason: string(source.SkipTooLarge), Detail: fmt.Sprintf("%s has more than 15 MiB", item.name),
			}}},
		}
	}
	return im.pipeline.Process(ctx, ingest.File{
		Source: importSource, Ref: hex.EncodeToString(hash[:]), Received: item.received, Name: item.name, Mail: item.mail,
		Route: store.Import, Assume: im.assume, Body: item.body,
	})
}

func (im *importer) count(results []store.Result) {
	for _, r := range results {
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
}

func (im *importer) printAccount(files int, took time.Duration) {
	a := im.account
	fmt.Fprintf(im.std.out, "%d files in %s: %d seen = %d stored + %d duplicate + %d quarantined + %d ignored.\n",
		files, took.Round(time.Millisecond), a.Seen(), a.Stored, a.Duplicate, a.Quarantined, a.Ignored)
	if im.known > 0 {
		fmt.Fprintf(im.std.out, "%d items were imported before and changed nothing.\n", im.known)
	}
	if a.Quarantined > 0 {
		fmt.Fprintln(im.std.out, `Why documents are in quarantine: tlsrpt query --store FILE '{"queryType":"quarantine"}'`)
	}
}

func newBar(bytes int64, std streams) *progressbar.ProgressBar {
	var out io.Writer = io.Discard
	if file, ok := std.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		out = file
	}
	return progressbar.NewOptions64(bytes, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("importing"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

// listFiles lists the regular files below paths; what is a mbox or a mail is
// told by content.
func listFiles(paths []string) (files []inputFile, bytes int64, err error) {
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			// tmp holds what a mail server has not finished writing.
			if entry.IsDir() && entry.Name() == "tmp" && isMaildir(filepath.Dir(path)) {
				return filepath.SkipDir
			}
			info, err := entry.Info()
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			files = append(files, inputFile{path: path, modified: info.ModTime()})
			bytes += info.Size()
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return files, bytes, nil
}
