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
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
	view "github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/show"
)

const (
	// askEvery is how often progress is asked for.
	askEvery = 300 * time.Millisecond
	// logEvery is how often progress is printed where no terminal shows it.
	logEvery = 5 * time.Second
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
	reply, err := s.synchronise(ctx, func() (sourcesReply, error) { return askSources(ctx, plugin) })
	if err != nil {
		return err
	}
	if s.Mailbox != nil && reply.stored() == 0 {
		s.printf("\n%s", fmt.Sprintf(emptyHint, s.Mailbox.Folder))
		return nil
	}
	if err := s.showShipped(ctx, plugin); err != nil {
		return err
	}
	if s.made == nil {
		s.printf("\nThis was read from the folder %s on %s; nothing there was changed, and nothing is kept here.\nTo see it in Grafana, with the same variables set:\n%s",
			s.Mailbox.Folder, s.Mailbox.Host, grafanaHint)
		return nil
	}
	if err := s.verify(ctx, plugin); err != nil {
		return err
	}
	if err := s.replay(ctx); err != nil {
		return err
	}
	s.printf("%s", s.afterword())
	return nil
}

// emptyHint is for a mailbox without a TLS report.
const emptyHint = `There is no TLS report in the folder %s. Nothing on the server was changed.

Reports are sent to whom a domain names in DNS, once a day, by those who sent it mail:

  _smtp._tls.example.com. IN TXT "v=TLSRPTv1; rua=mailto:tlsrpt@example.com"

If there should be some: is it this mailbox, and this folder? Reports older than 400 days are passed over.
`

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
		Stored                 int64
	}
}

func (r sourcesReply) stored() int64 {
	var sum int64
	for _, s := range r.Sources {
		sum += s.Stored
	}
	return sum
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
func (s *show) synchronise(ctx context.Context, ask func() (sourcesReply, error)) (sourcesReply, error) {
	var moved, printed time.Time
	last := ""
	for {
		reply, err := ask()
		if ctx.Err() != nil {
			return reply, ctx.Err()
		}
		if err != nil {
			return reply, err
		}
		line, done := progressLine(reply)
		if line != last {
			moved, last = time.Now(), line
		}
		// A screen is written anew; a log takes a line now and then.
		if s.Terminal || done || time.Since(printed) >= logEvery {
			printed = time.Now()
			s.progress(line, done)
		}
		if done {
			return reply, nil
		}
		if time.Since(moved) > silence {
			return reply, fmt.Errorf("the synchronisation stands still: %s", line)
		}
		select {
		case <-ctx.Done():
			return reply, ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

func progressLine(reply sourcesReply) (line string, done bool) {
	done = len(reply.Sources) > 0
	var parts []string
	for _, src := range reply.Sources {
		part := fmt.Sprintf("%s %d of %d (%s)", src.Name, src.Progress.Done, src.Progress.Total, src.State)
		if src.LastError != "" {
			part += ": " + src.LastError
		}
		parts = append(parts, part)
		done = done && src.LastSuccess != nil
	}
	return "First synchronisation: " + strings.Join(parts, ", "), done
}

func (s *show) progress(line string, done bool) {
	if !s.Terminal {
		s.printf("%s\n", line)
		return
	}
	s.printf("\r\033[K%s", line)
	if done {
		s.printf("\n")
	}
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
		s.printFrames(answer.Frames)
	}
	return nil
}

const (
	tableRows = 8
	cellWidth = 28
)

// wideColumns hold long texts, which belong on a screen with room for them.
var wideColumns = []string{"meaning", "fix", "additionalInformation", "contactInfo", "trustReason", "reasonCodeRaw", "receivingMxHelo"}

// printFrames prints an answer as a chart of its series, or as a table.
func (s *show) printFrames(answer data.Frames) {
	for _, notice := range view.Notices(answer) {
		s.printf("  note: %s\n", notice)
	}
	if !view.HasRows(answer) {
		s.printf("  no data\n")
		return
	}
	if view.IsTrend(answer) {
		view.Chart(s.Out, answer, s.Terminal)
		return
	}
	t := view.TableOf(answer, view.Readable).Without(wideColumns...)
	more := len(t.Rows) - tableRows
	t.Rows = t.Rows[:min(len(t.Rows), tableRows)]
	t.Print(s.Out, cellWidth)
	if more > 0 {
		s.printf("  … and %d more rows\n", more)
	}
}

// replayDays is how many days the story needs for every rule to have its say.
const replayDays = 90

func (s *show) replay(ctx context.Context) error {
	if s.Generate.Days != 0 && s.Generate.Days < replayDays {
		s.printf("\nThe alert rules are replayed over %d days or more: run the demo without --days to see it.\n", replayDays)
		return nil
	}
	return Replay(ctx, ReplayOptions{Generate: s.Generate, Out: s.Out, Terminal: s.Terminal})
}

const grafanaHint = `  1. Download the official Grafana tarball (12.3 or newer) and unpack it; Docker is not needed.
  2. GRAFANA_HOME=/path/to/grafana go tool mage demo   (it needs Node 20 to 24 for the front end)
`

// afterword tells where everything lies and how to check a number by hand.
func (s *show) afterword() string {
	documents := filepath.Join(s.folder, "documents")
	return fmt.Sprintf(`
The raw mails are kept in
  %s
and the reports that count, inflated to JSON, in
  %s
With jq installed, this gives the failed sessions of %s, as above:

  %s

To see the same in Grafana:
%s`, filepath.Join(s.folder, "mails"), documents, jqDomain, jqCommand(documents), grafanaHint)
}
