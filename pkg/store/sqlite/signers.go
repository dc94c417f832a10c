package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A standing orders reports that claim to be the same by how much is proved of
// who signed them, and what that signer has to do with their reporter; the
// smallest is the best.
type standing struct {
	rank int
	// Of those whose signer may be anybody, and else 0:
	first       int64 // when the signer was the first time received under the reporter's name
	contradicts int   // what the report says of itself against its signer
}

const (
	vouched  = iota // authenticated: known to sign for the reporter, or from a source that is trusted
	unknown         // authenticated, under a name whose signers nobody knows
	unproved        // not authenticated, however near to it: a claim is worth no more than none
	mistaken        // authenticated, by another than those who sign for the reporter
)

// establishedAfter is how long before a report a signer must have been received
// under its reporter's name, in seconds, to be more than a newcomer.
const establishedAfter = 24 * 60 * 60

// never is the first time of who has not signed under a name.
const never = math.MaxInt64 - establishedAfter

// compareStandings puts who signed under the name for a day before the earliest
// delivery before newcomers, and of them who signed first. Only among newcomers
// it matters what a report says of itself: who forges one writes that as well.
func compareStandings(a, b standing, earliest int64) int {
	newcomer := func(s standing) int64 { return flag(s.first >= earliest-establishedAfter) }
	order := cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(newcomer(a), newcomer(b)))
	if order == 0 && newcomer(a) != 0 {
		order = cmp.Compare(a.contradicts, b.contradicts)
	}
	return cmp.Or(order, cmp.Compare(a.first, b.first))
}

// rankOf says whether a signer is known to sign the reports of a reporter.
// Without a signer the administrator vouches for the source.
func rankOf(reporter, signer string) int {
	known := tlsrpt.KnownSigners(reporter)
	switch {
	case signer == "" || slices.ContainsFunc(known, func(org string) bool { return tlsrpt.Aligned(org, signer) }):
		return vouched
	case len(known) > 0:
		return mistaken
	}
	return unknown
}

// contradictions counts what a report says of itself that does not go with its
// signer: who forges a report word for word keeps the address of the other.
func contradictions(reporter, contact, signer string) (n int) {
	if i := strings.LastIndexByte(contact, '@'); i >= 0 {
		domain := contact[i+1:]
		if end := strings.IndexAny(domain, " \t>,;?\"'()"); end >= 0 {
			domain = domain[:end]
		}
		if !tlsrpt.Aligned(domain, signer) {
			n++
		}
	}
	if name, ok := tlsrpt.NormalizeDomain(reporter); ok && strings.Contains(name, ".") && !tlsrpt.Aligned(name, signer) {
		n++
	}
	return n
}

// organization returns the domain that stands for all that are aligned with a
// signer: its organizational domain (RFC 7489 section 3.2).
func organization(signer string) string {
	domain, ok := tlsrpt.NormalizeDomain(signer)
	if !ok {
		return strings.ToLower(signer)
	}
	if org, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return org
	}
	return domain
}

// signing is a reporter's name and who signed under it: in the table by the
// number of the organization, in a writer's hand by that of the domain.
type signing struct{ reporter, signer int64 }

// fall is how the first time of a signing changed in a transaction.
type fall struct{ from, to int64 }

// sign notes an authenticated delivery under a reporter's name.
func (w *writer) sign(reporter int64, j *judged) {
	if j.trust != authenticated || j.signer == "" {
		return
	}
	key := signing{reporter, j.signedBy}
	noted, ok := w.signed[key]
	if !ok || j.received < noted.received {
		w.signed[key] = signature{j.signer, j.received}
	}
}

// signature is a signing that is not in the table yet.
type signature struct {
	signer   string
	received int64
}

// flushSigned brings what was noted into the table, before it is asked.
func (w *writer) flushSigned(ctx context.Context) error {
	for key, noted := range w.signed {
		org, err := w.intern(ctx, classText, organization(noted.signer))
		if err != nil {
			return err
		}
		if err := w.lowerFirst(ctx, signing{key.reporter, org}, noted.received); err != nil {
			return fmt.Errorf("note who signed: %w", err)
		}
		delete(w.signed, key)
	}
	return nil
}

func (w *writer) lowerFirst(ctx context.Context, key signing, received int64) error {
	var before int64
	found, err := w.conn.first(ctx, firstSigned, []any{key.reporter, key.signer}, func(r row) { before = r.int(0) })
	if err != nil || found && before <= received {
		return err
	}
	if !found {
		before = never
	}
	if earlier, ok := w.falls[key]; ok {
		before = earlier.from
	}
	w.falls[key] = fall{before, received}
	_, err = w.conn.exec(ctx, "INSERT INTO signing (reporter, signer, first_received) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET first_received = excluded.first_received",
		key.reporter, key.signer, received)
	return err
}

const firstSigned = "SELECT first_received FROM signing WHERE reporter = ? AND signer = ?"

// stand finds out where rivals stand.
func (w *writer) stand(ctx context.Context, rivals []*rival) error {
	if err := w.flushSigned(ctx); err != nil {
		return err
	}
	for _, r := range rivals {
		if r.standing = (standing{rank: unproved}); r.trust != authenticated {
			continue
		}
		var reporter int64
		var name, signer, contact string
		_, err := w.conn.first(ctx, `SELECT r.reporter, n.value, b.value, c.value FROM report r CROSS JOIN dict n ON n.id = r.reporter
			CROSS JOIN dict b ON b.id = r.signed_by CROSS JOIN dict c ON c.id = r.contact WHERE r.id = ?`, []any{r.id}, func(row row) {
			reporter, name, signer, contact = row.int(0), row.text(1), row.text(2), row.text(3)
		})
		if err != nil {
			return fmt.Errorf("read rival: %w", err)
		}
		if r.standing.rank = rankOf(name, signer); r.standing.rank != unknown {
			continue
		}
		r.standing.contradicts, r.standing.first = contradictions(name, contact, signer), never
		org, err := w.intern(ctx, classText, organization(signer))
		if err != nil {
			return err
		}
		_, err = w.conn.first(ctx, firstSigned, []any{reporter, org}, func(row row) { r.standing.first = row.int(0) })
		if err != nil {
			return fmt.Errorf("read who signed first: %w", err)
		}
	}
	return nil
}

// settleFalls settles the groups in which a signer is now known to be earlier
// than it was when they were settled. Only who lost can win by that, and only
// where the signer went past another, or is a newcomer no more.
func (w *writer) settleFalls(ctx context.Context) error {
	if err := w.flushSigned(ctx); err != nil {
		return err
	}
	for key, change := range w.falls {
		if change.to == change.from {
			continue
		}
		losers, err := w.losers(ctx, key)
		if err != nil {
			return err
		}
		if len(losers) == 0 {
			continue
		}
		passed, err := w.conn.integer(ctx, passedBy,
			key.reporter, change.to, change.from, key.signer, key.signer, change.to, change.from, key.reporter)
		if err != nil {
			return fmt.Errorf("compare signers: %w", err)
		}
		for _, signedBy := range losers {
			query, args := lostBy, []any{key.reporter, signedBy}
			if passed == 0 {
				after, until := change.to+establishedAfter+1, change.from+establishedAfter
				query, args = lostBy+lostAsNewcomer, append(args, after, until, after, until)
			}
			ids, err := w.conn.integers(ctx, query, args...)
			if err != nil {
				return fmt.Errorf("look for superseded reports: %w", err)
			}
			if err := w.settleReports(ctx, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	// passedBy tells whether a signing went past, or level with, another that it can
	// meet in an election: of the same name, or of the same signer.
	passedBy = `SELECT EXISTS (SELECT 1 FROM signing INDEXED BY signing_first WHERE reporter = ? AND first_received BETWEEN ? AND ? AND signer <> ?)
		OR EXISTS (SELECT 1 FROM signing INDEXED BY signing_signer WHERE signer = ? AND first_received BETWEEN ? AND ? AND reporter <> ?)`

	// lostBy lists what a signer lost, and lostAsNewcomer that where the earliest
	// delivery of an election lies in a range.
	lostBy         = "SELECT r.id FROM report r INDEXED BY report_superseded WHERE r.superseded = 1 AND r.reporter = ? AND r.signed_by = ? AND r.trust = 1"
	lostAsNewcomer = ` AND (
		(SELECT MIN(n.received) FROM report n INDEXED BY report_name WHERE n.day = r.day AND n.name_key = r.name_key) BETWEEN ? AND ?
		OR (SELECT MIN(n.received) FROM report n INDEXED BY report_signer WHERE n.day = r.day AND n.sign_key = r.sign_key) BETWEEN ? AND ?)`
)

// losers returns the domains of a signing under which reports are superseded
// that may win by an earlier first time.
func (w *writer) losers(ctx context.Context, key signing) (domains []int64, err error) {
	var reporter, org string
	_, err = w.conn.first(ctx, "SELECT n.value, o.value FROM dict n CROSS JOIN dict o WHERE n.id = ? AND o.id = ?",
		[]any{key.reporter, key.signer}, func(r row) { reporter, org = r.text(0), r.text(1) })
	if err != nil {
		return nil, fmt.Errorf("read signer: %w", err)
	}
	if rankOf(reporter, org) != unknown {
		return nil, nil
	}
	err = w.conn.query(ctx, `SELECT b.id, b.value FROM (SELECT DISTINCT signed_by FROM report INDEXED BY report_superseded
		WHERE superseded = 1 AND reporter = ?) r CROSS JOIN dict b ON b.id = r.signed_by`, []any{key.reporter}, func(r row) error {
		if organization(r.text(1)) == org {
			domains = append(domains, r.int(0))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for superseded reports: %w", err)
	}
	return domains, nil
}

// settleReports settles the groups that the reports are in.
func (w *writer) settleReports(ctx context.Context, ids []int64) error {
	for _, id := range ids {
		keys, err := w.keys(ctx, id)
		if err != nil {
			return err
		}
		if err := w.settle(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}
