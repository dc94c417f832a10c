package sqlite

import (
	"context"
	"fmt"
	"slices"
)

// Neighbors orders domains by their numbers: packed rows hold those whose numbers
// are near each other, and a domain whose row is read for others is skipped in it.
func (s *Store) Neighbors(ctx context.Context, domains []string) ([]string, error) {
	wanted := make(map[string]bool, len(domains))
	for _, domain := range domains {
		wanted[domain] = true
	}
	ordered := make([]string, 0, len(wanted))
	err := s.read(ctx, func(c *conn) error {
		return s.names.each(ctx, c, classDomain, func(e dictEntry) {
			if wanted[e.value] {
				ordered = append(ordered, e.value)
				delete(wanted, e.value)
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("order domains: %w", err)
	}
	for _, domain := range domains {
		if wanted[domain] {
			ordered = append(ordered, domain)
			delete(wanted, domain)
		}
	}
	return slices.Clip(ordered), nil
}
