package ingest

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// Rules say which policy domains are accepted, by the settings "domains" and
// "domainMap". The zero value accepts every domain as it is.
type Rules struct {
	names    map[string]bool
	suffixes []string // with a leading dot
	mapped   map[string]string
}

// NewRules makes rules of domain patterns and of a map from MX hosts to the
// domains that they serve. A pattern is a domain, or "*." and a domain, which
// matches the domains below it at any depth, but not that domain itself. Case,
// a final dot and U-labels make no difference. No patterns accept everything.
func NewRules(patterns []string, domainMap map[string]string) *Rules {
	r := &Rules{names: make(map[string]bool), mapped: make(map[string]string)}
	for _, pattern := range patterns {
		if suffix, ok := strings.CutPrefix(strings.TrimSpace(pattern), "*."); ok {
			r.suffixes = append(r.suffixes, "."+canonicalDomain(suffix))
		} else if name := canonicalDomain(pattern); name != "" {
			r.names[name] = true
		}
	}
	for host, domain := range domainMap {
		r.mapped[canonicalDomain(host)] = canonicalDomain(domain)
	}
	return r
}

// IsDomainPattern says whether a host name, perhaps behind "*.", is one.
// Names in other scripts are allowed; their A-labels are compared.
func IsDomainPattern(pattern string) bool {
	name := strings.TrimSuffix(strings.TrimPrefix(pattern, "*."), ".")
	if name == "" || len(name) > 255 || strings.ContainsAny(name, " \t*/\\@:;,'\"<>()[]{}!#$%^&=+?|~`") {
		return false
	}
	return !slices.Contains(strings.Split(name, "."), "")
}

// canonicalDomain returns a name in the form of [tlsrpt.Policy]: lower-case
// A-labels without a final dot.
func canonicalDomain(name string) string {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		return ascii
	}
	return name
}

// accepts says whether a policy domain is one of ours.
func (r *Rules) accepts(domain string) bool {
	if len(r.names) == 0 && len(r.suffixes) == 0 {
		return true
	}
	if r.names[domain] {
		return true
	}
	for _, suffix := range r.suffixes {
		if strings.HasSuffix(domain, suffix) && len(domain) > len(suffix) {
			return true
		}
	}
	return false
}

// Apply names mapped hosts by the domains they serve and leaves only accepted
// policies in the report, with a warning for the others. It returns false, and
// the foreign domains for a person to read, where no policy is left.
func (r *Rules) Apply(report *tlsrpt.Report) (foreign string, ok bool) {
	return r.apply(report, func(string) bool { return false })
}

// apply is Apply, with further domains that are accepted, by their own names.
func (r *Rules) apply(report *tlsrpt.Report, further func(domain string) bool) (foreign string, ok bool) {
	kept := report.Policies[:0]
	var others []string
	seen := make(map[string]bool)
	for _, policy := range report.Policies {
		own := policy.Domain
		served, mapped := r.mapped[own]
		if mapped {
			policy.Domain = served
		}
		if mapped || r.accepts(own) || further(own) {
			kept = append(kept, policy)
		} else if !seen[own] {
			seen[own] = true
			others = append(others, own)
		}
	}
	clear(report.Policies[len(kept):])
	report.Policies = kept
	foreign = fewOf(others)
	if len(kept) == 0 {
		return foreign, false
	}
	if len(others) > 0 {
		report.Warnings = append(report.Warnings, tlsrpt.Warning{
			Code:   store.ForeignDomain,
			Detail: fmt.Sprintf("left out policies of domains that the setting «domains» does not name: %s", foreign),
		})
	}
	return foreign, true
}

// fewOf lists the first names and counts the rest.
func fewOf(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
