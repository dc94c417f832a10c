package plugin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
)

// rawLink returns where the ids of a table lead to, as the user sees it.
func rawLink(t *testing.T, d *Datasource, user *backend.User, queryType string) string {
	t.Helper()
	ctx := backend.WithPluginContext(t.Context(), pluginContext(d.key.OrgID, user))
	answer := d.respond(ctx, backend.DataQuery{
		JSON: []byte(`{"queryType":"` + queryType + `"}`), TimeRange: backend.TimeRange{From: time.Now().AddDate(0, 0, -30), To: time.Now()},
	})
	if answer.Error != nil {
		t.Fatal(answer.Error)
	}
	field, _ := answer.Frames[0].FieldByName("id")
	if field == nil || len(field.Config.Links) == 0 {
		return ""
	}
	return field.Config.Links[0].URL
}

func TestIDsLeadToRawBytesForThoseWhoMayHaveThem(t *testing.T) {
	b := newBench(t)
	b.put(t, "r.json", report())
	b.put(t, "broken.json", `{"report-id": "x", "policies": [`)
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	for queryType, kind := range map[string]string{"reports": "reports", "quarantine": "quarantine"} {
		want := "/api/datasources/uid/tlsrpt/resources/" + kind + "/${__value.raw:percentencode}/raw"
		for _, role := range []string{"Editor", "Admin"} {
			if got := rawLink(t, d, &backend.User{Role: role}, queryType); got != want {
				t.Errorf("%s as %s: %q", queryType, role, got)
			}
		}
		for _, user := range []*backend.User{nil, {Role: "Viewer"}, {Role: "None"}} {
			if got := rawLink(t, d, user, queryType); got != "" {
				t.Errorf("%s as %v: %q", queryType, user, got)
			}
		}
	}
}

func TestAPartOfTheRawBytesCanBeLookedAt(t *testing.T) {
	b := newBench(t)
	b.put(t, "broken.json", `{"report-id": "x", "policies": [`)
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	editor := &backend.User{Role: "Editor"}
	ctx := backend.WithPluginContext(t.Context(), pluginContext(1, editor))
	var got backend.CallResourceResponse
	err := httpadapter.New(d.routes()).CallResource(ctx, &backend.CallResourceRequest{
		PluginContext: pluginContext(1, editor), Method: http.MethodGet, Path: "quarantine/1/raw", URL: "quarantine/1/raw",
		Headers: map[string][]string{"Range": {"bytes=0-9"}},
	}, backend.CallResourceResponseSenderFunc(func(response *backend.CallResourceResponse) error {
		got = *response
		return nil
	}))
	if err != nil || got.Status != http.StatusPartialContent || string(got.Body) != `{"report-i` {
		t.Errorf("got %d %q, %v", got.Status, got.Body, err)
	}
}

// TestAnOrgCannotReachAnother has two orgs with a data source of the same uid.
func TestAnOrgCannotReachAnother(t *testing.T) {
	b := newBench(t)
	b.put(t, "r.json", report())
	b.put(t, "broken.json", `{"report-id": "x", "policies": [`)
	owner := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, owner)
	stranger := b.datasource(t, 2, map[string]any{}, "")
	awaitStore(t, stranger)
	admin := &backend.User{Role: "Admin"}

	t.Run("by a query, whatever it filters by", func(t *testing.T) {
		for _, q := range []string{
			`{"queryType":"reports"}`, `{"queryType":"failures"}`, `{"queryType":"reporters"}`, `{"queryType":"quarantine"}`, `{"queryType":"sources"}`,
			`{"queryType":"summary","metric":"reports","groupBy":["policyDomain"]}`, `{"metric":"totalSessions","groupBy":["reporter"]}`,
			`{"queryType":"summary","metric":"reportAge","groupBy":["policyDomain"]}`, `{"queryType":"summary","metric":"pollAge","groupBy":["source"]}`,
			`{"queryType":"summary","metric":"quarantined","groupBy":["source"]}`,
			`{"queryType":"reports","filters":[{"dimension":"policyDomain","operator":"=","values":["example.com"]}]}`,
			`{"queryType":"reports","filters":[{"dimension":"policyDomain","operator":"=~","values":["example.com' OR '1'='1",".*"]}]}`,
			`{"queryType":"quarantine","filters":[{"dimension":"source","operator":"=","values":["drop1"]}]}`,
		} {
			answer := ask(t, stranger, q)["A"]
			if answer.Error != nil {
				t.Errorf("%s: %v", q, answer.Error)
				continue
			}
			for _, frame := range answer.Frames {
				if frame.Rows() > 0 {
					t.Errorf("%s has %d rows", q, frame.Rows())
				}
			}
			if own := ask(t, owner, q)["A"]; own.Error != nil || own.Frames[0].Rows() == 0 {
				t.Errorf("%s has no rows for its owner either: %v", q, own.Error)
			}
		}
	})
	t.Run("by a variable", func(t *testing.T) {
		for _, dimension := range []string{"policyDomain", "reporter", "source", "quarantineReason", "receivingMx", "resultType"} {
			if got := call(t, stranger, admin, http.MethodGet, "dimensions/"+dimension); got.status != http.StatusOK || !strings.Contains(got.body, `"values":[]`) {
				t.Errorf("%s: %d %s", dimension, got.status, got.body)
			}
			if own := call(t, owner, admin, http.MethodGet, "dimensions/"+dimension); own.status != http.StatusOK || strings.Contains(own.body, `"values":[]`) {
				t.Errorf("%s has no values for its owner either: %d %s", dimension, own.status, own.body)
			}
		}
	})
	t.Run("by a resource's id", func(t *testing.T) {
		for path, method := range map[string]string{
			"reports/1/raw": http.MethodGet, "quarantine/1/raw": http.MethodGet, "quarantine/1/retry": http.MethodPost,
			"sources/drop1/poll": http.MethodPost,
		} {
			if got := call(t, stranger, admin, method, path); got.status < 400 || strings.Contains(got.body, "report-id") {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
			if own := call(t, owner, admin, method, path); own.status >= 400 {
				t.Errorf("%s is out of its owner's reach too: %d %s", path, own.status, own.body)
			}
		}
	})
}

func awaitStore(t *testing.T, d *Datasource) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := d.collector().Store(); !errors.Is(err, ingest.ErrOpening) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the store was not opened")
}
