package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A standing orders authenticated reports that claim to be the same by how much
// their signer has to do with their reporter; the smallest is the best. Those
// whose signer is vouched for all stand alike.
type standing struct {
	rank        int
	contradicts int   // what the report says of itself against its signer
	first       int64 // when the signer was the first time received under the reporter's name
}

const (
	vouched = iota
	unknown
	mistaken // known to be signed by others
)

func compareStandings(a, b standing) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.contradicts, b.contradicts), cmp.Compare(a.first, b.first))
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
		// Nobody was judged by it before.
		before = received
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

// stand finds out where the rivals of a group stand.
func (w *writer) stand(ctx context.Context, group []*rival) error {
	if err := w.flushSigned(ctx); err != nil {
		return err
	}
	for _, r := range group {
		if r.trust != authenticated {
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
		if r.standing = (standing{rank: rankOf(name, signer)}); r.standing.rank == vouched {
			continue
		}
		r.standing.contradicts = contradictions(name, contact, signer)
		org, err := w.intern(ctx, classText, organization(signer))
		if err != nil {
			return err
		}
		if r.standing.first, err = w.conn.integer(ctx, firstSigned, reporter, org); err != nil {
			return fmt.Errorf("read who signed first: %w", err)
		}
	}
	return nil
}

// settleFalls settles the groups in which a signer is now known to be earlier
// than it was when they were settled. Only who lost can win by that.
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
		passed, err := w.conn.integer(ctx, passedBy, key.reporter, key.signer, change.to, change.from, key.reporter, key.signer)
		if err != nil {
			return fmt.Errorf("compare signers: %w", err)
		}
		if passed == 0 {
			continue
		}
		for _, signedBy := range losers {
			if err := w.settleLosers(ctx, key.reporter, signedBy); err != nil {
				return err
			}
		}
	}
	return nil
}

// passedBy tells whether a signing went past, or level with, another that it can meet
// in a group: rivals have a name or a signer in common, directly or through others.
const passedBy = `WITH RECURSIVE near (reporter, signer, first_received) AS (
	SELECT reporter, signer, first_received FROM signing WHERE reporter = ? AND signer = ?
	UNION SELECT s.reporter, s.signer, s.first_received FROM near n CROSS JOIN signing s ON s.reporter = n.reporter OR s.signer = n.signer)
	SELECT EXISTS (SELECT 1 FROM near WHERE first_received BETWEEN ? AND ? AND NOT (reporter = ? AND signer = ?))`

// losers returns the domains of a signing under which reports are superseded
// that may win by an earlier first time.
func (w *writer) losers(ctx context.Context, key signing) (domains []int64, err error) {
	var reporter, org string
	_, err = w.conn.first(ctx, "SELECT n.value, o.value FROM dict n CROSS JOIN dict o WHERE n.id = ? AND o.id = ?",
		[]any{key.reporter, key.signer}, func(r row) { reporter, org = r.text(0), r.text(1) })
	if err != nil {
		return nil, fmt.Errorf("read signer: %w", err)
	}
	if rankOf(reporter, org) == vouched {
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

func (w *writer) settleLosers(ctx context.Context, reporter, signedBy int64) error {
	ids, err := w.integers(ctx, `SELECT id FROM report INDEXED BY report_superseded
		WHERE superseded = 1 AND reporter = ? AND signed_by = ? AND trust = 1`, reporter, signedBy)
	if err != nil {
		return fmt.Errorf("look for superseded reports: %w", err)
	}
	return w.settleReports(ctx, ids)
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

func (w *writer) integers(ctx context.Context, query string, args ...any) (all []int64, err error) {
	err = w.conn.query(ctx, query, args, func(r row) error {
		all = append(all, r.int(0))
		return nil
	})
	return all, err
}
