package sqlite

import (
	"slices"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// The numbers of trusts and routes are in the file: they stay. Trusts are
// numbered from 1, best first; 0 is none.
var (
	trusts = []store.Trust{"", store.Authenticated, store.Pending, store.Unverifiable, store.Unauthenticated}
	routes = []store.Route{"", store.Direct, store.Forwarded, store.Drop, store.Import}
)

const (
	authenticated = 1
	unverifiable  = 3
)

// trustNumber takes what it does not know as unauthenticated.
func trustNumber(t store.Trust) int64 {
	if i := slices.Index(trusts, t); i > 0 {
		return int64(i)
	}
	return int64(len(trusts) - 1)
}

func routeNumber(r store.Route) int64 { return int64(max(slices.Index(routes, r), 0)) }

func trustOf(n int64) store.Trust {
	if n < 0 || n >= int64(len(trusts)) {
		return ""
	}
	return trusts[n]
}

func routeOf(n int64) store.Route {
	if n < 0 || n >= int64(len(routes)) {
		return ""
	}
	return routes[n]
}
