package endtoend

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A fact is one policy of one document, read with the standard library alone:
// the independent count that answers are held against.
type fact struct {
	document           int
	at                 map[string]string // non-detail dimensions
	successful, failed int64
	details            []detailFact
}

type detailFact struct {
	at     map[string]string
	failed int64
}

// factsOf reads one report document in the plainest way.
func factsOf(t *testing.T, number int, document []byte, trust, source string) []fact {
	t.Helper()
	var r map[string]any
	if err := json.Unmarshal(document, &r); err != nil {
		t.Fatalf("document %d: %v", number, err)
	}
	var facts []fact
	for _, p := range list(r["policies"]) {
		policy, summary := object(p["policy"]), object(p["summary"])
		f := fact{
			document: number, successful: count(summary["total-successful-session-count"]), failed: count(summary["total-failure-session-count"]),
			at: map[string]string{
				"reporter": text(r["organization-name"]), "policyDomain": strings.TrimSuffix(strings.ToLower(text(policy["policy-domain"])), "."),
				"policyType": text(policy["policy-type"]), "policyMode": modeOf(policy["policy-string"]), "trust": trust, "source": source,
			},
		}
		for _, d := range list(p["failure-details"]) {
			f.details = append(f.details, detailFact{failed: count(d["failed-session-count"]), at: map[string]string{
				"resultType": text(d["result-type"]), "reasonCode": tlsrpt.NormalizeReason(text(d["failure-reason-code"])),
				"receivingMx": strings.TrimSuffix(strings.ToLower(text(d["receiving-mx-hostname"])), "."), "receivingIp": address(d["receiving-ip"]),
				"sendingMtaIp": address(d["sending-mta-ip"]), "sendingNetwork": network(d["sending-mta-ip"]),
			}})
		}
		facts = append(facts, f)
	}
	return facts
}

// keyOf tells reports apart: two documents with the same one are rivals.
func keyOf(document []byte) string {
	var r map[string]any
	_ = json.Unmarshal(document, &r) // factsOf has judged it
	var domains []string
	for _, p := range list(r["policies"]) {
		domains = append(domains, text(object(p["policy"])["policy-domain"]))
	}
	slices.Sort(domains)
	return fmt.Sprint(r["organization-name"], r["report-id"], r["date-range"], slices.Compact(domains))
}

func list(v any) []map[string]any {
	var objects []map[string]any
	elements, _ := v.([]any)
	for _, e := range elements {
		objects = append(objects, object(e))
	}
	return objects
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func text(v any) string {
	s, _ := v.(string)
	return strings.TrimSpace(s)
}

func count(v any) int64 {
	switch n := v.(type) {
	case float64:
		return int64(n)
	case string:
		i, _ := strconv.ParseInt(n, 10, 64)
		return i
	}
	return 0
}

func modeOf(v any) string {
	lines, _ := v.([]any)
	for _, l := range lines {
		if mode, ok := strings.CutPrefix(text(l), "mode:"); ok {
			return strings.TrimSpace(mode)
		}
	}
	return ""
}

func address(v any) string {
	a, err := netip.ParseAddr(strings.Trim(text(v), "[]"))
	if err != nil {
		return ""
	}
	return a.Unmap().String()
}

func network(v any) string {
	a, err := netip.ParseAddr(address(v))
	if err != nil {
		return ""
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}

// sums of one group.
type sums struct {
	reports                       map[string]bool // document and domain
	failing                       map[string]bool // reporters
	successful, failed, protected int64
}

// countSessions groups facts and computes every session metric.
func countSessions(facts []fact, by []string, distinct bool) map[string]map[string]float64 {
	groups := map[string]*sums{}
	group := func(f fact) *sums {
		key := keyAt(f.at, by)
		if groups[key] == nil {
			groups[key] = &sums{reports: map[string]bool{}, failing: map[string]bool{}}
		}
		return groups[key]
	}
	failedBy := map[string]int64{}
	add := func(f fact, sign int64) {
		g := group(f)
		g.successful += sign * f.successful
		g.failed += sign * f.failed
		if f.at["policyType"] == "sts" || f.at["policyType"] == "tlsa" {
			g.protected += sign * (f.successful + f.failed)
		}
		failedBy[keyAt(f.at, by)+"\x01"+f.at["reporter"]] += sign * f.failed
	}
	for _, f := range facts {
		group(f).reports[fmt.Sprint(f.document, f.at["policyDomain"])] = true
		add(f, 1)
	}
	if distinct && !slices.Contains(by, "policyType") && !slices.Contains(by, "policyMode") {
		for _, twice := range overlaps(facts) {
			add(twice, -1)
		}
	}
	for key, failed := range failedBy {
		name, reporter, _ := strings.Cut(key, "\x01")
		if failed > 0 {
			groups[name].failing[reporter] = true
		}
	}
	result := map[string]map[string]float64{}
	for key, g := range groups {
		total := g.successful + g.failed
		result[key] = map[string]float64{
			"reports": float64(len(g.reports)), "failedSessions": float64(g.failed), "successfulSessions": float64(g.successful),
			"totalSessions": float64(total), "failureRate": share(g.failed, total), "protectedShare": share(g.protected, total),
			"reportersFailing": float64(len(g.failing)),
		}
	}
	return result
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// overlaps returns, for each document and domain that holds sts and tlsa for
// the same sessions, what was said twice, as a fact to take away.
func overlaps(facts []fact) []fact {
	type pair struct{ sts, tlsa fact }
	pairs := map[string]*pair{}
	seen := map[string]map[string]bool{}
	for _, f := range facts {
		key := fmt.Sprint(f.document, f.at["policyDomain"])
		if pairs[key] == nil {
			pairs[key], seen[key] = &pair{}, map[string]bool{}
		}
		side := &pairs[key].sts
		switch f.at["policyType"] {
		case "tlsa":
			side = &pairs[key].tlsa
		case "sts":
		default:
			continue
		}
		seen[key][f.at["policyType"]] = true
		side.at, side.document = f.at, f.document
		side.successful += f.successful
		side.failed += f.failed
		side.details = append(side.details, f.details...)
	}
	var twice []fact
	for key, p := range pairs {
		if !seen[key]["sts"] || !seen[key]["tlsa"] {
			continue
		}
		a, b := p.sts.successful+p.sts.failed, p.tlsa.successful+p.tlsa.failed
		if a != b && !strings.Contains(strings.ToLower(p.tlsa.at["reporter"]), "microsoft") {
			continue
		}
		f := fact{document: p.tlsa.document, at: p.tlsa.at, failed: min(p.sts.failed, p.tlsa.failed)}
		f.successful = min(a, b) - f.failed
		f.details = commonDetails(p.sts.details, p.tlsa.details)
		twice = append(twice, f)
	}
	return twice
}

func commonDetails(a, b []detailFact) []detailFact {
	of := func(list []detailFact) map[string]detailFact {
		m := map[string]detailFact{}
		for _, d := range list {
			k := fmt.Sprint(d.at)
			d.failed += m[k].failed
			m[k] = d
		}
		return m
	}
	var common []detailFact
	bs := of(b)
	for k, d := range of(a) {
		if other, ok := bs[k]; ok {
			common = append(common, detailFact{at: d.at, failed: min(d.failed, other.failed)})
		}
	}
	return common
}

// countDetails groups failed sessions of failure details.
func countDetails(facts []fact, by []string, distinct bool) map[string]float64 {
	result := map[string]float64{}
	add := func(facts []fact, sign float64) {
		for _, f := range facts {
			for _, d := range f.details {
				at := map[string]string{}
				for k, v := range f.at {
					at[k] = v
				}
				for k, v := range d.at {
					at[k] = v
				}
				result[keyAt(at, by)] += sign * float64(d.failed)
			}
		}
	}
	add(facts, 1)
	if distinct && !slices.Contains(by, "policyType") && !slices.Contains(by, "policyMode") {
		add(overlaps(facts), -1)
	}
	return result
}

func keyAt(at map[string]string, by []string) string {
	values := make([]string, len(by))
	for i, d := range by {
		values[i] = at[d]
	}
	return strings.Join(values, "\x00")
}
