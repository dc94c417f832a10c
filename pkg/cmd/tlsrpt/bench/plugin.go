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

// awaitStored waits until so many documents are stored, and returns how many are.
func (h *hosted) awaitStored(ctx context.Context, n int, p *progress) (stored int, err error) {
	failed := ""
	for ctx.Err() == nil {
		if stored, failed, err = h.stored(ctx); err != nil {
			return stored, err
		}
		if stored >= n {
			return stored, nil
		}
		p.at(stored)
		time.Sleep(lookInterval)
	}
	return stored, errors.Join(ctx.Err(), fmt.Errorf("%d of %d are stored; %s", stored, n, failed))
}
