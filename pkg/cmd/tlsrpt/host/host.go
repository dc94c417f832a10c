// Package host runs the plugin's own binary as Grafana does: as a child that
// it shakes hands with, and asks over gRPC. The demo and the tests use it where
// no Grafana is there.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

const pluginID = "tlsrpt-reports-datasource"

// handshake is what Grafana and its plugins tell each other at the start.
var handshake = goplugin.HandshakeConfig{
	ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue,
}

// Options say which plugin to run, and how.
type Options struct {
	// Dir is the folder with the plugin's binary, such as dist.
	Dir string
	// DataDir is where stores lie, the setting data_dir in grafana.ini.
	DataDir string
	// Log takes what the plugin logs; nil drops it.
	Log io.Writer
}

// A Plugin is a running plugin process.
type Plugin struct {
	client     *goplugin.Client
	pid        int
	data       grpcplugin.DataClient
	health     grpcplugin.DiagnosticsClient
	resource   grpcplugin.ResourceClient
	dataSource backend.DataSourceInstanceSettings
}

// Binary is where a platform's backend lies in a plugin's folder.
func Binary(dir string) string {
	name := fmt.Sprintf("gpx_tlsrpt_%s_%s", runtime.GOOS, runtime.GOARCH)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}

// Start runs the plugin with one data source and waits for the handshake.
func Start(o Options, dataSource backend.DataSourceInstanceSettings) (*Plugin, error) {
	command := exec.Command(Binary(o.Dir))
	command.Env = append(os.Environ(), "GF_PLUGIN_DATA_DIR="+o.DataDir, "GF_VERSION=12.4.0")
	logger := hclog.NewNullLogger()
	if o.Log != nil {
		logger = hclog.New(&hclog.LoggerOptions{Output: o.Log, Level: hclog.Debug})
	}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: command, HandshakeConfig: handshake, Logger: logger,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		VersionedPlugins: map[int]goplugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data": &grpcplugin.DataGRPCPlugin{}, "diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{}, "resource": &grpcplugin.ResourceGRPCPlugin{},
		}},
	})
	p := &Plugin{client: client, dataSource: dataSource}
	if err := p.connect(); err != nil {
		client.Kill()
		return nil, fmt.Errorf("start the plugin %s: %w", command.Path, err)
	}
	p.pid = command.Process.Pid
	return p, nil
}

func (p *Plugin) connect() error {
	rpc, err := p.client.Client()
	if err != nil {
		return err
	}
	if p.data, err = dispense[grpcplugin.DataClient](rpc, "data"); err != nil {
		return err
	}
	if p.health, err = dispense[grpcplugin.DiagnosticsClient](rpc, "diagnostics"); err != nil {
		return err
	}
	p.resource, err = dispense[grpcplugin.ResourceClient](rpc, "resource")
	return err
}

func dispense[T any](rpc goplugin.ClientProtocol, name string) (client T, err error) {
	raw, err := rpc.Dispense(name)
	if err != nil {
		return client, fmt.Errorf("ask for the plugin's %s service: %w", name, err)
	}
	client, ok := raw.(T)
	if !ok {
		return client, fmt.Errorf("the plugin's %s service is a %T", name, raw)
	}
	return client, nil
}

// Pid is the plugin's process id.
func (p *Plugin) Pid() int { return p.pid }

// Stop ends the plugin as Grafana does.
func (p *Plugin) Stop() { p.client.Kill() }

// Kill ends the plugin at once, as a crash would.
func (p *Plugin) Kill() error {
	process, err := os.FindProcess(p.pid)
	if err != nil {
		return err
	}
	if err := process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); !p.client.Exited() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	p.client.Kill() // reaps what is left of the connection
	return nil
}

// Update gives the data source other settings, as saving them in Grafana does.
func (p *Plugin) Update(dataSource backend.DataSourceInstanceSettings) { p.dataSource = dataSource }

func (p *Plugin) context(role string) *pluginv2.PluginContext {
	return backend.ToProto().PluginContext(backend.PluginContext{
		//lint:ignore SA1019 Grafana names stores by the id of the organisation
		OrgID: 1, PluginID: pluginID, PluginVersion: "0.0.0",
		User:                       &backend.User{Login: strings.ToLower(role), Role: role},
		DataSourceInstanceSettings: &p.dataSource,
		GrafanaConfig:              config.NewGrafanaCfg(map[string]string{}),
	})
}

// Query asks queries, as a panel of a signed-in user does.
func (p *Plugin) Query(ctx context.Context, queries ...backend.DataQuery) (backend.Responses, error) {
	request := &pluginv2.QueryDataRequest{PluginContext: p.context("Viewer")}
	for _, q := range queries {
		request.Queries = append(request.Queries, backend.ToProto().DataQuery(q))
	}
	response, err := p.data.QueryData(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("query the plugin: %w", err)
	}
	decoded, err := backend.FromProto().QueryDataResponse(response)
	if err != nil {
		return nil, fmt.Errorf("read the plugin's answer: %w", err)
	}
	return decoded.Responses, nil
}

// Health does what «Save & test» does.
func (p *Plugin) Health(ctx context.Context) (*backend.CheckHealthResult, error) {
	response, err := p.health.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: p.context("Admin")})
	if err != nil {
		return nil, fmt.Errorf("ask for the plugin's health: %w", err)
	}
	return backend.FromProto().CheckHealthResponse(response), nil
}

// Metrics returns the plugin's own metrics in Prometheus' text format.
func (p *Plugin) Metrics(ctx context.Context) (string, error) {
	response, err := p.health.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{PluginContext: p.context("Admin")})
	if err != nil {
		return "", fmt.Errorf("collect the plugin's metrics: %w", err)
	}
	return string(response.GetMetrics().GetPrometheus()), nil
}

// Resource calls a resource as a user of the role ("Viewer", "Editor", "Admin").
// The path may have a query behind "?".
func (p *Plugin) Resource(ctx context.Context, role, method, path string) (status int, body []byte, err error) {
	address, _, _ := strings.Cut(path, "?")
	stream, err := p.resource.CallResource(ctx, &pluginv2.CallResourceRequest{
		PluginContext: p.context(role), Method: method, Path: address, Url: path,
	})
	if err != nil {
		return 0, nil, fmt.Errorf("call the plugin's resource %s: %w", address, err)
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return status, body, nil
		}
		if err != nil {
			return 0, nil, fmt.Errorf("read the plugin's resource %s: %w", address, err)
		}
		if part.GetCode() != 0 {
			status = int(part.GetCode())
		}
		body = append(body, part.GetBody()...)
	}
}
