package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// contentHash is the SHA-256 of an inflated document; its head is indexed. Where
// the document leaves domains to what came beside it, it is a hash of both.
type contentHash struct {
	head int64
	tail []byte
}

func contentOf(raw []byte, r *tlsrpt.Report) contentHash {
	sum := sha256.Sum256(raw)
	if slices.ContainsFunc(r.Warnings, func(w tlsrpt.Warning) bool { return w.Code == tlsrpt.WarnInferredDomain }) {
		sum = sha256.Sum256(append(sum[:], strings.Join(domainsOf(r), "\x00")...))
	}
	return contentHash{int64(binary.BigEndian.Uint64(sum[:8])), sum[8:]}
}

func (h contentHash) compare(o contentHash) int {
	return cmp.Or(cmp.Compare(uint64(h.head), uint64(o.head)), bytes.Compare(h.tail, o.tail))
}

// rivalKeys say which reports claim to be the same: those of one reporter's
// name, or of one authenticated signer, with equal report id, period and
// domains. Under the name, a forged report meets the one it imitates, whoever
// signed it. day is the day of the period. signer is an int64, or nil where nothing authenticates.
type rivalKeys struct {
	day    int64
	name   int64
	signer any
}

func keysOf(r *tlsrpt.Report, trust int64, signer string) rivalKeys {
	same := sameness(r.ReportID, r.Start.Unix(), r.End.Unix(), domainsOf(r))
	return rivalKeys{day: int64(r.Day()), name: hash64(append([]string{"name", r.Reporter}, same...)...), signer: signerKey(trust, signer, same)}
}

// domainsOf returns the policy domains of a report, in order.
func domainsOf(r *tlsrpt.Report) []string {
	domains := make([]string, 0, len(r.Policies))
	for i := range r.Policies {
		domains = append(domains, r.Policies[i].Domain)
	}
	slices.Sort(domains)
	return slices.Compact(domains)
}

// sameness is what rivals have in common beside their name or signer.
func sameness(reportID string, starts, ends int64, domains []string) []string {
	return append([]string{reportID, strconv.FormatInt(starts, 10), strconv.FormatInt(ends, 10)}, domains...)
}

func signerKey(trust int64, signer string, same []string) any {
	if trust != authenticated || signer == "" {
		return nil
	}
	return hash64(append([]string{"signer", signer}, same...)...)
}

// storedSameness is [sameness] of a stored report.
func (w *writer) storedSameness(ctx context.Context, report int64) ([]string, error) {
	var reportID string
	var day, starts, ends int64
	_, err := w.conn.first(ctx, "SELECT report_id, day, starts, ends FROM report WHERE id = ?", []any{report}, func(r row) {
		reportID, day, starts, ends = r.text(0), r.int(1), r.int(2), r.int(3)
	})
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	var domains []string
	err = w.conn.query(ctx, `SELECT d.value FROM policy p CROSS JOIN dict d ON d.id = p.domain WHERE p.day = ? AND p.report = ?`,
		[]any{day, report}, func(r row) error {
			domains = append(domains, r.text(0))
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read policy domains: %w", err)
	}
	slices.Sort(domains)
	return sameness(reportID, starts, ends, slices.Compact(domains)), nil
}

// keys reads the keys of a stored report.
func (w *writer) keys(ctx context.Context, report int64) (keys rivalKeys, err error) {
	_, err = w.conn.first(ctx, "SELECT day, name_key, sign_key FROM report WHERE id = ?", []any{report}, func(r row) {
		keys.day, keys.name = r.int(0), r.int(1)
		if !r.null(2) {
			keys.signer = r.int(2)
		}
	})
	if err != nil {
		err = fmt.Errorf("read report: %w", err)
	}
	return keys, err
}

const (
	byName   = "SELECT id, name_key, sign_key, trust, received, hash0, hash, superseded FROM report INDEXED BY report_name WHERE day = ? AND name_key = ?"
	bySigner = "SELECT id, name_key, sign_key, trust, received, hash0, hash, superseded FROM report INDEXED BY report_signer WHERE day = ? AND sign_key = ?"
)

// contested tells whether a report with these keys would have a rival.
func (w *writer) contested(ctx context.Context, keys rivalKeys) (bool, error) {
	n, err := w.conn.integer(ctx, "SELECT EXISTS (SELECT 1 FROM report INDEXED BY report_name WHERE day = ? AND name_key = ?)", keys.day, keys.name)
	if err == nil && n == 0 && keys.signer != nil {
		n, err = w.conn.integer(ctx, "SELECT EXISTS (SELECT 1 FROM report INDEXED BY report_signer WHERE day = ? AND sign_key = ?)", keys.day, keys.signer)
	}
	if err != nil {
		return false, fmt.Errorf("look for rivals: %w", err)
	}
	return n != 0, nil
}

type rival struct {
	id, trust, received int64
	standing            standing
	keys                rivalKeys
	content             contentHash
	superseded          bool
}

// An election has the candidates that share a key, and the earliest delivery of
// all that have it.
type election struct {
	candidates []*rival
	earliest   int64
}

// winner returns who counts: by standing, then the earliest delivery, then the
// smaller hash. It depends on nothing but the set of deliveries.
func (e *election) winner() *rival {
	return slices.MinFunc(e.candidates, func(a, b *rival) int {
		return cmp.Or(compareStandings(a.standing, b.standing, e.earliest),
			cmp.Compare(a.received, b.received), a.content.compare(b.content))
	})
}

// elect returns who count, of all that share a key with any of them: of those of
// one name one, and of these winners one of those of one signer. So who signs
// under two names does not make rivals of two reporters.
func elect(all []*rival) map[*rival]bool {
	names, signers := map[int64]*election{}, map[int64]*election{}
	enter := func(elections map[int64]*election, key int64, r *rival) *election {
		e := elections[key]
		if e == nil {
			e = &election{earliest: r.received}
			elections[key] = e
		}
		e.earliest = min(e.earliest, r.received)
		return e
	}
	for _, r := range all {
		e := enter(names, r.keys.name, r)
		e.candidates = append(e.candidates, r)
		if signer, ok := r.keys.signer.(int64); ok {
			enter(signers, signer, r)
		}
	}
	counted := map[*rival]bool{}
	for _, e := range names {
		winner := e.winner()
		if signer, ok := winner.keys.signer.(int64); ok {
			signers[signer].candidates = append(signers[signer].candidates, winner)
		} else {
			counted[winner] = true
		}
	}
	for _, e := range signers {
		if len(e.candidates) > 0 {
			counted[e.winner()] = true
		}
	}
	return counted
}

// settle sees to it that of the reports with the given keys, and of all that
// rival with them, directly or through others, those count that are elected.
func (w *writer) settle(ctx context.Context, keys ...rivalKeys) error {
	all, err := w.rivals(ctx, keys)
	if err != nil {
		return fmt.Errorf("look for rivals: %w", err)
	}
	if len(all) > 1 {
		if err := w.stand(ctx, all); err != nil {
			return err
		}
	}
	counted := elect(all)
	for _, r := range all {
		if counted[r] == !r.superseded {
			continue
		}
		sign := int64(1)
		if !counted[r] {
			w.superseded++
			sign = -1
		}
		if err := w.contribute(ctx, r.id, sign); err != nil {
			return err
		}
		if _, err := w.conn.exec(ctx, "UPDATE report SET superseded = ? WHERE id = ?", flag(!counted[r]), r.id); err != nil {
			return fmt.Errorf("supersede report: %w", err)
		}
	}
	return nil
}

// rivals returns all reports that can be reached from the keys.
func (w *writer) rivals(ctx context.Context, keys []rivalKeys) ([]*rival, error) {
	var found []*rival
	met := map[int64]bool{}
	names, signers := map[int64]bool{}, map[int64]bool{}
	collect := func(query string, day, key int64, asked map[int64]bool) error {
		if asked[key] {
			return nil
		}
		asked[key] = true
		return w.conn.query(ctx, query, []any{day, key}, func(row row) error {
			r := &rival{
				id: row.int(0), trust: row.int(3), received: row.int(4), keys: rivalKeys{day: day, name: row.int(1)},
				content: contentHash{row.int(5), row.bytes(6)}, superseded: row.int(7) != 0,
			}
			if !row.null(2) {
				r.keys.signer = row.int(2)
			}
			if !met[r.id] {
				met[r.id] = true
				found = append(found, r)
				keys = append(keys, r.keys)
			}
			return nil
		})
	}
	for i := 0; i < len(keys); i++ {
		if err := collect(byName, keys[i].day, keys[i].name, names); err != nil {
			return nil, err
		}
		if signer, ok := keys[i].signer.(int64); ok {
			if err := collect(bySigner, keys[i].day, signer, signers); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}
