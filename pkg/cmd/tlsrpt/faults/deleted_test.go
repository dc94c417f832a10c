package faults

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/plugin"
)

// TestADataSourceThatIsDeletedInTheMiddleOfAFetchLeavesAWholeFile deletes a
// data source as far as Grafana tells its plugins, which is not at all: the
// instance is never asked again. Its connection ends, its lease is given back,
// its file stays; and where the data source is made again, that goes on.
func TestADataSourceThatIsDeletedInTheMiddleOfAFetchLeavesAWholeFile(t *testing.T) {
	began, dovecot := time.Now(), startDovecot(t)
	var deleted atomic.Bool
	slow := (&oddServer{say: func(response []byte) []byte {
		if !deleted.Load() && bytes.Contains(response, []byte("BODY[]")) {
			time.Sleep(20 * time.Millisecond)
		}
		return response
	}}).start(t, dovecot.Port)
	settings := mailboxSettings(dovecot, slow.port, "delete")
	settings["sources"].([]any)[0].(map[string]any)["security"] = "none"
	source := dataSource(t, settings, dovecot.Password)
	folder := t.TempDir()
	t.Setenv(plugin.DataDirVariable, folder)
	p := newPost(t, 46, 800)
	p.bring(t, 800, inbox(dovecot))

	engine := ingest.NewEngine(ingest.Options{OpenStore: plugin.OpenStore, IdleStop: time.Second})
	t.Cleanup(func() { _ = engine.Close(context.WithoutCancel(t.Context())) })
	instances := datasource.NewInstanceManager(plugin.Factory(engine, slog.New(slog.DiscardHandler)))
	instance := instanceOf(t, instances, source)
	awaitThat(t, "mails are deleted on the server", func() bool { return len(contents(t, dovecot, user, "INBOX")) < len(p.brought) })
	instance.(instancemgmt.InstanceDisposer).Dispose()

	awaitThat(t, "the connection ends", func() bool { return slow.open.Load() == 0 })
	file := storeIn(t, folder)
	awaitThat(t, "the lease is given back", func() bool { return number(t, file, "SELECT COUNT(*) FROM lease") == 0 })
	sound(t, file)
	left := len(contents(t, dovecot, user, "INBOX"))
	if stored := number(t, file, "SELECT SUM(stored) + SUM(duplicate) FROM account"); left == 0 || int64(len(p.brought)-left) > stored {
		t.Errorf("%d of %d mails are left on the server, %d are stored", left, len(p.brought), stored)
	}

	deleted.Store(true)
	again := instanceOf(t, instances, source).(*plugin.Datasource)
	awaitThat(t, "the rest is read", func() bool {
		_, err := again.CheckHealth(t.Context(), &backend.CheckHealthRequest{}) // someone uses it
		if err != nil {
			t.Fatal(err)
		}
		account := p.account()
		return number(t, file, "SELECT SUM(stored + duplicate + quarantined + ignored) FROM account") == account.Seen() &&
			number(t, file, "SELECT SUM(waiting) FROM account") == 0
	})
	if err := engine.Close(t.Context()); err != nil {
		t.Error(err)
	}
	equalsLedger(t, file, "mb1", p)
	untouched(t, dovecot, p, "delete")
	measured(t, figure{"a data source deleted", 1, p.reports(), "0 lost, 0 twice, 0 touched; connection and lease given back", time.Since(began)})
}

// instanceOf asks for the instance of a data source, as every request does.
func instanceOf(t *testing.T, instances instancemgmt.InstanceManager, source backend.DataSourceInstanceSettings) instancemgmt.Instance {
	t.Helper()
	//lint:ignore SA1019 Grafana names stores by the id of the organisation
	pluginContext := backend.PluginContext{OrgID: 1, PluginID: plugin.ID, DataSourceInstanceSettings: &source}
	instance, err := instances.Get(backend.WithPluginContext(t.Context(), pluginContext), pluginContext)
	if err != nil {
		t.Fatal(err)
	}
	return instance
}

func awaitThat(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// number asks a store's file that others may be writing to; -1 where it can't
// be answered yet, as while the tables are made.
func number(t *testing.T, file, query string) int64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?mode=rw&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	n := int64(-1)
	if db.QueryRowContext(t.Context(), "SELECT COALESCE(("+query+"), 0)").Scan(&n) != nil {
		return -1
	}
	return n
}
