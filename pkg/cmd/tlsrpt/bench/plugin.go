package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
)

// A hosted is the plugin's own process.
type hosted struct {
	*host.Plugin
	dir string
}

// startPlugin starts the plugin with its stores in a folder.
func (l *lab) startPlugin(dir string, settings map[string]any, password string) (*hosted, error) {
	raw, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	plugin, err := host.Start(host.Options{Dir: l.plugin, DataDir: dir}, backend.DataSourceInstanceSettings{
		ID: 1, UID: "tlsrpt", Type: "tlsrpt-reports-datasource", Name: "TLS-RPT", JSONData: raw, Updated: time.Now(),
		DecryptedSecureJSONData: map[string]string{"source.mb1.password": password, "source.drop1.password": password},
	})
	if err != nil {
		return nil, err
	}
	return &hosted{plugin, dir}, nil
}

// store is the file of the store.
func (h *hosted) store() string { return filepath.Join(h.dir, "org1-tlsrpt.sqlite") }

// stored is how many documents the sources have stored so far.
func (h *hosted) stored(ctx context.Context) (n int, failed string, err error) {
	_, body, err := h.Resource(ctx, "Viewer", http.MethodGet, "sources")
	if err != nil {
		return 0, "", err
	}
	var reply struct {
		Sources []struct {
			Stored    int
			LastError string
		}
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return 0, "", fmt.Errorf("the sources' state %q: %w", body, err)
	}
	for _, s := range reply.Sources {
		n += s.Stored
		failed += s.LastError
	}
	return n, failed, nil
}

// awaitStored waits until so many documents are stored.
func (h *hosted) awaitStored(ctx context.Context, n int) error {
	stored, failed := 0, ""
	for ctx.Err() == nil {
		var err error
		if stored, failed, err = h.stored(ctx); err != nil {
			return err
		}
		if stored >= n {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.Join(ctx.Err(), fmt.Errorf("%d of %d are stored; %s", stored, n, failed))
}

// synchronise starts the plugin and measures until everything is stored, the
// memory that needs, and how long stopping in the midst of it takes.
func (l *lab) synchronise(ctx context.Context, name string, settings map[string]any, password string, n int) (s spent, store string, stop time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	// Once to its half, to be stopped.
	half, err := l.startPlugin(filepath.Join(l.dir, name+"-stopped"), settings, password)
	if err != nil {
		return s, "", 0, err
	}
	err = half.awaitStored(ctx, n/4)
	began := time.Now()
	half.Stop()
	stop = time.Since(began)
	if err != nil {
		return s, "", 0, err
	}
	began = time.Now()
	whole, err := l.startPlugin(filepath.Join(l.dir, name), settings, password)
	if err != nil {
		return s, "", 0, err
	}
	defer whole.Stop()
	if err := whole.awaitStored(ctx, n); err != nil {
		return s, "", 0, err
	}
	s.took = time.Since(began)
	_, s.memory = memoryOf(whole.Pid())
	return s, whole.store(), stop, nil
}

// reportSync prints a synchronisation beside its bare fetch.
func (l *lab) reportSync(s sheet, what string, n int, ours spent, store string, stop time.Duration, bareName string, bare time.Duration) {
	speed, least := float64(n)/ours.took.Seconds(), float64(n)/bare.Seconds()
	verdict := "run with the section import to compare"
	switch {
	case l.imported == 0:
	case bareName == bareGetName:
		verdict = "none; " + ratio(speed, l.imported) + " the file import"
	default:
		verdict = goal(speed >= goalIMAPToImport*l.imported, fmt.Sprintf("at least 0.7× the file import (%s)", ratio(speed, l.imported)))
	}
	s.row(what, int(speed), ours.took.Round(time.Millisecond), fmt.Sprintf("%.0f", ours.memory), mib(sizeOf(store)), verdict)
	s.row(bareName, int(least), bare.Round(time.Millisecond), "", "", "ours "+ratio(speed, least))
	s.row("memory during it", "", "", fmt.Sprintf("%.0f", ours.memory), "", goal(ours.memory <= goalMemory, "at most 256 MiB"))
	s.row("stop in the midst of it", "", stop.Round(time.Millisecond), "", "", goal(stop <= 2*time.Second, "within 2 s"))
	s.print()
}
