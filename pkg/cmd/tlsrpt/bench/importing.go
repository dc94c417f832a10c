package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// The numbers to reach.
const (
	goalImportToFloor     = 0.5
	goalImportToParsedmar = 100.0
	goalIMAPToImport      = 0.7
	goalMemory            = 256.0 // MiB
	goalIdleMemory        = 80.0
	goalStoreFactor       = 1.3
	goalStorePerReport    = 500
)

// benchImport imports the mails with the command line, with the floor, and
// with parsedmarc.
func benchImport(ctx context.Context, l *lab) error {
	mails, err := l.corpusOnce()
	if err != nil {
		return err
	}
	n := len(mails.files)
	if err := warm(mails); err != nil {
		return err
	}
	s := l.sheet(fmt.Sprintf("File import of %d mails, %s MiB, end to end, in a process of its own", n, mib(mails.mailBytes)),
		"What", "Reports/s", "Time", "Memory, MiB", "Store, MiB", "Ratio", "Number to reach")
	store := filepath.Join(l.dir, "import.sqlite")
	ours, err := runChild(ctx, l.tool, "import", "--store", store, mails.dir)
	if err != nil {
		return err
	}
	floorStore := filepath.Join(l.dir, "floor.sqlite")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	floor, err := runChild(ctx, self, "-floor", mails.dir, "-store", floorStore)
	if err != nil {
		return err
	}
	l.imported = float64(n) / ours.took.Seconds()
	least := float64(n) / floor.took.Seconds()
	s.row("tlsrpt import", int(l.imported), ours.took.Round(1e6), fmt.Sprintf("%.0f", ours.memory), mib(sizeOf(store)), "1.00×",
		goal(ours.memory <= goalMemory, "at most 256 MiB"))
	s.row("floor: standard library, same tables", int(least), floor.took.Round(1e6), fmt.Sprintf("%.0f", floor.memory), mib(sizeOf(floorStore)),
		"ours "+ratio(l.imported, least), goal(l.imported >= goalImportToFloor*least, "ours at least 0.5×"))
	if err := l.parsedmarc(ctx, mails, s); err != nil {
		return err
	}
	room := int64(goalStoreFactor*float64(mails.compressed)) + int64(goalStorePerReport*n)
	s.row("room for the store", "", "", "", mib(room), "ours "+ratio(float64(sizeOf(store)), float64(room)),
		goal(sizeOf(store) <= room, "1.3 × gzip of the documents + 500 B a report"))
	s.print()
	return nil
}

// parsedmarc gives it some of the mails, since it takes them one by one for long.
func (l *lab) parsedmarc(ctx context.Context, mails *corpus, s sheet) error {
	program, err := exec.LookPath("parsedmarc")
	if err != nil {
		s.row("parsedmarc", "skipped", "", "", "", "", "it is not installed: no parsedmarc on the path")
		return nil
	}
	some := mails.files[:min(len(mails.files), l.parsedmarcMails)]
	one, err := runChild(ctx, program, "--offline", "-s", "-o", filepath.Join(l.dir, "parsedmarc-1"), some[0])
	if err != nil {
		return err
	}
	all, err := runChild(ctx, program, append([]string{"--offline", "-s", "-o", filepath.Join(l.dir, "parsedmarc")}, some...)...)
	if err != nil {
		return err
	}
	theirs := float64(len(some)) / all.took.Seconds()
	s.row(fmt.Sprintf("parsedmarc, %d of the mails, to files", len(some)), fmt.Sprintf("%.0f", theirs), all.took.Round(1e6), fmt.Sprintf("%.0f", all.memory), "",
		"ours "+ratio(l.imported, theirs), goal(l.imported >= goalImportToParsedmar*theirs, "ours at least 100×"))
	if work := all.took - one.took; work > 0 && len(some) > 1 {
		theirs = float64(len(some)-1) / work.Seconds()
		s.row("parsedmarc, without its start", fmt.Sprintf("%.0f", theirs), work.Round(1e6), "", "", "ours "+ratio(l.imported, theirs), "")
	}
	return nil
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
