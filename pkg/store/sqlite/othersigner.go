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
// known, or was first, to sign those of its reporter.
const otherSigner = "other-signer"

// warnOfSigners adds that warning to rows of authenticated reports. It is made
// when it is asked for, as who was first changes with what comes in.
func (s *Store) warnOfSigners(ctx context.Context, c *conn, rows []store.ReportRow, reporter func(i int) int64) error {
	asked := map[int64]bool{}
	for i := range rows {
		if j := &rows[i].Judgement; j.Trust == store.Authenticated && rankOf(rows[i].Reporter, j.SignedBy) == unknown {
			asked[reporter(i)] = true
		}
	}
	first, err := firstSigners(ctx, c, asked)
	if err != nil {
		return fmt.Errorf("read who signed first: %w", err)
	}
	for i := range rows {
		if r := &rows[i]; r.Judgement.Trust == store.Authenticated {
			if detail := signedByOther(r.Reporter, r.Judgement.SignedBy, first[reporter(i)]); detail != "" {
				r.Warnings = append(r.Warnings, tlsrpt.Warning{Code: otherSigner, Detail: detail}.String())
			}
		}
	}
	return nil
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
