package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// describe makes what a report's facts hold of what it says, numbering strings
// that are new. When it was stored must be in the facts.
func (w *writer) describe(ctx context.Context, report *tlsrpt.Report, f *facts) (err error) {
	f.day, f.late = int64(report.Day()), lateness(f.stored, report.End.Unix())
	if f.reporter, err = w.intern(ctx, classReporter, report.Reporter); err != nil {
		return err
	}
	pairs, details := map[string][]typeMode{}, 0
	for i := range report.Policies {
		p := &report.Policies[i]
		pairs[p.Domain] = append(pairs[p.Domain], typeMode{p.Type, p.Mode})
		details += len(p.Details)
	}
	// It must not grow: numbers go into its rows at the end.
	f.failures = make([]failureFacts, 0, details)
	w.described += details
	var unnumbered numbering
	overlaps := report.Overlaps()
	describers := make(map[string]*pairDescriber, len(pairs))
	for i := range report.Policies {
		p := &report.Policies[i]
		pair := describers[p.Domain]
		if pair == nil {
			var err error
			if pair, err = w.newPair(ctx, p.Domain, pairs[p.Domain], overlaps[p.Domain]); err != nil {
				return err
			}
			describers[p.Domain] = pair
		}
		if err := w.describePolicy(ctx, p, pair, int64(i), f, &unnumbered); err != nil {
			return err
		}
	}
	return w.strings.numberAll(ctx, w.conn, &unnumbered)
}

// pairDescriber is what the policies of one domain in a report have in common.
type pairDescriber struct {
	domain  int64
	kinds   map[typeMode]int64
	carrier typeMode // whose first policy carries reports and overlap
	overlap tlsrpt.Overlap
	carried bool
	counted map[int64]bool             // kinds that were met
	twice   map[tlsrpt.DetailKey]int64 // overlaps of details that no detail carries yet
}

func (w *writer) newPair(ctx context.Context, domain string, policies []typeMode, overlap tlsrpt.Overlap) (*pairDescriber, error) {
	id, err := w.intern(ctx, classDomain, domain)
	if err != nil {
		return nil, err
	}
	kinds, err := w.strings.kindsOf(ctx, w.conn, policies)
	if err != nil {
		return nil, err
	}
	// An overlap stands with tlsa, where one can be at all.
	carrier := policies[0]
	if i := slices.IndexFunc(policies, func(tm typeMode) bool { return tm.policyType == tlsrpt.PolicyTLSA }); i >= 0 {
		carrier = policies[i]
	}
	return &pairDescriber{
		domain: id, kinds: kinds, carrier: carrier, overlap: overlap,
		counted: make(map[int64]bool, len(kinds)), twice: overlap.Details,
	}, nil
}

func (w *writer) describePolicy(ctx context.Context, p *tlsrpt.Policy, pair *pairDescriber, idx int64, f *facts, unnumbered *numbering) error {
	tm := typeMode{p.Type, p.Mode}
	row := policyFacts{domain: pair.domain, idx: idx, kind: pair.kinds[tm]}
	row.successful, row.failed = p.Successful, p.Failed
	if !pair.counted[row.kind] {
		pair.counted[row.kind], row.pairs = true, 1
	}
	if !pair.carried && tm == pair.carrier {
		pair.carried, row.reports = true, 1
		row.overlapTotal, row.overlapFailed = pair.overlap.Total, pair.overlap.Failed
	}
	var err error
	if row.strings, err = w.internList(ctx, p.Strings); err != nil {
		return err
	}
	if row.mx, err = w.internList(ctx, p.MXHosts); err != nil {
		return err
	}
	f.policies = append(f.policies, row)
	for i := range p.Details {
		f.failures = append(f.failures, failureFacts{domain: pair.domain, policy: idx, idx: int64(i), kind: row.kind})
		w.describeFailure(&p.Details[i], p.Type, pair, &f.failures[len(f.failures)-1], unnumbered)
		if len(*unnumbered) < cachedStrings {
			continue
		}
		if err := w.strings.numberAll(ctx, w.conn, unnumbered); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) describeFailure(d *tlsrpt.FailureDetail, policyType string, pair *pairDescriber, row *failureFacts, unnumbered *numbering) {
	row.failed = d.FailedSessions
	if policyType == tlsrpt.PolicyTLSA && len(pair.twice) > 0 {
		row.overlap = pair.twice[d.Key()]
		delete(pair.twice, d.Key())
	}
	for _, column := range []struct {
		id    *int64
		class class
		value string
	}{
		{&row.result, classResult, d.ResultType},
		{&row.reason, classReason, d.Reason},
		{&row.mx, classMX, d.ReceivingMXHostname},
		{&row.receivingIP, classReceivingIP, d.ReceivingIP},
		{&row.sendingIP, classSendingIP, d.SendingMTAIP},
		{&row.network, classNetwork, tlsrpt.Network(d.SendingMTAIP)},
		{&row.helo, classText, d.ReceivingMXHelo},
		{&row.reasonCode, classText, d.ReasonCode},
		{&row.moreInformation, classText, d.AdditionalInformation},
	} {
		w.strings.later(unnumbered, column.class, column.value, column.id)
	}
}

// internList numbers a list as its JSON; none is 0.
func (w *writer) internList(ctx context.Context, list []string) (int64, error) {
	if len(list) == 0 {
		return 0, nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return 0, fmt.Errorf("write list: %w", err)
	}
	return w.intern(ctx, classText, string(text))
}

// insertFacts writes the rows of a report's policies and failures.
func (w *writer) insertFacts(ctx context.Context, f *facts) error {
	for i := range f.policies {
		p := &f.policies[i]
		_, err := w.conn.exec(ctx, `INSERT INTO policy (domain, day, report, idx, kind, reports, pairs, successful, failed,
			overlap_total, overlap_failed, strings, mx) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			p.domain, f.day, f.report, p.idx, p.kind, p.reports, p.pairs, p.successful, p.failed,
			p.overlapTotal, p.overlapFailed, p.strings, p.mx)
		if err != nil {
			return fmt.Errorf("write policy: %w", err)
		}
	}
	for i := range f.failures {
		d := &f.failures[i]
		_, err := w.conn.exec(ctx, `INSERT INTO failure (domain, day, report, policy, idx, kind, result, reason, mx, receiving_ip,
			sending_ip, network, failed, overlap, helo, reason_code, information) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			d.domain, f.day, f.report, d.policy, d.idx, d.kind, d.result, d.reason, d.mx, d.receivingIP,
			d.sendingIP, d.network, d.failed, d.overlap, d.helo, d.reasonCode, d.moreInformation)
		if err != nil {
			return fmt.Errorf("write failure detail: %w", err)
		}
	}
	return nil
}
