package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
)

// ReplayOptions say what to replay.
type ReplayOptions struct {
	// Generate says what to make up.
	Generate generate.Options
	// Out is where everything is printed, Terminal whether it can rewrite a line.
	Out      io.Writer
	Terminal bool
}

// Replay plays the made-up reports hour by hour, as they arrived, through all
// alert rules, and prints what fired, when and why, and what stayed quiet. That
// something fires which should not, or the other way round, is an error.
func Replay(ctx context.Context, o ReplayOptions) error {
	generator, err := generate.New(o.Generate)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "\n═══ The alert rules over these %d days, hour by hour ═══\n\n", int(generator.End().Sub(generator.First()).Hours())/24+1)
	end := generator.End().Add(2 * 24 * time.Hour)
	if now := time.Now(); o.Generate.End.IsZero() && now.Before(end) {
		end = now.Truncate(time.Hour)
	}
	play, err := replay(ctx, generator, end, o.progress)
	if err != nil {
		return err
	}
	synced, err := replayFirstSync(ctx, generator, o.Generate.Seed)
	if err != nil {
		return err
	}
	return play.report(o.Out, synced)
}

// progress draws a bar on a terminal.
func (o ReplayOptions) progress(at time.Time, share float64, firing int) {
	if !o.Terminal {
		return
	}
	const width = 40
	done := int(share * width)
	fmt.Fprintf(o.Out, "\r\033[K%s%s %s UTC, %d firing", strings.Repeat("█", done), strings.Repeat("░", width-done), at.Format("2006-01-02 15:04"), firing)
	if share >= 1 {
		fmt.Fprint(o.Out, "\r\033[K")
	}
}

// A played is what a replay saw.
type played struct {
	generator *generate.Generator
	alerts    []*firedAlert
}

// A firedAlert is an alert with what was known when it fired.
type firedAlert struct {
	*alertrules.Alert
	// Incident is what it is about; nil where it is none of the made-up ones.
	Incident *generate.Incident
	// Outage says that it tells of the outage of our own, as it should.
	Outage bool
	// NotBefore is the latest of the moments of which its text said that it
	// can't clear before them; zero where it never did.
	NotBefore time.Time
	// Reporters and MXs had told of it by then; Reason and Fix are theirs.
	Reporters, MXs []string
	Reason, Fix    string
}

// expected says whether the alert is right.
func (a *firedAlert) expected() bool { return a.Incident != nil || a.Outage }

// replay plays all hours from the first day to the end.
func replay(ctx context.Context, g *generate.Generator, end time.Time, progress func(time.Time, float64, int)) (p *played, err error) {
	start := g.First()
	w, err := newWorld(ctx, g.Items(), start)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	p = &played{generator: g}
	from, to := g.Outage()
	for at := start.Add(time.Hour); !at.After(end); at = at.Add(time.Hour) {
		// The last poll before the hour; what it stores belongs to that hour.
		polling := at.Add(-time.Minute)
		if polling.After(from) && polling.Before(to) {
			w.down(polling)
		} else if _, err := w.poll(ctx, polling); err != nil {
			return nil, err
		}
		if err := p.step(ctx, w, at); err != nil {
			return nil, err
		}
		progress(at, at.Sub(start).Seconds()/end.Sub(start).Seconds(), p.firing())
	}
	return p, nil
}

// step evaluates what can have changed.
func (p *played) step(ctx context.Context, w *world, at time.Time) error {
	fired, err := w.evaluate(ctx, at)
	if err != nil {
		return err
	}
	for _, a := range fired {
		seen := &firedAlert{Alert: a}
		p.attribute(seen)
		if err := seen.look(ctx, w, at); err != nil {
			return fmt.Errorf("look at what fired at %s: %w", at, err)
		}
		p.alerts = append(p.alerts, seen)
	}
	for _, a := range p.alerts {
		a.listen()
	}
	return nil
}

// listen notes before when its text says that it can't clear.
func (a *firedAlert) listen() {
	next := time.Unix(int64(a.Values["nextReport"].Value), 0).UTC()
	if next.Unix() > 0 && next.After(a.NotBefore) {
		a.NotBefore = next
	}
}

func (p *played) firing() int {
	n := 0
	for _, a := range p.alerts {
		if a.Cleared.IsZero() {
			n++
		}
	}
	return n
}

// arrivalDays is how long after an incident its reports may still come.
const arrivalDays = 3

// attribute finds the incident that an alert is about, or the outage.
func (p *played) attribute(a *firedAlert) {
	incidents := p.generator.Incidents()
	for i := range incidents {
		in := &incidents[i]
		resultType, typed := a.Labels["resultType"]
		if a.Labels["policyDomain"] == in.Domain && (!typed || slices.Contains(in.ResultTypes, resultType)) &&
			a.Fired.After(in.First) && a.Fired.Before(in.Last.AddDate(0, 0, arrivalDays+1)) {
			a.Incident = in
			return
		}
	}
	from, to := p.generator.Outage()
	a.Outage = a.Labels["source"] != "" && a.Fired.After(from) && !a.Fired.After(to.Add(time.Hour))
}

// replayFirstSync is what a new data source does with a mailbox of years, after
// the worst of them: everything is read within an hour, and nothing is news.
func replayFirstSync(ctx context.Context, g *generate.Generator, seed uint64) (s *firstSync, err error) {
	const years = 2
	options := generate.Options{Seed: seed, End: g.End(), Days: years * 365}
	whole, err := generate.New(options)
	if err != nil {
		return nil, err
	}
	// Before the incident that goes on at the end.
	last := whole.Incidents()[2].First
	options.Until = last
	if whole, err = generate.New(options); err != nil {
		return nil, err
	}
	w, err := newWorld(ctx, whole.Items(), last.Add(-2*24*time.Hour))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	s = &firstSync{years: years, at: last.Add(-2 * 24 * time.Hour)}
	for at := s.at.Add(time.Hour); !at.After(last); at = at.Add(time.Hour) {
		n, err := w.poll(ctx, at.Add(-time.Minute))
		if err != nil {
			return nil, err
		}
		if s.items == 0 {
			s.items = n
		}
		fired, err := w.evaluate(ctx, at)
		if err != nil {
			return nil, err
		}
		s.fired = append(s.fired, fired...)
	}
	return s, nil
}

// A firstSync is what a replay saw of a first synchronisation.
type firstSync struct {
	years, items int
	at           time.Time
	fired        []*alertrules.Alert
}
