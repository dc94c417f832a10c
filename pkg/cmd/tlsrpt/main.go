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
		{"demo", "demo", "shows the plugin at work on made-up reports", runDemo},
	}
}

// errUsage is returned when what was typed is not understood; it was said.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	switch {
	case errors.Is(err, errUsage), errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "tlsrpt:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string, std streams) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], std)
			}
		}
		if args[0] != "help" && args[0] != "--help" && args[0] != "-h" {
			fmt.Fprintf(std.err, "tlsrpt: there is no command %q\n", args[0])
		}
	}
	fmt.Fprintln(std.err, "Usage:")
	for _, c := range commands() {
		fmt.Fprintf(std.err, "  tlsrpt %s\n        %s\n", c.usage, c.about)
	}
	return errUsage
}

// newFlags makes a command's flags, with its usage line above their list.
func newFlags(name string, std streams) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(std.err)
	flags.Usage = func() {
		for _, c := range commands() {
			if c.name == name {
				fmt.Fprintf(std.err, "Usage: tlsrpt %s\n%s\n\n", c.usage, c.about)
			}
		}
		flags.PrintDefaults()
	}
	return flags
}
