package demo

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	view "github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/show"
)

const (
	hourLayout = "2006-01-02 15:04"
	// replayCell is how wide a cell of the table of incidents may be.
	replayCell = 22
)

// report prints the tables, and returns what is wrong with them as an error.
func (p *played) report(out io.Writer, synced *firstSync) error {
	p.incidentTable().PrintWrapped(out, replayCell)
	for _, a := range p.alerts {
		if a.Outage {
			fmt.Fprintf(out, "%s fired at %s for %s, which was not polled from %s on, and cleared at %s: that outage was made up too.\n",
				a.Rule.UID, a.Fired.Format(hourLayout), a.Labels["source"], p.outageStart(), clearedAt(a))
		}
	}
	fmt.Fprintf(out, "\nWhat looked like trouble and was none, and the rules stayed quiet:\n")
	p.quietTable(synced).Print(out, 4*replayCell)
	wrong := p.faults(synced)
	for _, w := range wrong {
		fmt.Fprintf(out, "  WRONG  %s\n", w)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the alert rules are wrong in %d cases", len(wrong))
	}
	return nil
}

func (p *played) outageStart() string {
	from, _ := p.generator.Outage()
	return from.Format(hourLayout)
}

// incidentTable has a row an alert, in the order of incidents and of time.
func (p *played) incidentTable() view.Table {
	t := view.Table{Header: []string{"Incident", "First bad day", "Alert rule", "Fired", "Cleared", "Reporters by then", "MX", "Reason", "Fix"}}
	alerts := slices.DeleteFunc(slices.Clone(p.alerts), func(a *firedAlert) bool { return a.Incident == nil })
	slices.SortStableFunc(alerts, func(a, b *firedAlert) int {
		return cmp.Or(a.Incident.First.Compare(b.Incident.First), cmp.Compare(a.Incident.Cause, b.Incident.Cause), a.Fired.Compare(b.Fired))
	})
	var before []string
	for i, a := range alerts {
		row := []string{
			fmt.Sprintf("%s, %s", a.Incident.Cause, a.Incident.Domain), a.Incident.First.Format(time.DateOnly),
			strings.TrimPrefix(a.Rule.UID, "tlsrpt-"), a.Fired.Format(hourLayout), clearedAt(a),
			orDash(strings.Join(a.Reporters, ", ")), orDash(strings.Join(a.MXs, ", ")), orDash(a.Reason), orDash(a.Fix),
		}
		shown := slices.Clone(row)
		if i > 0 && alerts[i-1].Incident == a.Incident {
			// What the row above says of the incident is not said again.
			for _, column := range []int{0, 1, 5, 6, 7, 8} {
				if row[column] == before[column] {
					shown[column] = ""
				}
			}
		}
		before = row
		t.Rows = append(t.Rows, shown)
	}
	return t
}

func clearedAt(a *firedAlert) string {
	if a.Cleared.IsZero() {
		return "goes on"
	}
	return a.Cleared.Format(hourLayout)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// quietTable has a row for each kind of false alarm.
func (p *played) quietTable(synced *firstSync) view.Table {
	t := view.Table{Header: []string{"What", "How often", "For example"}}
	count, example := map[generate.Alarm]int{}, map[generate.Alarm]generate.Harmless{}
	var order []generate.Alarm
	for _, h := range p.generator.Harmless() {
		if count[h.Alarm]++; count[h.Alarm] == 1 {
			order = append(order, h.Alarm)
			example[h.Alarm] = h
		}
	}
	for _, alarm := range order {
		t.Rows = append(t.Rows, []string{string(alarm), fmt.Sprint(count[alarm]), exampleOf(example[alarm])})
	}
	if synced != nil {
		t.Rows = append(t.Rows, []string{
			"first synchronisation", "1", fmt.Sprintf("%d mails and files of %d years within an hour, %s", synced.items, synced.years, synced.at.Format(hourLayout)),
		})
	}
	return t
}

func exampleOf(h generate.Harmless) string {
	text := h.First.Format(time.DateOnly)
	switch {
	case h.New != "":
		return fmt.Sprintf("%s is %s from %s on", h.Reporter, h.New, text)
	case h.Reporter != "":
		text += ", " + h.Reporter
	}
	if h.Domain != "" {
		text += " on " + h.Domain
	}
	return text
}

// faults are the alerts that should not be, and those that are missing.
func (p *played) faults(synced *firstSync) []string {
	var wrong []string
	for _, a := range p.alerts {
		if !a.expected() {
			wrong = append(wrong, fmt.Sprintf("%s fired at %s for {%s}, and nothing is the matter", a.Rule.UID, a.Fired.Format(hourLayout), a.Labels))
		}
		if !a.Cleared.IsZero() && a.Cleared.Before(a.NotBefore) {
			wrong = append(wrong, fmt.Sprintf("%s cleared at %s for {%s}, and said that it can't before %s",
				a.Rule.UID, a.Cleared.Format(hourLayout), a.Labels, a.NotBefore.Format(hourLayout)))
		}
	}
	if synced != nil {
		for _, a := range synced.fired {
			wrong = append(wrong, fmt.Sprintf("%s fired at %s for {%s} in a first synchronisation", a.Rule.UID, a.Fired.Format(hourLayout), a.Labels))
		}
	}
	for _, in := range p.generator.Incidents() {
		of := func(a *firedAlert) bool { return a.Incident != nil && a.Incident.Cause == in.Cause }
		if !slices.ContainsFunc(p.alerts, of) {
			wrong = append(wrong, fmt.Sprintf("nothing fired for the incident %s at %s", in.Cause, in.Domain))
		}
		goesOn := func(a *firedAlert) bool { return of(a) && a.Cleared.IsZero() }
		if in.Last.Before(p.generator.End().AddDate(0, 0, -arrivalDays)) && slices.ContainsFunc(p.alerts, goesOn) {
			wrong = append(wrong, fmt.Sprintf("an alert for the incident %s at %s did not clear", in.Cause, in.Domain))
		}
	}
	return wrong
}
