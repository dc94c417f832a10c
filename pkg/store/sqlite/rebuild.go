package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// rebuild makes a report of its rows again: the reverse of describe. Reporter,
// Start and End are left to the caller.
func (w *writer) rebuild(ctx context.Context, f *facts) (*tlsrpt.Report, error) {
	r := &tlsrpt.Report{Policies: make([]tlsrpt.Policy, len(f.policies))}
	known := map[int64]string{0: ""}
	var failed error
	text := func(id int64) string {
		value, ok := known[id]
		if ok || failed != nil {
			return value
		}
		_, failed = w.conn.first(ctx, "SELECT value FROM dict WHERE id = ?", []any{id}, func(r row) { value = r.text(0) })
		known[id] = value
		return value
	}
	list := func(id int64) []string {
		all, err := listOf(text(id))
		if failed == nil {
			failed = err
		}
		return all
	}
	var warnings int64
	_, err := w.conn.first(ctx, `SELECT r.report_id, c.value, r.warnings FROM report r CROSS JOIN dict c ON c.id = r.contact WHERE r.id = ?`,
		[]any{f.report}, func(row row) { r.ReportID, r.ContactInfo, warnings = row.text(0), row.text(1), row.int(2) })
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	for _, warning := range list(warnings) {
		code, detail, _ := strings.Cut(warning, ": ")
		r.Warnings = append(r.Warnings, tlsrpt.Warning{Code: code, Detail: detail})
	}
	for i := range f.policies {
		from := &f.policies[i]
		p := &r.Policies[from.idx]
		p.Domain, p.Successful, p.Failed = text(from.domain), from.successful, from.failed
		p.Strings, p.MXHosts = list(from.strings), list(from.mx)
		_, err := w.conn.first(ctx, "SELECT t.value, m.value FROM kind k CROSS JOIN dict t ON t.id = k.type CROSS JOIN dict m ON m.id = k.mode WHERE k.id = ?",
			[]any{from.kind}, func(r row) { p.Type, p.Mode = r.text(0), r.text(1) })
		if err != nil {
			return nil, fmt.Errorf("read kind of policy: %w", err)
		}
	}
	for i := range f.failures {
		from := &f.failures[i]
		details := &r.Policies[from.policy].Details
		for int64(len(*details)) <= from.idx {
			*details = append(*details, tlsrpt.FailureDetail{})
		}
		(*details)[from.idx] = tlsrpt.FailureDetail{
			ResultType: text(from.result), Reason: text(from.reason), ReasonCode: text(from.reasonCode), FailedSessions: from.failed,
			ReceivingMXHostname: text(from.mx), ReceivingMXHelo: text(from.helo), ReceivingIP: text(from.receivingIP),
			SendingMTAIP: text(from.sendingIP), AdditionalInformation: text(from.moreInformation),
		}
	}
	if failed != nil {
		return nil, fmt.Errorf("read what a report says: %w", failed)
	}
	return r, nil
}
