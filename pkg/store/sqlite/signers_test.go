package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// claim is a report that may claim to be the same as others, and its arrival.
type claim struct {
	reporter, id, contact string
	failed                int64
	trust                 store.Trust
	signer                string
	hour                  int // received
}

func (c claim) delivery(t fataler, ref string) store.Delivery {
	r := &tlsrpt.Report{
		Reporter: c.reporter, ReportID: c.id, ContactInfo: c.contact, Start: epoch, End: epoch.Add(24 * time.Hour),
		Policies: []tlsrpt.Policy{{Type: "sts", Domain: "a.example", Successful: 1, Failed: c.failed}},
	}
	if c.trust == "" {
		c.trust = store.Authenticated
	}
	d := delivery(ref, document(t, r, store.Judgement{Trust: c.trust, SignedBy: c.signer}))
	d.Received = epoch.Add(time.Duration(c.hour) * time.Hour)
	return d
}

// countedSigners returns who signed the reports that count.
func countedSigners(t fataler, s *Store) map[string]string {
	t.Helper()
	rows, _, err := s.Reports(t.(*testing.T).Context(), store.RowQuery{Limit: 100})
	must(t, err)
	counted := map[string][]string{}
	for _, r := range rows {
		if !r.Superseded {
			counted[r.ReportID] = append(counted[r.ReportID], r.Judgement.SignedBy)
		}
	}
	joined := map[string]string{}
	for id, signers := range counted {
		slices.Sort(signers)
		joined[id] = strings.Join(signers, " ")
	}
	return joined
}

func TestWhoSignedDecidesBetweenAuthenticatedReports(t *testing.T) {
	for name, c := range map[string]struct {
		claims []claim
		want   string
	}{
		"a known reporter's own domain wins over a forger who comes first": {[]claim{
			{reporter: "Google Inc.", contact: "me@evil.example", signer: "evil.example", hour: 1, failed: 1},
			{reporter: "Google Inc.", contact: "me@evil.example", signer: "mail.google.com", hour: 2},
		}, "mail.google.com"},
		"a source that is trusted wins over a forger who comes first": {[]claim{
			{reporter: "Example Inc.", signer: "evil.example", hour: 1, failed: 1},
			{reporter: "Example Inc.", hour: 2},
		}, ""},
		"of those that are vouched for, the earliest wins": {[]claim{
			{reporter: "Google Inc.", contact: "me@evil.example", signer: "google.com", hour: 1, failed: 1},
			{reporter: "Google Inc.", contact: "a@google.com", signer: "google.com", hour: 2},
		}, "google.com"},
		"an unknown reporter's contact is at the signer's": {[]claim{
			{reporter: "Example Inc.", contact: "TLS reports <tls@Example.NET>", signer: "evil.example", hour: 1, failed: 1},
			{reporter: "Example Inc.", contact: "TLS reports <tls@Example.NET>", signer: "mx.example.net", hour: 2},
		}, "mx.example.net"},
		"an unknown reporter's name is the signer's": {[]claim{
			{reporter: "example.net", signer: "evil.example", hour: 1, failed: 1},
			{reporter: "example.net", signer: "mx.example.net", hour: 2},
		}, "mx.example.net"},
		"who signed that name before wins": {[]claim{
			{reporter: "Example Inc.", signer: "evil.example", hour: 2, failed: 1},
			{reporter: "Example Inc.", signer: "example.net", hour: 3},
			{reporter: "Example Inc.", signer: "mail.example.net", hour: 1, id: "before"},
		}, "example.net"},
		"an unauthenticated history is none": {[]claim{
			{reporter: "Example Inc.", signer: "evil.example", hour: 2, failed: 1},
			{reporter: "Example Inc.", signer: "example.net", hour: 3},
			{reporter: "Example Inc.", signer: "example.net", hour: 1, id: "before", trust: store.Unverifiable},
		}, "evil.example"},
		"a history of a day wins over a contact that the forger wrote": {[]claim{
			{reporter: "Example Inc.", contact: "me@evil.example", signer: "evil.example", hour: 26, failed: 1},
			{reporter: "Example Inc.", contact: "tls@example.net", signer: "service.example", hour: 27},
			{reporter: "Example Inc.", contact: "tls@example.net", signer: "service.example", hour: 1, id: "before"},
		}, "service.example"},
		"of two with a history the older wins": {[]claim{
			{reporter: "Example Inc.", contact: "tls@example.net", signer: "service.example", hour: 42},
			{reporter: "Example Inc.", contact: "me@evil.example", signer: "evil.example", hour: 40, failed: 1},
			{reporter: "Example Inc.", signer: "evil.example", hour: 2, id: "before"},
			{reporter: "Example Inc.", signer: "service.example", hour: 1, id: "before"},
		}, "service.example"},
		"a history of just a day is that of a newcomer": {[]claim{
			{reporter: "Example Inc.", contact: "tls@example.net", signer: "example.net", hour: 30},
			{reporter: "Example Inc.", contact: "tls@example.net", signer: "evil.example", hour: 25, failed: 1},
			{reporter: "Example Inc.", signer: "evil.example", hour: 1, id: "before"},
		}, "example.net"},
		"a signature that is not proved is worth no more than none": {[]claim{
			{reporter: "Google Inc.", hour: 1, trust: store.Unauthenticated},
			{reporter: "Google Inc.", signer: "google.com", hour: 2, failed: 1, trust: store.Unverifiable},
			{reporter: "Google Inc.", signer: "google.com", hour: 3, failed: 2, trust: store.Pending},
		}, ""},
		"who signs for another reporter is worth less than who does not sign": {[]claim{
			{reporter: "Google Inc.", signer: "evil.example", hour: 1, failed: 1},
			{reporter: "Google Inc.", hour: 2, trust: store.Unauthenticated},
		}, ""},
		"a signer whom nobody knows is worth more than none": {[]claim{
			{reporter: "Example Inc.", hour: 1, failed: 1, trust: store.Unauthenticated},
			{reporter: "Example Inc.", signer: "example.net", hour: 2},
		}, "example.net"},
		"who signs under two names makes no rivals of two reporters": {[]claim{
			{reporter: "Alpha", contact: "t@alpha.example", signer: "alpha.example", hour: 1},
			{reporter: "Alpha", contact: "t@alpha.example", signer: "evil.example", hour: 2, failed: 1},
			{reporter: "Beta", contact: "t@beta.example", signer: "evil.example", hour: 3, failed: 1},
			{reporter: "Beta", contact: "t@beta.example", signer: "beta.example", hour: 4},
		}, "alpha.example beta.example"},
		"a reporter under two names counts once": {[]claim{
			{reporter: "Alpha", signer: "alpha.example", hour: 2},
			{reporter: "Alpha", signer: "evil.example", hour: 3, failed: 1},
			{reporter: "Alpha Mail", signer: "alpha.example", hour: 1, failed: 1},
		}, "alpha.example"},
		"a history under another name is none": {[]claim{
			{reporter: "Example Inc.", signer: "evil.example", hour: 2, failed: 1},
			{reporter: "Example Inc.", signer: "example.net", hour: 3},
			{reporter: "Example Ltd.", signer: "example.net", hour: 1, id: "before"},
		}, "evil.example"},
		"without a history the earliest wins": {[]claim{
			{reporter: "Example Inc.", signer: "evil.example", hour: 3, failed: 1},
			{reporter: "Example Inc.", signer: "example.net", hour: 2},
		}, "example.net"},
	} {
		t.Run(name, func(t *testing.T) {
			permute(len(c.claims), func(order []int) {
				s := memory(t)
				for _, i := range order {
					_, err := s.Commit(t.Context(), []store.Delivery{c.claims[i].delivery(t, fmt.Sprint(i))})
					must(t, err)
				}
				if got := countedSigners(t, s)[""]; got != c.want {
					t.Errorf("committed in the order %v, %q counts, want %q", order, got, c.want)
				}
				recount(t, s)
			})
		})
	}
}

// permute calls f with every order of n numbers.
func permute(n int, f func([]int)) {
	var next func(order []int)
	next = func(order []int) {
		if len(order) == n {
			f(order)
			return
		}
	numbers:
		for i := range n {
			for _, o := range order {
				if o == i {
					continue numbers
				}
			}
			next(append(order[:len(order):len(order)], i))
		}
	}
	next(nil)
}

// warningsAfter commits claims one after the other, and returns the warnings of
// the reports that have some.
func warningsAfter(t testing.TB, s *Store, claims []claim, key func(store.ReportRow) string) map[string][]string {
	t.Helper()
	for i, c := range claims {
		commit(t, s, c.delivery(t, fmt.Sprint(i)))
	}
	rows, _, err := s.Reports(t.Context(), store.RowQuery{Limit: 100})
	must(t, err)
	warnings := map[string][]string{}
	for _, r := range rows {
		if len(r.Warnings) > 0 {
			warnings[key(r)] = r.Warnings
		}
	}
	return warnings
}

func TestAnotherSignerIsWarnedOf(t *testing.T) {
	s := memory(t)
	claims := []claim{
		{id: "known", reporter: "Google Inc.", signer: "google.com", hour: 5},
		{id: "forged", reporter: "Google Inc.", signer: "evil.example"},
		{id: "two", reporter: "VK", signer: "evil.example"},
		{id: "first", reporter: "Example Inc.", signer: "example.net", hour: 1},
		{id: "later", reporter: "Example Inc.", signer: "evil.example", hour: 2},
		{id: "same organization", reporter: "Example Inc.", signer: "mx.example.net", hour: 3},
		{id: "not authenticated", reporter: "Example Inc.", signer: "evil.example", trust: store.Unverifiable},
		{id: "trusted source", reporter: "Example Inc."},
		{id: "tie", reporter: "Example Ltd.", signer: "example.net"},
		{id: "tied", reporter: "Example Ltd.", signer: "evil.example"},
		{id: "borrowed", reporter: "example.org", signer: "evil.example", hour: 1},
		{id: "own name", reporter: "example.org", signer: "mx.example.org", hour: 2},
	}
	got := warningsAfter(t, s, claims, func(r store.ReportRow) string { return r.ReportID })
	want := map[string][]string{
		"forged":   {"other-signer: signed by evil.example; Google Inc. signs as google.com"},
		"two":      {"other-signer: signed by evil.example; VK signs as mail.ru or vk.com or vk.company"},
		"later":    {"other-signer: signed by evil.example; reports of Example Inc. have been signed by example.net since 2024-01-20"},
		"borrowed": {"other-signer: signed by evil.example; reports of example.org have been signed by example.org since 2024-01-20"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWarningsOfSignersAgreeWithWhatCounts(t *testing.T) {
	s := memory(t)
	claims := []claim{
		{id: "lost", reporter: "Example Inc.", signer: "example.net", hour: 1},
		{id: "lost", reporter: "Example Inc.", signer: "evil.example", hour: 2, failed: 1},
		{id: "lost to an unsigned one", reporter: "Google Inc.", hour: 1, trust: store.Unauthenticated},
		{id: "lost to an unsigned one", reporter: "Google Inc.", signer: "evil.example", hour: 2, failed: 1},
		{id: "won by contact", reporter: "Example Ltd.", contact: "me@evil.example", signer: "example.net", hour: 1},
		{id: "won by contact", reporter: "Example Ltd.", contact: "me@evil.example", signer: "evil.example", hour: 2, failed: 1},
		{id: "won by history", reporter: "example.org", signer: "mx.example.org", hour: 42, failed: 1},
		{id: "won by history", reporter: "example.org", signer: "service.example", hour: 41},
		{id: "history", reporter: "example.org", signer: "service.example", hour: 1},
	}
	got := warningsAfter(t, s, claims, func(r store.ReportRow) string { return fmt.Sprint(r.ReportID, " ", r.Superseded) })
	want := map[string][]string{
		"lost true":                    {"other-signer: signed by evil.example; the report that counts instead is signed by example.net"},
		"lost to an unsigned one true": {"other-signer: signed by evil.example; Google Inc. signs as google.com"},
		"won by contact true":          {"other-signer: signed by example.net; the report that counts instead is signed by evil.example"},
		"won by history true":          {"other-signer: signed by mx.example.org; the report that counts instead is signed by service.example"},
		"history false":                {"other-signer: signed by service.example; reports of example.org have been signed by example.org since 2024-01-21"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoSignedFirstOutlivesRetention(t *testing.T) {
	s := memory(t)
	commit := func(c claim) {
		_, err := s.Commit(t.Context(), []store.Delivery{c.delivery(t, fmt.Sprint(c))})
		must(t, err)
	}
	commit(claim{id: "old", reporter: "Example Inc.", signer: "example.net", hour: 1})
	_, err := s.Retain(t.Context(), tlsrpt.DayOf(epoch)+1)
	must(t, err)
	commit(claim{id: "new", reporter: "Example Inc.", signer: "evil.example", hour: 2, failed: 1})
	commit(claim{id: "new", reporter: "Example Inc.", signer: "example.net", hour: 3})
	if got := countedSigners(t, s)["new"]; got != "example.net" {
		t.Errorf("%s counts", got)
	}
}
