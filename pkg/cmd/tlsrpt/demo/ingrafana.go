package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

const pluginID = "tlsrpt-reports-datasource"

// inGrafana starts a Grafana with the plugin, the data source, the dashboards
// and the alert rules in it, and leaves it running until ctx ends.
func (s *show) inGrafana(ctx context.Context) (err error) {
	provisioning, err := s.provisioning()
	if err != nil {
		return err
	}
	s.printf("Starting Grafana from %s …\n", s.GrafanaHome)
	grafana, err := loopback.StartGrafana(ctx, loopback.GrafanaOptions{
		Home: s.GrafanaHome, PluginDir: s.PluginDir, PluginID: pluginID, Port: s.GrafanaPort,
		PluginData: filepath.Join(s.folder, "data"), Provisioning: provisioning,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, grafana.Close()) }()
	if err := s.healthInGrafana(ctx, grafana); err != nil {
		return err
	}
	_, err = s.synchronise(ctx, func() (sourcesReply, error) {
		status, body, err := grafana.Call(ctx, http.MethodGet, "/api/datasources/uid/tlsrpt/resources/sources", nil)
		if err != nil {
			return sourcesReply{}, err
		}
		return readSources(status, body)
	})
	if err != nil {
		return err
	}
	if s.Run != "" {
		return s.runAgainst(ctx, grafana)
	}
	s.printf("\nGrafana shows it, without a password, at:\n\n  %s/d/tlsrpt-overview\n  %s/d/tlsrpt-failures\n  %s/alerting/list\n\n",
		grafana.URL, grafana.URL, grafana.URL)
	if s.made != nil {
		s.printf("The raw mails are kept in %s\n", filepath.Join(s.folder, "mails"))
	}
	s.printf("Press Ctrl-C to stop.\n")
	<-ctx.Done()
	s.printf("\nStopping Grafana …\n")
	return nil
}

func (s *show) healthInGrafana(ctx context.Context, grafana *loopback.Grafana) error {
	status, body, err := grafana.Call(ctx, http.MethodGet, "/api/datasources/uid/tlsrpt/health", nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the data source is not healthy: %s\n%s", body, grafana.Log())
	}
	return nil
}

// provisioning is what the project ships, with the demo's own data source and
// folder of dashboards.
func (s *show) provisioning() (map[string][]byte, error) {
	dataSource, err := s.settings.provisioning()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"datasources/tlsrpt.yaml": dataSource}
	for _, name := range []string{"dashboards/tlsrpt.yaml", "alerting/tlsrpt.yaml"} {
		if files[name], err = os.ReadFile(filepath.Join(s.Root, "provisioning", filepath.FromSlash(name))); err != nil {
			return nil, err
		}
	}
	dashboards, err := filepath.Abs(filepath.Join(s.Root, "dashboards"))
	if err != nil {
		return nil, err
	}
	files["dashboards/tlsrpt.yaml"] = bytes.ReplaceAll(files["dashboards/tlsrpt.yaml"], []byte("/etc/grafana/dashboards"), []byte(dashboards))
	return files, nil
}

// runAgainst runs a command that finds Grafana and the mailbox in its environment.
func (s *show) runAgainst(ctx context.Context, grafana *loopback.Grafana) error {
	command := exec.CommandContext(ctx, "sh", "-c", s.Run)
	command.Dir = s.Root
	command.Stdout, command.Stderr = s.Out, os.Stderr
	command.Env = append(os.Environ(), "GRAFANA_URL="+grafana.URL)
	if s.made != nil {
		mailbox := s.settings.JSON["sources"].([]any)[0].(map[string]any)
		command.Env = append(command.Env,
			"TLSRPT_E2E_IMAP_HOST=127.0.0.1", "TLSRPT_E2E_IMAP_PORT="+strconv.Itoa(mailbox["port"].(int)), "TLSRPT_E2E_IMAP_USER="+mailUser,
			"TLSRPT_E2E_IMAP_PASSWORD="+s.settings.Secure["source.mb1.password"], "TLSRPT_E2E_IMAP_CA="+mailbox["tlsCaCert"].(string))
	}
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w\nGrafana's log:\n%s", s.Run, err, grafana.Log())
	}
	return nil
}
