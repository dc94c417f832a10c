package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// otherSigner is the code of the warning that who signed a report is not who is
// known, or was first, to sign those of its reporter, or that another signed the
// report that counts in its place.
const otherSigner = "other-signer"

// warnOfSigners adds that warning to rows of authenticated reports. It is made
// when it is asked for, as who was first changes with what comes in. It agrees
// with which report counts, whatever made that one win.
func (s *Store) warnOfSigners(ctx context.Context, c *conn, rows []store.ReportRow, reporters []int64) error {
	asked := map[int64]bool{}
	for i := range rows {
		if j := &rows[i].Judgement; j.Trust == store.Authenticated && rankOf(rows[i].Reporter, j.SignedBy) == unknown {
			asked[reporters[i]] = true
		}
	}
	first, err := firstSigners(ctx, c, asked)
	if err != nil {
		return fmt.Errorf("read who signed first: %w", err)
	}
	signed := signedRivals{conn: c, groups: map[rivalKeys]*rivalSigners{}}
	for i := range rows {
		r := &rows[i]
		if r.Judgement.Trust != store.Authenticated || rankOf(r.Reporter, r.Judgement.SignedBy) == vouched {
			continue
		}
		detail := signedByOther(r.Reporter, r.Judgement.SignedBy, first[reporters[i]])
		if r.Superseded || detail != "" {
			rivals, err := signed.rivalsOf(ctx, r.ID)
			if err != nil {
				return fmt.Errorf("read who signed rivals: %w", err)
			}
			detail = rivals.detail(r, first[reporters[i]], detail)
		}
		if detail != "" {
			r.Warnings = append(r.Warnings, tlsrpt.Warning{Code: otherSigner, Detail: detail}.String())
		}
	}
	return nil
}

// detail says of one of the rivals what the warning is, where it would else be
// otherwise. It does not speak against a report that counts for one that lost.
func (s *rivalSigners) detail(r *store.ReportRow, first firstSigner, otherwise string) string {
	switch org := organization(r.Judgement.SignedBy); {
	case r.Superseded && s.counted != "" && organization(s.counted) != org:
		return fmt.Sprintf("signed by %s; the report that counts instead is signed by %s", r.Judgement.SignedBy, s.counted)
	case !r.Superseded && slices.ContainsFunc(first.organizations, func(org string) bool { return s.lost[org] }):
		return ""
	}
	return otherwise
}

// rivalSigners are who signed the authenticated reports of one name that rival
// with each other.
type rivalSigners struct {
	counted string          // the domain that signed the one that counts, or that counts instead of all
	lost    map[string]bool // the organizations that signed others
}

// signedRivals finds these, once for all the rows of a group.
type signedRivals struct {
	conn   *conn
	groups map[rivalKeys]*rivalSigners
}

func (s *signedRivals) rivalsOf(ctx context.Context, report int64) (*rivalSigners, error) {
	var keys rivalKeys
	_, err := s.conn.first(ctx, "SELECT day, name_key FROM report WHERE id = ?", []any{report}, func(r row) { keys.day, keys.name = r.int(0), r.int(1) })
	if err != nil || s.groups[keys] != nil {
		return s.groups[keys], err
	}
	found, counts := &rivalSigners{lost: map[string]bool{}}, false
	err = s.conn.query(ctx, `SELECT DISTINCT r.superseded, r.trust, b.value FROM report r INDEXED BY report_name CROSS JOIN dict b ON b.id = r.signed_by
		WHERE r.day = ? AND r.name_key = ?`, []any{keys.day, keys.name}, func(r row) error {
		counted, proved := r.int(0) == 0, r.int(1) == authenticated && r.text(2) != ""
		counts = counts || counted
		switch {
		case counted && proved:
			found.counted = r.text(2)
		case proved:
			found.lost[organization(r.text(2))] = true
		}
		return nil
	})
	if err == nil && !counts {
		found.counted, err = s.elsewhere(ctx, keys)
	}
	s.groups[keys] = found
	return found, err
}

// elsewhere returns who signed the report of another name that counts instead of
// all of this name, where there is but one that it can be.
func (s *signedRivals) elsewhere(ctx context.Context, keys rivalKeys) (signer string, err error) {
	n := 0
	err = s.conn.query(ctx, `SELECT b.value FROM (SELECT DISTINCT day, sign_key FROM report INDEXED BY report_name WHERE day = ? AND name_key = ?) r
		CROSS JOIN report c INDEXED BY report_signer ON c.day = r.day AND c.sign_key = r.sign_key CROSS JOIN dict b ON b.id = c.signed_by
		WHERE c.superseded = 0`, []any{keys.day, keys.name}, func(r row) error {
		signer = r.text(0)
		n++
		return nil
	})
	if n != 1 {
		signer = ""
	}
	return signer, err
}

// firstSigner is who signed first under a reporter's name: more than one
// organization in a tie.
type firstSigner struct {
	organizations []string
	received      time.Time
}

// maxSigners is how many signers of a name are looked at, the earliest first.
const maxSigners = 100

// firstSigners finds, for each reporter, who signed first under its name. Where
// the name is a domain and that one has signed too, whoever came before it
// borrowed the name.
func firstSigners(ctx context.Context, c *conn, reporters map[int64]bool) (map[int64]firstSigner, error) {
	first := make(map[int64]firstSigner, len(reporters))
	for id := range reporters {
		var f firstSigner
		own := false
		err := c.query(ctx, `SELECT s.first_received, o.value, n.value FROM signing s INDEXED BY signing_first CROSS JOIN dict o ON o.id = s.signer
			CROSS JOIN dict n ON n.id = s.reporter WHERE s.reporter = ? ORDER BY s.first_received LIMIT ?`, []any{id, int64(maxSigners)}, func(r row) error {
			received, signer := time.Unix(r.int(0), 0).UTC(), r.text(1)
			switch {
			case own:
			case tlsrpt.Aligned(r.text(2), signer):
				f, own = firstSigner{[]string{signer}, received}, true
			case len(f.organizations) == 0 || f.received.Equal(received):
				f.organizations, f.received = append(f.organizations, signer), received
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		first[id] = f
	}
	return first, nil
}

// signedByOther says in words what is odd about a signer, or returns nothing.
func signedByOther(reporter, signer string, first firstSigner) string {
	switch rankOf(reporter, signer) {
	case vouched:
		return ""
	case mistaken:
		return fmt.Sprintf("signed by %s; %s signs as %s", signer, reporter, strings.Join(tlsrpt.KnownSigners(reporter), " or "))
	}
	if len(first.organizations) == 0 || slices.Contains(first.organizations, organization(signer)) {
		return ""
	}
	return fmt.Sprintf("signed by %s; reports of %s have been signed by %s since %s",
		signer, reporter, slices.Min(first.organizations), first.received.Format(time.DateOnly))
}
