// Command tlsrpt reads SMTP TLS reports (RFC 8460) on the command line: it
// imports files into a report store, answers the queries of the Grafana data
// source from one, and shows a demo.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/footprint"
)

// A command is one word behind tlsrpt.
type command struct {
	name, usage, about string
	run                func(ctx context.Context, args []string, std streams) error
}

// streams are where a command reads and prints.
type streams struct {
	in       *os.File
	out, err io.Writer
}

func commands() []command {
	return []command{
		{"import", "import --store FILE PATH…", "reads files, folders, mboxes and Maildirs into a report store", runImport},
		{"query", "query --store FILE [--from T] [--to T] [--format table|csv|json] QUERY", "answers a query, in the JSON of dashboards, from a report store", runQuery},
		{"alerts", "alerts --datasource-uid UID [--folder TITLE] [--org ID]", "prints the alert rules for a data source, as a file for Grafana's provisioning", runAlerts},
		{"demo", "demo", "shows the plugin at work on made-up reports, or on a real mailbox", runDemo},
	}
}

// errUsage is returned when what was typed is not understood; it was said.
var errUsage = errors.New("usage")

// The exit codes beside 0. A shell gives the last to what Ctrl-C ended.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	footprint.Bound()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := exitCode(ctx, dispatch(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}), os.Stderr)
	stop()
	os.Exit(code)
}

// exitCode says what went wrong, if anything did.
func exitCode(ctx context.Context, err error, out io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(out, "tlsrpt: interrupted")
		return exitInterrupted
	default:
		fmt.Fprintln(out, "tlsrpt:", err)
		return exitFailed
	}
}

func dispatch(ctx context.Context, args []string, std streams) error {
	if len(args) == 0 {
		printUsage(std.err)
		return errUsage
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], std)
		}
	}
	switch args[0] {
	case "help", "--help", "-help", "-h":
		printUsage(std.out)
		return nil
	}
	fmt.Fprintf(std.err, "tlsrpt: there is no command %q\n", args[0])
	printUsage(std.err)
	return errUsage
}

func printUsage(out io.Writer) {
	fmt.Fprintln(out, "Usage:")
	for _, c := range commands() {
		fmt.Fprintf(out, "  tlsrpt %s\n        %s\n", c.usage, c.about)
	}
	fmt.Fprintln(out, "What a command takes is told by: tlsrpt COMMAND --help")
}

// newFlags makes a command's flags, with its usage line above their list and
// notes below it.
func newFlags(name, notes string, std streams) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(std.err)
	flags.Usage = func() {
		for _, c := range commands() {
			if c.name == name {
				fmt.Fprintf(flags.Output(), "Usage: tlsrpt %s\n\nIt %s.\n\n", c.usage, c.about)
			}
		}
		flags.PrintDefaults()
		if notes != "" {
			fmt.Fprintf(flags.Output(), "\n%s\n", notes)
		}
	}
	return flags
}

// parse reads flags. What is wrong with them is said by the flags themselves.
func parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return errUsage
	}
	return err
}

// misuse says what is missing or too much on the command line.
func misuse(flags *flag.FlagSet, format string, args ...any) error {
	fmt.Fprintf(flags.Output(), "tlsrpt: "+format+"\n\n", args...)
	flags.Usage()
	return errUsage
}
