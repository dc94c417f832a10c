package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestAPanicOnOneOfSeveralProcessorsIsThatOfTheOneWhoAsked(t *testing.T) {
	defer func() {
		if got := recover(); got != "a defect" {
			t.Errorf("recovered %v", got)
		}
	}()
	err := inParts(t.Context(), &request{}, []int{1, 2, 3}, func(_ context.Context, _ *request, part int) (int, error) {
		if part == 2 {
			panic("a defect")
		}
		return part, nil
	}, func(int) {})
	t.Errorf("went on, with %v", err)
}

func TestPartsAreTakenInOrderAndTheFirstErrorEndsThem(t *testing.T) {
	var taken []int
	r := &request{rows: 5}
	work := func(_ context.Context, r *request, part int) (int, error) {
		if part == 9 {
			return 0, errors.New("disk I/O error")
		}
		r.rows += part
		return part, nil
	}
	take := func(part int) { taken = append(taken, part) }
	if err := inParts(t.Context(), r, []int{1, 2, 3, 4, 5}, work, take); err != nil || !slices.Equal(taken, []int{1, 2, 3, 4, 5}) || r.rows != 20 {
		t.Errorf("took %v, read %d rows, %v", taken, r.rows, err)
	}
	if err := inParts(t.Context(), r, []int{9, 1}, work, take); err == nil {
		t.Error("the error is lost")
	}
}

// Of some hundred domains each part has some that stand between those of others.
func TestAnswersAreTheSameInWhateverOrderDomainsWereHeardOf(t *testing.T) {
	const domains = 2*domainsAtOnce + 50
	ordered, scrambled := make([]sent, 0, 3*domains), make([]sent, 0, 3*domains)
	for i := range domains {
		for _, to := range []struct {
			at   int
			list *[]sent
		}{{i, &ordered}, {i * 7 % domains, &scrambled}} {
			domain := fmt.Sprintf("d%03d.example", to.at)
			before, after := sts(domain, 100, 0), expired(domain, "mx."+domain, 100, 40)
			if to.at%3 == 0 {
				after = append(after, policy(tlsrpt.PolicyNotFound, domain, int64(to.at), 0))
			}
			*to.list = append(*to.list,
				sent{id: domain + " 1", reporter: "Google", day: "2026-03-06", policies: before},
				sent{id: domain + " 2", reporter: "Google", day: "2026-03-07", policies: after},
				sent{id: domain + " 3", reporter: "Mail.ru", day: "2026-03-07", policies: after})
		}
	}
	one, other := newBoard(t, ordered...), newBoard(t, scrambled...)
	for _, query := range []string{
		`{"queryType":"incidents","limit":1000}`, `{"queryType":"events","limit":1000}`, `{"queryType":"policies","limit":10000}`,
		`{"queryType":"readiness","limit":1000}`, `{"queryType":"reporters","limit":2000}`, `{"queryType":"status","limit":1000}`,
		`{"queryType":"summary","metric":"overdue","groupBy":["policyDomain","reporter"]}`, `{"queryType":"summary","metric":"protectionLost","groupBy":["policyDomain"]}`,
		`{"queryType":"summary","metric":"modeDropped","groupBy":["policyDomain"]}`,
	} {
		var said [2]string
		for i, b := range []*board{one, other} {
			raw, err := json.Marshal(b.ask(t, query, "2026-03-01 2026-03-09T12:00"))
			if err != nil {
				t.Fatal(err)
			}
			said[i] = string(raw)
		}
		if said[0] != said[1] {
			t.Errorf("%s is not the same", query)
		}
		if len(said[0]) < 1000 {
			t.Errorf("%s tells nothing: %s", query, said[0])
		}
	}
}
