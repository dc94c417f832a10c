package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
)

const (
	// askEvery is how often progress is asked for.
	askEvery = 300 * time.Millisecond
	// silence is how long a synchronisation may stand still.
	silence = 3 * time.Minute
)

// inTerminal runs the plugin's own binary as Grafana would, shows what every
// shipped query answers, and checks the numbers.
func (s *show) inTerminal(ctx context.Context) error {
	dataSource, err := s.settings.dataSource()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.folder, "plugin.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	plugin, err := host.Start(host.Options{Dir: s.PluginDir, DataDir: filepath.Join(s.folder, "data"), Log: log}, dataSource)
	if err != nil {
		return err
	}
	defer plugin.Stop()
	s.printf("The plugin's own binary runs as Grafana would run it (process %d).\n\n", plugin.Pid())
	if err := s.health(ctx, plugin); err != nil {
		return err
	}
	if err := s.synchronise(ctx, func() (sourcesReply, error) { return askSources(ctx, plugin) }); err != nil {
		return err
	}
	if err := s.showShipped(ctx, plugin); err != nil {
		return err
	}
	if s.made == nil {
		s.printf("\nThis was read from %s on %s; nothing there was changed. To see it in Grafana:\n%s", s.Mailbox.Folder, s.Mailbox.Host, grafanaHint)
		return nil
	}
	if err := s.verify(ctx, plugin); err != nil {
		return err
	}
	s.printf("%s", s.afterword())
	return nil
}

func (s *show) health(ctx context.Context, plugin *host.Plugin) error {
	health, err := plugin.Health(ctx)
	if err != nil {
		return err
	}
	s.printf("Health: %s\n\n", health.Message)
	if health.Status != backend.HealthStatusOk {
		return errors.New("the data source is not healthy")
	}
	return nil
}

// sourcesReply is what the resource "sources" answers, as far as it is shown.
type sourcesReply struct {
	Sources []struct {
		Name, State, LastError string
		Progress               struct{ Done, Total int }
		LastSuccess            *time.Time
		Seen                   int64
	}
}

func askSources(ctx context.Context, plugin *host.Plugin) (sourcesReply, error) {
	status, body, err := plugin.Resource(ctx, "Viewer", http.MethodGet, "sources")
	if err != nil {
		return sourcesReply{}, err
	}
	return readSources(status, body)
}

func readSources(status int, body []byte) (reply sourcesReply, err error) {
	if status != http.StatusOK {
		return reply, fmt.Errorf("the plugin's sources can't be read (%d): %s", status, body)
	}
	return reply, json.Unmarshal(body, &reply)
}

// synchronise waits until every source was seen whole once, with a line of progress.
func (s *show) synchronise(ctx context.Context, ask func() (sourcesReply, error)) error {
	moved, last := time.Now(), ""
	for {
		reply, err := ask()
		if err != nil {
			return err
		}
		line, done := progressLine(reply)
		if line != last {
			moved, last = time.Now(), line
			s.progress(line, done)
		}
		if done {
			return nil
		}
		if time.Since(moved) > silence {
			return fmt.Errorf("the synchronisation stands still: %s", line)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

func progressLine(reply sourcesReply) (line string, done bool) {
	done = len(reply.Sources) > 0
	var parts []string
	for _, src := range reply.Sources {
		part := fmt.Sprintf("%s: %d of %d (%s)", src.Name, src.Progress.Done, src.Progress.Total, src.State)
		if src.LastError != "" {
			part += " " + src.LastError
		}
		parts = append(parts, part)
		done = done && src.LastSuccess != nil
	}
	return "First synchronisation. " + strings.Join(parts, " · "), done
}

func (s *show) progress(line string, done bool) {
	if s.Terminal {
		s.printf("\r\033[K%s", line)
		if done {
			s.printf("\n")
		}
		return
	}
	s.printf("%s\n", line)
}

// showShipped asks every query of every shipped dashboard and alert rule.
func (s *show) showShipped(ctx context.Context, plugin *host.Plugin) error {
	queries, err := shippedQueries(s.Root, time.Now())
	if err != nil {
		return err
	}
	where := ""
	for _, q := range queries {
		if q.Where != where {
			where = q.Where
			s.printf("\n═══ %s ═══\n", where)
		}
		answers, err := plugin.Query(ctx, q.Query)
		if err != nil {
			return err
		}
		answer := answers[q.Query.RefID]
		if answer.Error != nil {
			return fmt.Errorf("%s, %s: %w", q.Where, q.Title, answer.Error)
		}
		s.printf("\n%s\n", q.Title)
		printFrames(s.Out, answer.Frames)
	}
	return nil
}

const grafanaHint = `  1. Download the official Grafana tarball (12.3 or newer) and unpack it; Docker is not needed.
  2. GRAFANA_HOME=/path/to/grafana go tool mage demo   (needs Node 20 to 24 for the front end)
`

// afterword tells where everything lies and how to check a number by hand.
func (s *show) afterword() string {
	return fmt.Sprintf(`
The raw mails are kept in %s,
and the documents of all reports that count in %s.
The failed sessions of %s, as reported, by hand:

  %s

To see the same in Grafana:
%s`, filepath.Join(s.folder, "mails"), filepath.Join(s.folder, "documents"), jqDomain, jqCommand(filepath.Join(s.folder, "documents")), grafanaHint)
}
