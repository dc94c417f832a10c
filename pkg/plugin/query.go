package plugin

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// rowsInFlight is how many single rows all queries together may read at once.
const rowsInFlight = 10_000

// QueryData answers every query by itself: one that can't be answered fails alone.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	response := backend.NewQueryDataResponse()
	for _, q := range req.Queries {
		response.Responses[q.RefID] = d.respond(ctx, q)
	}
	return response, nil
}

// respond answers a query and counts it.
func (d *Datasource) respond(ctx context.Context, q backend.DataQuery) backend.DataResponse {
	started := time.Now()
	var answer data.Frames
	model, err := query.Parse(q.JSON)
	if err == nil {
		answer, err = d.answer(ctx, q, model)
	}
	d.collector().Answered(model.QueryType, time.Since(started), err, asMisread(err) != nil)
	if err != nil {
		return refusal(err)
	}
	return backend.DataResponse{Frames: answer}
}

func (d *Datasource) answer(ctx context.Context, q backend.DataQuery, model query.Model) (data.Frames, error) {
	env, err := d.environmentFor(ctx, model.QueryType)
	if err != nil {
		return nil, err
	}
	// Tables of single rows wait for each other, lest a dashboard's worth of
	// large ones fills the memory.
	rows := int64(min(model.Rows(), rowsInFlight))
	if err := d.rows.Acquire(ctx, rows); err != nil {
		return nil, err
	}
	defer d.rows.Release(rows)
	answer, err := query.Answer(ctx, env, model, query.Range{From: q.TimeRange.From, To: q.TimeRange.To, MaxDataPoints: q.MaxDataPoints})
	if err != nil {
		return nil, err
	}
	for _, frame := range answer {
		frame.RefID = q.RefID
	}
	if len(answer) > 0 {
		d.addNotices(answer[0], model.QueryType)
	}
	return answer, nil
}

// addNotices says with an answer what a person should know beside it.
func (d *Datasource) addNotices(to *data.Frame, queryType string) {
	if queryType == "sources" {
		if again := d.collector().Status().Rereading; again != nil {
			frames.AddNotice(to, data.NoticeSeverityInfo, again.String())
		}
	}
	if d.problem != nil {
		frames.AddNotice(to, data.NoticeSeverityWarning, "Nothing is polled: "+d.problem.Error())
	}
}

// environmentFor is the environment of a query type, where that is less than
// the store with all sources.
func (d *Datasource) environmentFor(ctx context.Context, queryType string) (query.Environment, error) {
	if queryType == "counters" {
		return query.Environment{Counters: d.counters}, nil
	}
	env, err := d.environment(ctx)
	if queryType == "status" && isFault(err) {
		// The one question that what is wrong answers.
		return d.storeless(err), nil
	}
	return env, err
}

// isFault tells a store that can't be used from one that is being opened or
// closed, and from a question that nobody waits for.
func isFault(err error) bool {
	for _, passing := range []error{ingest.ErrOpening, ingest.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, passing) {
			return false
		}
	}
	return err != nil
}

// refusal turns an error into a response: what the user wrote is a bad
// request, the rest is ours.
func refusal(err error) backend.DataResponse {
	if misread := asMisread(err); misread != nil {
		return backend.ErrDataResponseWithSource(backend.StatusBadRequest, backend.ErrorSourceDownstream, misread.Text)
	}
	return backend.ErrDataResponse(backend.StatusInternal, err.Error())
}

// asMisread returns the query's own fault that err is; else nil.
func asMisread(err error) *query.Error {
	var misread *query.Error
	errors.As(err, &misread)
	return misread
}

// environment is what queries are answered from: the store, and the state of
// the sources with their accounts.
func (d *Datasource) environment(ctx context.Context) (query.Environment, error) {
	collector := d.collector()
	reports, err := collector.Store()
	if err != nil {
		return query.Environment{}, err
	}
	accounts, err := reports.Accounts(ctx)
	if err != nil {
		return query.Environment{}, err
	}
	env := query.Environment{
		Store: reports, Sources: d.sourceRows(collector.Status(), accounts), Domains: d.settings.Domains, Now: time.Now().UTC(),
		Cache: &d.cache,
	}
	if mayEdit(backend.PluginConfigFromContext(ctx).User) {
		env.Resources = "/api/datasources/uid/" + url.PathEscape(d.key.UID) + "/resources"
	}
	return env, nil
}

// storeless is the environment where the store can't be read, and why.
func (d *Datasource) storeless(err error) query.Environment {
	return query.Environment{
		Sources: d.sourceRows(d.collector().Status(), nil), Domains: d.settings.Domains, StoreError: err.Error(), Now: time.Now().UTC(),
	}
}

func (d *Datasource) sourceRows(status ingest.Status, accounts map[string]store.Account) []query.Source {
	intervals := map[string]time.Duration{}
	for _, s := range d.settings.Sources {
		intervals[s.ID], _ = parseInterval(s.PollInterval) // judged by check
	}
	rows := make([]query.Source, len(status.Sources))
	for i, s := range status.Sources {
		rows[i] = query.Source{
			SourceRow: frames.SourceRow{
				ID: s.ID, Name: s.Name, Type: s.Type, State: string(s.State),
				LastPoll: s.LastPoll, LastSuccess: s.LastSuccess, LastError: s.LastError, Account: accounts[s.ID],
			},
			FirstConfigured: s.FirstConfigured,
			FirstSync:       s.FirstSync,
			PollInterval:    intervals[s.ID],
		}
	}
	return rows
}
