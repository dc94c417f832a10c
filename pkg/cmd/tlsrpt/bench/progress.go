package main

import (
	"fmt"
	"io"
	"time"
)

// progressInterval is the time between two lines on long work.
const progressInterval = 10 * time.Second

// A progress says how far long work has come, and how long it may still take.
type progress struct {
	out         io.Writer
	what        string
	total       int
	began, next time.Time
}

// progress begins work of so many parts. It says nothing of short work.
func (l *lab) progress(what string, total int) *progress {
	now := time.Now()
	return &progress{out: l.talk, what: what, total: total, began: now, next: now.Add(progressInterval)}
}

// at tells that so many parts are done.
func (p *progress) at(done int) {
	now := time.Now()
	if done <= 0 || now.Before(p.next) {
		return
	}
	p.next = now.Add(progressInterval)
	fmt.Fprintln(p.out, p.line(done, now.Sub(p.began)))
}

func (p *progress) line(done int, so time.Duration) string {
	left := time.Duration(float64(so) * float64(p.total-done) / float64(done))
	return fmt.Sprintf("%s: %d of %d, %v so far, about %v to go", p.what, done, p.total, so.Round(time.Second), left.Round(time.Second))
}
