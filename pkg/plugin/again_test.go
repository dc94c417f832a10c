package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// An outdatedStore has its first report read again, which waits until release is closed.
type outdatedStore struct {
	store.Store
	release chan struct{}
}

func (s outdatedStore) Rereadable(_ context.Context, _ store.Scope, after int64, _ int) ([]int64, error) {
	if after > 0 {
		return nil, nil
	}
	return []int64{1}, nil
}

func (s outdatedStore) Report(ctx context.Context, id int64) (store.RawDocument, error) {
	select {
	case <-s.release:
		return s.Store.Report(ctx, id)
	case <-ctx.Done():
		return store.RawDocument{}, ctx.Err()
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

func TestWhileReportsAreReadAgainAPersonSeesIt(t *testing.T) {
	b := newBench(t)
	release := make(chan struct{})
	b.engine = ingest.NewEngine(ingest.Options{Logger: slog.New(slog.DiscardHandler), OpenStore: func(ctx context.Context, key ingest.Key) (store.Store, string, error) {
		s, warning, err := openStore(ctx, b.dir, key)
		return outdatedStore{s, release}, warning, err
	}})
	b.put(t, "r.json", report())
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	const sentence = "Reading 0 of 1 reports again, with a newer parser."
	reread := func() (got struct {
		Store struct {
			Reread *struct {
				Done, Total int
				Message     string
			}
		}
	}) {
		body := call(t, d, &backend.User{Role: "Viewer"}, http.MethodGet, "sources").body
		if err := json.Unmarshal([]byte(body), &got); err != nil || !strings.Contains(body, `"reread"`) {
			t.Fatalf("%s: %v", body, err)
		}
		return got
	}
	await(t, "reading again", func() bool { return reread().Store.Reread != nil })
	if got := reread().Store.Reread; got.Done != 0 || got.Total != 1 || got.Message != sentence {
		t.Errorf("the sources say %+v", got)
	}
	health, err := d.CheckHealth(t.Context(), &backend.CheckHealthRequest{})
	if err != nil || health.Status != backend.HealthStatusOk || !strings.Contains(health.Message, sentence) {
		t.Errorf("health says %q, %v", health.Message, err)
	}
	answer := ask(t, d, `{"queryType":"sources"}`)["A"]
	if answer.Error != nil || len(answer.Frames[0].Meta.Notices) != 1 || answer.Frames[0].Meta.Notices[0].Text != sentence {
		t.Errorf("the query says %+v", answer.Frames[0].Meta)
	}
	close(release)
	await(t, "the end", func() bool { return reread().Store.Reread == nil })
}

func TestQuarantineIsRetriedOneOfAReasonAndAll(t *testing.T) {
	b := newBench(t)
	d := b.datasource(t, 1, b.settings(nil), "s3cret")
	b.synchronised(t, d)
	reports, err := d.collector().Store()
	if err != nil {
		t.Fatal(err)
	}
	// An older parser refused these for two reasons; of each, one is still bad.
	delivery := store.Delivery{Source: "drop1", Ref: "old", Received: time.Now()}
	for i, reason := range []string{"not-rfc8460", "not-rfc8460", "not-rfc8460", "invalid-json", "invalid-json"} {
		raw := strings.Replace(report(), "r-1", fmt.Sprintf("r-%d", i), 1)
		if i == 2 || i == 4 {
			raw = `{"policies":[`
		}
		delivery.Documents = append(delivery.Documents, store.Document{
			Problem: &store.Problem{Reason: reason}, Raw: []byte(raw), Judgement: store.Judgement{Trust: store.Authenticated, Route: store.Drop},
		})
	}
	if _, err := reports.Commit(t.Context(), []store.Delivery{delivery}); err != nil {
		t.Fatal(err)
	}
	editor := &backend.User{Role: "Editor"}
	account := func() store.Account {
		accounts, err := reports.Accounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return accounts["drop1"]
	}
	if got := call(t, d, editor, http.MethodPost, "quarantine/1/retry"); got.status != http.StatusOK || !strings.Contains(got.body, `"outcome":"stored"`) {
		t.Errorf("one that is good now: %d %s", got.status, got.body)
	}
	if got := call(t, d, editor, http.MethodPost, "quarantine/3/retry"); got.status != http.StatusOK ||
		!strings.Contains(got.body, `"outcome":"quarantined"`) || !strings.Contains(got.body, "ends in the middle") {
		t.Errorf("one that is still bad: %d %s", got.status, got.body)
	}
	if got := call(t, d, editor, http.MethodPost, "quarantine/1/retry"); got.status != http.StatusNotFound {
		t.Errorf("one that has left: %d %s", got.status, got.body)
	}
	if got := account(); got.Stored != 1 || got.Quarantined != 4 {
		t.Errorf("after single tries the account is %+v", got)
	}
	if got := call(t, d, editor, http.MethodPost, "quarantine/retry?reason=not-rfc8460"); got.status != http.StatusAccepted {
		t.Errorf("all of a reason: %d %s", got.status, got.body)
	}
	await(t, "the reason", func() bool { return account().Stored == 2 })
	if got := account(); got.Quarantined != 3 {
		t.Errorf("after one reason the account is %+v", got)
	}
	await(t, "all", func() bool {
		return call(t, d, editor, http.MethodPost, "quarantine/retry").status == http.StatusAccepted && account().Stored == 3
	})
	if got := account(); got.Quarantined != 2 || got.Seen() != 5 {
		t.Errorf("at last the account is %+v", got)
	}
}
