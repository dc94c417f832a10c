package query

import (
	"context"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// An Environment is what queries are answered from.
type Environment struct {
	Store store.Reader
	// Sources are the configured sources with their state.
	Sources []Source
	// Domains is the setting of that name: its literal names have rows in
	// summaries for alert rules also when nothing came.
	Domains []string
	// StoreError is why nothing can be stored or read, in a sentence; else empty.
	// Only the query types "status" and "counters" are answered without a Store.
	StoreError string
	// Now is when the query was asked; zero is the end of its range.
	Now time.Time
	// Counters tells what the process counts of its own work for this data
	// source; nil where nothing is at work.
	Counters func() ([]frames.CounterRow, error)
	// Resources is the escaped address of the data source's resources, where
	// ids lead to the raw bytes; empty where the user may not have those.
	Resources string
	// Cache keeps what was made of the reports for the next question; nil keeps nothing.
	Cache *Cache
}

// A Source is a configured source with what the metrics need to know of it.
type Source struct {
	frames.SourceRow
	// FirstConfigured is when the store first heard of it.
	FirstConfigured time.Time
	// FirstSync is when the first poll that saw the whole of it ended; zero before that.
	FirstSync time.Time
	// PollInterval is the time between polls; zero where it is not known.
	PollInterval time.Duration
}

// firstSync says whether a first synchronisation is going on. One that fails
// from the start is none: it would hide for ever that nothing comes.
func (s Source) firstSync() bool {
	return s.FirstSync.IsZero() && s.State != "failing" && s.State != "misconfigured"
}

// A Range is the time that a query is about.
type Range struct {
	From, To time.Time
	// MaxDataPoints is how many buckets a trend may have; 0 is no bound.
	MaxDataPoints int64
}

type request struct {
	Environment
	Model
	Range
	at moment
	// sums is the store, or what keeps its sums.
	sums store.Reader
	// cost is that of all that was read for judgements.
	cost store.Cost
	// turns are those of all who ask; nil without a cache.
	turns *turns
	// latest is when the last report was stored of those that cadences were told by.
	latest time.Time
	// rows is how many sums were read, and waited how long others were waited for.
	rows   int
	waited time.Duration
	// patient: nobody waits for it, so that it reads one part at a time, while
	// nobody is being answered. It has turns.
	patient bool
	// wide: it holds the right to judge many domains.
	wide bool
	// asOf is since when what was stored has no part in some judgement; zero
	// where all has.
	asOf time.Time
}

// answers are the query types that can be answered, one function each.
var answers = map[string]func(context.Context, *request) (data.Frames, error){
	"trend":      answerTrend,
	"summary":    answerSummary,
	"status":     answerStatus,
	"incidents":  answerIncidents,
	"failures":   answerFailures,
	"reports":    answerReports,
	"policies":   answerPolicies,
	"readiness":  answerReadiness,
	"reporters":  answerReporters,
	"sources":    answerSources,
	"counters":   answerCounters,
	"quarantine": answerQuarantine,
	"events":     answerEvents,
}

// Answer answers a query with frames. A query that can't be answered as it is
// written is an [*Error].
func Answer(ctx context.Context, env Environment, m Model, r Range) (data.Frames, error) {
	answer, ok := answers[m.QueryType]
	if !ok {
		return nil, oneOf("query type", m.QueryType, queryTypes)
	}
	q := &request{Environment: env, Model: m, Range: r, sums: env.Store}
	q.at = q.moment()
	if env.Cache != nil && env.Store != nil {
		defer env.Cache.turns.ask()()
		revision, err := env.Store.Revision(ctx)
		if err != nil {
			return nil, err
		}
		env.Cache.turnTo(env.Store, revision)
		q.sums = cachedReader{env.Store, env.Cache}
	}
	return answer(ctx, q)
}

func (r *request) selection() store.Selection { return r.Model.selection(r.From, r.To) }

// notices adds what the person who looks at the numbers should know.
func (r *request) notices(frame *data.Frame, cost store.Cost, shown, found int, what string) {
	if !r.asOf.IsZero() {
		frames.AddNotice(frame, data.NoticeSeverityInfo,
			fmt.Sprintf("What was stored after %s is being counted in: ask again in a few minutes to see it.", r.asOf.UTC().Format("15:04:05 UTC")))
	}
	if shown < found {
		frames.AddNotice(frame, data.NoticeSeverityInfo,
			fmt.Sprintf("Showing the %d largest of %d %s: raise the limit or filter to see the others.", shown, found, what))
	}
	if cost.Rows {
		frames.AddNotice(frame, data.NoticeSeverityInfo,
			"No rollup holds this combination: it was counted from single reports, which is slower over long ranges.")
	}
}

func (r *request) cutNotice(frame *data.Frame, more bool) {
	if more {
		frames.AddNotice(frame, data.NoticeSeverityInfo,
			fmt.Sprintf("Showing the newest %d rows: raise the limit, filter, or choose a shorter range to see the others.", r.Limit))
	}
}
