// Package demo shows the plugin at work: it serves 90 days of made-up reports
// from a mailbox and a drop on loopback, has the plugin collect them, and shows
// what the shipped dashboards and alert rules answer, in Grafana or in the
// terminal. In the terminal it checks every number against the generator's
// own ledger.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
)

// Options say how to run the demo.
type Options struct {
	// PluginDir is the built plugin, such as dist.
	PluginDir string
	// Root holds the folders dashboards and provisioning.
	Root string
	// GrafanaHome is a Grafana to show it in; empty is the terminal.
	GrafanaHome string
	// GrafanaPort is where Grafana listens; 0 is a free port.
	GrafanaPort int
	// Run is a command to run against Grafana instead of waiting for an
	// interrupt; its result is the demo's.
	Run string
	// Generate says what to make up.
	Generate generate.Options
	// Mailbox is a real mailbox to look at instead of made-up reports; nil is none.
	Mailbox *Mailbox
	// Out is where everything is printed.
	Out io.Writer
	// Terminal says that Out can rewrite a line and show colours.
	Terminal bool
}

// Run runs the demo until it is done, or in Grafana until ctx ends, which is no
// error there. The made-up mails stay, in a folder that is named; of a real
// mailbox nothing stays, unless something went wrong.
func Run(ctx context.Context, o Options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "tlsrpt-demo-")
	if err != nil {
		return err
	}
	s := &show{Options: o, folder: folder}
	defer func() {
		if err != nil && ctx.Err() == nil {
			s.printf("\nWhat the plugin logged, and all else that was made, is in %s\n", folder)
		} else if o.Mailbox != nil {
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}()
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if o.GrafanaHome != "" {
		return s.inGrafana(ctx)
	}
	return s.inTerminal(ctx)
}

// check looks for what the demo needs before it takes time.
func (o Options) check() error {
	if _, err := os.Stat(host.Binary(o.PluginDir)); err != nil {
		return fmt.Errorf("there is no built plugin in the folder %q: run «go tool mage demo», which builds it", o.PluginDir)
	}
	if _, err := os.Stat(filepath.Join(o.Root, "dashboards")); err != nil {
		return fmt.Errorf("there are no dashboards in the folder %q: run it from the project's root", o.Root)
	}
	return nil
}

// A show is a demo that is set up: servers run, and settings point at them.
type show struct {
	Options
	folder   string
	settings settings
	servers  []io.Closer
	// made is what was made up; nil for a real mailbox.
	made *made
}

// made is the generated set and its ledger.
type made struct {
	generator *generate.Generator
	ledger    []generate.Entry
}

func (s *show) prepare(ctx context.Context) error {
	if s.Mailbox == nil {
		return s.makeUp(ctx)
	}
	s.settings = s.Mailbox.settings()
	s.printf("Reading the folder %s on %s as %s. It is opened read-only (EXAMINE): nothing on the server changes.\n",
		s.Mailbox.Folder, s.Mailbox.Host, s.Mailbox.Username)
	return nil
}

// makeUp generates the reports into folders and serves those.
func (s *show) makeUp(ctx context.Context) error {
	generator, err := generate.New(s.Generate)
	if err != nil {
		return err
	}
	s.printf("Making up reports of %s to %s on %d domains by %d reporters …\n", generator.First().Format("2006-01-02"),
		generator.End().Format("2006-01-02"), len(generator.Domains()), len(generator.Reporters()))
	s.printf("All of this demo goes into %s, which stays until you delete it.\n", s.folder)
	// Dovecot reads mail as a user of its own.
	if err := os.Chmod(s.folder, 0o755); err != nil {
		return err
	}
	servers, err := startServers(ctx, s.folder)
	if err != nil {
		return err
	}
	s.servers = servers.closers
	ledger, err := generate.WriteTo(generator.Items(),
		servers.mailbox, servers.drop, generate.MailFolder(filepath.Join(s.folder, "mails")), documents(filepath.Join(s.folder, "documents")))
	if err != nil {
		return fmt.Errorf("write the made-up reports: %w", err)
	}
	s.made = &made{generator: generator, ledger: ledger}
	s.settings = servers.settings
	s.printf("%d mails and files are served by %s (mailbox) and %s (drop).\n", len(ledger), servers.mailServer, servers.webServer)
	for _, incident := range generator.Incidents() {
		s.printf("  hidden in them: %s at %s, %s to %s\n", incident.Cause, incident.Domain,
			incident.First.Format("2006-01-02"), incident.Last.Format("2006-01-02"))
	}
	return nil
}

func (s *show) close() error {
	var errs []error
	for _, c := range s.servers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (s *show) printf(format string, args ...any) { fmt.Fprintf(s.Out, format, args...) }
