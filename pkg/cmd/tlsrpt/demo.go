package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/demo"
)

// The variables that point the demo at a real mailbox.
const (
	mailboxVariable  = "TLSRPT_IMAP_URL"
	passwordVariable = "TLSRPT_IMAP_PASSWORD"
	caVariable       = "TLSRPT_IMAP_CA"
)

const demoNotes = `A real mailbox is shown instead of made-up reports where these variables are set:
  ` + mailboxVariable + `       the mailbox, as imaps://user@host/INBOX (imap:// is STARTTLS);
                        an @ in the user name needs no escape; it is opened read-only
  ` + passwordVariable + `  its password; without it, it is asked for
  ` + caVariable + `        a PEM file with the certificate of a private authority`

func runDemo(ctx context.Context, args []string, std streams) error {
	o := demo.Options{Out: std.out}
	flags := newFlags("demo", demoNotes, std)
	flags.StringVar(&o.PluginDir, "plugin", "dist", "`folder` of the built plugin")
	flags.StringVar(&o.Root, "root", ".", "`folder` that holds dashboards and provisioning")
	flags.StringVar(&o.GrafanaHome, "grafana", "", "`folder` of a Grafana to show it in; without it the terminal shows it")
	flags.IntVar(&o.GrafanaPort, "port", 0, "`port` for Grafana on 127.0.0.1; 0 is a free one")
	flags.StringVar(&o.Run, "run", "", "`command` to run against Grafana, instead of waiting for Ctrl-C")
	flags.IntVar(&o.Generate.Days, "days", 90, "`days` of reports to make up")
	flags.Uint64Var(&o.Generate.Seed, "seed", 0, "`number` that makes another set of the same kind")
	replay := flags.Bool("replay", false, "only replay the made-up reports hour by hour through the alert rules")
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return misuse(flags, "%q is too much: the demo takes flags alone", flags.Arg(0))
	}
	if file, ok := std.out.(*os.File); ok {
		o.Terminal = term.IsTerminal(int(file.Fd()))
	}
	if *replay {
		return demo.Replay(ctx, demo.ReplayOptions{Generate: o.Generate, Out: o.Out, Terminal: o.Terminal})
	}
	if address := os.Getenv(mailboxVariable); address != "" {
		mailbox, err := openMailbox(ctx, address, std)
		if err != nil {
			return err
		}
		o.Mailbox = mailbox
	}
	return demo.Run(ctx, o)
}

// openMailbox reads what the variables say of a real mailbox.
func openMailbox(ctx context.Context, address string, std streams) (*demo.Mailbox, error) {
	mailbox, err := demo.ParseMailbox(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mailboxVariable, err)
	}
	if file := os.Getenv(caVariable); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", caVariable, err)
		}
		mailbox.CA = string(pem)
	}
	mailbox.Password, err = askPassword(ctx, mailbox.Username, std)
	return mailbox, err
}

// askPassword takes the password from its variable, or asks for it.
func askPassword(ctx context.Context, user string, std streams) (string, error) {
	if password := os.Getenv(passwordVariable); password != "" {
		return password, nil
	}
	terminal := int(std.in.Fd())
	state, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("the password of %s can't be asked for here: set %s", user, passwordVariable)
	}
	fmt.Fprintf(std.err, "Password of %s: ", user)
	typed := make(chan error, 1)
	var password []byte
	go func() {
		var err error
		password, err = term.ReadPassword(terminal)
		typed <- err
	}()
	select {
	case err = <-typed:
	case <-ctx.Done():
		// The reader still waits for a line, with the terminal's echo off.
		err = errors.Join(ctx.Err(), term.Restore(terminal, state))
	}
	fmt.Fprintln(std.err)
	if err != nil {
		return "", fmt.Errorf("ask for the password: %w", err)
	}
	if len(password) == 0 {
		return "", errors.New("a password is needed")
	}
	return string(password), nil
}
