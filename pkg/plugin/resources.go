package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// editors lets through who may change things: Grafana itself lets Viewers
// call resources, so the user is judged here. A call without one is refused.
func editors(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user := backend.PluginConfigFromContext(r.Context()).User
		switch {
		case user == nil:
			reply(w, http.StatusUnauthorized, message("This needs a signed-in user with Grafana's Editor role."))
		case !mayEdit(user):
			reply(w, http.StatusForbidden, message("This needs Grafana's Editor role."))
		default:
			next(w, r)
		}
	}
}

func mayEdit(user *backend.User) bool {
	return user != nil && (user.Role == "Editor" || user.Role == "Admin")
}

// getSources tells the state of the sources and of the store.
func (d *Datasource) getSources(w http.ResponseWriter, r *http.Request) {
	collector := d.collector()
	reports, err := collector.Store()
	accounts := map[string]store.Account{}
	info := map[string]any{"kind": "file", "warning": "", "bytes": 0, "reports": 0}
	if err == nil {
		if accounts, err = reports.Accounts(r.Context()); err != nil {
			fail(w, err)
			return
		}
		bytes, count, _ := reports.Size(r.Context())
		info["bytes"], info["reports"] = bytes, count
		if !reports.Durable() {
			info["kind"] = "memory"
		}
	}
	status := collector.Status()
	info["warning"] = status.StoreWarning + status.StoreError
	info["reread"] = rereadJSON(status.Rereading)
	body := map[string]any{"sources": sourcesJSON(status, accounts), "store": info, "problem": ""}
	if d.problem != nil {
		body["problem"] = d.problem.Error()
	}
	reply(w, http.StatusOK, body)
}

func sourcesJSON(status ingest.Status, accounts map[string]store.Account) []map[string]any {
	list := make([]map[string]any, len(status.Sources))
	for i, s := range status.Sources {
		a := accounts[s.ID]
		list[i] = map[string]any{
			"id": s.ID, "name": s.Name, "type": s.Type, "state": s.State,
			"lastPoll": timeOrNull(s.LastPoll), "lastSuccess": timeOrNull(s.LastSuccess), "lastError": s.LastError,
			"nextPoll": timeOrNull(s.NextPoll), "polling": s.Polling,
			"progress": map[string]int{"done": s.Progress.Done, "total": s.Progress.Total},
			"seen":     a.Seen(), "stored": a.Stored, "duplicate": a.Duplicate, "quarantined": a.Quarantined, "ignored": a.Ignored,
			"pending": a.Pending,
		}
	}
	return list
}

// rereadJSON is null unless stored reports are being read again.
func rereadJSON(r *ingest.Rereading) map[string]any {
	if r == nil {
		return nil
	}
	return map[string]any{"done": r.Done, "total": r.Total, "message": r.String()}
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// getDimension lists the values of a dimension, for variables and editors.
func (d *Datasource) getDimension(w http.ResponseWriter, r *http.Request) {
	request, err := readDimensionRequest(r)
	if err != nil {
		reply(w, http.StatusBadRequest, message(err.Error()))
		return
	}
	env, err := d.environment(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	values, more, err := query.DimensionValues(r.Context(), env, request)
	if err != nil {
		if misread := asMisread(err); misread != nil {
			reply(w, http.StatusBadRequest, message(misread.Text))
			return
		}
		fail(w, err)
		return
	}
	options := make([]map[string]string, len(values))
	for i, v := range values {
		options[i] = map[string]string{"value": v, "text": frames.ValueName(request.Dimension, v)}
	}
	reply(w, http.StatusOK, map[string]any{"values": options, "more": more})
}

func readDimensionRequest(r *http.Request) (query.DimensionRequest, error) {
	values := r.URL.Query()
	request := query.DimensionRequest{Dimension: store.Dimension(r.PathValue("name")), Search: values.Get("search"), Limit: 500}
	if raw := values.Get("filters"); raw != "" {
		if err := json.Unmarshal([]byte(raw), &request.Filters); err != nil {
			return request, errors.New("filters is no JSON list of filters")
		}
	}
	for name, target := range map[string]*time.Time{"from": &request.From, "to": &request.To} {
		if raw := values.Get(name); raw != "" {
			ms, err := strconv.ParseInt(raw, 10, 64)
			if err != nil {
				return request, fmt.Errorf("%s is no time in milliseconds", name)
			}
			*target = time.UnixMilli(ms).UTC()
		}
	}
	if raw := values.Get("limit"); raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 1 || n > 10_000 {
			return request, errors.New("limit is no number from 1 to 10000")
		}
		request.Limit = n
	}
	return request, nil
}

// pollSource asks for a poll now.
func (d *Datasource) pollSource(w http.ResponseWriter, r *http.Request) {
	if err := d.collector().PollNow(r.PathValue("id")); err != nil {
		reply(w, http.StatusNotFound, message(err.Error()))
		return
	}
	reply(w, http.StatusAccepted, message("The source is polled now."))
}

// getReport sends a report's document as it was sent, inflated.
func (d *Datasource) getReport(w http.ResponseWriter, r *http.Request) {
	d.sendRaw(w, r, "report-%d.json", func(ctx context.Context, s store.Store, id int64) (store.RawDocument, error) {
		return s.Report(ctx, id)
	})
}

// getQuarantined sends the bytes of what could not be used.
func (d *Datasource) getQuarantined(w http.ResponseWriter, r *http.Request) {
	d.sendRaw(w, r, "quarantine-%d.bin", func(ctx context.Context, s store.Store, id int64) (store.RawDocument, error) {
		document, _, err := s.Quarantined(ctx, id)
		return document, err
	})
}

func (d *Datasource) sendRaw(w http.ResponseWriter, r *http.Request, name string, read func(context.Context, store.Store, int64) (store.RawDocument, error)) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		reply(w, http.StatusBadRequest, message("The id is no number."))
		return
	}
	reports, err := d.collector().Store()
	if err != nil {
		fail(w, err)
		return
	}
	document, err := read(r.Context(), reports, id)
	if err != nil {
		fail(w, err)
		return
	}
	if len(document.Raw) == 0 {
		reply(w, http.StatusGone, message("No bytes of this were read: it was too large, or the server did not give it out."))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="`+name+`"`, id))
	w.Header().Set("Content-Security-Policy", "sandbox")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A part of it, as a range asks for, is enough to look at.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(document.Raw))
}

// retryQuarantined tries one document again.
func (d *Datasource) retryQuarantined(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		reply(w, http.StatusBadRequest, message("The id is no number."))
		return
	}
	outcome, detail, err := d.collector().RetryQuarantined(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"outcome": outcome, "message": detail})
}

// retryReason tries everything in quarantine for a reason again, or
// everything without one, in the background.
func (d *Datasource) retryReason(w http.ResponseWriter, r *http.Request) {
	if !d.collector().RetryReason(r.URL.Query().Get("reason")) {
		reply(w, http.StatusConflict, message("A retry is already under way, or another process keeps the store."))
		return
	}
	reply(w, http.StatusAccepted, message("The documents are tried again in the background."))
}

func message(text string) map[string]string { return map[string]string{"message": text} }

func fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		reply(w, http.StatusNotFound, message("There is nothing with this id."))
	case errors.Is(err, store.ErrRawGone):
		reply(w, http.StatusGone, message("The raw bytes made room for newer ones and are no longer kept."))
	default:
		reply(w, http.StatusInternalServerError, message(err.Error()))
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone; nobody is left to tell
}
