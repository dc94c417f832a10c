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

func firstSigners(ctx context.Context, c *conn, reporters map[int64]bool) (map[int64]firstSigner, error) {
	if len(reporters) == 0 {
		return nil, nil
	}
	ids := make([]int64, 0, len(reporters))
	for id := range reporters {
		ids = append(ids, id)
	}
	first := make(map[int64]firstSigner, len(ids))
	err := c.query(ctx, `SELECT s.reporter, s.first_received, o.value FROM json_each(?) j CROSS JOIN signing s INDEXED BY signing_first ON s.reporter = j.value
		AND s.first_received = (SELECT MIN(m.first_received) FROM signing m INDEXED BY signing_first WHERE m.reporter = j.value)
		CROSS JOIN dict o ON o.id = s.signer`, []any{jsonList(ids)}, func(r row) error {
		f := first[r.int(0)]
		f.organizations, f.received = append(f.organizations, r.text(2)), time.Unix(r.int(1), 0).UTC()
		first[r.int(0)] = f
		return nil
	})
	return first, err
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
