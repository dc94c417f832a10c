package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// TestSumsOfAnyDaysAreTheSumsOfEachDay asks for the days from any to any other
// of three months. Days alone are read where each is told apart; else whole
// months, and other days are taken away from those.
func TestSumsOfAnyDaysAreTheSumsOfEachDay(t *testing.T) {
	s := memory(t)
	const days = 80
	var documents []store.Document
	for day := range days {
		for domain := range 4 {
			// Of each domain there are times without reports.
			if day/(5+domain)%2 == 0 || day%17 == 3 {
				continue
			}
			start := dayAt(day)
			p := tlsrpt.Policy{Type: "sts", Mode: []string{"testing", "enforce"}[day/20%2], Domain: fmt.Sprint("d", domain, ".example"), Successful: int64(day), Failed: int64(domain)}
			q := p
			q.Type, q.Mode, q.Successful = "tlsa", "", 1
			r := &tlsrpt.Report{Reporter: "one.example", ReportID: start.String(), Start: start, End: start.Add(24 * time.Hour), Policies: []tlsrpt.Policy{p, q}[:1+day%2]}
			documents = append(documents, document(t, r, store.Judgement{Trust: []store.Trust{store.Authenticated, store.Unverifiable}[day%2]}))
		}
	}
	_, err := s.Commit(t.Context(), []store.Delivery{delivery("all", documents...)})
	must(t, err)

	groupings := [][]store.Dimension{{store.PolicyDomain}, {store.PolicyDomain, store.PolicyType, store.PolicyMode}, {store.PolicyMode, store.PolicyDomain, store.TrustDimension}}
	plans := map[string]int{}
	for from := -1; from <= days; from++ {
		for to := from + 1; to <= days+40; to += 1 + to%3 {
			q := store.SumQuery{GroupBy: groupings[(from+to+9)%len(groupings)], Selection: store.Selection{From: dayAt(from), To: dayAt(to)}}
			if from < 0 {
				q.From = time.Time{}
			}
			must(t, s.read(t.Context(), func(c *conn) error {
				question, err := s.sumQuestion(context.Background(), c, q)
				must(t, err)
				there, err := extentOf(context.Background(), c)
				must(t, err)
				plan := sessionPlan(question, there)
				words := strings.Fields(plan.name) // such as «a», «a and b», «a less b»
				plans[strings.Join(words[1:min(2, len(words))], "")]++
				return nil
			}))
			together, _, err := s.Sessions(t.Context(), q)
			must(t, err)
			q.PerBucket = true
			each, _, err := s.Sessions(t.Context(), q)
			must(t, err)
			if diff := cmp.Diff(added(each), together, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s to %s by %s (-each day +together):\n%s", q.From, q.To, q.GroupBy, diff)
			}
			domains, _, err := s.Values(t.Context(), store.PolicyDomain, q.Selection, "", 0)
			must(t, err)
			if diff := cmp.Diff(wordsAt(each, slices.Index(q.GroupBy, store.PolicyDomain)), domains, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("domains from %s to %s (-each day +together):\n%s", q.From, q.To, diff)
			}
		}
	}
	if t.Log(plans); plans[""] == 0 || plans["and"] == 0 || plans["less"] == 0 {
		t.Errorf("read by days, by months and days, and by months less days: %v", plans)
	}
}

func dayAt(n int) time.Time { return epoch.Add(time.Duration(n) * 24 * time.Hour) }

// added puts the rows of each group together, in the order of groups.
func added(rows []store.SessionRow) []store.SessionRow {
	var sums []store.SessionRow
	for _, r := range rows {
		i, known := slices.BinarySearchFunc(sums, r.Group, func(s store.SessionRow, group []string) int { return slices.Compare(s.Group, group) })
		if !known {
			sums = slices.Insert(sums, i, store.SessionRow{Group: r.Group})
		}
		of := &sums[i]
		of.Reports += r.Reports
		of.Successful += r.Successful
		of.Failed += r.Failed
		of.Protected += r.Protected
		of.OverlapTotal += r.OverlapTotal
		of.OverlapFailed += r.OverlapFailed
	}
	return sums
}

func wordsAt(rows []store.SessionRow, place int) (domains []string) {
	for _, r := range rows {
		domains = append(domains, r.Group[place])
	}
	slices.Sort(domains)
	return slices.Compact(domains)
}
