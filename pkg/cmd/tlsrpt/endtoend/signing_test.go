package endtoend

import (
	"context"
	"sync"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/signing"
)

// signed signs a mail for a domain.
func signed(t testing.TB, domain string, mail []byte) []byte {
	t.Helper()
	out, err := signing.Sign(domain, mail)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A zone is a DNS that has a key for every domain, and can be out of order.
type zone struct {
	mu     sync.Mutex
	broken bool
}

func (z *zone) set(broken bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.broken = broken
}

// LookupTXT answers as [net.Resolver] does.
func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.broken {
		return nil, signing.Broken(name)
	}
	return signing.LookupTXT(name)
}
