package generate

import (
	"fmt"
	"time"
)

// MaxLateness is how long after its period's end a late report arrives.
const MaxLateness = 20 * day

// The domain of the forger. It passes its own checks, which proves nothing
// about the reporter it names.
const forgerDomain = "tls-reports.example"

// addQuirks adds to a day's plans what else arrives, and changes when some do.
// Where a quirk falls is told in days before the end.
func (g *Generator) addQuirks(plans []plan, on time.Time) []plan {
	back := int(g.options.End.Sub(on) / day)
	for _, p := range plans[:len(plans):len(plans)] {
		if p.entry.Start != on {
			continue
		}
		switch {
		case p.is("google.com", DomainEnforce) && back%30 == 9:
			plans = append(plans, forge(p))
		case p.is("comcast.net", DomainEnforce) && on.Weekday() == time.Monday,
			p.is("mimecast.com", DomainNoPolicy) && back%25 == 4:
			plans = append(plans, mailCopy(p))
		case p.is("microsoft.com", DomainTesting) && back%40 == 11:
			plans = append(plans, breakOff(p))
		}
	}
	for i := range plans {
		if e := &plans[i].entry; plans[i].is("mail.ru", DomainEnforce) && back%45 == 40 && e.Start == on {
			e.Received = e.End.Add(MaxLateness)
			e.Late = true
		}
	}
	if on.Weekday() == time.Tuesday || on.Weekday() == time.Friday {
		plans = append(plans, stray(DMARC, on, 7*time.Hour))
	}
	if back%17 == 3 {
		plans = append(plans, stray(Personal, on, 15*time.Hour+23*time.Minute))
	}
	return plans
}

// is tells whether the plan is for the genuine report of a reporter on a domain.
func (p plan) is(submitter, domain string) bool {
	return p.entry.Decoy == Genuine && p.reporter != nil && p.reporter.domain == submitter && p.domain.name == domain
}

// forge makes a report that wants to stand in for another: same reporter, id,
// period and domain, with failures that never happened.
func forge(p plan) plan {
	p.entry.Decoy = Forged
	p.entry.Kind = Mail
	p.entry.Authenticated = false
	p.entry.Received = p.entry.Received.Add(3 * time.Hour)
	p.entry.Policies = []Policy{{
		Domain: p.domain.name, Type: "sts", Mode: p.domain.mode,
		Successful: 0, Failed: 987_654,
		Details: []Detail{{
			ResultType: "starttls-not-supported", FailedSessions: 987_654,
			SendingMTAIP: "192.0.2.250", ReceivingMX: p.domain.mx[0].host, ReceivingIP: p.domain.mx[0].v4,
		}},
	}}
	p.entry.Item = itemName(&p.entry, p.domain.name)
	return p
}

// mailCopy makes the mail of a report that was posted to the drop as well.
func mailCopy(p plan) plan {
	p.entry.Decoy = Duplicate
	p.entry.Kind = Mail
	p.entry.Received = p.entry.Received.Add(4 * time.Minute)
	p.entry.Item = itemName(&p.entry, p.domain.name)
	return p
}

// breakOff makes a further report whose JSON ends too soon.
func breakOff(p plan) plan {
	p.entry.Decoy = Broken
	p.entry.ReportID += "-2"
	p.entry.Received = p.entry.Received.Add(time.Minute)
	p.entry.Item = itemName(&p.entry, p.domain.name)
	return p
}

// stray makes a mail that is no TLS report.
func stray(kind Decoy, on time.Time, at time.Duration) plan {
	return plan{entry: Entry{
		Item:          fmt.Sprintf("%s-%s.eml", kind, on.Format(time.DateOnly)),
		Kind:          Mail,
		Received:      on.Add(day + at),
		Decoy:         kind,
		Authenticated: true,
		Start:         on, End: on.Add(day), Day: on,
	}}
}
