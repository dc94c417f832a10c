package faults

import (
	"iter"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A post brings generated mails, with decoys and second deliveries between
// them, and keeps the ledger of what it brought.
type post struct {
	next   func() (generate.Item, bool)
	ledger []generate.Entry
	// brought are the mails, in their order, with their rows.
	brought []delivered
	// seal, where it is not nil, does to a mail what its sender's server does.
	seal func(entry generate.Entry, mail []byte) []byte
}

type delivered struct {
	entry generate.Entry
	mail  []byte
	at    time.Time
}

// everyTwice is how many reports come for one that comes twice.
const everyTwice = 40

// newPost makes one that can bring so many reports, of the 80 days up to yesterday.
func newPost(t *testing.T, seed uint64, reports int) *post {
	t.Helper()
	return newPostOfDays(t, seed, reports, 80)
}

// newPostOfDays makes one whose mails are in turns of the past and of the last
// week, as long as there are such: rollups tell what is stored at most a week
// after its period from what is stored later.
func newPostOfDays(t *testing.T, seed uint64, reports, days int) *post {
	t.Helper()
	const lately = 7
	// A day lies between them, lest the one become the other at midnight.
	const apart = lately + 1
	past := newPostOf(t, generate.Options{Seed: seed, Domains: 8 + reports/100, Days: days - apart, End: time.Now().AddDate(0, 0, -1-apart)})
	// Few days take more domains for as many reports.
	recent := newPostOf(t, generate.Options{Seed: seed, Domains: 8 + reports/30, Days: lately})
	turns := [2]*post{past, recent}
	return &post{next: func() (item generate.Item, ok bool) {
		turns[0], turns[1] = turns[1], turns[0]
		if item, ok = turns[0].next(); !ok {
			return turns[1].next()
		}
		return item, ok
	}}
}

// newPostOf makes one of a single set, from its first incident on: what comes
// before has so few failures that a short test may meet none.
func newPostOf(t *testing.T, o generate.Options) *post {
	t.Helper()
	generator, err := generate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull(mails(generator))
	t.Cleanup(stop)
	return &post{next: next}
}

// leaveOut brings no more decoys of a kind.
func (p *post) leaveOut(kind generate.Decoy) {
	next := p.next
	p.next = func() (item generate.Item, ok bool) {
		for {
			if item, ok = next(); !ok || item.Decoy != kind {
				return item, ok
			}
		}
	}
}

// mails are the mails from the first incident on that are no copies of what a
// drop got, which isn't read.
func mails(generator *generate.Generator) iter.Seq[generate.Item] {
	first := generator.Incidents()[0].First
	return func(yield func(generate.Item) bool) {
		for item := range generator.Items() {
			counts := item.Kind == generate.Mail && item.Decoy != generate.Duplicate && !item.Day.Before(first)
			if counts && !yield(item) {
				return
			}
		}
	}
}

// bring delivers the next n reports and the decoys between them.
func (p *post) bring(t *testing.T, n int, deliver func(received time.Time, mail []byte) error) {
	t.Helper()
	for genuine := 0; genuine < n; {
		item, ok := p.next()
		if !ok {
			t.Fatalf("the generator made %d mails only", len(p.brought))
		}
		p.deliver(t, item.Entry, item.Bytes, deliver)
		if item.Decoy != generate.Genuine {
			continue
		}
		if genuine++; genuine%everyTwice == 7 {
			again := item.Entry
			again.Decoy = generate.Duplicate
			p.deliver(t, again, item.Bytes, deliver)
		}
	}
}

func (p *post) deliver(t *testing.T, entry generate.Entry, mail []byte, deliver func(time.Time, []byte) error) {
	t.Helper()
	if p.seal != nil {
		mail = p.seal(entry, mail)
	}
	if err := deliver(entry.Received, mail); err != nil {
		t.Fatal(err)
	}
	p.ledger = append(p.ledger, entry)
	p.brought = append(p.brought, delivered{entry, mail, entry.Received})
}

// reports is how many of the mails hold a report that counts.
func (p *post) reports() int {
	n := 0
	for _, e := range p.ledger {
		if e.Decoy == generate.Genuine {
			n++
		}
	}
	return n
}

// account is what should have become of what was brought.
func (p *post) account() store.Account {
	a := generate.Expected(p.ledger)
	return store.Account{Stored: a.Stored, Duplicate: a.Duplicate, Quarantined: a.Quarantined, Ignored: a.Ignored}
}

// mayBeChanged says whether the server's copy of a mail may be moved or deleted.
func mayBeChanged(d generate.Decoy) bool {
	return d == generate.Genuine || d == generate.Forged || d == generate.Duplicate
}
