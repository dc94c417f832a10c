package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A readWith is what decides how a document is read: the version of the parser
// and the settings "domains" and "domainMap" in canonical form.
type readWith struct {
	Parser int `json:"parser"`
	// Domains are the patterns in order.
	Domains   []string          `json:"domains,omitempty"`
	DomainMap map[string]string `json:"domainMap,omitempty"`
}

// readWith returns what these rules and the parser of now read with. Nil rules
// accept everything, as the zero value does.
func (r *Rules) readWith() readWith {
	w := readWith{Parser: tlsrpt.ParserVersion}
	if r == nil {
		return w
	}
	w.Domains = slices.Collect(maps.Keys(r.names))
	for _, suffix := range r.suffixes {
		w.Domains = append(w.Domains, "*"+suffix)
	}
	slices.Sort(w.Domains)
	w.Domains = slices.Compact(w.Domains)
	w.DomainMap = maps.Clone(r.mapped)
	return w
}

func (w readWith) equal(other readWith) bool {
	return w.Parser == other.Parser && slices.Equal(w.Domains, other.Domains) && maps.Equal(w.DomainMap, other.DomainMap)
}

// readings are everything that the reports of a store may have been read with;
// each was read with one of them. It is more than one from when reading again
// has begun until it is through, so that settings that are changed back in
// between are found to differ from what some reports were read with.
type readings []readWith

// begin notes that reports are read with now from here on, and returns what
// stored ones may have been read with, now included. Where the store has
// something but does not say, known is false, and nothing is noted until all of
// it is read again.
func begin(ctx context.Context, s store.Store, now readWith) (earlier readings, known bool, err error) {
	saved, err := s.ReadWith(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("look up what reports were read with: %w", err)
	}
	if json.Unmarshal([]byte(saved), &earlier) != nil || len(earlier) == 0 {
		if empty, err := isEmpty(ctx, s); err != nil || !empty {
			return nil, false, err
		}
		earlier = nil
	}
	if slices.ContainsFunc(earlier, now.equal) {
		return earlier, true, nil
	}
	earlier = append(earlier, now)
	return earlier, true, earlier.save(ctx, s)
}

// isEmpty says whether a store has nothing that can be read again.
func isEmpty(ctx context.Context, s store.Store) (bool, error) {
	_, reports, err := s.Size(ctx)
	if err != nil {
		return false, fmt.Errorf("count the reports: %w", err)
	}
	refused, err := s.RetryQuarantine(ctx, "", 0, 1)
	if err != nil {
		return false, fmt.Errorf("look into the quarantine: %w", err)
	}
	return reports == 0 && len(refused) == 0, nil
}

func (r readings) save(ctx context.Context, s store.Store) error {
	raw, err := json.Marshal(r)
	if err == nil {
		err = s.SaveReadWith(ctx, string(raw))
	}
	if err != nil {
		return fmt.Errorf("note what reports are read with: %w", err)
	}
	return nil
}

// scope names the reports that would be read otherwise now. Those of an older
// parser are always asked for: the store knows of each which one read it.
func (r readings) scope(now readWith, known bool) store.Scope {
	scope := store.Scope{ParserBelow: now.Parser}
	if !known {
		r, scope.LeftOut = readings{{}}, true
	}
	domains := make(map[string]bool)
	for _, w := range r {
		for host, domain := range w.DomainMap {
			if now.DomainMap[host] != domain {
				// The reports with this host stand under its domain.
				domains[host], domains[domain] = true, true
			}
		}
		for host := range now.DomainMap {
			if _, mapped := w.DomainMap[host]; !mapped {
				domains[host] = true
				// A mapped host is never foreign; it may have been.
				scope.LeftOut = scope.LeftOut || len(w.Domains) > 0
			}
		}
		scope.LeftOut = scope.LeftOut || now.widens(w)
	}
	scope.Domains = slices.Sorted(maps.Keys(domains))
	return scope
}

// widens says whether w may accept domains that before left out.
func (w readWith) widens(before readWith) bool {
	if len(before.Domains) == 0 {
		return false
	}
	return len(w.Domains) == 0 || slices.ContainsFunc(w.Domains, func(pattern string) bool {
		_, found := slices.BinarySearch(before.Domains, pattern)
		return !found
	})
}

// counted says whether a policy of this domain counted in a report that stands
// under these domains: by its own name, or by the one that it was mapped to.
// Where a mapped host alone brought a domain that is not accepted, it can't be
// told from the domain's own policies, and these count from then on, too.
func (r readings) counted(domain string, under []string) bool {
	return slices.Contains(under, domain) || slices.ContainsFunc(r, func(w readWith) bool {
		served, mapped := w.DomainMap[domain]
		return mapped && slices.Contains(under, served)
	})
}
