package loopback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// GrafanaOptions say which Grafana to start, and with what in it.
type GrafanaOptions struct {
	// Home is Grafana's own folder, with bin, conf and public, such as
	// [programs.GrafanaHome] finds. Required.
	Home string
	// PluginDir is the folder of the plugin: plugin.json and the backend. Required.
	PluginDir string
	// PluginID is the plugin's id, which is loaded without a signature.
	PluginID string
	// PluginData is the plugin's setting data_dir; empty is a folder that Close removes.
	PluginData string
	// Provisioning are the provisioning files, by path below the folder, such
	// as datasources/tlsrpt.yaml.
	Provisioning map[string][]byte
	// Port is 0 for a free one.
	Port int
	// StartTime is how long it may take until it answers; 0 is 3 minutes, since
	// a new data folder takes many migrations.
	StartTime time.Duration
}

// A Grafana is a running server to which everyone on this machine is an admin.
type Grafana struct {
	// URL is its address, without a slash at the end.
	URL string

	dir     string
	command *exec.Cmd
	log     *lockedBuffer
	done    chan struct{}
}

// StartGrafana starts a Grafana on loopback and waits until it is healthy. The
// error is [ErrNotInstalled] where none is at home.
func StartGrafana(ctx context.Context, o GrafanaOptions) (*Grafana, error) {
	binary := filepath.Join(o.Home, "bin", "grafana")
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("Grafana is %w in %s: there is no %s", ErrNotInstalled, o.Home, binary)
	}
	chosen := o.Port != 0
	for try := 1; ; try++ {
		if !chosen {
			var err error
			if o.Port, _, err = freePorts(); err != nil {
				return nil, err
			}
		}
		g := &Grafana{URL: "http://127.0.0.1:" + strconv.Itoa(o.Port), log: &lockedBuffer{}, done: make(chan struct{})}
		err := g.start(ctx, binary, o)
		if err == nil {
			return g, nil
		}
		err = errors.Join(fmt.Errorf("start Grafana: %w\n%s", err, g.Log()), g.Close())
		if chosen || try == bindTries || !addressTaken(g.Log()) {
			return nil, err
		}
	}
}

// start writes the files, starts the child and waits until it is healthy.
func (g *Grafana) start(ctx context.Context, binary string, o GrafanaOptions) (err error) {
	if g.dir, err = os.MkdirTemp("", "tlsrpt-grafana-"); err != nil {
		return err
	}
	if err := g.writeFiles(o); err != nil {
		return fmt.Errorf("lay out its folder: %w", err)
	}
	g.command = exec.Command(binary, "server", "--homepath", o.Home, "--config", filepath.Join(g.dir, "grafana.ini"))
	g.command.Dir = o.Home
	g.command.Stdout, g.command.Stderr = g.log, g.log
	if err := g.command.Start(); err != nil {
		return err
	}
	go func() {
		_ = g.command.Wait() // how it ended stands in its log
		close(g.done)
	}()
	if o.StartTime == 0 {
		o.StartTime = 3 * time.Minute
	}
	return g.awaitHealth(ctx, o.StartTime)
}

func (g *Grafana) writeFiles(o GrafanaOptions) error {
	if o.PluginData == "" {
		o.PluginData = filepath.Join(g.dir, "tlsrpt")
	}
	plugin, err := filepath.Abs(o.PluginDir)
	if err != nil {
		return err
	}
	plugins := filepath.Join(g.dir, "plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(plugin, filepath.Join(plugins, o.PluginID)); err != nil {
		return err
	}
	for _, folder := range []string{"datasources", "dashboards", "alerting", "plugins"} {
		if err := os.MkdirAll(filepath.Join(g.dir, "provisioning", folder), 0o755); err != nil {
			return err
		}
	}
	for name, content := range o.Provisioning {
		if err := os.WriteFile(filepath.Join(g.dir, "provisioning", filepath.FromSlash(name)), content, 0o600); err != nil {
			return err
		}
	}
	ini := fmt.Sprintf(grafanaINI, g.dir, o.Port, o.PluginID, o.PluginID, o.PluginData)
	return os.WriteFile(filepath.Join(g.dir, "grafana.ini"), []byte(strings.ReplaceAll(ini, "DIR", g.dir)), 0o600)
}

// grafanaINI keeps Grafana from asking anything of the network, and lets
// everyone who reaches it in as an admin: it listens on loopback alone.
const grafanaINI = `# Grafana in %s
[server]
http_addr = 127.0.0.1
http_port = %d
[paths]
data = DIR/data
logs = DIR/logs
plugins = DIR/plugins
provisioning = DIR/provisioning
[log]
mode = console
level = warn
[plugins]
allow_loading_unsigned_plugins = %s
preinstall_disabled = true
plugin_admin_enabled = false
[plugin.%s]
data_dir = %s
[auth]
# One session serves all browser tests, however long a slow machine takes.
token_rotation_interval_minutes = 1440
[auth.anonymous]
enabled = true
org_role = Admin
[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
feedback_links_enabled = false
[news]
news_feed_enabled = false
[users]
default_theme = system
[security]
admin_user = admin
admin_password = admin
[unified_alerting]
min_interval = 10s
`

func (g *Grafana) awaitHealth(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		status, _, err := g.Call(ctx, http.MethodGet, "/api/health", nil)
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-g.done:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in time: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Call calls Grafana's HTTP API as an admin, with a JSON body or none.
func (g *Grafana) Call(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, g.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, errors.Join(err, response.Body.Close())
}

// Pid is the server's process id.
func (g *Grafana) Pid() int { return g.command.Process.Pid }

// Log returns what Grafana and the plugin logged.
func (g *Grafana) Log() string { return g.log.String() }

// Close ends the server with its plugins and removes its files.
func (g *Grafana) Close() error {
	if g.command != nil && g.command.Process != nil {
		_ = g.command.Process.Signal(os.Interrupt) // it may have ended by itself
		select {
		case <-g.done:
		case <-time.After(10 * time.Second):
			_ = g.command.Process.Kill()
			<-g.done
		}
	}
	return removeFolder(g.dir)
}

// A lockedBuffer keeps what a child wrote.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
