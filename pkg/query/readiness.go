package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// readinessDays is how many days before its end a range is looked at, so that
// an incident that is over is told from the time since.
const readinessDays = analytics.ReadyDays + analytics.ReadyForgivenDays

// answerReadiness tells of domains under testing first, since it is they that
// the question is about.
func answerReadiness(ctx context.Context, r *request) (data.Frames, error) {
	of := r.ofDay()
	of.Model = Model{Filters: r.Filters, Trust: r.Trust, Limit: r.Limit}
	shown, err := judged(ctx, r, of, "readiness", readinessRows)
	if err != nil {
		return nil, err
	}
	frame := frames.Readiness(shown.Rows)
	r.notices(frame, r.cost, len(shown.Rows), shown.Found, "domains")
	return data.Frames{frame}, nil
}

func readinessRows(ctx context.Context, r *request) (firstOf[analytics.ReadinessRow], error) {
	var rows []analytics.ReadinessRow
	selection := r.past(0)
	selection.From = earlier(selection.From, r.now().AddDate(0, 0, -readinessDays))
	parts, pairs, err := r.domainsSince(ctx, tlsrpt.DayOf(selection.From))
	if err != nil {
		return firstOf[analytics.ReadinessRow]{}, err
	}
	defer r.begin(pairs)()
	judge := func(ctx context.Context, r *request, domains []string) ([]analytics.ReadinessRow, error) {
		return r.readiness(ctx, within(selection, domains))
	}
	err = inParts(ctx, r, parts, judge, func(some []analytics.ReadinessRow) { rows = append(rows, some...) })
	slices.SortStableFunc(rows, func(a, b analytics.ReadinessRow) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Domain, b.Domain))
	})
	return first(rows, r.Limit), err
}

func rank(r analytics.ReadinessRow) int {
	if r.Mode == "testing" {
		return 0
	}
	return 1
}

func (r *request) readiness(ctx context.Context, s store.Selection) ([]analytics.ReadinessRow, error) {
	in := analytics.ReadinessInput{UpTo: r.heardUpTo()}
	var err error
	in.Sessions, err = r.sessions(ctx, store.SumQuery{Selection: s, PerBucket: true, GroupBy: analytics.ReadinessSessions()})
	if err != nil {
		return nil, err
	}
	in.Failures, err = r.failureSums(ctx, store.SumQuery{Selection: s, PerBucket: true, GroupBy: analytics.ReadinessFailures()})
	if err != nil {
		return nil, err
	}
	return analytics.Readiness(in), nil
}
