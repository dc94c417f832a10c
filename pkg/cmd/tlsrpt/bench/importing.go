package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// benchImport imports the mails with the command line, with the floor, and
// with parsedmarc.
func benchImport(ctx context.Context, l *lab) error {
	mails, err := l.corpusOnce()
	if err != nil {
		return err
	}
	n := len(mails.files)
	if err := l.importOnce(ctx); err != nil {
		return err
	}
	floorStore := filepath.Join(l.dir, "floor.sqlite")
	floor, err := l.runRole(ctx, "floor", "-in", mails.dir, "-store", floorStore)
	if err != nil {
		return err
	}
	reader, err := l.runRole(ctx, "reader", "-in", mails.dir)
	if err != nil {
		return err
	}
	s := l.sheet(fmt.Sprintf("File import of %d mails, %s MiB, end to end, in a process of its own", n, mib(mails.mailBytes)),
		"What", "Reports/s", "Time", "Memory, MiB", "Store, MiB", "Ratio", "Number to reach")
	ours, least, read := l.imported.rate(n), floor.rate(n), reader.rate(n)
	s.row("tlsrpt import", int(ours), l.imported.took.Round(1e6), whole(l.imported.memory), mib(sizeOf(l.importStore())), "1.00×", goalOfMemory(l.imported.memory))
	s.row("its store", "", "", "", mib(sizeOf(l.importStore())), "", goalOfStore(sizeOf(l.importStore()), mails.compressed, n))
	s.row("floor: standard library, same tables", int(least), floor.took.Round(1e6), whole(floor.memory), mib(sizeOf(floorStore)),
		"ours "+ratio(ours, least), goal(ours >= goalImportToFloor*least, "ours at least 0.5×"))
	s.row("floor that writes nothing: read, inflate, decode", int(read), reader.took.Round(1e6), whole(reader.memory), "", "ours "+ratio(ours, read), "")
	if err := l.parsedmarc(ctx, mails, s, read); err != nil {
		return err
	}
	s.print()
	return nil
}

// rate is how many of so many were done a second.
func (s spent) rate(n int) float64 { return float64(n) / s.took.Seconds() }

func (l *lab) importStore() string { return filepath.Join(l.dir, "import.sqlite") }

// importOnce imports the mails with the command line when that is first needed.
func (l *lab) importOnce(ctx context.Context) error {
	if l.imported.took > 0 {
		return nil
	}
	mails, err := l.corpusOnce()
	if err != nil {
		return err
	}
	if err := warm(mails); err != nil {
		return err
	}
	l.imported, err = runChild(ctx, exec.Command(l.tool, "import", "--store", l.importStore(), mails.dir))
	return err
}

// parsedmarc gives it some of the mails, since it takes them one by one for
// long. read is how fast the floor only reads them.
func (l *lab) parsedmarc(ctx context.Context, mails *corpus, s sheet, read float64) error {
	program, err := exec.LookPath("parsedmarc")
	if err != nil {
		s.row("parsedmarc", "skipped", "", "", "", "", "not measured: there is no parsedmarc on the path")
		return nil
	}
	some := mails.files[:min(len(mails.files), l.parsedmarcMails)]
	run := func(folder string, files []string) (spent, error) {
		return runChild(ctx, exec.Command(program, append([]string{"--offline", "-s", "-o", filepath.Join(l.dir, folder)}, files...)...))
	}
	one, err := run("parsedmarc-1", some[:1])
	if err != nil {
		return err
	}
	all, err := run("parsedmarc", some)
	if err != nil {
		return err
	}
	ours, theirs := l.imported.rate(len(mails.files)), all.rate(len(some))
	s.row(fmt.Sprintf("parsedmarc, %d of the mails, to files", len(some)), whole(theirs), all.took.Round(1e6), whole(all.memory), "",
		"ours "+ratio(ours, theirs), goal(ours >= goalImportToParsedmarc*theirs, "ours at least 100×"))
	s.row("the limit: the floor that writes nothing, to parsedmarc", "", "", "", "", ratio(read, theirs), outOfReach(read, theirs, runtime.NumCPU()))
	if work := all.took - one.took; work > 0 && len(some) > 1 {
		theirs = float64(len(some)-1) / work.Seconds()
		s.row("parsedmarc, without its start", whole(theirs), work.Round(1e6), "", "", "ours "+ratio(ours, theirs), "")
	}
	return nil
}

// outOfReach says whether mails can be read a hundred times as fast as
// parsedmarc takes them, by processes that do nothing else, one on each core.
func outOfReach(read, theirs float64, cores int) string {
	if read*float64(cores) < goalImportToParsedmarc*theirs {
		return fmt.Sprintf("100× is out of reach: reading alone, on %d cores, is %s at most", cores, ratio(read*float64(cores), theirs))
	}
	return "100× leaves time for more than reading"
}

// warm reads all mails once, so that none of those compared has to wait for the disk.
func warm(mails *corpus) error {
	for _, file := range mails.files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, f)
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return err
		}
	}
	return nil
}
