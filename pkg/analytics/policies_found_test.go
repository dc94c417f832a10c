package analytics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestPolicyLosses(t *testing.T) {
	on := func(reporter, policyType string, from, to int) []store.SessionRow {
		var rows []store.SessionRow
		for d := from; d <= to; d++ {
			rows = append(rows, store.SessionRow{Bucket: tlsrpt.Day(d).Time(), Group: []string{"a.example", policyType, reporter}, Successful: 10})
		}
		return rows
	}
	join := func(parts ...[]store.SessionRow) (all []store.SessionRow) {
		for _, rows := range parts {
			all = append(all, rows...)
		}
		return all
	}
	const found, none = tlsrpt.PolicySTS, tlsrpt.PolicyNotFound
	for name, c := range map[string]struct {
		rows []store.SessionRow
		want string
	}{
		"found all along":                     {on("R", found, 1, 20), ""},
		"never found":                         {on("R", none, 1, 20), ""},
		"taken away":                          {join(on("R", found, 1, 9), on("R", none, 10, 20)), "10 lost R"},
		"taken away for all, one cache later": {join(on("R", found, 1, 9), on("R", none, 10, 20), on("S", found, 1, 12), on("S", none, 13, 20)), "10 lost R,S"},
		"taken away, and put back":            {join(on("R", found, 1, 9), on("R", none, 10, 14), on("R", found, 15, 20)), "10 lost R; 15 again R"},
		"some sessions without":               {join(on("R", found, 1, 20), on("R", none, 10, 12)), ""},
		"one of two finds none":               {join(on("R", found, 1, 9), on("R", none, 10, 20), on("S", found, 1, 20)), ""},
		"one that never knew it has no say":   {join(on("R", found, 1, 20), on("P", none, 1, 20), on("Q", none, 1, 20)), ""},
		"another type has no say":             {join(on("R", found, 1, 9), on("R", "tlsa", 10, 20)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range PolicyLosses(c.rows) {
				word := "lost"
				if l.Again {
					word = "again"
				}
				got = append(got, fmt.Sprintf("%d %s %s", l.Day, word, strings.Join(l.Reporters, ",")))
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}
