package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/demo"
)

// The variables that point the demo at a real mailbox.
const (
	mailboxVariable  = "TLSRPT_IMAP_URL"
	passwordVariable = "TLSRPT_IMAP_PASSWORD"
)

func runDemo(ctx context.Context, args []string, std streams) error {
	o := demo.Options{Out: std.out}
	flags := newFlags("demo", std)
	flags.StringVar(&o.PluginDir, "plugin", "dist", "`folder` of the built plugin")
	flags.StringVar(&o.Root, "root", ".", "`folder` that holds dashboards and provisioning")
	flags.StringVar(&o.GrafanaHome, "grafana", "", "`folder` of a Grafana to show it in; without it the terminal shows it")
	flags.IntVar(&o.GrafanaPort, "port", 0, "`port` for Grafana on 127.0.0.1; 0 is a free one")
	flags.StringVar(&o.Run, "run", "", "`command` to run against Grafana, instead of waiting for Ctrl-C")
	flags.IntVar(&o.Generate.Days, "days", 90, "`days` of reports to make up")
	flags.Uint64Var(&o.Generate.Seed, "seed", 0, "`number` that makes another set of the same kind")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if file, ok := std.out.(*os.File); ok {
		o.Terminal = term.IsTerminal(int(file.Fd()))
	}
	if address := os.Getenv(mailboxVariable); address != "" {
		mailbox, err := demo.ParseMailbox(address)
		if err != nil {
			return fmt.Errorf("%s: %w", mailboxVariable, err)
		}
		if mailbox.Password, err = askPassword(mailbox.Username, std); err != nil {
			return err
		}
		o.Mailbox = mailbox
	}
	return demo.Run(ctx, o)
}

// askPassword takes the password from its variable, or asks for it.
func askPassword(user string, std streams) (string, error) {
	if password := os.Getenv(passwordVariable); password != "" {
		return password, nil
	}
	if !term.IsTerminal(int(std.in.Fd())) {
		return "", fmt.Errorf("the password of %s can't be asked for here: set %s", user, passwordVariable)
	}
	fmt.Fprintf(std.err, "Password of %s: ", user)
	password, err := term.ReadPassword(int(std.in.Fd()))
	fmt.Fprintln(std.err)
	return string(password), err
}
